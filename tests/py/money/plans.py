"""Subscriptions and their invoices, as Stripe writes them and as it did before 2025-03-31. Amounts are cents."""

from dataclasses import dataclass
from datetime import datetime

from tests.py.money.payments import charge_of, dispute_of, refund_of
from tests.py.money.shop import Event, Json, Payer, seconds


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
