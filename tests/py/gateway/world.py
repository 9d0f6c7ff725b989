"""A gateway over a real database and a simulator that speaks the providers' protocols, all in the test's event loop."""

import asyncio
import json
import secrets
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import aiohttp
from aiohttp import web

from gateway.app import make_app
from gateway.edge import Runner
from gateway.keys import BACKGROUND, POOL
from gateway.llm.simulator import Simulator
from gateway.llm.simulator.behaviour import Behaviour, Pause, Script
from gateway.settings import Settings
from gateway.tokens import issue_access_token
from tests.py.support.database import Database
from tests.py.support.tokens import TOKEN_SECRET as SECRET

API = "/api/v1"
PATIENCE_SECONDS = 180.0
CRON_TOKEN = "c" * 40
METRICS_TOKEN = "m" * 40
PACKAGE = "@tests/one-sentence"
PROMPT = "# One sentence\nAnswer in one sentence.\n"

SETTINGS = Settings(
    database_url="postgresql://nobody@127.0.0.1:1/nowhere",
    jwt_secret=SECRET,
    cron_token=CRON_TOKEN,
    metrics_token=METRICS_TOKEN,
    cors_origins=frozenset({"https://app.example.com"}),
    database_wait_seconds=2.0,
    llm_max_retries=0,
    drain_seconds=2.0,
)


@dataclass(frozen=True)
class Person:
    """Somebody registered; `token` is an access token."""

    id: str
    token: str

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}


@dataclass(frozen=True)
class Reply:
    """An answer that was read to its end."""

    status: int
    headers: Any
    octets: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.octets)

    @property
    def error(self) -> str:
        return self.json["error"]


@dataclass(frozen=True)
class Event:
    name: str
    data: Any


class World:
    """One gateway, who calls it, and what stands behind it."""

    def __init__(self, address: str, app: web.Application, settings: Settings, session: aiohttp.ClientSession) -> None:
        self.address = address
        self.app = app
        self.settings = settings
        self.session = session
        self.database: Database | None = None
        self.simulator: Simulator | None = None

    async def call(self, method: str, path: str, person: Person | None = None, **options: Any) -> Reply:
        headers = (person.headers if person else {}) | options.pop("headers", {})
        async with self.session.request(method, self.address + path, headers=headers, **options) as response:
            return Reply(response.status, response.headers, await response.read())

    async def get(self, path: str, person: Person | None = None, **options: Any) -> Reply:
        return await self.call("GET", path, person, **options)

    async def post(self, path: str, body: Any, person: Person | None = None, **options: Any) -> Reply:
        return await self.call("POST", path, person, json=body, **options)

    async def run(self, person: Person, user_input: str = "hello", *, key: str | None = None, **fields: Any) -> Reply:
        headers = {"Idempotency-Key": key} if key is not None else {}
        return await self.post(f"{API}/playground/run", run_body(user_input, **fields), person, headers=headers)

    @asynccontextmanager
    async def stream(
        self, person: Person, user_input: str = "hello", **fields: Any
    ) -> AsyncIterator["aiohttp.ClientResponse"]:
        body = run_body(user_input, stream=True, **fields)
        async with self.session.post(
            f"{self.address}{API}/playground/run", json=body, headers=person.headers
        ) as response:
            yield response

    async def streamed(self, person: Person, user_input: str = "hello", **fields: Any) -> list[Event]:
        """All events of a stream."""
        async with self.stream(person, user_input, **fields) as response:
            return [event async for event in events_of(response)]

    # what stands behind

    def value(self, statement: str, *parameters: Any) -> Any:
        assert self.database is not None
        return self.database.value(statement, list(parameters))

    def person(self, credits: int = 100, *, unlimited: bool = True) -> Person:
        """Somebody new. Registered by the door itself, without the cost of a password."""
        user_id = self.value(
            "select api.register_user(%s, null, 'no password', sha256(gen_random_uuid()::text::bytea)) ->> 'id'",
            f"{secrets.token_hex(8)}@example.com",
        )
        if unlimited:
            self.value("select admin.set_unlimited(%s, true, 'test')", user_id)
        if credits:
            self.value("select admin.grant_credits(%s, %s, 'test')", user_id, credits)
        return Person(user_id, issue_access_token(self.settings, user_id))

    def balance(self, person: Person) -> dict[str, Any]:
        return self.value("select api.get_balance(%s)", person.id)

    def usage(self, person: Person) -> list[str]:
        """Outcomes of a person's runs, oldest first."""
        return self.value(
            """
            select coalesce(array_agg(outcome::text order by reserved_at), '{}')
            from playground.usage
            where user_id = %s
            """,
            person.id,
        )

    def open_holds(self, person: Person) -> int:
        return self.value("select count(*) from playground.holds where user_id = %s and status = 'open'", person.id)

    def script(self, behaviour: Behaviour, times: int = 1) -> None:
        assert self.simulator is not None
        self.simulator.stage.add(Script(behaviour, times=times))

    def pause(self, pause: Pause) -> None:
        assert self.simulator is not None
        self.simulator.stage.pause(pause)

    def resume(self) -> None:
        assert self.simulator is not None
        self.simulator.stage.resume(None)

    async def waiting(self, point: str) -> None:
        """Until a model call stands at that point."""
        simulator = self.simulator
        assert simulator is not None
        await until(lambda: simulator.stage.waiting[point] > 0, f"a call at {point}")

    async def settled(self, person: Person, runs: int = 1) -> None:
        """Until that many of a person's runs have ended, however."""
        await until(lambda: len(self.usage(person)) >= runs, f"{runs} ended runs")

    async def calls_made(self, provider: str = "anthropic") -> int:
        assert self.simulator is not None
        return self.simulator.tallies[provider].made

    async def at_rest(self) -> None:
        """Until nothing is left to settle and every connection of the pool is back."""
        pool = self.app[POOL]
        await self.app[BACKGROUND].drain(PATIENCE_SECONDS)
        await until(lambda: pool.get_stats()["pool_available"] == pool.get_stats()["pool_size"], "a quiet pool")


