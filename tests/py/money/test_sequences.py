"""Any sequence of packs, runs, refunds, failures and disputes: taken is what is owed, and never what a run holds.

SCRIP_MONEY_EXAMPLES (default 25) makes it longer; beyond the default the examples are different ones each time.
"""

import os
import random
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.py.ledger import world
from tests.py.money.buyer import Buyer, Lot
from tests.py.money.shop import PACKS, at
from tests.py.money.state import states_of
from tests.py.support.database import Database

EXAMPLES = int(os.environ.get("SCRIP_MONEY_EXAMPLES", "25"))
MANY = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=EXAMPLES <= 25,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
WHICH = st.integers(0, 3)
CENTS = st.one_of(st.integers(1, 2000), st.sampled_from([1, 333, 500, 1000, 2000]))
STEPS = st.one_of(
    st.tuples(st.just("buy"), st.sampled_from([*PACKS])),
    st.tuples(st.just("refund"), WHICH, CENTS),
    st.tuples(st.just("refund"), WHICH, CENTS),
    st.tuples(st.just("fail_refund"), WHICH, WHICH),
    st.tuples(st.just("dispute"), WHICH, CENTS),
    st.tuples(st.just("end_dispute"), WHICH, st.sampled_from(["won", "lost", "warning_closed"])),
    st.tuples(st.just("reserve"), st.sampled_from([1, 30, 90, 250, 500])),
    st.tuples(st.just("settle"), WHICH),
    st.tuples(st.just("release"), WHICH),
)
OF_A_PURCHASE = ("refund", "fail_refund", "dispute", "end_dispute")


@pytest.fixture(scope="module")
def runs(shop: Database) -> Iterator[Database]:
    world.import_package(shop)
    yield shop
    shop.clock.release()


def do(buyer: Buyer, step: tuple) -> None:
    name, *arguments = step
    if name not in OF_A_PURCHASE:
        getattr(buyer, name)(*arguments)
    elif buyer.bought:
        which, *rest = arguments
        getattr(buyer, name)(buyer.bought[which % len(buyer.bought)], *rest)


def free(lots: list[Lot]) -> int:
    """Bought credits that could be taken."""
    return sum(lot.remaining - lot.held for lot in lots if lot.source == "purchase")


def check(buyer: Buyer) -> None:
    lots, payments = buyer.lots(), buyer.payments()
    due = short = taken = 0
    for bought in buyer.bought:
        payment = payments[bought.payment.payment_intent_id]
        assert payment.owed == bought.owed
        assert payment.taken + payment.revoke_due + payment.shortfall == bought.owed <= bought.credits
        assert min(payment.taken, payment.revoke_due, payment.shortfall, payment.budget_usd) >= 0
        taken, due, short = taken + payment.taken, due + payment.revoke_due, short + payment.shortfall
    assert all(0 <= lot.held <= lot.remaining for lot in lots)
    assert due + short == 0 or free(lots) == 0, "something is owed although it could be taken"
    assert due <= sum(lot.held for lot in lots if lot.source == "purchase"), "only what runs hold is due"
    assert sum(buyer.refund_lines()) == -taken, "what is taken is told in the history"
    granted = 5 + sum(bought.credits for bought in buyer.bought)
    assert sum(lot.remaining for lot in lots) == granted - buyer.spent - taken


@MANY
@given(st.lists(STEPS, min_size=4, max_size=16).map(lambda steps: [("buy", "small"), *steps]))
# A pack spent and refunded, then another bought: the shortfall is paid first.
@example([("buy", "small"), ("reserve", 90), ("settle", 0), ("refund", 0, 500), ("buy", "medium")])
# What a run holds is due, and taken when it returns.
@example([("buy", "small"), ("reserve", 90), ("refund", 0, 500), ("release", 0)])
# Another lot could not pay while it was disputed.
@example(
    [
        ("buy", "small"),
        ("buy", "small"),
        ("reserve", 90),
        ("settle", 0),
        ("dispute", 1, 500),
        ("refund", 0, 500),
        ("end_dispute", 1, "won"),
    ]
)
# A refund that failed gives credits back to an account that owes.
@example(
    [
        ("buy", "small"),
        ("buy", "small"),
        ("reserve", 90),
        ("settle", 0),
        ("refund", 1, 500),
        ("refund", 0, 500),
        ("fail_refund", 1, 0),
    ]
)
def test_taken_due_and_short_are_what_is_owed_and_holds_are_left_alone(runs: Database, steps: list[tuple]) -> None:
    buyer = Buyer(runs, at(0))
    try:
        for step in steps:
            held = {lot.grant_id: lot.held for lot in buyer.lots()}
            do(buyer, step)
            if step[0] in OF_A_PURCHASE or step[0] == "buy":
                now = {lot.grant_id: lot.held for lot in buyer.lots()}
                assert {grant_id: now[grant_id] for grant_id in held} == held, "held credits were taken"
            check(buyer)
        for _ in list(buyer.holds):
            buyer.release(0)
        check(buyer)
        assert all(payment.revoke_due == 0 for payment in buyer.payments().values())
    finally:
        buyer.close()
    runs.assert_ledger_holds()


@MANY
@given(
    steps=st.lists(STEPS.filter(lambda step: step[0] in OF_A_PURCHASE), min_size=2, max_size=8),
    spent=st.sampled_from([0, 90, 250, 300]),
    seed=st.integers(0, 999),
)
def test_what_happens_after_a_run_ends_alike_in_any_order(
    runs: Database, steps: list[tuple], spent: int, seed: int
) -> None:
    """Two people who bought and ran the same; one hears of refunds and disputes as they happen, the other mixed up."""
    buyers = [Buyer(runs, at(0)) for _ in range(2)]
    try:
        for buyer in buyers:
            for pack in ("small", "medium"):
                buyer.buy(pack)
            buyer.reserve(spent) if spent else None
            buyer.settle(0)
            buyer.events.clear()
            if buyer is buyers[0]:
                for step in steps:
                    do(buyer, step)
        told, other = buyers
        mixed = list(told.events)
        random.Random(seed).shuffle(mixed)
        own, theirs = told.payer.tag, other.payer.tag
        for event in mixed:
            object = {
                key: value.replace(own, theirs) if isinstance(value, str) else value
                for key, value in event.object.items()
            }
            other.post.deliver(event._replace(event_id=event.event_id.replace(own, theirs), object=object), other.now)
        states = states_of(runs, [buyer.user_id for buyer in buyers])
        for state in states.values():
            for payment in state["payments"]:
                payment.pop("paid_at")
            for purchase in state["purchases"]:
                purchase.pop("succeeded_at")
        assert states[told.user_id] == states[other.user_id], [(e.type, e.object) for e in mixed]
    finally:
        for buyer in buyers:
            buyer.close()
    runs.assert_ledger_holds()
