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


# ---------------------------------------------------------------------------------------------------------------------
# Objects, with only the fields that are read and a few that must not be.
@dataclass(frozen=True)
class Payment:
    """A PaymentIntent for a purchase of ours and what becomes of it."""

    payer: Payer
    purchase_id: UUID
    name: str
    pack: str = "medium"

    @property
    def payment_intent_id(self) -> str:
        return f"pi_{self.name}_{self.payer.tag}"

    @property
    def cents(self) -> int:
        return PACKS[self.pack][1]

    def event(self, name: str, type: str, created: datetime, object: Json) -> Event:
        return self.payer.event(f"{self.name}_{name}", type, created, object)

    def intent(self, **changes: Any) -> Json:
        return {
            "id": self.payment_intent_id,
            "object": "payment_intent",
            "amount": self.cents,
            "amount_received": self.cents,
            "currency": "usd",
            "customer": self.payer.customer_id,
            "latest_charge": f"ch_{self.payment_intent_id}",
            "status": "succeeded",
            "livemode": False,
            # Our ids, and a lie.
            "metadata": {
                "purchase_id": str(self.purchase_id),
                "account_id": str(self.payer.user_id),
                "credits": "999999",
            },
        } | changes

    def succeeded(self, at: datetime) -> Event:
        return self.event("succeeded", "payment_intent.succeeded", at, self.intent())

    def failed(self, at: datetime, code: str = "card_declined", name: str = "failed") -> Event:
        error = {"code": code, "decline_code": code, "message": f"Your card was declined: {code}."}
        changes = {"amount_received": 0, "status": "requires_payment_method", "latest_charge": None}
        intent = self.intent(last_payment_error=error, **changes)
        return self.event(name, "payment_intent.payment_failed", at, intent)

    def charge(self, name: str, at: datetime, refunded: int, type: str = "charge.refunded") -> Event:
        """`refunded`: cents given back so far."""
        return self.event(name, type, at, charge_of(self.payer, self.payment_intent_id, self.cents, refunded))

    def refund(self, name: str, at: datetime, cents: int, status: str, made_at: datetime, type: str = "") -> Event:
        """State of the refund called by the first word of `name`, which was made at `made_at`."""
        object = refund_of(self.payment_intent_id, name.split()[0], cents, status, made_at)
        return self.event(name, type or "refund.updated", at, object)

    def dispute(self, name: str, at: datetime, cents: int, status: str, type: str = "") -> Event:
        """State of the dispute called by the first word of `name`."""
        object = dispute_of(self.payment_intent_id, name.split()[0], cents, status)
        return self.event(name, type or "charge.dispute.updated", at, object)


def charge_of(payer: Payer, payment_intent_id: str, cents: int, refunded: int, **changes: Any) -> Json:
    return {
        "id": f"ch_{payment_intent_id}",
        "object": "charge",
        "amount": cents,
        "amount_captured": cents,
        "amount_refunded": refunded,
        "currency": "usd",
        "customer": payer.customer_id,
        "payment_intent": payment_intent_id,
        "refunded": refunded == cents,
        "receipt_url": f"https://pay.stripe.com/receipts/{payment_intent_id}",
        "livemode": False,
        "metadata": {},
    } | changes


def refund_of(payment_intent_id: str, name: str, cents: int, status: str, made_at: datetime) -> Json:
    return {
        "id": f"re_{name}_{payment_intent_id}",
        "object": "refund",
        "amount": cents,
        "charge": f"ch_{payment_intent_id}",
        "payment_intent": payment_intent_id,
        "currency": "usd",
        "status": status,
        "created": seconds(made_at),
        "metadata": {},
    }


def dispute_of(payment_intent_id: str, name: str, cents: int, status: str) -> Json:
    return {
        "id": f"dp_{name}_{payment_intent_id}",
        "object": "dispute",
        "amount": cents,
        "charge": f"ch_{payment_intent_id}",
        "payment_intent": payment_intent_id,
        "currency": "usd",
        "status": status,
        "livemode": False,
        "metadata": {},
    }


