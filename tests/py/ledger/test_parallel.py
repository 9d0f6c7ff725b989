"""Many callers at one moment: what there is enough for happens exactly so often, and nothing twice."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from uuid import UUID

import psycopg
import pytest
import pytest_asyncio

from tests.py.ledger import world
from tests.py.ledger.crowds import CALLERS, Crowd, at_once, crowd, deadlocks_of, from_one_start
from tests.py.ledger.world import Caller, Refused, call, hash_of, register, release, reserve, settle
from tests.py.support.database import Database

pytestmark = pytest.mark.asyncio(loop_scope="module")

DAY_LIMIT = "(select daily_cost_limit_usd from playground.tiers where tier = 'prpm_plus_individual')"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def callers(ledger: Database) -> AsyncIterator[Crowd]:
    """The 64; nobody of them ever waits in a circle."""
    async with crowd(ledger) as callers:
        yield callers
    assert await deadlocks_of(ledger) == 0


@pytest.fixture(autouse=True)
def books_hold(ledger: Database) -> Iterator[None]:
    yield
    # As each minute: on a slow machine the holds that a test leaves open come to their end while others run.
    ledger.rows("call jobs.drain('expire_holds')", role="scrip_cron")
    ledger.assert_ledger_holds()


def holds_of(ledger: Database, user_id: UUID) -> list[tuple]:
    return ledger.rows(
        "select hold_id, status::text, charged::bigint from playground.holds where account_id = %s", [user_id]
    )


async def reserve_at_once(ledger: Database, callers: Crowd, user_id: UUID, **changes: object) -> Counter[str]:
    """What became of 64 reservations that stood before the account's lock together."""
    answers = await from_one_start(ledger, user_id, callers, [reserve(user_id, **changes)] * CALLERS)
    return Counter(answer.code if isinstance(answer, Refused) else "held" for answer in answers)


@pytest.mark.parametrize("runs", [2, 7, 25])
async def test_credits_for_k_runs_make_k_holds(ledger: Database, callers: Crowd, runs: int) -> None:
    # Two credits a run; of the five from the signup one stays, which pays for no run.
    user_id = world.new_user(ledger, credits=2 * runs - 4, is_unlimited=True)
    became = await reserve_at_once(ledger, callers, user_id, model="gpt-4o")
    assert became == {"held": runs, "SCC01": CALLERS - runs}
    holds = holds_of(ledger, user_id)
    assert len(holds) == runs

    settled = await asyncio.gather(
        *(caller.get(settle(user_id, hold[0])) for caller, hold in zip(callers, holds, strict=False))
    )
    assert [row.charged for row in settled] == [2] * len(holds)
    assert balance_of(ledger, user_id) == {"balance": 1, "held": 0, "available": 1}


def balance_of(ledger: Database, user_id: UUID) -> dict[str, int]:
    with ledger.connect("scrip_gateway") as connection:
        balance = Caller(connection).value(call("api.get_balance", user_id=user_id))
    return {name: balance[name] for name in ("balance", "held", "available")}


async def test_a_new_person_s_first_runs_find_everything_there(ledger: Database, callers: Crowd) -> None:
    user_id = world.new_user(ledger)
    answers = await at_once(callers, reserve(user_id, model="gpt-4o-mini"))
    assert Counter(type(answer).__name__ for answer in answers)["Refused"] == CALLERS - 5
    assert {answer.code for answer in answers if isinstance(answer, Refused)} == {"SCC01"}
    assert len(holds_of(ledger, user_id)) == 5


async def test_the_day_s_cost_limit_is_reached_as_by_one_after_the_other(
    off_the_hour: None, ledger: Database, callers: Crowd
) -> None:
    # More at once than the day has room for, so that it is the cost that binds.
    ledger.rows("update playground.tiers set concurrent_runs = %s", [CALLERS])
    one_by_one = world.new_user(ledger, credits=200, plan="prpm_plus_individual")
    with ledger.connect("scrip_gateway") as connection:
        gateway = Caller(connection)
        expected = Counter(
            answer.code if isinstance(answer, Refused) else "held"
            for answer in [gateway.ask(reserve(one_by_one)) for _ in range(CALLERS)]
        )
    user_id = world.new_user(ledger, credits=200, plan="prpm_plus_individual")
    became = await reserve_at_once(ledger, callers, user_id)
    assert became == expected
    assert became.keys() == {"held", "SCT02"}
    assert ledger.value(
        f"select sum(cost_held_usd) <= {DAY_LIMIT} from playground.holds where account_id = %s", [user_id]
    )


async def test_the_hour_s_runs_are_counted_once_each(off_the_hour: None, ledger: Database, callers: Crowd) -> None:
    user_id = world.new_user(ledger, credits=200)
    became = await reserve_at_once(ledger, callers, user_id, model="gpt-4o-mini")
    assert became == {"held": 10, "SCT02": CALLERS - 10}


async def test_one_key_makes_one_hold_and_one_charge(ledger: Database, callers: Crowd) -> None:
    user_id = world.new_user(ledger, credits=200, is_unlimited=True)
    became = await reserve_at_once(ledger, callers, user_id, idempotency_key="once")
    assert became == {"held": 1, "SCI02": CALLERS - 1}
    [(hold_id, *_)] = holds_of(ledger, user_id)

    settled = await at_once(callers, settle(user_id, hold_id))
    replayed = await at_once(callers, reserve(user_id, idempotency_key="once"))
    other = await at_once(callers, reserve(user_id, idempotency_key="once", user_input="Something else"))
    [body] = {row.body for row in settled if not isinstance(row, Refused)}
    assert {(row.replay_status, row.replay_body) for row in replayed if not isinstance(row, Refused)} == {(200, body)}
    assert {answer.code for answer in other if isinstance(answer, Refused)} == {"SCI01"}
    assert balance_of(ledger, user_id) == {"balance": 204, "held": 0, "available": 204}