def run_body(user_input: str, **fields: Any) -> dict[str, Any]:
    return {"packageId": PACKAGE, "userInput": user_input, "model": "sonnet", **fields}


async def events_of(response: aiohttp.ClientResponse) -> AsyncIterator[Event]:
    """The events of a stream as they come; comments are left out."""
    name = ""
    async for line in response.content:
        text = line.decode().rstrip("\n")
        if text.startswith("event: "):
            name = text.removeprefix("event: ")
        elif text.startswith("data: "):
            yield Event(name, json.loads(text.removeprefix("data: ")))


async def until(condition: Callable[[], bool], what: str) -> None:
    """Returns once the condition holds; fails naming what was waited for when it never does."""
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not condition():
                await asyncio.sleep(0.005)
    except TimeoutError:
        raise AssertionError(f"waited {PATIENCE_SECONDS:g} s in vain for {what}") from None


@asynccontextmanager
async def serving(settings: Settings, *, send_buffer: int = 0, **collaborators: Any) -> AsyncIterator[World]:
    """A gateway on a port of its own inside this event loop. `send_buffer`: octets the kernel takes for a client."""
    app = make_app(settings, **collaborators)
    runner = Runner(app, drain_seconds=settings.drain_seconds)
    await runner.setup()
    listener = socket.create_server(("127.0.0.1", 0))
    if send_buffer:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_buffer)
    await web.SockSite(runner, listener).start()
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=PATIENCE_SECONDS)) as session:
        try:
            yield World(f"http://127.0.0.1:{listener.getsockname()[1]}", app, settings, session)
        finally:
            await session.close()
            await runner.cleanup()


@asynccontextmanager
async def whole_world(
    database: Database, simulator: Simulator, simulator_address: str, *, send_buffer: int = 0, **changes: Any
) -> AsyncIterator[World]:
    """A gateway with everything behind it."""
    settings = replace(
        SETTINGS,
        **{
            "database_url": database.url("scrip_gateway"),
            "anthropic_base_url": simulator_address,
            "openai_base_url": f"{simulator_address}/v1",
            **changes,
        },
    )
    async with serving(settings, send_buffer=send_buffer) as world:
        world.database = database
        world.simulator = simulator
        yield world
        await world.at_rest()
