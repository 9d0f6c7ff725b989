"""Whoever comes late finds the ledger that a punctual job would have written."""

from datetime import UTC, datetime, timedelta
from typing import LiteralString
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.py.oracle.accounts import Bank
from tests.py.oracle.months import Plan
from tests.py.support.database import Database

CREDITS, CAP = 300, 200
MONTHS = 10
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)

FIRST = datetime(2027, 1, 1, tzinfo=UTC)
JOBS: tuple[LiteralString, ...] = (
    "select jobs.expire_holds()",
    "select jobs.process_monthly_reset()",
    "select jobs.expire_rollover_credits()",
)

anchors = st.timedeltas(timedelta(0), timedelta(days=5 * 365)).map(lambda since: FIRST + since)
lots = st.lists(st.timedeltas(SECOND, timedelta(days=310)), max_size=4)


@pytest.fixture(scope="module", autouse=True)
def package(database: Database) -> None:
    with Bank(database) as bank:
        bank.make_package()
        bank.make_plan(CREDITS, CAP)


def begin(bank: Bank, anchor: datetime, expiries: list[timedelta]) -> UUID:
    """A person with a plan, lots that expire, and two runs nobody ends: one over the first turn of the month."""
    bank.go_to(anchor)
    user_id = bank.register()
    bank.set_plan(user_id, f"oracle_{CREDITS}_{CAP}", anchor)
    for number, expiry in enumerate(expiries, start=1):
        bank.run(
            "select engine.add_grant(%s, %s, %s, 'purchased', 'promo', %s, 'bonus', 'Promo', %s)",
            *(user_id, anchor, anchor, number, anchor + expiry),
        )
    bank.spend(user_id, 40)
    bank.reserve(user_id, 7)
    bank.go_to(Plan(anchor, CREDITS, CAP).month(1) - MINUTE)
    bank.reserve(user_id, 25)
    return user_id


def run_cron(bank: Bank, user_id: UUID, end: datetime) -> None:
    """The jobs of the crontab, at each full minute at which something of this person is due until `end`."""
    while (due_at := bank.next_due_at(user_id)) and (tick := up_to_minute(due_at)) <= end:
        bank.go_to(tick)
        for job in JOBS:
            bank.run(job)


def up_to_minute(instant: datetime) -> datetime:
    full = instant.replace(second=0, microsecond=0)
    return full if full == instant else full + MINUTE


@settings(max_examples=25, deadline=None)
@given(anchor=anchors, expiries=lots)
def test_ten_missed_months_are_ten_months_of_cron(
    database: Database, anchor: datetime, expiries: list[timedelta]
) -> None:
    end = up_to_minute(Plan(anchor, CREDITS, CAP).month(MONTHS)) + MINUTE
    with Bank(database) as bank:
        punctual = begin(bank, anchor, expiries)
        run_cron(bank, punctual, end)
        late = begin(bank, anchor, expiries)
        bank.go_to(end)
        bank.touch(late)
        bank.touch(punctual)
        assert bank.ledger(late) == bank.ledger(punctual)
        assert sum(line.type == "monthly" for line in bank.ledger(late)) == MONTHS + 1
        assert bank.next_due_at(late) == bank.next_due_at(punctual)


@settings(max_examples=25, deadline=None)
@given(
    anchor=anchors,
    expiries=lots,
    visits=st.lists(st.timedeltas(timedelta(0), timedelta(days=330)), max_size=12),
)
def test_when_somebody_looks_changes_nothing(
    database: Database, anchor: datetime, expiries: list[timedelta], visits: list[timedelta]
) -> None:
    first_turn = Plan(anchor, CREDITS, CAP).month(1)
    end = anchor + timedelta(days=340)
    with Bank(database) as bank:
        visited = begin(bank, anchor, expiries)
        for instant in sorted(first_turn + visit for visit in visits):
            bank.go_to(min(instant, end))
            bank.touch(visited)
        alone = begin(bank, anchor, expiries)
        bank.go_to(end)
        bank.touch(alone)
        bank.touch(visited)
        assert bank.ledger(alone) == bank.ledger(visited)
