"""The database dies, hangs up or is busy while runs are under way: 503s or completed runs, never a lost charge."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import aiohttp
import pytest

from scripts.setup.cluster import Cluster
from scripts.setup.demo import load_demo
from scripts.setup.migrate import bootstrap, migrate
from tests.py.endtoend.books import Books
from tests.py.endtoend.callers import Person, Reply, Streamed, StreamRefused
from tests.py.endtoend.conftest import Call, Service, StartGateway, linked, proxied
from tests.py.endtoend.simulation import Simulation
from tests.py.endtoend.stages import AFTER_RESERVE, BEFORE_RESERVE, STAGES, Scene, Stage
from tests.py.endtoend.waiting import LOOK_AGAIN_SECONDS, PATIENCE_SECONDS, until
from tests.py.support.clusters import private_cluster
from tests.py.support.database import Database
from tests.py.support.proxy import DatabaseProxy

CREDITS = 10
CALLERS = 6
RUNS_EACH = 8


class Perishable:
    """A database on a cluster that a test may kill, and a gateway before it."""

    def __init__(self, cluster: Cluster, folder: Path, start: StartGateway) -> None:
        self.cluster = cluster
        self.database = Database(cluster.url(), "scrip")
        self.proxy_folder = folder / "proxy"
        self.service = Service(start, proxied(self.database, self.proxy_folder), database_wait_seconds=1)


@pytest.fixture(scope="module")
def perishable(start_gateway: StartGateway) -> Iterator[Perishable]:
    """Durable, as in production: what was committed is there after the kill."""
    with private_cluster() as cluster, TemporaryDirectory(prefix="scrip-link-") as folder:
        bootstrap(cluster.url())
        migrate(cluster.url(), say=lambda text: None)
        load_demo(cluster.url())
        yield Perishable(cluster, Path(folder), start_gateway)


@pytest.fixture
async def proxy_of_perishable(perishable: Perishable) -> AsyncIterator[DatabaseProxy]:
    async with linked(perishable.database, perishable.proxy_folder) as proxy:
        yield proxy


@pytest.mark.parametrize("streams", [False, True], ids=["plain", "streamed"])
async def test_postgres_killed_while_a_run_stands_at_each_point(
    streams: bool, perishable: Perishable, proxy_of_perishable: DatabaseProxy, simulation: Simulation, call: Call
) -> None:
    books = Books(perishable.database)
    people = {stage: books.person(CREDITS) for stage in STAGES}
    gateway = await perishable.service.gateway()
    scenes: dict[Stage, Scene] = {}
    for stage, person in people.items():
        caller = call(gateway, person)
        assert (await caller.run("acknowledged")).status == 200
        scenes[stage] = Scene(caller, simulation, proxy_of_perishable, f"at {stage}", "the key", streams)
    for stage, scene in scenes.items():
        await stage.reach(scene)
    books.close()

    perishable.cluster.kill()
    refused = await scenes[BEFORE_RESERVE].caller.run("nobody keeps books now")
    assert (refused.status, refused.error) == (503, "unavailable")
    assert int(refused.headers["Retry-After"]) > 0
    assert (await status_of(gateway.address)) == 503
    for scene in scenes.values():
        scene.cut()
    await simulation.resume()
    perishable.cluster.start()

    books = Books(perishable.database)
    for stage, scene in scenes.items():
        assert_answered_or_refused(await scene.ended(), stage, books, people[stage])
    books.verify()
    assert (await status_of(gateway.address)) == 200
    await the_first_two_come_back(books, people, scenes)
    books.verify()
    books.close()
    perishable.database.clock.release()


def assert_answered_or_refused(
    result: Reply | Streamed | BaseException, stage: Stage, books: Books, person: Person
) -> None:
    """Before the model was asked: 503, nothing charged. From then on the gateway settles as soon as it can."""
    if stage in (BEFORE_RESERVE, AFTER_RESERVE):
        reply = result.reply if isinstance(result, StreamRefused) else result
        assert isinstance(reply, Reply), reply
        assert (reply.status, reply.error) == (503, "unavailable")
        assert books.charges(person) == [1]
        return
    body = result.last.octets if isinstance(result, Streamed) else getattr(result, "octets", repr(result).encode())
    assert body == books.stored_body(person), stage
    assert books.charges(person) == [1, 1], stage


async def the_first_two_come_back(books: Books, people: dict[Stage, Person], scenes: dict[Stage, Scene]) -> None:
    """What was never reserved may run at once; what was reserved unheard is held, and free after the hold's limit."""
    never, unheard = scenes[BEFORE_RESERVE], scenes[AFTER_RESERVE]
    assert (await never.caller.run(never.user_input, key=never.key)).status == 200
    busy = await unheard.caller.run(unheard.user_input, key=unheard.key)
    assert (busy.status, busy.error) == (409, "run_in_progress")
    books.let_holds_end()
    assert (await unheard.caller.run(unheard.user_input, key=unheard.key)).status == 200
    for stage in (BEFORE_RESERVE, AFTER_RESERVE):
        assert books.charges(people[stage]) == [1, 1]
        assert books.balance(people[stage])["held"] == 0


