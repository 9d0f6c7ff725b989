"""The process itself: workers that are replaced, a drain that loses nothing, settings that refuse to start."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import aiohttp
import pytest

from gateway.llm.simulator import Simulator
from gateway.llm.simulator.behaviour import Pause
from gateway.version import ROOT
from tests.py.gateway.world import PATIENCE_SECONDS, SECRET, SETTINGS, World, until
from tests.py.support.database import Database


class Gateway:
    """`python -m gateway` as its own process, and the lines it writes."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.lines: list[dict[str, Any]] = []
        self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            with suppress(ValueError):
                self.lines.append(json.loads(line))

    def seen(self, event: str) -> list[dict[str, Any]]:
        return [line for line in self.lines if line.get("event") == event]

    async def says(self, event: str, times: int = 1) -> dict[str, Any]:
        """Waits for the event to have been logged that often; the last of them."""
        await until(lambda: len(self.seen(event)) >= times, f"the line {event!r}, {times} times")
        return self.seen(event)[-1]

    def workers(self) -> set[int]:
        return {line["pid"] for line in self.seen("worker started")}

    def tell(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    async def ended(self) -> int:
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await self.process.wait()

    async def close(self) -> None:
        if self.process.returncode is None:
            self.process.kill()
            await self.process.wait()
        self._reading.cancel()
        with suppress(asyncio.CancelledError):
            await self._reading


def environment(**changes: str) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    defaults = {"DATABASE_URL": SETTINGS.database_url, "JWT_SECRET": SECRET, "PORT": "0", "WORKERS": "2"}
    return kept | defaults | changes


async def start(**changes: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "gateway",
        cwd=ROOT,
        env=environment(**changes),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


@asynccontextmanager
async def gateway(**changes: str) -> AsyncIterator[Gateway]:
    running = Gateway(await start(**changes))
    try:
        yield running
    finally:
        await running.close()


async def get(port: int, path: str, **options: Any) -> tuple[int, bytes]:
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}{path}", **options) as reply:
        return reply.status, await reply.read()


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"JWT_SECRET": ""}, "JWT_SECRET"),
        ({"JWT_SECRET": "weak"}, "JWT_SECRET"),
        ({"DATABASE_URL": ""}, "DATABASE_URL"),
        ({"PORT": "no"}, "PORT"),
        ({"HOST": "192.0.2.1"}, "cannot listen"),
    ],
)
async def test_a_wrong_setting_is_one_line_and_no_start(changes: dict[str, str], word: str):
    process = await start(**changes)
    async with asyncio.timeout(PATIENCE_SECONDS):
        _, complaint = await process.communicate()
    assert process.returncode == 2
    assert word in complaint.decode()
    assert complaint.count(b"\n") == 1
    assert b"weak" not in complaint


async def test_a_port_in_use_is_one_line():
    async with gateway() as first:
        port = (await first.says("listening"))["port"]
        process = await start(PORT=str(port))
        async with asyncio.timeout(PATIENCE_SECONDS):
            _, complaint = await process.communicate()
        assert process.returncode == 2
        assert str(port) in complaint.decode()


async def test_a_worker_that_dies_is_replaced_and_said_so():
    async with gateway() as running:
        port = (await running.says("listening"))["port"]
        await running.says("worker started", 2)
        victim = min(running.workers())
        os.kill(victim, signal.SIGKILL)
        died = await running.says("worker died")
        assert (died["pid"], died["status"]) == (victim, -signal.SIGKILL)
        await running.says("worker started", 3)
        assert (await get(port, "/healthz"))[0] == 200
        running.tell(signal.SIGTERM)
        assert await running.ended() == 0


async def test_workers_that_keep_dying_end_it_all():
    async with gateway(WORKERS="1") as running:
        await running.says("listening")
        for number in range(1, 11):
            await running.says("worker started", number)
            os.kill(running.seen("worker started")[-1]["pid"], signal.SIGKILL)
            await running.says("worker died", number)
        await running.says("workers keep dying")
        assert await running.ended() == 1


async def test_workers_end_when_their_parent_is_killed():
    async with gateway() as running:
        await running.says("worker started", 2)
        await get((await running.says("listening"))["port"], "/healthz")
        workers = running.workers()
        running.tell(signal.SIGKILL)
        await running.ended()
        await until(lambda: not any(is_alive(pid) for pid in workers), "the workers to end")


