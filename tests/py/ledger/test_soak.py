"""Everything at once for a while: nobody waits in a circle, times follow numbers, the books hold.

SCRIP_SOAK_SECONDS (default 10): how long the one account is fought over.
"""

import asyncio
import os
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from uuid import UUID

from tests.py.ledger import world
from tests.py.ledger.crowds import crowd, deadlocks_of
from tests.py.ledger.world import AsyncCaller, Caller, Query, Refused, call, release, reserve, settle
from tests.py.support.database import PATIENCE_SECONDS, Database

SOAK_SECONDS = float(os.environ.get("SCRIP_SOAK_SECONDS", "10"))
CHECKS = 50
JOBS = ("expire_holds", "process_monthly_reset", "expire_rollover_credits", "purge", "beat")
EVERYTHING = frozenset(
    {"settled", "released", "expired", "late", "spend", "monthly", "rollover", "expire", "admin", "signup"}
)
WHY = "for a test"

Step = Callable[[], Awaitable[object]]


class Person:
    """Somebody whom everybody wants something of; each step is one round of one kind of caller."""

    def __init__(self, user_id: UUID) -> None:
        self.user_id = user_id
        self.chance = random.Random(str(user_id))
        self.session_ids: list[UUID] = []
        self.left_alone: list[UUID] = []

    async def reserve(self, gateway: AsyncCaller) -> UUID | None:
        session_id = self.chance.choice([None, None, *self.session_ids[-1:]])
        model = self.chance.choice(["sonnet", "gpt-4o", "opus"])
        answer = await gateway.ask(reserve(self.user_id, model=model, session_id=session_id))
        if isinstance(answer, Refused):
            assert answer.code in {"SCC01", "SCT01", "SCS01"}, answer
            return None
        if session_id is None:
            self.session_ids.append(answer.session_id)
        return answer.hold_id

    async def settle(self, gateway: AsyncCaller) -> None:
        hold_id = await self.reserve(gateway)
        if hold_id is not None:
            outcome = self.chance.choice(["completed", "client_gone"])
            first = await gateway.get(settle(self.user_id, hold_id, outcome=outcome))
            repeat = await gateway.get(settle(self.user_id, hold_id, outcome=outcome))
            # Whoever deleted the conversation meanwhile took its answer along.
            assert repeat in (first, first._replace(body=first.body.replace(world.ANSWER, ""))), (first, repeat)

    async def release(self, gateway: AsyncCaller) -> None:
        hold_id = await self.reserve(gateway)
        if hold_id is not None:
            outcome = self.chance.choice(["provider_refused", "provider_broke", "not_called"])
            await gateway.get(release(self.user_id, hold_id, outcome=outcome))

    async def leave_alone(self, gateway: AsyncCaller) -> None:
        """A gateway that died; now and then it answers after all."""
        hold_id = await self.reserve(gateway)
        if hold_id is not None:
            self.left_alone.append(hold_id)
        if self.left_alone and self.chance.random() < 0.3:
            await gateway.get(settle(self.user_id, self.left_alone.pop(0)))

    async def look(self, gateway: AsyncCaller) -> None:
        await gateway.get(call("api.get_balance", user_id=self.user_id))
        await gateway.get(call("api.list_transactions", user_id=self.user_id, limit=100))
        await gateway.get(call("api.get_user", user_id=self.user_id))
        if len(self.session_ids) > 5:
            await gateway.ask(call("api.delete_session", user_id=self.user_id, session_id=self.session_ids.pop(0)))

    async def operate(self, operator: AsyncCaller) -> None:
        at_period_end = self.chance.random() < 0.5
        changes = [
            call("admin.grant_credits", user_id=self.user_id, credits=40, reason=WHY),
            call("admin.throttle", user_id=self.user_id, reason=WHY),
            call("admin.unthrottle", user_id=self.user_id, reason=WHY),
            set_plan(self.user_id),
        ]
        # Seldom, so that some plans live for months.
        if self.chance.random() < 0.02:
            changes.append(call("admin.end_plan", user_id=self.user_id, at_period_end=at_period_end, reason=WHY))
        for change in changes:
            answer = await operator.ask(change)
            assert not isinstance(answer, Refused) or answer.code in {"SCD04", "SCD05"}, answer