@dataclass(frozen=True)
class Plan:
    """A subscription at Stripe. is_old_shape: as its API wrote them before 2025-03-31."""

    payer: Payer
    name: str = "plan"
    price: str = "price_individual"
    cents: int = 600
    is_old_shape: bool = False

    @property
    def subscription_id(self) -> str:
        return f"sub_{self.name}_{self.payer.tag}"

    def event(self, name: str, type: str, created: datetime, object: Json) -> Event:
        return self.payer.event(f"{self.name}_{name}", type, created, object)

    def state(
        self,
        name: str,
        at: datetime,
        status: str,
        period: tuple[datetime, datetime],
        *,
        cancels: bool = False,
        canceled_at: datetime | None = None,
        ended_at: datetime | None = None,
    ) -> Event:
        """customer.subscription.created, .updated or .deleted, by the first word of `name`."""
        starts, ends = (seconds(instant) for instant in period)
        item: Json = {"id": f"si_{self.subscription_id}", "price": {"id": self.price, "object": "price"}}
        times = {"current_period_start": starts, "current_period_end": ends}
        object: Json = {
            "id": self.subscription_id,
            "object": "subscription",
            "customer": self.payer.customer_id,
            "status": status,
            "cancel_at_period_end": cancels,
            "cancel_at": ends if cancels else None,
            "canceled_at": seconds(canceled_at),
            "ended_at": seconds(ended_at),
            "livemode": False,
            "metadata": {"account_id": str(self.payer.user_id)},
        }
        if self.is_old_shape:
            object |= times
        else:
            item |= times
        object["items"] = {"object": "list", "data": [item]}
        return self.event(name, f"customer.subscription.{name.split()[0]}", at, object)

    def invoice_id(self, name: str) -> str:
        return f"in_{name}_{self.subscription_id}"

    def payment_intent_id(self, name: str) -> str:
        return f"pi_{name}_{self.subscription_id}"

    def invoice(self, name: str, period: tuple[datetime, datetime], paid_at: datetime | None, reason: str) -> Json:
        """An invoice; without paid_at one that could not be paid."""
        starts, ends = (seconds(instant) for instant in period)
        line: Json = {
            "id": f"il_{name}",
            "amount": self.cents,
            "currency": "usd",
            "period": {"start": starts, "end": ends},
        }
        object: Json = {
            "id": self.invoice_id(name),
            "object": "invoice",
            "customer": self.payer.customer_id,
            "billing_reason": reason,
            "amount_due": self.cents,
            "amount_paid": self.cents if paid_at else 0,
            "currency": "usd",
            "status": "paid" if paid_at else "open",
            "livemode": False,
            "status_transitions": {"paid_at": seconds(paid_at)},
            "lines": {"object": "list", "data": [line]},
        }
        details = {"subscription": self.subscription_id, "metadata": {}}
        if self.is_old_shape:
            line |= {"type": "subscription", "proration": False, "price": {"id": self.price, "object": "price"}}
            object |= {"subscription": self.subscription_id}
            object |= {"payment_intent": self.payment_intent_id(name)} if paid_at else {}
        else:
            line["parent"] = {
                "type": "subscription_item_details",
                "subscription_item_details": {"subscription": self.subscription_id, "proration": False},
            }
            line["pricing"] = {"type": "price_details", "price_details": {"price": self.price, "product": "prod_1"}}
            object["parent"] = {"type": "subscription_details", "subscription_details": details}
        return object

    def paid(
        self, name: str, at: datetime, period: tuple[datetime, datetime], reason: str = "subscription_cycle"
    ) -> Event:
        return self.event(f"{name}_paid", "invoice.paid", at, self.invoice(name, period, at, reason))

    def unpaid(
        self, name: str, at: datetime, period: tuple[datetime, datetime], reason: str = "subscription_cycle"
    ) -> Event:
        return self.event(f"{name}_unpaid", "invoice.payment_failed", at, self.invoice(name, period, None, reason))

    def invoice_payment(self, name: str, at: datetime) -> Event:
        """Which PaymentIntent paid an invoice; the old shape never sends it, the invoice itself says so there."""
        object = {
            "id": f"inpay_{self.invoice_id(name)}",
            "object": "invoice_payment",
            "invoice": self.invoice_id(name),
            "status": "paid",
            "livemode": False,
            "payment": {"type": "payment_intent", "payment_intent": self.payment_intent_id(name)},
        }
        return self.event(f"{name}_payment", "invoice_payment.paid", at, object)

    def charge(self, invoice: str, name: str, at: datetime, refunded: int) -> Event:
        """charge.refunded of an invoice's payment."""
        changes = {"invoice": self.invoice_id(invoice)} if self.is_old_shape else {}
        charge = charge_of(self.payer, self.payment_intent_id(invoice), self.cents, refunded, **changes)
        return self.event(f"{invoice}_{name}", "charge.refunded", at, charge)

    def refund(self, invoice: str, name: str, at: datetime, cents: int, status: str, made_at: datetime) -> Event:
        """State of the refund of an invoice called by the first word of `name`."""
        object = refund_of(self.payment_intent_id(invoice), name.split()[0], cents, status, made_at)
        return self.event(f"{invoice}_{name}", "refund.updated", at, object)

    def dispute(self, invoice: str, name: str, at: datetime, cents: int, status: str, type: str) -> Event:
        """State of the dispute of an invoice called by the first word of `name`."""
        object = dispute_of(self.payment_intent_id(invoice), name.split()[0], cents, status)
        return self.event(f"{invoice}_{name}", type, at, object)


def at(day: float, hour: float = 0, second: float = 0) -> datetime:
    """An instant of these tests' calendar: days, hours and seconds after its begin, in whole seconds as Stripe's are."""
    return datetime.fromtimestamp(int(BEGIN.timestamp() + day * 86400 + hour * 3600 + second), UTC)


BEGIN = datetime(2027, 3, 1, 12, tzinfo=UTC)