async def test_settle_against_release_ends_a_hold_once(ledger: Database, callers: Crowd) -> None:
    user_id = world.new_user(ledger, credits=200, is_unlimited=True)
    for _ in range(10):
        hold_id = (await callers[0].get(reserve(user_id))).hold_id
        queries = [settle(user_id, hold_id), release(user_id, hold_id)] * 10
        answers = await from_one_start(ledger, user_id, callers[:20], queries)
        charged = {answer.charged for answer in answers[0::2] if not isinstance(answer, Refused)}
        released = {answer.released for answer in answers[1::2] if not isinstance(answer, Refused)}
        assert (charged, released) in [({1}, {False}), ({0}, {True})]
    spent = sum(charged or 0 for _, _, charged in holds_of(ledger, user_id))
    assert balance_of(ledger, user_id)["balance"] == 205 - spent


async def test_one_plan_goes_live_whoever_sets_one_at_once(ledger: Database) -> None:
    user_id = world.new_user(ledger)
    plan = {"plan_price": "prpm_plus_individual", "anchor": None, "reason": "for a test"}
    async with crowd(ledger, 8, "scrip_operator") as operators:
        query = call("admin.set_plan", user_id=user_id, **plan)
        answers = await from_one_start(ledger, user_id, operators, [query] * len(operators))
    assert Counter(answer.code for answer in answers if isinstance(answer, Refused)) == {"SCD05": 7}
    assert balance_of(ledger, user_id)["balance"] == 105


async def test_a_second_live_plan_is_refused_by_the_table_too(ledger: Database) -> None:
    """Whoever writes past the functions: a second one would grant each month twice."""
    user_id = world.new_user(ledger, plan="prpm_plus_individual")
    with pytest.raises(psycopg.errors.UniqueViolation):
        ledger.rows(
            """
            insert into playground.subscriptions (
              account_id, subscription_id, plan_price, source, status, anchor, periods, period_end, created_at)
            select account_id, gen_random_uuid(), plan_price, source, status, anchor, periods, period_end, created_at
            from playground.subscriptions where account_id = %s
            """,
            [user_id],
        )


async def test_one_address_registered_at_once_is_one_person_with_one_gift(ledger: Database, callers: Crowd) -> None:
    email = "at.once@scrip.example"
    answers = await at_once(callers[:16], register(email))
    codes = Counter(answer.code for answer in answers if isinstance(answer, Refused))
    assert codes == {"SCA03": 15}
    [user_id] = [UUID(row[0]["id"]) for row in answers if not isinstance(row, Refused)]
    assert ledger.rows(
        "select number, type::text, amount from playground.transactions where account_id = %s", [user_id]
    ) == [(1, "signup", 5)]


async def test_one_person_s_many_addresses_get_one_gift(ledger: Database, callers: Crowd) -> None:
    names = [f"a{'.' if number % 2 else ''}nybody+{number}@gmail.com" for number in range(16)]
    rows = await asyncio.gather(*(caller.get(register(name)) for caller, name in zip(callers, names, strict=False)))
    user_ids = [UUID(row[0]["id"]) for row in rows]
    balances = ledger.rows(
        "select last_balance::bigint from playground.accounts where account_id = any (%s) order by 1", [user_ids]
    )
    assert balances == [(0,)] * 15 + [(5,)]


async def test_one_refresh_token_is_exchanged_once_and_its_reuse_ends_the_family(
    ledger: Database, callers: Crowd
) -> None:
    email = "refresh@scrip.example"
    with ledger.connect("scrip_gateway") as connection:
        gateway = Caller(connection)
        user_id = UUID(gateway.value(register(email))["id"])
        answers = await asyncio.gather(
            *(
                caller.ask(refresh(user_id, f"first token of {email}", f"token {number}"))
                for number, caller in enumerate(callers[:16])
            )
        )
        won = [number for number, answer in enumerate(answers) if not isinstance(answer, Refused)]
        assert len(won) == 1
        assert Counter(answer.code for answer in answers if isinstance(answer, Refused)) == {"SCA04": 15}
        assert gateway.ask(refresh(user_id, f"token {won[0]}", "next token")) == Refused("SCA04")


def refresh(user_id: UUID, old: str, new: str) -> world.Query:
    return call("api.refresh_login", user_id=user_id, token_hash=hash_of(old), new_token_hash=hash_of(new))


async def test_a_person_s_tokens_race_with_a_log_out_and_all_end(ledger: Database, callers: Crowd) -> None:
    email = "leaving@scrip.example"
    with ledger.connect("scrip_gateway") as connection:
        gateway = Caller(connection)
        user_id = UUID(gateway.value(register(email))["id"])
        refreshing, leaving = callers[:2]
        await asyncio.gather(
            refreshing.ask(refresh(user_id, f"first token of {email}", "second token")),
            leaving.get(call("api.record_logout", user_id=user_id, token_hash=hash_of(f"first token of {email}"))),
        )
        assert gateway.ask(refresh(user_id, "second token", "third token")) == Refused("SCA04")
