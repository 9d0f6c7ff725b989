"""A shop without HTTP: people who pay, events as Stripe writes and signs them, delivered through the gateway's door.

The counterpart of tests/sql/stripe.psql (API version 2026-10-28.endive), with the shape before 2025-03-31 beside it.
Amounts are cents.
"""

import hashlib
import hmac
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID

import psycopg

from tests.py.support.database import Database

SECRET = "whsec_of_these_tests_only"
PRICES = {"prpm_plus_individual": "price_individual", "prpm_plus_org": "price_org", "verified": "price_verified"}
PACKS = {"small": (100, 500), "medium": (250, 1000), "large": (600, 2000)}  # credits, cents

Json = dict[str, Any]


class Event(NamedTuple):
    """What Stripe sends; `created` in whole seconds."""

    event_id: str
    type: str
    created: datetime
    object: Json

    @property
    def payload(self) -> bytes:
        event = {
            "id": self.event_id,
            "object": "event",
            "api_version": "2026-10-28.endive",
            "created": seconds(self.created),
            "livemode": False,
            "pending_webhooks": 1,
            "type": self.type,
            "data": {"object": self.object},
        }
        return json.dumps(event).encode()


def seconds(instant: datetime | None) -> int | None:
    return None if instant is None else int(instant.timestamp())


def sign(payload: bytes, at: datetime, secret: str = SECRET) -> str:
    """A Stripe-Signature header made at `at`."""
    stamp = seconds(at)
    digest = hmac.new(secret.encode(), f"{stamp}.".encode() + payload, hashlib.sha256).hexdigest()
    return f"t={stamp},v1={digest}"


class Post:
    """One connection of the gateway that delivers events."""

    def __init__(self, database: Database) -> None:
        self.connection = database.connect("scrip_gateway")
        self.connection.execute("set lock_timeout = '60s'")

    def __enter__(self) -> "Post":
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.close()

    def deliver(self, event: Event, at: datetime) -> None:
        """Signed now, which is `at`; fails unless it is received."""
        payload = event.payload
        row = self.connection.execute(
            "select api.record_stripe_event(%b, %s)", [payload, sign(payload, at)], prepare=True
        ).fetchone()
        assert row == ({"received": True},)

    def deliver_all(self, events: Iterable[Event], at: datetime) -> None:
        for event in events:
            self.deliver(event, at)


@dataclass(frozen=True)
class Payer:
    """Somebody with a Stripe customer. Their objects' ids carry their number."""

    user_id: UUID

    @property
    def tag(self) -> str:
        return self.user_id.hex

    @property
    def customer_id(self) -> str:
        return f"cus_{self.tag}"

    def event(self, name: str, type: str, created: datetime, object: Json) -> Event:
        return Event(f"evt_{type}_{name}_{self.tag}".replace(" ", "_"), type, created, object)


def open_shop(database: Database) -> None:
    """Gives the prices their ids at Stripe and the webhook its secret; nobody is slowed down."""
    with database.connect() as owner:
        owner.execute("select admin.set_webhook_secret('test', %s, false, 'for a test')", [SECRET])
        for plan_price, price_id in PRICES.items():
            owner.execute("select admin.set_plan_price(%s, %s, 'for a test')", [plan_price, price_id])
        for name in ("purchases_per_minute", "signup_credits_per_day"):
            owner.execute("select admin.set_setting(%s, '1000000', 'for a test')", [name])


def make_payers(database: Database, count: int) -> list[Payer]:
    """So many registered people, each with a customer."""
    with database.connect("scrip_gateway") as gateway:
        rows = gateway.execute(
            """
            select (api.register_user(gen_random_uuid() || '@scrip.example', null, '$argon2id$x',
              sha256(gen_random_uuid()::text::bytea)) ->> 'id')::uuid
            from generate_series(1, %s)
            """,
            [count],
        ).fetchall()
        payers = [Payer(user_id) for (user_id,) in rows]
        gateway.execute(
            """
            select api.record_customer(user_id, customer_id)
            from unnest(%s::uuid[], %s::text[]) as payer (user_id, customer_id)
            """,
            [[payer.user_id for payer in payers], [payer.customer_id for payer in payers]],
        )
    return payers


def start_purchases(database: Database, payers: Sequence[Payer], pack: str) -> list[UUID]:
    """A purchase of each, which Stripe has not been asked for yet."""
    # Under a key of its own: without one a second purchase would go on with the first.
    with database.connect("scrip_gateway") as gateway:
        rows = gateway.execute(
            """
            select started.purchase_id
            from unnest(%s::uuid[]) with ordinality as payer (user_id, position)
            cross join lateral api.start_purchase(payer.user_id, %s, null, null, gen_random_uuid()::text) as started
            order by position
            """,
            [[payer.user_id for payer in payers], pack],
        ).fetchall()
    return [purchase_id for (purchase_id,) in rows]


def record_purchase(
    connection: psycopg.Connection[Any], payer: Payer, purchase_id: UUID, payment_intent_id: str
) -> None:
    """Stripe answered: what the gateway tells the database then."""
    connection.execute(
        "select * from api.record_purchase(%s, %s, %s, '{}')", [payer.user_id, purchase_id, payment_intent_id]
    )


def at(day: float, hour: float = 0, second: float = 0) -> datetime:
    """An instant of these tests' calendar: days, hours and seconds after its begin; whole seconds, as Stripe's are."""
    return datetime.fromtimestamp(int(BEGIN.timestamp() + day * 86400 + hour * 3600 + second), UTC)


BEGIN = datetime(2027, 3, 1, 12, tzinfo=UTC)