def set_plan(user_id: UUID) -> Query:
    return call("admin.set_plan", user_id=user_id, plan_price="prpm_plus_individual", anchor=None, reason=WHY)


async def run_jobs(scheduler: AsyncCaller) -> None:
    for job in JOBS:
        await scheduler.get(call(f"jobs.{job}"))
    await scheduler.connection.execute("call jobs.drain('create_partitions')")


async def until(is_over: Callable[[], bool], step: Step) -> None:
    while not is_over():
        await step()


@asynccontextmanager
async def at_the_same_time() -> AsyncIterator[Callable[[Awaitable[object]], object]]:
    """Runs what it is given side by side; the first that fails ends all."""
    async with asyncio.TaskGroup() as group:

        async def run(work: Awaitable[object]) -> None:
            await work

        yield lambda work: group.create_task(run(work))


class HurryingClock:
    """The machine's time, ever further ahead. (One that stands gives many calls the same instant.)"""

    def __init__(self, database: Database) -> None:
        self._database = database
        database.rows("create schema tests")
        database.rows("create table tests.hurry (ahead interval not null)")
        database.rows("insert into tests.hurry values ('0')")
        database.rows("""
            create or replace function engine.now() returns timestamptz language sql volatile set search_path = ''
            as 'select pg_catalog.clock_timestamp() + ahead from tests.hurry'
        """)

    def advance(self, by: timedelta) -> None:
        self._database.rows("update tests.hurry set ahead = ahead + %s", [by])


async def test_one_account_fought_over(fresh_database: Database) -> None:
    """Settle, release, expiry, periods, grants, throttles, jobs and readers on one account while months go by."""
    ledger = fresh_database
    world.import_package(ledger)
    clock = HurryingClock(ledger)
    person = Person(world.new_user(ledger, credits=200, is_unlimited=True, plan="prpm_plus_individual"))
    async with (
        crowd(ledger, 9) as gateways,
        crowd(ledger, 1, "scrip_operator") as operators,
        crowd(ledger, 2, "scrip_cron") as schedulers,
    ):
        time = asyncio.get_running_loop().time
        ends_at = time() + SOAK_SECONDS
        gives_up_at = ends_at + PATIENCE_SECONDS
        missing = EVERYTHING

        def is_over() -> bool:
            return time() > gives_up_at or (time() > ends_at and not missing)

        async def let_time_pass(scheduler: AsyncCaller) -> None:
            # No faster than the jobs can follow: partitions are made three months ahead.
            await run_jobs(scheduler)
            pause = person.chance.choice([timedelta(seconds=20), timedelta(minutes=3), timedelta(days=3)])
            await asyncio.to_thread(clock.advance, pause)
            nonlocal missing
            missing = EVERYTHING - await asyncio.to_thread(happened, ledger, person.user_id)

        async with at_the_same_time() as start:
            for gateway in gateways[:4]:
                start(until(is_over, lambda gateway=gateway: person.settle(gateway)))
            for gateway in gateways[4:6]:
                start(until(is_over, lambda gateway=gateway: person.release(gateway)))
            for gateway in gateways[6:8]:
                start(until(is_over, lambda gateway=gateway: person.leave_alone(gateway)))
            start(until(is_over, lambda: person.look(gateways[8])))
            start(until(is_over, lambda: person.operate(operators[0])))
            for scheduler in schedulers:
                start(until(is_over, lambda scheduler=scheduler: let_time_pass(scheduler)))

        await gateways[0].get(call("api.get_balance", user_id=person.user_id))

    ledger.assert_ledger_holds()
    assert await deadlocks_of(ledger) == 0
    assert times_that_run_backwards(ledger) == []
    # A fight in which nothing happened proves nothing.
    assert not missing


def times_that_run_backwards(ledger: Database) -> list[tuple]:
    return ledger.rows("""
        select * from (
          select number, posted_at, effective_at,
            lag(posted_at) over in_order as posted_before, lag(effective_at) over in_order as effective_before
          from playground.transactions
          window in_order as (partition by account_id order by number)) as line
        where posted_at < posted_before or effective_at < effective_before
    """)


