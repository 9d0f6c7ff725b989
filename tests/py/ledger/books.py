"""The books of one person in which everything has happened once: what verify_ledger() is tried on."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from tests.py.ledger import world
from tests.py.ledger.world import Caller, call, release, reserve, settle
from tests.py.support.database import Database

BEGIN = datetime(2027, 1, 31, 12, tzinfo=UTC)


@dataclass(frozen=True)
class Books:
    database: Database
    user_id: UUID
    begin: datetime


def write_books(database: Database) -> Books:
    """Two months of a subscriber; the clock stands still at their end, with one run under way."""
    database.clock.freeze(BEGIN)
    user_id = world.new_user(database, credits=50, plan="prpm_plus_individual")
    with database.connect("scrip_gateway") as connection:
        gateway = Caller(connection)
        _use_a_month(database, gateway, user_id)
        database.clock.freeze(BEGIN + timedelta(days=29))
        _use_a_month(database, gateway, user_id)
        hold = gateway.get(reserve(user_id, idempotency_key="under way"))
        assert hold.hold_id is not None
    return Books(database, user_id, BEGIN)


def _use_a_month(database: Database, gateway: Caller, user_id: UUID) -> None:
    def start(**changes: object) -> UUID:
        database.clock.advance(timedelta(seconds=1))
        return gateway.get(reserve(user_id, **changes)).hold_id

    key = f"finished {database.clock.now():%B}"
    gateway.get(settle(user_id, start(idempotency_key=key)))
    gateway.get(settle(user_id, start(), outcome="client_gone", answer="A bo", output_tokens=None))
    gateway.get(release(user_id, start()))
    gateway.get(release(user_id, start(), outcome="not_called"))
    # Opus: several credits a run, of which some go back.
    gateway.get(settle(user_id, start(model="opus", user_input="long " * 4000), input_tokens=5500))
    abandoned = start()
    late = start()
    database.clock.advance(timedelta(minutes=4))
    gateway.get(call("api.get_balance", user_id=user_id))
    gateway.get(settle(user_id, late))
    assert abandoned != late
