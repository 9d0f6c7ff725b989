"""Stripe's objects and events, with the fields that we read: short ones for tests that change one thing in them.

The whole objects, as Stripe documents them, lie in `events/`.
"""

import itertools
from datetime import datetime, timedelta
from typing import Any

from tests.py.stripe.shop import NOW, PRICES, Payer

Json = dict[str, Any]
MONTH = timedelta(days=30)

_numbers = itertools.count(1)


def new_id(prefix: str) -> str:
    return f"{prefix}_test{next(_numbers):08}"


def seconds(at: datetime) -> int:
    return int(at.timestamp())


def event(kind: str, obj: Any, *, at: datetime = NOW, **changes: Any) -> Json:
    return {
        "id": new_id("evt"),
        "object": "event",
        "api_version": "2026-10-28.endive",
        "created": seconds(at),
        "data": {"object": obj},
        "livemode": False,
        "pending_webhooks": 1,
        "request": {"id": None, "idempotency_key": None},
        "type": kind,
        **changes,
    }


def payment_intent(payer: Payer, intent_id: str, purchase_id: str | None, **changes: Any) -> Json:
    """A paid PaymentIntent of the medium pack. Its metadata says more credits than there are."""
    return {
        "id": intent_id,
        "object": "payment_intent",
        "amount": 1000,
        "amount_received": 1000,
        "currency": "usd",
        "customer": payer.customer_id,
        "latest_charge": intent_id.replace("pi_", "ch_"),
        "livemode": False,
        "metadata": {"purchase_id": purchase_id, "account_id": payer.id, "credits": "999999"},
        "status": "succeeded",
        **changes,
    }


def charge(payer: Payer, intent_id: str, refunded: int, **changes: Any) -> Json:
    return {
        "id": intent_id.replace("pi_", "ch_"),
        "object": "charge",
        "amount": 1000,
        "amount_refunded": refunded,
        "currency": "usd",
        "customer": payer.customer_id,
        "metadata": {},
        "payment_intent": intent_id,
        "receipt_url": "https://pay.stripe.com/receipts/x",
        "refunded": refunded == 1000,
        **changes,
    }


def subscription(payer: Payer, subscription_id: str, status: str, *, start: datetime = NOW, **changes: Any) -> Json:
    return {
        "id": subscription_id,
        "object": "subscription",
        "cancel_at": None,
        "cancel_at_period_end": False,
        "canceled_at": None,
        "customer": payer.customer_id,
        "ended_at": None,
        "items": {
            "object": "list",
            "data": [
                {
                    "id": subscription_id.replace("sub_", "si_"),
                    "object": "subscription_item",
                    "current_period_start": seconds(start),
                    "current_period_end": seconds(start + MONTH),
                    "price": {"id": PRICES["prpm_plus_individual"], "object": "price"},
                }
            ],
        },
        "livemode": False,
        "metadata": {"account_id": payer.id},
        "status": status,
        **changes,
    }


def invoice(payer: Payer, subscription_id: str, *, start: datetime = NOW, **changes: Any) -> Json:
    """The paid first invoice of a subscription at the individual price."""
    return {
        "id": new_id("in"),
        "object": "invoice",
        "amount_paid": 600,
        "billing_reason": "subscription_create",
        "currency": "usd",
        "customer": payer.customer_id,
        "lines": {"object": "list", "data": [line(subscription_id, start)]},
        "livemode": False,
        "parent": {
            "type": "subscription_details",
            "subscription_details": {"subscription": subscription_id, "metadata": {"account_id": payer.id}},
        },
        "status": "paid",
        "status_transitions": {"paid_at": seconds(start)},
        **changes,
    }


def line(subscription_id: str, start: datetime, price_id: str = PRICES["prpm_plus_individual"]) -> Json:
    return {
        "id": new_id("il"),
        "object": "line_item",
        "amount": 600,
        "parent": {
            "type": "subscription_item_details",
            "subscription_item_details": {"subscription": subscription_id, "proration": False},
        },
        "period": {"start": seconds(start), "end": seconds(start + MONTH)},
        "pricing": {"type": "price_details", "price_details": {"price": price_id, "product": "prod_x"}},
    }
