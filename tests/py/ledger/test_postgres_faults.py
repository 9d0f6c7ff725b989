"""PostgreSQL or a session killed, the scheduler away for months: nothing acknowledged is lost, nothing counts twice."""

import asyncio
import os
import random
import signal
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest

from scripts.setup.cluster import Cluster
from scripts.setup.migrate import bootstrap, migrate
from tests.py.ledger import world
from tests.py.ledger.world import AsyncCaller, Caller, Query, Refused, call, reserve, settle
from tests.py.support.database import Database, wait_until

CALLERS = 6
KILLS = 3
SETTLED_BETWEEN_KILLS = 25
HOLD_LIFETIME = timedelta(seconds=190)


@pytest.fixture
def durable(private_cluster: Cluster) -> Database:
    """A database with all our code on a cluster of its own, that keeps what it has acknowledged."""
    database = Database(private_cluster.url("postgres", "postgres"), "scrip")
    bootstrap(database.admin_url)
    migrate(database.admin_url, say=lambda text: None)
    world.import_package(database)
    return database


def kill_everything(cluster: Cluster) -> None:
    """kill -9 of the server and of each of its processes, as when the machine loses power."""
    assert cluster.server is not None
    postmaster = cluster.server.process.pid
    # Stopped, it forks no more, nor does it end sessions in good order because one of them died.
    os.kill(postmaster, signal.SIGSTOP)
    children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
    for child in children:
        with suppress(ProcessLookupError):
            os.kill(int(child), signal.SIGKILL)
    cluster.kill()


class Gateways:
    """Callers that reserve and settle, and try again until they are answered. What was acknowledged is written down."""

    def __init__(self, database: Database, user_ids: list[UUID]) -> None:
        self.database = database
        self.user_ids = user_ids
        self.reserved: list[UUID] = []
        self.settled: dict[UUID, tuple[UUID, Any]] = {}
        self.is_over = False

    async def work(self, number: int) -> None:
        chance = random.Random(number)
        while not self.is_over:
            user_id = chance.choice(self.user_ids)
            held = await self.ask(reserve(user_id), once=True)
            if held is None:
                continue
            assert not isinstance(held, Refused), held
            self.reserved.append(held.hold_id)
            self.settled[held.hold_id] = user_id, await self.ask(settle(user_id, held.hold_id), once=False)

    async def ask(self, query: Query, *, once: bool) -> Any:
        """The answer. None when the connection broke and the call may not be repeated."""
        while True:
            try:
                async with await self.database.connect_async("scrip_gateway") as connection:
                    return await AsyncCaller(connection).ask(query)
            except psycopg.OperationalError:
                # Nothing listens while the server is down: others must get their turn.
                await asyncio.sleep(0.01)
                if once:
                    return None

    async def settle_more(self) -> None:
        target = len(self.settled) + SETTLED_BETWEEN_KILLS
        await asyncio.to_thread(wait_until, lambda: len(self.settled) >= target, "settled runs")


async def test_postgres_killed_under_load_forgets_nothing_it_acknowledged(
    durable: Database, private_cluster: Cluster
) -> None:
    user_ids = [world.new_user(durable, credits=10_000, is_unlimited=True) for _ in range(3)]
    gateways = Gateways(durable, user_ids)
    async with asyncio.TaskGroup() as group:
        for number in range(CALLERS):
            group.create_task(gateways.work(number))
        for _ in range(KILLS):
            await gateways.settle_more()
            await asyncio.to_thread(kill_everything, private_cluster)
            await asyncio.to_thread(private_cluster.start)
        await gateways.settle_more()
        gateways.is_over = True

    assert_nothing_lost_or_doubled(durable, gateways)
    assert_holds_end(durable)


def assert_nothing_lost_or_doubled(database: Database, gateways: Gateways) -> None:
    rows = database.rows("select hold_id, status::text, charged::bigint from playground.holds")
    holds = {hold_id: (status, charged) for hold_id, status, charged in rows}
    assert set(gateways.reserved) <= set(holds)
    spent = dict(
        database.rows("select hold_id, count(*) from playground.transactions where type = 'spend' group by hold_id")
    )
    with database.connect("scrip_gateway") as connection:
        for hold_id, (user_id, first) in gateways.settled.items():
            assert holds[hold_id] == ("settled", first.charged)
            assert spent[hold_id] == 1
            assert Caller(connection).get(settle(user_id, hold_id)) == first
    database.assert_ledger_holds()


def assert_holds_end(database: Database) -> None:
    """Those whose reservation nobody heard of are freed by the job within their limit and a minute."""
    database.clock.advance(HOLD_LIFETIME + timedelta(minutes=1))
    with database.connect("scrip_cron") as connection:
        connection.execute("call jobs.drain('expire_holds')")
    assert database.rows("select hold_id from playground.holds where status = 'open'") == []
    assert database.rows("select grant_id from playground.grants where held > 0") == []
    database.assert_ledger_holds()


