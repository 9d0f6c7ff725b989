"""Limits that many callers meet at one moment: exactly so many pass, and each alert is written once."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import psycopg
import pytest
import pytest_asyncio

from tests.py.ledger import world
from tests.py.ledger.crowds import CALLERS, Crowd, at_once, crowd, deadlocks_of, from_one_start
from tests.py.ledger.world import AsyncCaller, Caller, Refused, Row, call, reserve, settle
from tests.py.support.database import Database

pytestmark = pytest.mark.asyncio(loop_scope="module")

# No window ends while a test runs.
NOW = datetime(2027, 3, 3, 12, 30, tzinfo=UTC)
# What one run of gpt-4o costs here: 1000 tokens out at $20 per million.
GPT_4O = {"model": "gpt-4o"}
SPENT = {"input_tokens": 0, "output_tokens": 1000}
RUN_USD = Decimal("0.02")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def callers(ledger: Database) -> AsyncIterator[Crowd]:
    ledger.clock.freeze(NOW)
    async with crowd(ledger) as callers:
        yield callers
    assert await deadlocks_of(ledger) == 0


@pytest.fixture(autouse=True)
def books_hold(ledger: Database) -> Iterator[None]:
    yield
    ledger.assert_ledger_holds()


def operate(ledger: Database, function: str, **arguments: Any) -> Any:
    """What an operator does, with a reason."""
    with ledger.connect("scrip_operator") as connection:
        return Caller(connection).get(call(f"admin.{function}", reason="for a test", **arguments))


def codes(answers: Sequence[Row | Refused]) -> list[str | None]:
    """What refused each, by its limit where there is one."""
    return [
        (answer.detail or {}).get("limitSource", answer.code) if isinstance(answer, Refused) else None
        for answer in answers
    ]


def holds_of(answers: Sequence[Row | Refused]) -> list[UUID]:
    return [answer.hold_id for answer in answers if not isinstance(answer, Refused)]


async def settle_all(callers: Crowd, user_id: UUID, hold_ids: Sequence[UUID], **usage: Any) -> None:
    pairs = zip(callers, hold_ids, strict=False)
    await asyncio.gather(*(caller.get(settle(user_id, hold_id, **usage)) for caller, hold_id in pairs))


@pytest.mark.parametrize("limit", [1, 7])
async def test_so_many_runs_at_once_and_no_more(ledger: Database, callers: Crowd, limit: int) -> None:
    user_id = world.new_user(ledger, credits=1000, plan="prpm_plus_individual")
    operate(ledger, "set_user_limit", user_id=user_id, monthly_usd=100, daily_usd=100, concurrent_runs=limit)
    queries = [reserve(user_id)] * CALLERS
    answers = await from_one_start(ledger, user_id, callers, queries)
    became = codes(answers)
    assert became.count(None) == limit
    assert became.count("runs_concurrent") == CALLERS - limit

    # One that ends makes room for one.
    await settle_all(callers, user_id, holds_of(answers)[:1])
    became = codes(await from_one_start(ledger, user_id, callers[:16], queries[:16]))
    assert became.count(None) == 1
    assert became.count("runs_concurrent") == 15


async def test_a_refused_call_leaves_its_alert_and_all_of_them_one(ledger: Database, callers: Crowd) -> None:
    user_id = world.new_user(ledger, credits=1000)
    operate(ledger, "set_user_limit", user_id=user_id, daily_usd=0)
    answers = await from_one_start(ledger, user_id, callers[:16], [reserve(user_id)] * 16)
    assert codes(answers) == ["cost_day"] * 16
    assert alerts_of(ledger, user_id) == ["limit_exceeded_cost_day"]


async def test_a_threshold_that_many_settle_across_is_told_once(ledger: Database, callers: Crowd) -> None:
    """16 runs under way; the eighth that ends crosses half of the limit, whichever it is."""
    user_id = world.new_user(ledger, credits=1000, plan="prpm_plus_individual")
    limit = 16 * RUN_USD
    operate(ledger, "set_user_limit", user_id=user_id, monthly_usd=1000, daily_usd=1000)
    hold_ids = [(await callers[0].get(reserve(user_id, **GPT_4O))).hold_id for _ in range(16)]
    operate(ledger, "set_user_limit", user_id=user_id, monthly_usd=1000, daily_usd=limit)
    queries = [settle(user_id, hold_id, **SPENT) for hold_id in hold_ids]
    for answer in await from_one_start(ledger, user_id, callers[:16], queries):
        assert not isinstance(answer, Refused)
    assert alerts_of(ledger, user_id) == ["cost_day_50", "cost_day_75", "cost_day_90"]
    told = ledger.rows(
        "select (details ->> 'costUsd')::numeric from playground.alerts where user_id = %s order by kind", [user_id]
    )
    # Each in the transaction that crossed it: with the cost of that moment.
    assert [cost for (cost,) in told] == [8 * RUN_USD, 12 * RUN_USD, 15 * RUN_USD]
    deliveries = "select count(*) from playground.alert_deliveries where user_id = %s"
    assert ledger.value(deliveries, [user_id]) == 3


def alerts_of(ledger: Database, user_id: UUID) -> list[str]:
    rows = ledger.rows("select kind from playground.alerts where user_id = %s order by kind", [user_id])
    return [kind for (kind,) in rows]


async def test_an_own_cap_holds_whatever_was_bought_and_whoever_asks(ledger: Database, callers: Crowd) -> None:
    user_id = world.new_user(ledger)
    buy(ledger, user_id)
    cap = Decimal("0.29")
    with ledger.connect("scrip_gateway") as connection:
        Caller(connection).get(call("api.set_cost_cap", user_id=user_id, monthly_usd=cap))
    answers = await from_one_start(ledger, user_id, callers, [reserve(user_id)] * CALLERS)
    became = codes(answers)
    # Four whole answers of sonnet, and a fifth that is shortened to the room.
    assert became.count(None) == 5
    assert became.count("own_cap") == CALLERS - 5
    assert Decimal(0) < ledger.value("select sum(budget_held_usd) from playground.holds where user_id = %s", [user_id])
    total = "select sum(cost_held_usd + budget_held_usd) from playground.holds where user_id = %s"
    assert cap - Decimal("0.00384") < ledger.value(total, [user_id]) <= cap

    most = ledger.rows(
        "select hold_id, max_output_tokens, input_tokens_estimated from playground.holds where user_id = %s", [user_id]
    )
    for caller, (hold_id, output, given) in zip(callers, most, strict=False):
        await caller.get(settle(user_id, hold_id, input_tokens=given, output_tokens=output))
    used = "select cost_usd + budget_usd from playground.cost_windows where user_id = %s and kind = 'month'"
    assert ledger.value(used, [user_id]) <= cap
    assert codes(await at_once(callers[:8], reserve(user_id))) == ["own_cap"] * 8


def buy(ledger: Database, user_id: UUID) -> None:
    """A large pack, and its cost budget of 14 dollars."""
    ledger.rows(
        """
        with bought as (
          insert into playground.purchases (
            account_id, purchase_id, user_id, pack, pack_name, credits, price_cents, currency, cost_share, status,
            requested_at)
          select %s, gen_random_uuid(), %s, pack, name, credits, price_cents, currency, 0.7, 'started', engine.now()
          from playground.packs where pack = 'large'
          returning *
        )
        select engine.open_payment(account_id, 'pi_' || purchase_id, purchase_id) from bought
        """,
        [user_id, user_id],
    )
    ledger.rows(
        """
        select engine.credit_purchase(
          engine.touch_user(p.user_id), p, 'pi_' || p.purchase_id, null, p.price_cents, engine.now())
        from playground.purchases p where p.account_id = %s
        """,
        [user_id],
    )


SPEND = "select coalesce(sum(cost_usd), 0) from playground.provider_spend where provider = 'openai'"


HELD = """
    select coalesce(sum(cost_held_usd + budget_held_usd), 0) from playground.holds
    where status = 'open' and model = 'gpt-4o'
