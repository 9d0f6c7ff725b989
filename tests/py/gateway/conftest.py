"""Fixtures of the gateway's tests: with nothing behind it, or with everything."""

from asyncio import AbstractEventLoop
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest
import uvloop
from psycopg_pool import PoolTimeout

from gateway.llm.simulator import Simulator, running
from tests.py.gateway.world import PACKAGE, PROMPT, SETTINGS, World, serving, whole_world
from tests.py.support.database import Database

MakeWorld = Callable[..., AbstractAsyncContextManager[World]]


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], AbstractEventLoop]]:
    """The loop that the gateway runs on."""
    return {"uvloop": uvloop.new_event_loop}


class NoPool:
    """Stands where a pool would be: the database is away.

    What is to be refused before one is needed is not answered 503.
    """

    async def getconn(self) -> Any:
        raise PoolTimeout("there is no database")

    def get_stats(self) -> dict[str, int]:
        return {}


@pytest.fixture
async def lonely() -> AsyncIterator[World]:
    """A gateway with no database: for everything that is refused before one is needed."""
    async with serving(SETTINGS, pool=NoPool()) as world:
        yield world


@pytest.fixture(scope="module")
def stocked(database: Database) -> Database:
    """The module's database with one package to run."""
    import_package(database, PACKAGE, PROMPT)
    return database


def import_package(database: Database, name: str, prompt: str, **arguments: Any) -> str:
    """Imports a package of one file and returns its id."""
    named = "".join(f", {argument} => %s" for argument in arguments)
    return database.value(
        f"""
        select package_id::text from admin.import_package(
          p_name => %s, p_version => '1.0.0', p_description => 'A package of tests', p_format => 'claude',
          p_subtype => 'skill',
          p_files => jsonb_build_array(jsonb_build_object('path', 'SKILL.md', 'content', %s::text)),
          p_manifest => '{{}}'{named})
        """,
        [name, prompt, *arguments.values()],
    )


@pytest.fixture
async def simulation() -> AsyncIterator[tuple[Simulator, str]]:
    async with running() as (simulator, address):
        yield simulator, address


@pytest.fixture
def make_world(stocked: Database, simulation: tuple[Simulator, str]) -> MakeWorld:
    """A gateway with everything behind it, and settings that the test may change."""

    @asynccontextmanager
    async def make(database: Database = stocked, **changes: Any) -> AsyncIterator[World]:
        async with whole_world(database, *simulation, **changes) as world:
            yield world

    return make


@pytest.fixture
async def world(make_world: MakeWorld) -> AsyncIterator[World]:
    async with make_world() as world:
        yield world
