"""PaymentIntents of packs, and the charges, refunds and disputes of any payment, as Stripe writes them.

Objects have only the fields that are read, and a few that must not be. Amounts are cents.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from tests.py.money.shop import PACKS, Event, Json, Payer, seconds


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
