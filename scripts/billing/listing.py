"""What Stripe has of the last days, each object as the event that would have told of it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, cast

import stripe

# Something made before the days asked for may have changed in them: an old subscription is renewed, an old payment
# refunded or disputed. Stripe lists by when things were made only.
LOOK_BACK = timedelta(days=90)
# An answer is dated a little earlier than Stripe dates it: what changes while it is on its way must count as newer.
CAUTION = timedelta(seconds=5)
PAGE = 100

# As Stripe sends it, numbers unchanged.
Object = dict[str, Any]

CLOSED_DISPUTES = {"won", "lost", "warning_closed"}
ENDED_REFUNDS = {"failed", "canceled"}
MOMENT = timedelta(seconds=1)


@dataclass(frozen=True)
class Item:
    """One object. `type` is the event it stands for, `customer` whom it is about (its own id when nobody is named).

    `at` is when what it tells came about, where Stripe says so, else when it was read.
    """

    type: str
    object: Object
    at: datetime
    customer: str


class Listing:
    """Reads one account at Stripe. Raises stripe.StripeError."""

    def __init__(self, client: stripe.StripeClient, days: int) -> None:
        self._client = client
        # By Stripe's clock, which its answers tell.
        since = self._get("/v1/subscriptions", limit=1)[1] - timedelta(days=days) - LOOK_BACK
        self._made_since = {"created": {"gte": int(since.timestamp())}}

    def items(self) -> list[Item]:
        """Everything, in an order in which each finds what it refers to."""
        kinds: tuple[Callable[[], Iterator[Item]], ...] = (
            self._subscriptions,
            self._invoices,
            self._payment_intents,
            self._refunds,
            self._disputes,
            self._checkout_sessions,
        )
        return [item for kind in kinds for item in kind()]

    def _subscriptions(self) -> Iterator[Item]:
        # All of them: one made years ago may have been renewed or cancelled yesterday.
        for found, at in self._all("/v1/subscriptions", status="all"):
            ending = "deleted" if found["status"] == "canceled" else "updated"
            yield _item(f"customer.subscription.{ending}", found, at)

    def _invoices(self) -> Iterator[Item]:
        for found, at in self._all("/v1/invoices", status="paid", expand=["data.payments"], **self._made_since):
            yield _item("invoice.paid", found, at)
            for payment in self._payments(found):
                if payment["status"] == "paid":
                    yield _item("invoice_payment.paid", payment, at, found)

    def _payments(self, invoice: Object) -> Iterator[Object]:
        payments = invoice["payments"]
        if not payments["has_more"]:
            yield from payments["data"]
            return
        for payment, _ in self._all("/v1/invoice_payments", invoice=invoice["id"]):
            yield payment

    def _payment_intents(self) -> Iterator[Item]:
        for found, at in self._all("/v1/payment_intents", expand=["data.latest_charge"], **self._made_since):
            charge = found["latest_charge"]
            told = found | {"latest_charge": charge and charge["id"]}
            tried_at = datetime.fromtimestamp(charge["created"], UTC) if charge else at
            if found["status"] == "succeeded":
                yield _item("payment_intent.succeeded", told, tried_at)
                # For the receipt of a pack; what was given back comes with the refunds.
                if charge and "purchase_id" in charge["metadata"]:
                    yield _item("charge.succeeded", charge, at, found)
            elif found["status"] == "requires_payment_method" and found["last_payment_error"]:
                yield _item("payment_intent.payment_failed", told, tried_at)

    def _refunds(self) -> Iterator[Item]:
        for found, at in self._all("/v1/refunds", expand=["data.charge"], **self._made_since):
            charge = found["charge"]
            if charge is not None:
                yield _item("charge.refunded", charge, at)
            # What is left of the charge leaves out refunds that failed or were cancelled: they were over before it.
            known_since = at - MOMENT if found["status"] in ENDED_REFUNDS else at
            yield _item("refund.updated", found | {"charge": charge and charge["id"]}, known_since, charge)

    def _disputes(self) -> Iterator[Item]:
        for found, at in self._all("/v1/disputes", expand=["data.charge"], **self._made_since):
            charge = found["charge"]
            ending = "closed" if found["status"] in CLOSED_DISPUTES else "created"
            yield _item(f"charge.dispute.{ending}", found | {"charge": charge["id"]}, at, charge)

    def _checkout_sessions(self) -> Iterator[Item]:
        for found, at in self._all("/v1/checkout/sessions", **self._made_since):
            if found["status"] != "open":
                ending = "completed" if found["status"] == "complete" else "expired"
                yield _item(f"checkout.session.{ending}", found, at)

    def _all(self, path: str, **parameters: Any) -> Iterator[tuple[Object, datetime]]:
        """Every object of a list, the oldest of each page first, with the time that its page was read."""
        pages = []
        last: dict[str, str] = {}
        while True:
            page, at = self._get(path, limit=PAGE, **parameters, **last)
            pages.append((page["data"], at))
            if not page["has_more"]:
                break
            last = {"starting_after": page["data"][-1]["id"]}
        # Stripe lists the newest first.
        for objects, at in reversed(pages):
            for found in reversed(objects):
                yield found, at

    def _get(self, path: str, **parameters: Any) -> tuple[Object, datetime]:
        """The answer as it came (the SDK's own objects would have to be taken apart again), and its time."""
        answer = self._client.raw_request("get", path, **parameters)
        date = {name.lower(): value for name, value in answer.headers.items()}["date"]
        return cast(Object, answer.data), parsedate_to_datetime(date).astimezone(UTC) - CAUTION


def _item(event: str, found: Object, at: datetime, of: Object | None = None) -> Item:
    customer = found.get("customer") or (of and of.get("customer")) or found["id"]
    return Item(event, found, at, customer if isinstance(customer, str) else customer["id"])
