"""The rules of money told a second time: what a payer has at the end, from the set of their events alone.

Everything is summed up anew from what Stripe did, as if nothing had ever been late: no order, no delivery, no figures
that were reported on the way. Refunds count by their last state, periods by their invoices, the plan by its newest
word.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from tests.py.money.shop import PACKS, Event

GRACE = timedelta(days=3)
CAP = 200
MONTHLY = 100
SIGNUP = 5
COST_SHARE = Decimal("0.70")
RANKS = ["incomplete", "trialing", "active", "past_due", "unpaid", "canceled"]


@dataclass
class Money:
    """What came in by one PaymentIntent and went back, in cents."""

    refunded: int = 0
    disputed: int = 0
    lost: int = 0

    def owed(self, credits: int, paid: int) -> int:
        return credits * min(paid, self.refunded + self.lost) // paid

    def suspended(self, credits: int, paid: int) -> int:
        return credits * min(paid, self.refunded + self.lost + self.disputed) // paid - self.owed(credits, paid)


@dataclass
class Period:
    start: datetime
    end: datetime
    paid_at: datetime
    money: Money
    cents: int


@dataclass
class End:
    """What a payer has. Lots of a plan: (credits, suspended)."""

    purchases: Counter[tuple[str, str]] = field(default_factory=Counter)
    bought: list[tuple[int, int]] = field(default_factory=list)
    budget: Decimal = Decimal(0)
    monthly: int = 0
    monthly_suspended: int = 0
    rollover: int = 0
    rollover_suspended: int = 0
    periods: int = 0
    status: str | None = None

    @property
    def balance(self) -> int:
        return SIGNUP + sum(credits for credits, _ in self.bought) + self.monthly + self.rollover


def end_of(events: Iterable[Event], packs: dict[UUID, str], now: datetime) -> End:
    """The end of one payer who has at most one plan. packs: what each of their purchases is of."""
    events = list(events)
    end = End()
    money = _money_of(events)
    _add_purchases(end, events, packs, money)
    _add_plan(end, events, money, now)
    return end


def _money_of(events: Sequence[Event]) -> dict[str, Money]:
    money: dict[str, Money] = {}
    for kind in ("refund", "dispute"):
        newest: dict[str, Event] = {}
        for event in sorted(events, key=lambda event: event.created):
            if event.object["object"] == kind:
                newest[event.object["id"]] = event
        for event in newest.values():
            of = money.setdefault(event.object["payment_intent"], Money())
            cents, status = event.object["amount"], event.object["status"]
            if kind == "refund":
                of.refunded += cents if status not in ("failed", "canceled") else 0
            elif status == "lost":
                of.lost += cents
            elif status in ("needs_response", "under_review"):
                of.disputed += cents
    # Where no refund told of itself, the newest charge did.
    for event in sorted(events, key=lambda event: event.created):
        charge = event.object
        if event.type == "charge.refunded" and not any(_is_refund_of(other, charge) for other in events):
            money.setdefault(charge["payment_intent"], Money()).refunded = charge["amount_refunded"]
    return money


def _is_refund_of(event: Event, charge: dict[str, Any]) -> bool:
    return event.object["object"] == "refund" and event.object["charge"] == charge["id"]


def _add_purchases(end: End, events: Sequence[Event], packs: dict[UUID, str], money: dict[str, Money]) -> None:
    for purchase_id, pack in packs.items():
        credits, cents = PACKS[pack]
        intents = [
            event
            for event in events
            if event.object["object"] == "payment_intent"
            and event.object["metadata"]["purchase_id"] == str(purchase_id)
        ]
        paid = [event for event in intents if event.type == "payment_intent.succeeded"]
        end.purchases[pack, "succeeded" if paid else "failed" if intents else "started"] += 1
        if paid:
            # Of two payments one goes back untouched; the other alone ever has refunds here.
            of = next((money[e.object["id"]] for e in paid if e.object["id"] in money), Money())
            end.bought.append((credits - of.owed(credits, cents), of.suspended(credits, cents)))
            back = min(cents, of.refunded + of.lost + of.disputed)
            end.budget += COST_SHARE * (cents - back) / 100


def _add_plan(end: End, events: Sequence[Event], money: dict[str, Money], now: datetime) -> None:
    words = [event for event in events if event.object["object"] == "subscription"]
    if not words:
        return
    last = max(words, key=lambda event: (event.object["status"] == "canceled", *_newness(event)))
    subscription = last.object
    end.status = subscription["status"]
    periods = _periods_of(events, money)
    end.periods = len(periods)
    for period, following in zip(periods, [*periods[1:], None], strict=True):
        left = MONTHLY - period.money.owed(MONTHLY, period.cents)
        suspended = period.money.suspended(MONTHLY, period.cents)
        if following is not None:
            is_in_time = following.paid_at <= period.end + GRACE
            if is_in_time and following.end > now:
                end.rollover += min(CAP, left)
                end.rollover_suspended += min(CAP, left, suspended)
        elif _expiry(subscription, period) > now:
            is_overdue = end.status in ("past_due", "unpaid") and period.end <= now
            end.monthly += left
            end.monthly_suspended += left if is_overdue else min(left, suspended)


def _newness(event: Event) -> tuple[datetime, int, int, str]:
    status = event.object["status"]
    return event.created, _times_of(event.object)["current_period_start"], RANKS.index(status), event.event_id


def _times_of(subscription: dict[str, Any]) -> dict[str, Any]:
    return subscription if "current_period_start" in subscription else subscription["items"]["data"][0]


def _periods_of(events: Sequence[Event], money: dict[str, Money]) -> list[Period]:
    payments = {e.object["invoice"]: e.object["payment"]["payment_intent"] for e in events if "payment" in e.object}
    periods = []
    for event in events:
        invoice = event.object
        if event.type == "invoice.paid" and invoice["billing_reason"] in ("subscription_create", "subscription_cycle"):
            [line] = invoice["lines"]["data"]
            start, ends = (datetime.fromtimestamp(line["period"][name], UTC) for name in ("start", "end"))
            paid_at = datetime.fromtimestamp(invoice["status_transitions"]["paid_at"], UTC)
            payment_intent_id = invoice.get("payment_intent") or payments.get(invoice["id"], "")
            of = money.get(payment_intent_id, Money())
            periods.append(Period(start, ends, paid_at, of, invoice["amount_paid"]))
    return sorted(periods, key=lambda period: period.start)


def _expiry(subscription: dict[str, Any], period: Period) -> datetime:
    """When the last period's credits expire: with the plan, with the period if no renewal is expected, else later."""
    if subscription["ended_at"] is not None:
        return min(datetime.fromtimestamp(subscription["ended_at"], UTC), period.end + GRACE)
    return period.end if subscription["cancel_at_period_end"] else period.end + GRACE
