"""A shop at SQL level: payers with a customer at Stripe, and events delivered as the gateway delivers them."""

import hashlib
import hmac
import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, LiteralString, cast

import psycopg

from tests.py.support.database import Database

SECRET = "whsec_of_these_tests_only"
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
REFUSED = "SCB04"
PRICES = {"prpm_plus_individual": "price_individual", "prpm_plus_org": "price_org", "verified": "price_verified"}

Json = dict[str, Any]


@dataclass(frozen=True)
class Payer:
    """Somebody registered, with the id of their customer at Stripe."""

    id: str
    customer_id: str
    email: str


@dataclass(frozen=True)
class Fate:
    """What the inbox says of an event; None twice when it is not there."""

    state: str | None
    reason: str | None

    def __str__(self) -> str:
        return ": ".join(part for part in (self.state, self.reason) if part)


def hex_digest(body: bytes, stamp: str, secret: str = SECRET) -> str:
    return hmac.new(secret.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()


def sign(body: bytes, at: datetime = NOW, secret: str = SECRET) -> str:
    """A Stripe-Signature header."""
    stamp = str(int(at.timestamp()))
    return f"t={stamp},v1={hex_digest(body, stamp, secret)}"


def as_bytes(event: Json | bytes) -> bytes:
    return event if isinstance(event, bytes) else json.dumps(event).encode()


class Shop:
    """One database whose prices have ids at Stripe and whose webhook has a secret. The clock stands at NOW."""

    def __init__(self, database: Database, owner: psycopg.Connection[Any], gateway: psycopg.Connection[Any]) -> None:
        self.database = database
        self.owner = owner
        self.gateway = gateway

    def value(self, statement: str, *parameters: Any) -> Any:
        """The first column of the first row, as the owner; None without a row."""
        cursor = self.owner.execute(cast(LiteralString, statement), parameters or None)
        row = cursor.fetchone() if cursor.description else None
        return row[0] if row else None

    def rows(self, statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
        return self.owner.execute(cast(LiteralString, statement), parameters or None).fetchall()

    def open(self) -> None:
        self.value("select admin.set_webhook_secret('test', %s, false, 'for a test')", SECRET)
        for plan_price, price_id in PRICES.items():
            self.value("select admin.set_plan_price(%s, %s, 'for a test')", plan_price, price_id)

    def person(self) -> Payer:
        """Somebody registered whom Stripe does not know yet."""
        email = f"{secrets.token_hex(8)}@scrip.example"
        user_id = self.value(
            "select api.register_user(%s, null, 'no password', sha256(gen_random_uuid()::text::bytea)) ->> 'id'",
            email,
        )
        return Payer(user_id, f"cus_{user_id.replace('-', '')}", email)

    def payer(self, customer_id: str | None = None) -> Payer:
        person = self.person()
        payer = Payer(person.id, customer_id or person.customer_id, person.email)
        self.value("select api.record_customer(%s, %s)", payer.id, payer.customer_id)
        return payer

    def purchase(self, payer: Payer, payment_intent_id: str | None = None, pack: str = "medium") -> str:
        """A purchase that waits to be paid; with a PaymentIntent that the gateway recorded, or none yet."""
        purchase_id = str(self.value("select purchase_id from api.start_purchase(%s, %s)", payer.id, pack))
        if payment_intent_id is not None:
            self.record(payer, purchase_id, payment_intent_id)
        return purchase_id

    def record(self, payer: Payer, purchase_id: object, payment_intent_id: str) -> None:
        """What the gateway does when Stripe has made the PaymentIntent."""
        self.value("select status from api.record_purchase(%s, %s, %s, '{}')", payer.id, purchase_id, payment_intent_id)

    def send(self, body: bytes, signature: str | None) -> Json:
        """One delivery, as the role of the gateway. Raises what the database raises."""
        row = self.gateway.execute(
            "select api.record_stripe_event(p_payload => %s, p_signature => %s)", [body, signature]
        ).fetchone()
        assert row is not None
        return row[0]

    def deliver(self, event: Json | bytes) -> Fate:
        """Delivers an event, signed in time; what became of it."""
        body = as_bytes(event)
        assert self.send(body, sign(body, self.now())) == {"received": True}
        return self.fate(event["id"]) if isinstance(event, dict) else Fate(None, None)

    def fate(self, event_id: str) -> Fate:
        rows = self.rows("select state, reason from playground.stripe_events where event_id = %s", event_id)
        return Fate(*rows[0]) if rows else Fate(None, None)

    def now(self) -> datetime:
        return self.value("select engine.now()")

    def replay(self, event_id: str) -> Fate:
        """What an operator does when the cause is gone."""
        return Fate(*self.rows("select * from admin.replay_stripe_event(%s, 'the cause is gone')", event_id)[0])

    def run_job(self) -> None:
        """What the scheduler does each minute."""
        self.database.rows("call jobs.drain('process_parked_events')", role="scrip_cron")

    def balance(self, payer: Payer) -> int:
        return self.value("select api.get_balance(%s)", payer.id)["balance"]

    def bought(self, payer: Payer) -> int:
        """Credits of purchases and plans that the account has."""
        return self.value(
            """
            select coalesce(sum(remaining), 0)::bigint from playground.grants
            where account_id = %s and source in ('purchase', 'period', 'rollover')
            """,
            payer.id,
        )

    def alerts(self) -> set[str]:
        """Kinds of parked events that operators were told of."""
        return {kind for (kind,) in self.rows("select kind from playground.alerts where kind like 'stripe_event%'")}

    def forget_alerts(self) -> None:
        self.value("delete from playground.alerts where kind like 'stripe_event%'")

    def assert_books(self) -> None:
        assert not self.rows("select * from admin.verify_ledger()")

    def everything(self) -> dict[str, tuple[int, str | None]]:
        """Each table with its number of rows and the newest transaction that wrote one: equal means untouched."""
        return {
            table: self.rows(f"select count(*), max(xmin::text::bigint)::text from {table}")[0]
            for table in self._tables()
        }

    def _tables(self) -> list[str]:
        statement = """
            select oid::regclass::text from pg_class
            where relnamespace::regnamespace::text in ('playground', 'rollup') and relkind = 'r'
            order by 1
        """
        return [name for (name,) in self.rows(statement)]


@contextmanager
def open_shop(database: Database) -> Iterator[Shop]:
    """The shop of a database, opened if it was not."""
    database.clock.freeze(NOW)
    with database.connect() as owner, database.connect("scrip_gateway") as gateway:
        shop = Shop(database, owner, gateway)
        shop.open()
        yield shop
