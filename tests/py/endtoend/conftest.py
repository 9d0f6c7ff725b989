"""Fixtures of the whole: gateways as processes, the model simulator as another, a real database."""

import os
import urllib.error
import urllib.request
from asyncio import AbstractEventLoop
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import aiohttp
import pytest
import uvloop
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from scripts.setup import address
from scripts.setup.demo import load_demo
from tests.py.endtoend.books import Books
from tests.py.endtoend.callers import Caller, Person
from tests.py.endtoend.programs import Gateway, start_simulator
from tests.py.endtoend.simulation import Simulation
from tests.py.endtoend.waiting import PATIENCE_SECONDS
from tests.py.support.database import Database, wait_until
from tests.py.support.proxy import DatabaseProxy

StartGateway = Callable[..., Awaitable[Gateway]]
Call = Callable[[Gateway, Person], Caller]
PROXY_PORT = 5432


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], AbstractEventLoop]]:
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture(scope="session")
def simulator_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A simulator of this session's own."""
    child, address = start_simulator(tmp_path_factory.mktemp("simulator"))
    try:
        wait_until(lambda: _answers(f"{address}/_sim/state"), "the simulator")
        yield address
    finally:
        child.stop(wait=5)


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=5):
            return True
    except urllib.error.URLError:
        return False


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    """Connections to everything; as many as a test has callers."""
    connector = aiohttp.TCPConnector(limit=0)
    timeout = aiohttp.ClientTimeout(total=PATIENCE_SECONDS)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
        yield session


@pytest.fixture
async def simulation(simulator_address: str, session: aiohttp.ClientSession) -> AsyncIterator[Simulation]:
    """The simulator, with nothing scripted, counted or cached."""
    simulation = Simulation(simulator_address, session)
    await simulation.reset()
    yield simulation
    await simulation.reset()


@pytest.fixture(scope="module")
def stocked(database: Database) -> Database:
    """The module's database with the demo's packages."""
    load_demo(database.url("postgres"))
    return database


@pytest.fixture
def books(stocked: Database) -> Iterator[Books]:
    """The module's books. Whatever a test did, they hold after it."""
    books = Books(stocked)
    yield books
    books.close()
    stocked.clock.release()
    stocked.assert_ledger_holds()


@pytest.fixture(scope="module")
def start_gateway(tmp_path_factory: pytest.TempPathFactory, simulator_address: str) -> Iterator[StartGateway]:
    """Starts gateways; those that still run at the end of the module are ended."""
    folder: Path = tmp_path_factory.mktemp("gateways")
    started: list[Gateway] = []

    async def start(database_url: str, **settings: object) -> Gateway:
        gateway = await Gateway.start(folder, database_url, simulator_address, **settings)
        started.append(gateway)
        return gateway

    yield start
    for gateway in started:
        gateway.kill()


class Service:
    """The gateway of a module; `gateway` starts another one when a test has ended the last."""

    def __init__(self, start: StartGateway, database_url: str, **settings: object) -> None:
        self._start = start
        self._database_url = database_url
        self._settings = settings
        self._gateway: Gateway | None = None

    async def gateway(self) -> Gateway:
        if self._gateway is None or not self._gateway.is_running:
            self._gateway = await self._start(self._database_url, **self._settings)
        return self._gateway


@pytest.fixture(scope="module")
def proxy_folder() -> Iterator[Path]:
    """Where gateways of this module find a database proxy: a link to the folder of the test's own."""
    with TemporaryDirectory(prefix="scrip-link-") as folder:
        yield Path(folder) / "proxy"


@pytest.fixture(scope="module")
def service(start_gateway: StartGateway, stocked: Database, proxy_folder: Path) -> Service:
    """A gateway whose database is reached through the test's proxy."""
    return Service(start_gateway, proxied(stocked, proxy_folder))


def proxied(database: Database, folder: Path) -> str:
    """Where the gateway's role reaches a database through the proxy in a folder."""
    return address.as_url(make_conninfo(database.url("scrip_gateway"), host=str(folder), port=PROXY_PORT))


@pytest.fixture
async def proxy(stocked: Database, proxy_folder: Path) -> AsyncIterator[DatabaseProxy]:
    """A proxy in front of the module's database that stops at named points."""
    async with linked(stocked, proxy_folder) as proxy:
        yield proxy


@asynccontextmanager
async def linked(database: Database, folder: Path) -> AsyncIterator[DatabaseProxy]:
    """A proxy in front of a database, that is found in `folder`."""
    async with DatabaseProxy(database.url("scrip_gateway")) as proxy:
        os.symlink(str(conninfo_to_dict(proxy.url)["host"]), folder)
        try:
            yield proxy
        finally:
            os.unlink(folder)


@pytest.fixture
def call(session: aiohttp.ClientSession) -> Call:
    """Somebody at a gateway."""
    return lambda gateway, person: Caller(gateway.address, person, session)
