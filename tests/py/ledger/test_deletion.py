"""Somebody is deleted while calls of theirs wait: what comes after keeps nothing of them."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import UUID

import pytest

from tests.py.ledger import world
from tests.py.ledger.world import Caller, Query, Refused
from tests.py.support.database import Clock, Database

LEFT = """
    select (select count(*) from playground.sessions where user_id = %s),
      (select count(*) from playground.messages where user_id = %s),
      (select count(*) from playground.answers where user_id = %s),
      (select count(*) from playground.holds where user_id = %s and status = 'open')
"""


def waits_for_the_deletion(ledger: Database, user_id: UUID, query: Query) -> object:
    """What a call answers that a gateway began just before the person's deletion was committed."""

    def ask() -> object:
        with ledger.connect("scrip_gateway") as connection:
            return Caller(connection).ask(query)

    with ThreadPoolExecutor(1) as pool, ledger.connect() as owner:
        with owner.transaction():
            owner.execute("select admin.delete_user(%s, 'asked to be forgotten')", [user_id])
            answer = pool.submit(ask)
            ledger.wait_for_lock_waits()
        return answer.result()


@pytest.mark.parametrize("key", [None, "a key"])
def test_a_late_answer_is_not_kept(ledger: Database, gateway: Caller, clock: Clock, key: str | None) -> None:
    user_id = world.new_user(ledger, 100)
    hold = gateway.get(world.reserve(user_id, idempotency_key=key))
    clock.advance(timedelta(minutes=10))
    late = world.settle(user_id, hold.hold_id, account_id=hold.account_id)
    assert waits_for_the_deletion(ledger, user_id, late) == Refused("SCA02")
    assert ledger.rows(LEFT, [user_id] * 4) == [(0, 0, 0, 0)]


def test_no_run_starts(ledger: Database) -> None:
    user_id = world.new_user(ledger, 100)
    run = world.reserve(user_id, idempotency_key="a key")
    assert waits_for_the_deletion(ledger, user_id, run) == Refused("SCA02")
    assert ledger.rows(LEFT, [user_id] * 4) == [(0, 0, 0, 0)]
