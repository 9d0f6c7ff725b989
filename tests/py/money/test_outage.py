"""The webhook is out for four days; then everything comes late, and nothing is lost by it."""

import random
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

import pytest

from tests.py.money.lives import NOW, Life, live, pick_packs
from tests.py.money.plans import Plan
from tests.py.money.shop import Event, Post, at, make_payers, start_purchases
from tests.py.money.state import parked, states_of, touch_all
from tests.py.support.database import Clock, Database

OUTAGE = timedelta(days=4)
EVENTS_EACH = 40


def deliver_in_time(shop: Database, clock: Clock, deliveries: Iterable[tuple[datetime, Event]], now: datetime) -> None:
    """Each event when it comes; the clock goes along, and the jobs run every hour or so."""
    clock.freeze(now)
    with Post(shop) as post, shop.connect() as owner, shop.connect("scrip_cron") as scheduler:
        for number, (moment, event) in enumerate(deliveries):
            if moment > now:
                now = moment
                owner.execute("update tests.clock set stands_at = %s", [now])
                if number % 5 == 0:
                    scheduler.execute("select jobs.expire_rollover_credits()")
            post.deliver(event, now)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_twins_one_of_whom_was_heard_of_late_end_alike(shop: Database, clock: Clock, seed: int) -> None:
    begin = at(-1)
    clock.freeze(begin)
    chance = random.Random(seed)
    twins: list[tuple[Life, Life]] = []
    for number in range(20):
        payers = make_payers(shop, 2)
        packs = pick_packs(chance)
        bought = [start_purchases(shop, payers, pack) for pack in packs]
        lives = [
            live(
                payer,
                dict(zip([ids[which] for ids in bought], packs, strict=True)),
                random.Random(f"{seed} {number}"),
                EVENTS_EACH,
                0,
            )
            for which, payer in enumerate(payers)
        ]
        twins.append((lives[0], lives[1]))
    deliveries: list[tuple[datetime, int, Event]] = []
    for first, second in twins:
        # Where it hurts: around the end of one of the plan's periods.
        starts = at(random.Random(seed).uniform(20, 120))
        deliveries += [(event.created, 0, event) for event in first.events]
        for event in second.events:
            is_out = starts <= event.created < starts + OUTAGE
            moment = starts + OUTAGE if is_out else event.created
            deliveries.append((moment, chance.randint(1, 99) if is_out else 0, event))
    deliveries.sort(key=lambda delivery: delivery[:2])
    deliver_in_time(shop, clock, [(moment, event) for moment, _, event in deliveries if moment <= NOW], begin)
    late = [event for moment, _, event in deliveries if moment > NOW]
    clock.freeze(NOW)
    with Post(shop) as post:
        post.deliver_all(late, NOW)
    assert_alike(shop, twins)
    shop.assert_ledger_holds()


def assert_alike(shop: Database, twins: Sequence[tuple[Life, Life]]) -> None:
    user_ids = [life.payer.user_id for pair in twins for life in pair]
    touch_all(shop, user_ids)
    states = states_of(shop, user_ids)
    for first, second in twins:
        assert states[first.payer.user_id] == states[second.payer.user_id], [
            (event.type, event.created) for event in second.events
        ]
    assert parked(shop) == []


@pytest.mark.parametrize("is_touched", [True, False], ids=["looked at meanwhile", "not looked at"])
def test_a_renewal_paid_in_time_and_heard_of_after_the_grace_rolls_over(
    shop: Database, clock: Clock, is_touched: bool
) -> None:
    clock.freeze(at(0))
    [payer] = make_payers(shop, 1)
    plan = Plan(payer)
    first, second = (at(0), at(30)), (at(30), at(60))
    with Post(shop) as post:
        post.deliver(plan.state("created", at(0), "active", first), at(0))
        post.deliver(plan.paid("0", at(0), first, "subscription_create"), at(0))
        clock.freeze(at(33, 1))
        if is_touched:
            touch_all(shop, [payer.user_id])
            assert states_of(shop, [payer.user_id])[payer.user_id]["balance"] == 5
        clock.freeze(at(34))
        post.deliver(plan.state("updated", at(30), "active", second), at(34))
        post.deliver(plan.paid("1", at(30, 1), second), at(34))
    state = states_of(shop, [payer.user_id])[payer.user_id]
    assert {grant["bucket"]: grant["remaining"] for grant in state["grants"]} == {
        "monthly": 100,
        "rollover": 100,
        "purchased": 5,
    }
    shop.assert_ledger_holds()
