"""Period changes for every day of the month over leap years, against dateutil: each line, each instant."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from tests.py.oracle.accounts import Bank
from tests.py.oracle.months import Plan, months_until
from tests.py.support.database import Database

CREDITS, CAP = 300, 200
END = datetime(2033, 1, 1, tzinfo=UTC)
# Before, at and after midnight in each of the zones in which the sessions live.
TIMES = ((0, 0, 0, 0), (23, 59, 59, 999999), (10, 0, 0, 0), (3, 30, 0, 1), (12, 34, 56, 789000))
ZONES = ("UTC", "Pacific/Kiritimati", "America/St_Johns")


def anchors() -> Iterator[datetime]:
    for day in range(1, 32):
        yield datetime(2027, 1, day, *TIMES[day % len(TIMES)], tzinfo=UTC)
    for time in TIMES:
        yield datetime(2028, 2, 29, *time, tzinfo=UTC)
    for month in (4, 12):
        yield datetime(2027, month, 30, 23, 30, tzinfo=UTC)


@pytest.fixture(scope="module", autouse=True)
def package(database: Database) -> None:
    with Bank(database) as bank:
        bank.make_package()
        bank.make_plan(CREDITS, CAP)


@pytest.mark.parametrize("anchor", list(anchors()), ids=lambda anchor: anchor.strftime("%Y-%m-%dT%H%M%S"))
def test_every_month_is_granted_rolled_over_and_expired_in_time(database: Database, anchor: datetime) -> None:
    chance = random.Random(anchor.isoformat())
    plan = Plan(anchor, CREDITS, CAP)
    with Bank(database, ZONES[anchor.day % len(ZONES)]) as bank:
        bank.go_to(anchor)
        user_id = bank.register()
        bank.set_plan(user_id, f"oracle_{CREDITS}_{CAP}", anchor)
        plan.begin()
        for number in months_until(plan, END):
            # Some months nobody looks; others are spent in their first or last instant, or anywhere between.
            begins_at, ends_at = plan.month(number - 1), plan.month(number)
            if chance.random() < 0.3:
                last = ends_at - timedelta(microseconds=1)
                instant = chance.choice([begins_at, last, begins_at + (last - begins_at) * chance.random()])
                credits = min(plan.spendable, chance.choice([1, 99, 100, 101, 250, 300, 500]))
                bank.go_to(instant)
                bank.spend(user_id, credits)
                plan.spend(credits, instant)
            plan.turn(number)
        bank.go_to(END)
        bank.touch(user_id)
        assert bank.ledger(user_id) == plan.lines


def test_months_before_the_plan_was_set_were_never_paid_for(database: Database) -> None:
    """Whatever day a plan is set on, it begins with the month of its anchor that contains the day."""
    anchor = datetime(2027, 10, 31, 23, 59, 59, 999999, tzinfo=UTC)
    plan = Plan(anchor, CREDITS, CAP)
    instants = {anchor + timedelta(days=days) for days in range(0, 900, 29)}
    for number in range(30):
        instants |= {plan.month(number), plan.month(number) + timedelta(microseconds=1)}
        instants |= {plan.month(number + 1) - timedelta(microseconds=1)}
    with Bank(database, "Pacific/Kiritimati") as bank:
        for instant in sorted(instants):
            bank.go_to(instant)
            user_id = bank.register()
            bank.set_plan(user_id, f"oracle_{CREDITS}_{CAP}", anchor)
            number = next(number for number in range(100) if plan.month(number) <= instant < plan.month(number + 1))
            begun = bank.value("select periods from playground.subscriptions where account_id = %s", user_id)
            ends_at = bank.value("select period_end from playground.subscriptions where account_id = %s", user_id)
            assert (begun, ends_at) == (number + 1, plan.month(number + 1)), instant
            assert [line.type for line in bank.ledger(user_id)] == ["signup", "monthly"], instant
