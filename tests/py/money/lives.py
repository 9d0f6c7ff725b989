"""Invented lives of payers: packs bought, refused, refunded and disputed; a plan begun, renewed, missed and cancelled.

A life is what Stripe would send of it, in the order in which it happens; nothing here knows what it brings.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from tests.py.money.payments import Payment, charge_of, dispute_of, refund_of
from tests.py.money.plans import Plan
from tests.py.money.shop import PACKS, Event, Payer, at

PERIOD = timedelta(days=30)
NOW = at(150)


@dataclass
class Life:
    payer: Payer
    packs: dict[UUID, str]
    events: list[Event] = field(default_factory=list)


@dataclass(frozen=True)
class Paid:
    """A payment of a pack or an invoice, of which some may go back."""

    payer: Payer
    name: str
    payment_intent_id: str
    cents: int
    at: datetime


def live(payer: Payer, packs: dict[UUID, str], chance: random.Random, count: int, second_payments: float = 0.1) -> Life:
    """A life of `count` events up to NOW; what is missing is made up by attempts that the bank refused.

    second_payments: the share of purchases that are paid twice; which of two counts is a matter of who is heard first.
    """
    life = Life(payer, packs)
    plan = list(plan_life(Plan(payer, is_old_shape=chance.random() < 0.5), chance))
    bought = [
        list(purchase_life(payer, purchase_id, pack, chance, second_payments)) for purchase_id, pack in packs.items()
    ]
    for events in [plan, *bought]:
        life.events += [event for event in events if event.created <= NOW]
    refused = Payment(payer, *next(iter(packs.items()))[:1], "again", next(iter(packs.values())))
    while len(life.events) < count:
        number = len(life.events)
        life.events.append(refused.failed(at(1, second=number), chance.choice(DECLINES), f"failed {number}"))
    life.events = sorted(life.events, key=lambda event: event.created)[:count]
    return life


DECLINES = ["card_declined", "insufficient_funds", "expired_card"]


def purchase_life(
    payer: Payer, purchase_id: UUID, pack: str, chance: random.Random, second_payments: float
) -> Iterator[Event]:
    payment = Payment(payer, purchase_id, purchase_id.hex[:6], pack)
    moment = at(chance.uniform(2, 120))
    for number in range(chance.choice([0, 0, 0, 1, 2])):
        yield payment.failed(moment, chance.choice(DECLINES), f"failed {number}")
        moment += timedelta(seconds=chance.randint(1, 300))
    if chance.random() < 0.15:
        return
    yield payment.succeeded(moment)
    yield payment.charge("succeeded", moment, 0, "charge.succeeded")
    if chance.random() < second_payments:
        # Paid on both ways; the second one is given back, and has no other end.
        yield Payment(payer, purchase_id, f"{purchase_id.hex[:6]}_second", pack).succeeded(
            moment + timedelta(seconds=9)
        )
        return
    paid = Paid(payer, payment.name, payment.payment_intent_id, payment.cents, moment)
    yield from money_back(paid, chance)


def money_back(paid: Paid, chance: random.Random, invoice: dict[str, str] | None = None) -> Iterator[Event]:
    """Refunds and a dispute of a payment, as often as not none."""
    refunded = 0
    moment = paid.at
    for number in range(chance.choice([0, 0, 0, 1, 1, 2, 3])):
        moment += timedelta(hours=chance.randint(1, 200))
        left = paid.cents - refunded
        if left == 0:
            break
        cents = chance.choice([left, chance.randint(1, max(1, left // 2))])
        refunded += cents
        name = f"{paid.name}_{number}"

        refund = partial(told, paid, name, cents, moment)
        yield refund("pending" if number == 1 else "succeeded", moment, "refund.created")
        yield charge_of_paid(paid, name, moment, refunded, invoice or {})
        if number == 1:
            yield refund("succeeded", moment + timedelta(minutes=2), "refund.updated")
        if chance.random() < 0.25:
            moment += timedelta(hours=chance.randint(1, 40))
            yield refund(chance.choice(["failed", "canceled"]), moment, "refund.failed")
            refunded -= cents
    if chance.random() < 0.25:
        yield from dispute(paid, chance)


def told(paid: Paid, name: str, cents: int, made_at: datetime, status: str, when: datetime, type: str) -> Event:
    """A word on a refund."""
    refund = refund_of(paid.payment_intent_id, name, cents, status, made_at)
    return paid.payer.event(f"refund_{name}_{status}", type, when, refund)


def charge_of_paid(paid: Paid, name: str, when: datetime, refunded: int, changes: dict[str, str]) -> Event:
    charge = charge_of(paid.payer, paid.payment_intent_id, paid.cents, refunded, **changes)
    return paid.payer.event(f"charge_{name}", "charge.refunded", when, charge)


def dispute(paid: Paid, chance: random.Random) -> Iterator[Event]:
    cents = chance.choice([paid.cents, paid.cents // 3])
    moment = paid.at + timedelta(days=chance.uniform(1, 20))
    ways = [
        ["needs_response", "under_review", "won"],
        ["needs_response", "lost"],
        ["warning_needs_response", "warning_closed"],
        ["needs_response", "under_review"],
        ["warning_needs_response", "needs_response", "lost"],
    ]
    for number, status in enumerate(chance.choice(ways)):
        is_last = status in ("won", "lost", "warning_closed")
        type = "charge.dispute.created" if number == 0 else f"charge.dispute.{'closed' if is_last else 'updated'}"
        dispute = dispute_of(paid.payment_intent_id, paid.name, cents, status)
        yield paid.payer.event(f"dispute_{paid.name}_{number}", type, moment, dispute)
        if chance.random() < 0.8:
            moment += timedelta(hours=chance.randint(1, 60))


def plan_life(plan: Plan, chance: random.Random) -> Iterator[Event]:
    """Three renewals, one way or another; ends in one of the ways plans end, or goes on."""
    start = at(chance.uniform(28, 62))
    period = (start, start + PERIOD)
    begins = chance.choice(["incomplete", "active"])
    yield plan.state("created", start, begins, period)
    yield plan.paid("0", start + timedelta(seconds=chance.choice([0, 2])), period, "subscription_create")
    if begins == "incomplete":
        yield plan.state("updated begun", start + timedelta(seconds=chance.choice([0, 3])), "active", period)
    yield from paid_by(plan, "0", start, chance)
    for number in map(str, range(1, 4)):
        yield from toggles(plan, number, period, chance)
        way = chance.choice(["in time", "in time", "in time", "in grace", "late", "never", "cancelled", "at once"])
        end = period[1]
        following = (end, end + PERIOD)
        if way == "cancelled":
            yield plan.state(f"updated cancel {number}", end - timedelta(days=2), "active", period, cancels=True)
            yield plan.state("deleted", end, "canceled", period, canceled_at=end - timedelta(days=2), ended_at=end)
            return
        if way == "at once":
            moment = end - timedelta(days=chance.randint(1, 25))
            yield plan.state("deleted", moment, "canceled", period, canceled_at=moment, ended_at=moment)
            return
        paid_at = end + timedelta(seconds=chance.choice([0, 3600]))
        if way != "in time":
            yield plan.unpaid(number, end, following)
            yield plan.state(f"updated {number} past due", end, "past_due", following)
            paid_at = end + timedelta(days=2 if way == "in grace" else 5)
        if way == "never":
            if chance.random() < 0.5:
                yield plan.state(f"updated {number} unpaid", end + timedelta(days=1), "unpaid", following)
            moment = end + timedelta(days=chance.choice([2, 10]))
            yield plan.state("deleted", moment, "canceled", following, canceled_at=moment, ended_at=moment)
            return
        yield plan.paid(number, paid_at, following)
        yield plan.state(f"updated {number} active", paid_at, "active", following)
        yield from paid_by(plan, number, paid_at, chance)
        period = following


def toggles(plan: Plan, number: str, period: tuple[datetime, datetime], chance: random.Random) -> Iterator[Event]:
    """Cancels and thinks better of it, now and then twice in a second."""
    for turn in range(chance.choice([0, 0, 1, 3])):
        moment = period[0] + timedelta(days=3 + turn)
        yield plan.state(f"updated {number} cancel {turn}", moment, "active", period, cancels=True)
        yield plan.state(f"updated {number} resume {turn}", moment + timedelta(seconds=1), "active", period)


def paid_by(plan: Plan, number: str, paid_at: datetime, chance: random.Random) -> Iterator[Event]:
    paid = Paid(plan.payer, f"{plan.name}_{number}", plan.payment_intent_id(number), plan.cents, paid_at)
    if plan.is_old_shape:
        # There the invoice says what paid it, and the charge which invoice it paid.
        yield from money_back(paid, chance, {"invoice": plan.invoice_id(number)})
    else:
        yield plan.invoice_payment(number, paid_at)
        yield from money_back(paid, chance)


def pick_packs(chance: random.Random) -> list[str]:
    return [chance.choice(list(PACKS)) for _ in range(5)]