def happened(ledger: Database, user_id: UUID) -> set[str]:
    """How holds ended and which lines were written."""
    rows = ledger.rows(
        """
        select status::text from playground.holds where account_id = %(user_id)s
        union select outcome from playground.holds where account_id = %(user_id)s
        union select type::text from playground.transactions where account_id = %(user_id)s
        """.replace("%(user_id)s", f"'{user_id}'")
    )
    return {name for (name,) in rows}


async def test_verify_ledger_is_quiet_under_full_load(ledger: Database) -> None:
    """As a statement, from a stable function, from the job, and since an instant: it reads one moment of the books."""
    ledger.rows("create schema if not exists tests")
    ledger.rows("""
        create function tests.count_violations(p_since timestamptz) returns bigint language plpgsql stable
        as 'begin return (select count(*) from admin.verify_ledger(p_since)); end'
    """)
    people = [Person(world.new_user(ledger, credits=10_000, is_unlimited=True)) for _ in range(3)]
    async with crowd(ledger, 6) as gateways, crowd(ledger, 1, "scrip_owner") as [owner]:
        # A round of runs for each check, so that the books do not grow faster than they are read.
        rounds = asyncio.Semaphore(0)
        is_over = False

        async def use(person: Person, gateway: AsyncCaller) -> None:
            await rounds.acquire()
            await person.settle(gateway)
            await person.release(gateway)

        async def find_nothing(query: Query) -> None:
            for _ in gateways:
                rounds.release()
            assert await owner.value(query) == 0

        async def check() -> None:
            nonlocal is_over
            for _ in range(CHECKS):
                since = await owner.value(Query("select engine.now() - interval '1 second'", {}))
                await find_nothing(Query("select count(*) from admin.verify_ledger()", {}))
                await find_nothing(call("tests.count_violations", since=None))
                await find_nothing(call("tests.count_violations", since=since))
                await find_nothing(call("jobs.verify_ledger", is_whole=False))
            is_over = True
            for _ in gateways:
                rounds.release()

        async with at_the_same_time() as start:
            for number, gateway in enumerate(gateways):
                person = people[number % len(people)]
                start(until(lambda: is_over, lambda person=person, gateway=gateway: use(person, gateway)))
            start(check())
    assert await deadlocks_of(ledger) == 0


async def test_two_schedulers_do_everything_once(fresh_database: Database) -> None:
    """Two months of forty accounts, in small batches, by two schedulers and the drains beside them."""
    ledger = fresh_database
    world.import_package(ledger)
    begin = datetime(2028, 1, 31, 12, tzinfo=UTC)
    ledger.clock.freeze(begin)
    user_ids = [world.new_user(ledger, credits=7, plan="prpm_plus_org") for _ in range(40)]
    with ledger.connect("scrip_gateway") as connection:
        for user_id in user_ids:
            Caller(connection).get(reserve(user_id))
    ledger.clock.freeze(begin + timedelta(days=70))

    processed = 0
    async with crowd(ledger, 4, "scrip_cron") as schedulers:

        async def run(scheduler: AsyncCaller) -> None:
            nonlocal processed
            for job in JOBS[:3]:
                while count := await scheduler.value(call(f"jobs.{job}", limit=7)):
                    processed += count

        async def drain(scheduler: AsyncCaller) -> None:
            for job in JOBS[:3]:
                await scheduler.connection.execute(f"call jobs.drain('{job}')".encode())

        await asyncio.gather(*map(run, schedulers[:2]))
        # Both may leave an account to the other in their last batch.
        await run(schedulers[0])
        assert processed == len(user_ids)
        ledger.clock.advance(timedelta(days=70))
        await asyncio.gather(*map(run, schedulers[:2]), *map(drain, schedulers[2:]))
        await drain(schedulers[2])

    ledgers = [world.ledger_of(ledger, user_id) for user_id in user_ids]
    assert all(other == ledgers[0] for other in ledgers)
    assert [kind for _, kind, *_ in ledgers[0]].count("monthly") == 5
    ledger.assert_ledger_holds()
