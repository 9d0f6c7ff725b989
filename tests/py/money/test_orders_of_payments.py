"""All 720 orders of a payment, its refunds and its dispute, every event twice: one end each."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from math import factorial

import pytest

from tests.py.money.orders import deliver_each, in_every_order
from tests.py.money.payments import Payment
from tests.py.money.shop import Event, Payer, at, make_payers, record_purchase, start_purchases
from tests.py.money.state import parked, states_of
from tests.py.support.database import Clock, Database

ORDERS = factorial(6)
NOW = at(30)


@dataclass(frozen=True)
class Story:
    """A pack of 250 credits for $10: 300 cents refunded, more refunded, 300 disputed. `left`: credits at the end."""

    what: str
    part: str = "succeeded"  # what becomes of the first refund, and when
    part_at: float = 2
    refunded: int = 1000  # as the charge says at the second refund, in cents
    dispute: str = "won"
    left: int = 0
    is_one_second: bool = False


STORIES = [
    Story("all of it refunded, the dispute won", left=0),
    Story("six tenths refunded, three more lost", refunded=600, dispute="lost", left=25),
    Story("the first refund failed before the second", part="failed", refunded=700, left=75),
    Story("the first refund was cancelled after the second, three tenths lost", "canceled", 4, 600, "lost", left=100),
    Story("the same in one second", "canceled", 1, 600, "lost", left=100, is_one_second=True),
]


def events_of(story: Story, payment: Payment, has_metadata: bool) -> list[Event]:
    def when(day: float) -> datetime:
        return at(1) if story.is_one_second else at(day)

    def charge(name: str, day: float, refunded: int) -> Event:
        event = payment.charge(name, when(day), refunded)
        metadata = payment.intent()["metadata"] if has_metadata else {}
        return event._replace(object=event.object | {"metadata": metadata})

    return [
        payment.succeeded(when(0)),
        charge("part", 1, 300),
        payment.refund("part", when(story.part_at), 300, story.part, when(1)),
        charge("rest", 3, story.refunded),
        payment.dispute("one created", when(5), 300, "needs_response", "charge.dispute.created"),
        payment.dispute("one closed", when(6), 300, story.dispute, "charge.dispute.closed"),
    ]


def payments_of(shop: Database, payers: list[Payer]) -> list[Payment]:
    """A purchase of each; of every third the gateway recorded the PaymentIntent before Stripe told of it."""
    payments = [
        Payment(payer, purchase_id, "only")
        for payer, purchase_id in zip(payers, start_purchases(shop, payers, "medium"), strict=True)
    ]
    with shop.connect("scrip_gateway") as gateway:
        for payment in payments[::3]:
            record_purchase(gateway, payment.payer, payment.purchase_id, payment.payment_intent_id)
    return payments


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.what)
def test_every_order_ends_in_one_state(shop: Database, clock: Clock, story: Story) -> None:
    clock.freeze(NOW)
    payers = make_payers(shop, ORDERS)
    deliveries = [
        # Of every third the charge says what it is for, as Stripe copies the metadata of its PaymentIntent.
        in_every_order(events_of(story, payment, has_metadata=number % 3 == 1), number)
        for number, payment in enumerate(payments_of(shop, payers))
    ]
    deliver_each(shop, deliveries, NOW)

    states = list(states_of(shop, [payer.user_id for payer in payers]).values())
    ends = Counter(str(state) for state in states)
    assert len(ends) == 1, f"{len(ends)} ends: {ends.most_common(2)}"
    lots = {grant["source"]: grant["remaining"] for grant in states[0]["grants"]}
    assert lots == {"signup": 5, "purchase": story.left}
    [payment] = states[0]["payments"]
    assert (payment["owed"], payment["taken"]) == (250 - story.left, 250 - story.left)
    assert (payment["revoke_due"], payment["shortfall"], payment["suspended"]) == (0, 0, 0)
    assert parked(shop) == []
    shop.assert_ledger_holds()