class StoppedSettle:
    """A settle that has charged and waits, in one transaction, for the row of its conversation, which is its last."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.user_id = world.new_user(database, is_unlimited=True)
        with database.connect("scrip_gateway") as connection:
            gateway = Caller(connection)
            first = gateway.get(reserve(self.user_id))
            gateway.get(settle(self.user_id, first.hold_id))
            self.hold_id = gateway.get(reserve(self.user_id, session_id=first.session_id)).hold_id
        self.session_id = first.session_id

    async def killed_by(self, kill: Callable[[int], object]) -> BaseException | None:
        """What the settling caller hears when the server process with its pid is killed there."""
        settling = await self.database.connect_async("scrip_gateway")
        keeper = await self.database.connect_async("postgres")
        try:
            await keeper.execute("begin")
            await keeper.execute(
                "select from playground.sessions where session_id = %s for no key update", [self.session_id]
            )
            under_way = asyncio.create_task(AsyncCaller(settling).ask(settle(self.user_id, self.hold_id)))
            await asyncio.to_thread(self.database.wait_for_lock_waits)
            kill(settling.info.backend_pid)
            [answer] = await asyncio.gather(under_way, return_exceptions=True)
        finally:
            await settling.close()
            await keeper.close()
        return answer if isinstance(answer, BaseException) else None

    def assert_undone_and_then_done_once(self) -> None:
        balance = call("api.get_balance", user_id=self.user_id)
        with self.database.connect("scrip_gateway") as connection:
            gateway = Caller(connection)
            before = gateway.value(balance)
            assert (before["balance"], before["held"]) == (4, 1)
            first = gateway.get(settle(self.user_id, self.hold_id))
            assert first.charged == 1
            assert gateway.get(settle(self.user_id, self.hold_id)) == first
            after = gateway.value(balance)
            assert (after["balance"], after["held"]) == (3, 0)
        self.database.assert_ledger_holds()


async def test_a_session_terminated_in_the_middle_of_a_settle_has_charged_nothing(ledger: Database) -> None:
    stopped = StoppedSettle(ledger)
    terminate = "select pg_terminate_backend(%s, 60000)"
    error = await stopped.killed_by(lambda pid: ledger.rows(terminate, [pid], role="postgres"))
    assert isinstance(error, psycopg.OperationalError)
    stopped.assert_undone_and_then_done_once()


async def test_a_process_killed_in_the_middle_of_a_settle_has_charged_nothing(durable: Database) -> None:
    """The server then ends all sessions and recovers by itself."""
    stopped = StoppedSettle(durable)
    witness = durable.connect()
    error = await stopped.killed_by(lambda pid: os.kill(pid, signal.SIGKILL))
    assert isinstance(error, psycopg.OperationalError)
    # Until the server has heard of the death it still lets people in.
    await asyncio.to_thread(wait_until, lambda: is_ended(witness), "the end of all sessions")
    await asyncio.to_thread(wait_until, lambda: is_reachable(durable), "the end of recovery")
    stopped.assert_undone_and_then_done_once()


def is_ended(connection: psycopg.Connection) -> bool:
    try:
        connection.execute("select")
    except psycopg.OperationalError:
        return True
    return False


def is_reachable(database: Database) -> bool:
    try:
        database.connect().close()
    except psycopg.OperationalError:
        return False
    return True


async def test_a_scheduler_away_for_months_is_made_up_for_by_one_look(ledger: Database) -> None:
    """The same ledger as with a scheduler that came whenever something fell due."""
    begin = datetime(2027, 1, 31, 12, tzinfo=UTC)
    days = 250
    with ledger.connect("scrip_gateway") as connection, ledger.connect("scrip_cron") as cron:
        gateway = Caller(connection)

        def subscribe() -> UUID:
            ledger.clock.freeze(begin)
            user_id = world.new_user(ledger, credits=9, plan="prpm_plus_individual")
            gateway.get(reserve(user_id, model="opus"))
            gateway.get(settle(user_id, gateway.get(reserve(user_id)).hold_id))
            return user_id

        attended = subscribe()
        for due in [HOLD_LIFETIME, *(timedelta(days=day) for day in range(1, days + 1))]:
            ledger.clock.freeze(begin + due)
            for job in ("expire_holds", "process_monthly_reset", "expire_rollover_credits"):
                cron.execute(f"call jobs.drain('{job}')".encode())
        neglected = subscribe()
        ledger.clock.freeze(begin + timedelta(days=days))
        balance = gateway.value(call("api.get_balance", user_id=neglected))

        assert balance == gateway.value(call("api.get_balance", user_id=attended))
        assert [kind for _, kind, *_ in world.ledger_of(ledger, neglected)].count("monthly") == 9
        assert world.ledger_of(ledger, neglected) == world.ledger_of(ledger, attended)
    ledger.assert_ledger_holds()
    ledger.clock.release()
