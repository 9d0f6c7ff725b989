"""All 120 orders of a plan's events, every event twice, whenever they are heard of: one end each."""

from collections import Counter
from collections.abc import Callable
from datetime import datetime
from math import factorial

import pytest

from tests.py.money.model import end_of
from tests.py.money.orders import deliver_each, in_every_order
from tests.py.money.plans import Plan
from tests.py.money.shop import Event, at, make_payers
from tests.py.money.state import parked, states_of, touch_all
from tests.py.support.database import Clock, Database

ORDERS = factorial(5)
FIRST = (at(0), at(30))
SECOND = (at(30), at(60))

Story = Callable[[Plan], tuple[list[Event], list[Event]]]  # what was heard in time, what comes in any order


def begins(plan: Plan) -> list[Event]:
    return [
        plan.state("created", at(0), "active", FIRST),
        plan.paid("first", at(0), FIRST, "subscription_create"),
        plan.invoice_payment("first", at(0)),
    ]


def cancelled_at_period_end(plan: Plan) -> tuple[list[Event], list[Event]]:
    return [], [
        plan.state("created", at(0), "incomplete", FIRST),
        plan.paid("first", at(0), FIRST, "subscription_create"),
        plan.state("updated cancels", at(10), "active", FIRST, cancels=True),
        plan.unpaid("first", at(0), FIRST, "subscription_create"),
        plan.state("deleted", at(30), "canceled", FIRST, canceled_at=at(10), ended_at=at(30)),
    ]


def past_due_and_given_up(plan: Plan) -> tuple[list[Event], list[Event]]:
    return [], [
        plan.state("created", at(0), "active", FIRST),
        plan.paid("first", at(0), FIRST, "subscription_create"),
        plan.state("updated past due", at(30), "past_due", SECOND),
        plan.unpaid("second", at(30), SECOND),
        plan.state("deleted", at(31), "canceled", SECOND, canceled_at=at(31), ended_at=at(31)),
    ]


def ended_in_the_middle(plan: Plan) -> tuple[list[Event], list[Event]]:
    return [], [
        plan.state("created", at(0), "active", FIRST),
        plan.paid("first", at(0), FIRST, "subscription_create"),
        # An end is final, whatever is dated later.
        plan.state("updated", at(12, second=1), "active", SECOND),
        plan.unpaid("first", at(0), FIRST, "subscription_create"),
        plan.state("deleted", at(12), "canceled", FIRST, canceled_at=at(12), ended_at=at(12)),
    ]


def all_in_one_second(plan: Plan) -> tuple[list[Event], list[Event]]:
    return [], [
        plan.state("created", at(0), "incomplete", FIRST),
        plan.paid("first", at(0), FIRST, "subscription_create"),
        plan.state("updated active", at(0), "active", FIRST),
        plan.unpaid("second", at(0), SECOND),
        plan.state("updated past due", at(0), "past_due", FIRST),
    ]


def renewed_within_the_grace(plan: Plan) -> tuple[list[Event], list[Event]]:
    return begins(plan), [
        plan.unpaid("second", at(30), SECOND),
        plan.state("updated past due", at(30), "past_due", SECOND),
        plan.paid("second", at(32), SECOND),
        plan.state("updated active", at(32), "active", SECOND),
        plan.state("deleted", at(50), "canceled", SECOND, canceled_at=at(50), ended_at=at(50)),
    ]


def renewed_after_the_grace(plan: Plan) -> tuple[list[Event], list[Event]]:
    return begins(plan), [
        plan.unpaid("second", at(30), SECOND),
        plan.state("updated unpaid", at(31), "unpaid", SECOND),
        plan.paid("second", at(34), SECOND),
        plan.state("updated active", at(34), "active", SECOND),
        plan.state("updated cancels", at(40), "active", SECOND, cancels=True),
    ]


def refunded_after_its_renewal(plan: Plan) -> tuple[list[Event], list[Event]]:
    return begins(plan), [
        plan.paid("second", at(30), SECOND),
        plan.invoice_payment("second", at(30)),
        plan.charge("first", "part", at(20), 300),
        plan.charge("second", "part", at(31), 150),
        plan.state("updated past due", at(60), "past_due", (at(60), at(90))),
    ]