"""


@pytest.fixture
def highest_usd(ledger: Database, gateway: Caller) -> Decimal:
    """What one run of gpt-4o may cost here at most."""
    user_id = world.new_user(ledger, credits=20)
    hold_id = gateway.get(reserve(user_id, **GPT_4O)).hold_id
    highest = ledger.value("select cost_held_usd + budget_held_usd from playground.holds where hold_id = %s", [hold_id])
    gateway.get(settle(user_id, hold_id, **SPENT))
    return highest


@contextmanager
def ceiling_that_stops(ledger: Database, usd: Decimal) -> Iterator[Decimal]:
    """So many dollars above what was spent by now."""
    ceiling = ledger.value(SPEND) + usd
    operate(ledger, "set_provider_ceiling", provider="openai", daily_usd=ceiling, stops=True)
    try:
        yield ceiling
    finally:
        operate(ledger, "set_provider_ceiling", provider="openai", daily_usd=100, stops=False)


async def test_who_finds_the_last_room_below_a_ceiling_is_waited_for(
    ledger: Database, callers: Crowd, highest_usd: Decimal
) -> None:
    first, second = (world.new_user(ledger, credits=20) for _ in range(2))
    with ceiling_that_stops(ledger, highest_usd), ledger.connect("scrip_gateway") as connection:
        connection.execute("begin")
        hold_id = Caller(connection).get(reserve(first, **GPT_4O)).hold_id
        asked = asyncio.ensure_future(callers[0].ask(reserve(second, **GPT_4O)))
        await asyncio.to_thread(ledger.wait_for_lock_waits, 1)
        connection.execute("commit")
        assert codes([await asked]) == ["SCM02"]
        Caller(connection).get(settle(first, hold_id, **SPENT))


async def test_so_many_runs_at_once_as_fit_below_a_ceiling(
    ledger: Database, callers: Crowd, highest_usd: Decimal
) -> None:
    people = [world.new_user(ledger, credits=20) for _ in range(32)]
    with ceiling_that_stops(ledger, 5 * highest_usd + RUN_USD) as ceiling:
        asked = [caller.ask(reserve(user_id, **GPT_4O)) for caller, user_id in zip(callers, people, strict=False)]
        answers = await asyncio.gather(*asked)
        assert sorted(codes(answers), key=str) == [None] * 5 + ["SCM02"] * 27
        assert ledger.value(SPEND) + ledger.value(HELD) <= ceiling
        # All may come to cost what they may cost at most.
        for caller, user_id, answer in zip(callers, people, answers, strict=False):
            if not isinstance(answer, Refused):
                hold = "select input_tokens_estimated, max_output_tokens from playground.holds where hold_id = %s"
                ((given, output),) = ledger.rows(hold, [answer.hold_id])
                await caller.get(settle(user_id, answer.hold_id, input_tokens=given, output_tokens=output))
        assert ledger.value(SPEND) <= ceiling


async def run_until_refused(caller: AsyncCaller, user_id: UUID) -> None:
    """One run after the other, until nobody who is under way is in the way."""
    while True:
        answer = await caller.ask(reserve(user_id, **GPT_4O))
        if not isinstance(answer, Refused):
            await caller.get(settle(user_id, answer.hold_id, **SPENT))
        elif (answer.detail or {})["resetsAt"] == "2027-03-04T00:00:00.000000Z":
            return


async def test_a_ceiling_that_stops_is_used_and_not_passed(
    ledger: Database, callers: Crowd, highest_usd: Decimal
) -> None:
    """16 people, each with a session of the server and so a part of the sum of their own."""
    people = [world.new_user(ledger, credits=200, is_unlimited=True) for _ in range(16)]
    with ceiling_that_stops(ledger, 40 * RUN_USD) as ceiling:
        await asyncio.gather(*(run_until_refused(*pair) for pair in zip(callers, people, strict=False)))
        total = ledger.value(SPEND)
        assert ceiling - highest_usd < total <= ceiling
        # Nothing was lost in the parts of the sum.
        assert total == ledger.value(
            "select sum(cost_usd) from playground.usage join playground.models using (model) where provider = 'openai'"
        )
        parts = "select count(*) > 1 from playground.provider_spend where provider = 'openai'"
        assert ledger.value(parts)
        alerts = "select kind from playground.alerts where kind like 'provider_spend%' order by kind"
        assert ledger.rows(alerts) == [("provider_spend_100: openai",), ("provider_spend_80: openai",)]


async def test_whoever_ends_runs_of_two_providers_waits_for_nobody(ledger: Database) -> None:
    """As a job that expires many: in whichever order it comes to the providers, no circle can form."""
    spent = "select provider, sum(cost_usd) from playground.provider_spend where starts_at = %s group by 1 order by 1"
    day = datetime(2027, 1, 5, tzinfo=UTC)
    count = "select engine.count_spend(%s, %s, %s)"
    with ExitStack() as stack:
        # Of seventeen sessions two begin to look at the same part.
        of_part: dict[int, psycopg.Connection[Any]] = {}
        while True:
            one = stack.enter_context(ledger.connect("scrip_owner"))
            other = of_part.setdefault(one.info.backend_pid % 16, one)
            if other is not one:
                break
        for connection, model in ((one, "sonnet"), (other, "gpt-4o")):
            connection.execute("begin")
            connection.execute("set local lock_timeout = '5s'")
            connection.execute(count, [model, day, RUN_USD])
        one.execute(count, ["gpt-4o", day, RUN_USD])
        other.execute(count, ["sonnet", day, RUN_USD])
        one.execute("commit")
        other.execute("commit")
    assert ledger.rows(spent, [day]) == [("anthropic", 2 * RUN_USD), ("openai", 2 * RUN_USD)]


async def test_a_provider_that_is_switched_off_starts_nothing_and_ends_what_runs(
    ledger: Database, callers: Crowd
) -> None:
    user_id = world.new_user(ledger, credits=200, is_unlimited=True)
    under_way = holds_of(await at_once(callers[:8], reserve(user_id)))
    operate(ledger, "set_provider_enabled", provider="anthropic", is_enabled=False)
    try:
        assert codes(await at_once(callers, reserve(user_id))) == ["SCM02"] * CALLERS
        assert codes(await at_once(callers[:1], reserve(user_id, **GPT_4O))) == [None]
        await settle_all(callers, user_id, under_way)
    finally:
        operate(ledger, "set_provider_enabled", provider="anthropic", is_enabled=True)
    assert codes(await at_once(callers[:4], reserve(user_id))) == [None] * 4


async def test_exempting_and_capping_race_with_runs_and_nobody_waits_in_a_circle(
    ledger: Database, callers: Crowd
) -> None:
    user_id = world.new_user(ledger, credits=1000)
    operate(ledger, "set_user_limit", user_id=user_id, monthly_usd=1000, daily_usd=0)

    async def keep_running(caller: AsyncCaller) -> None:
        for _ in range(6):
            answer = await caller.ask(reserve(user_id))
            if not isinstance(answer, Refused):
                await caller.get(settle(user_id, answer.hold_id))

    async with crowd(ledger, 8, "scrip_operator") as operators:
        await asyncio.gather(
            *(keep_running(caller) for caller in callers[:12]),
            *(caller.ask(call("api.set_cost_cap", user_id=user_id, monthly_usd=None)) for caller in callers[12:20]),
            *(caller.ask(call("admin.unthrottle", user_id=user_id, reason="for a test")) for caller in operators),
        )
    exempted = "select array_agg((after ->> 'exemptedWindows')::integer order by 1 desc) from playground.audit_log"
    # The first found the day exhausted; when the hour was too, some later one did.
    first, *others = ledger.value(f"{exempted} where action = 'unthrottle' and user_id = %s", [user_id])
    assert first == 1
    assert sum(others) <= 1