async def test_all_workers_answer_and_are_counted_together():
    async with gateway() as running:
        port = (await running.says("listening"))["port"]
        for _ in range(20):
            # A connection each, so that both workers get some.
            assert (await get(port, "/healthz"))[0] == 200
        _, text = await get(port, "/metrics")
        assert b'scrip_http_requests_total{method="GET",route="/healthz",status="200"} 20.0' in text


@asynccontextmanager
async def serving_process(
    stocked: Database, simulation: tuple[Simulator, str], **changes: str
) -> AsyncIterator[tuple[Gateway, World]]:
    """A gateway process over the real database; the world is how the test reaches it."""
    simulator, address = simulation
    async with gateway(DATABASE_URL=stocked.url("scrip_gateway"), ANTHROPIC_BASE_URL=address, **changes) as running:
        port = (await running.says("listening"))["port"]
        async with aiohttp.ClientSession() as session:
            world = World(f"http://127.0.0.1:{port}", app=None, settings=SETTINGS, session=session)  # pyright: ignore
            world.database, world.simulator = stocked, simulator
            yield running, world


@pytest.fixture
async def served(stocked: Database, simulation: tuple[Simulator, str]) -> AsyncIterator[tuple[Gateway, World]]:
    async with serving_process(stocked, simulation, DRAIN_SECONDS="20") as served:
        yield served


@pytest.mark.parametrize("stream", [False, True])
async def test_a_drain_lets_runs_end_and_settles_them(served: tuple[Gateway, World], stream: bool):
    running, world = served
    person = world.person(100)
    world.pause(Pause("mid_stream" if stream else "before_first_byte"))
    run = asyncio.ensure_future(world.run(person, stream=stream))
    await world.waiting("mid_stream" if stream else "before_first_byte")
    running.tell(signal.SIGTERM)
    await running.says("draining", 2)
    with pytest.raises(aiohttp.ClientConnectionError):
        await until_refused(world)
    world.resume()
    reply = await run
    assert reply.status == 200
    if stream:
        assert b"event: done" in reply.octets
    assert await running.ended() == 0
    assert world.usage(person) == ["completed"]
    assert world.open_holds(person) == 0


@pytest.mark.parametrize("stream", [False, True])
async def test_a_run_that_outlives_the_drain_is_given_back(
    stocked: Database, simulation: tuple[Simulator, str], stream: bool
):
    async with serving_process(stocked, simulation, DRAIN_SECONDS="0.2") as (running, world):
        person = world.person(100)
        world.pause(Pause("mid_stream" if stream else "before_first_byte"))
        run = asyncio.ensure_future(world.run(person, stream=stream))
        await world.waiting("mid_stream" if stream else "before_first_byte")
        running.tell(signal.SIGTERM)
        assert await running.ended() == 0
        with suppress(aiohttp.ClientError):
            assert b"event: done" not in (await run).octets
        assert not running.seen("runs cut short")
        assert world.open_holds(person) == 0
        assert world.usage(person) == ["provider_broke"]
        assert world.balance(person)["available"] == 105


async def until_refused(world: World) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            async with aiohttp.ClientSession() as fresh, fresh.get(f"{world.address}/healthz"):
                await asyncio.sleep(0.01)


async def test_a_gateway_killed_mid_run_charges_nothing(served: tuple[Gateway, World]):
    running, world = served
    person = world.person(100)
    world.pause(Pause("mid_stream"))
    async with world.stream(person) as response:
        await response.content.readany()
        await world.waiting("mid_stream")
        workers = running.workers()
        for pid in workers:
            os.kill(pid, signal.SIGKILL)
        running.tell(signal.SIGKILL)
        await running.ended()
    assert world.open_holds(person) == 1
    assert world.database is not None
    world.database.clock.advance(_hold_lifetime(world))
    try:
        world.value("select jobs.expire_holds(100)")
        assert world.open_holds(person) == 0
        assert world.usage(person) == ["abandoned"]
        assert world.balance(person)["available"] == 105
        world.database.assert_ledger_holds()
    finally:
        world.database.clock.release()


def _hold_lifetime(world: World) -> Any:
    return world.value("select hold_lifetime + interval '1 second' from playground.platform_settings")