def refund_that_failed_before_the_renewal(plan: Plan) -> tuple[list[Event], list[Event]]:
    return begins(plan), [
        plan.charge("first", "all", at(20), 600),
        plan.refund("first", "one failed", at(22), 600, "failed", at(20)),
        plan.paid("second", at(30), SECOND),
        plan.state("updated active", at(30), "active", SECOND),
        plan.state("updated cancels", at(31), "active", SECOND, cancels=True),
    ]


def disputed_over_its_renewal(plan: Plan) -> tuple[list[Event], list[Event]]:
    return begins(plan), [
        plan.dispute("first", "one created", at(20), 300, "needs_response", "charge.dispute.created"),
        plan.dispute("first", "one closed", at(33), 300, "won", "charge.dispute.closed"),
        plan.paid("second", at(30), SECOND),
        plan.charge("first", "part", at(40), 150),
        plan.state("updated active", at(30), "active", SECOND),
    ]


STORIES = [
    cancelled_at_period_end,
    past_due_and_given_up,
    ended_in_the_middle,
    all_in_one_second,
    renewed_within_the_grace,
    renewed_after_the_grace,
    refunded_after_its_renewal,
    refund_that_failed_before_the_renewal,
    disputed_over_its_renewal,
]
MOMENTS = {"inside of the period": at(11), "in its grace": at(31, 1), "after all of it": at(64)}


def subscribers(shop: Database) -> list[Plan]:
    """One for each order; every other one's events are of the old shape."""
    return [Plan(payer, is_old_shape=number % 2 == 1) for number, payer in enumerate(make_payers(shop, ORDERS))]


def told(plan: Plan, events: list[Event]) -> list[Event]:
    """What the old shape lacks is not sent in it; there the charge and the invoice themselves say it."""
    return [event for event in events if not (plan.is_old_shape and event.type == "invoice_payment.paid")]


def states_at(shop: Database, plans: list[Plan]) -> list[dict]:
    user_ids = [plan.payer.user_id for plan in plans]
    touch_all(shop, user_ids)
    return list(states_of(shop, user_ids).values())


def only_one(states: list[dict]) -> dict:
    ends = Counter(str(state) for state in states)
    assert len(ends) == 1, f"{len(ends)} ends: {ends.most_common(2)}"
    return states[0]


def lots_of(state: dict) -> dict[str, tuple[int, int]]:
    return {g["bucket"]: (g["remaining"], g["suspended"]) for g in state["grants"] if g["bucket"] != "purchased"}


def expected_lots(plan: Plan, events: list[Event], now: datetime) -> dict[str, tuple[int, int]]:
    end = end_of(events, {}, now)
    lots = {"monthly": (end.monthly, end.monthly_suspended), "rollover": (end.rollover, end.rollover_suspended)}
    return {bucket: lot for bucket, lot in lots.items() if lot[0]}


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__)
def test_every_order_ends_in_one_state(shop: Database, clock: Clock, story: Story, moment: str) -> None:
    now = MOMENTS[moment]
    clock.freeze(at(0, 1))
    plans = subscribers(shop)
    in_time = [told(plan, story(plan)[0]) for plan in plans]
    deliver_each(shop, in_time, at(0, 1))
    # Nobody looks before they are all there: what the clock brings meanwhile is caught up by the first of them.
    clock.freeze(now)
    deliver_each(shop, [in_every_order(story(plan)[1], number) for number, plan in enumerate(plans)], now)
    heard = [*story(plans[0])[0], *story(plans[0])[1]]

    state = only_one(states_at(shop, plans))
    assert lots_of(state) == expected_lots(plans[0], heard, now)
    # However late they were heard of, the end is the same.
    clock.freeze(at(64))
    state = only_one(states_at(shop, plans))
    assert lots_of(state) == expected_lots(plans[0], heard, at(64))
    assert parked(shop) == []
    shop.assert_ledger_holds()