async def test_after_a_crash_of_postgres_requests_are_counted_anew(
    perishable: Perishable, proxy_of_perishable: DatabaseProxy, session: aiohttp.ClientSession
) -> None:
    books = Books(perishable.database)
    books.rows("select admin.set_request_limit('writes', 'user', 3, '1 day', 'test')")
    headers = {"Authorization": f"Bearer {books.person().token}"}
    gateway = await perishable.service.gateway()
    books.close()
    key = f"{gateway.address}/api/v1/auth/keys/00000000-0000-4000-8000-000000000000"

    async def left() -> tuple[int, str | None]:
        async with session.delete(key, headers=headers) as answer:
            return answer.status, answer.headers.get("RateLimit-Remaining")

    assert [await left() for _ in range(4)] == [(404, "2"), (404, "1"), (404, "0"), (429, "0")]
    perishable.cluster.kill()
    assert await left() == (503, None)
    perishable.cluster.start()
    # The limit is remembered, what was used of it is not.
    assert await left() == (404, "2")


async def status_of(address: str) -> int:
    async with aiohttp.ClientSession() as session, session.get(f"{address}/readyz") as response:
        return response.status


async def test_connections_terminated_under_load(
    books: Books, proxy: DatabaseProxy, simulation: Simulation, service: Service, call: Call
) -> None:
    """pg_terminate_backend on all of the gateway's sessions, again and again while people run."""
    gateway = await service.gateway()
    people = [books.person(CREDITS * RUNS_EACH) for _ in range(CALLERS)]

    async def keep_running(person: Person) -> list[Reply]:
        caller = call(gateway, person)
        return [await caller.run(f"run {number}", key=f"key {number}") for number in range(RUNS_EACH)]

    running = asyncio.gather(*(keep_running(person) for person in people))
    for settled in range(CALLERS, CALLERS * RUNS_EACH, CALLERS):
        await until(lambda least=settled: running.done() or proxy.calls["settle_run"] >= least, "more runs")
        terminate_all(books)
    for person, replies in zip(people, await running, strict=True):
        assert {reply.status for reply in replies} <= {200, 503}
        acknowledged = [reply.json["creditsSpent"] for reply in replies if reply.status == 200]
        assert books.charges(person) == acknowledged
        assert {reply.error for reply in replies if reply.status == 503} <= {"unavailable"}
    books.verify()
    books.let_holds_end()
    assert all(books.balance(person)["held"] == 0 for person in people)
    # The gateway is well again without anyone's help.
    assert (await call(gateway, people[0]).run("afterwards")).status == 200


def terminate_all(books: Books) -> None:
    books.database.rows(
        "select pg_terminate_backend(pid, 60000) from pg_stat_activity "
        "where datname = current_database() and application_name = 'scrip-gateway'",
        role="postgres",
    )


@asynccontextmanager
async def account_locked(books: Books, person: Person) -> AsyncIterator[None]:
    """Somebody else's transaction holds the account's row."""
    connection = await books.database.connect_async()
    try:
        async with connection.transaction():
            await connection.execute("select from playground.accounts where account_id = %s for update", [person.id])
            yield
    finally:
        await connection.close()


async def test_no_connection_left(
    books: Books, simulation: Simulation, start_gateway: StartGateway, call: Call
) -> None:
    """The only connection waits for a lock: new runs are refused at once, what is under way is settled in the end."""
    gateway = await start_gateway(books.database.url("scrip_gateway"), database_connections=1, database_wait_seconds=1)
    slow, under_way, newcomer = (books.person(CREDITS) for _ in range(3))
    # A connection takes its time to come, and the gateway's own work has the first turn.
    async with asyncio.timeout(PATIENCE_SECONDS):
        while (await call(gateway, newcomer).get("/playground/credits")).status != 200:
            await asyncio.sleep(LOOK_AGAIN_SECONDS)
    await simulation.pause("before_first_byte", match="under way")
    being_answered = asyncio.ensure_future(call(gateway, under_way).run("under way", key="key"))
    await simulation.reached(waiting__before_first_byte=1)
    async with account_locked(books, slow):
        waiting = asyncio.ensure_future(call(gateway, slow).run("slow"))
        await asyncio.to_thread(books.database.wait_for_lock_waits)
        refused = await call(gateway, newcomer).run("new")
        assert (refused.status, refused.error) == (503, "unavailable")
        assert int(refused.headers["Retry-After"]) > 0
        await simulation.resume()
        await simulation.reached(anthropic__finished=1)
        assert not being_answered.done()
    replies = await asyncio.gather(waiting, being_answered)
    assert [reply.status for reply in replies] == [200, 200]
    assert [books.charges(person) for person in (slow, under_way, newcomer)] == [[1], [1], []]
    assert books.holds(newcomer) == []
    gateway.kill()
