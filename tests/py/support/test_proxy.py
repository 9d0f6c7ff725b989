"""The proxy stops where it is told: before the server sees a call, or when its answer is there and nobody knows it."""

import asyncio
from collections.abc import AsyncIterator

import psycopg
import pytest

from tests.py.support.database import Database, wait_until
from tests.py.support.proxy import DatabaseProxy

CALL = "select * from api.record(p_what => %s)"


@pytest.fixture
async def proxy(empty_database: Database) -> AsyncIterator[DatabaseProxy]:
    empty_database.rows(
        """
        create schema api;
        create table api.records (what text);
        create function api.record(p_what text) returns text
        language sql as 'insert into api.records values (p_what) returning what';
        """,
        role="postgres",
    )
    async with DatabaseProxy(empty_database.url("postgres")) as proxy:
        yield proxy


async def call(proxy: DatabaseProxy, what: str, *, prepare: bool = True) -> str:
    connection = await psycopg.AsyncConnection.connect(proxy.url, autocommit=True)
    try:
        cursor = await connection.execute(CALL, [what], prepare=prepare)
        row = await cursor.fetchone()
        assert row is not None
        return row[0]
    finally:
        await connection.close()


def records(database: Database) -> list[str]:
    return [what for (what,) in database.rows("select what from api.records", role="postgres")]


@pytest.mark.parametrize("prepare", [True, False])
async def test_passes_calls_through_and_counts_them(proxy: DatabaseProxy, prepare: bool) -> None:
    assert await call(proxy, "one", prepare=prepare) == "one"
    assert await call(proxy, "x" * 300_000, prepare=prepare) == "x" * 300_000
    assert proxy.calls["record"] == 2


@pytest.mark.parametrize("prepare", [True, False])
async def test_before_a_call_the_server_has_seen_nothing(
    proxy: DatabaseProxy, empty_database: Database, prepare: bool
) -> None:
    stop = proxy.stop_before("record")
    calling = asyncio.create_task(call(proxy, "one", prepare=prepare))
    await stop.reached()
    assert records(empty_database) == []
    stop.resume()
    assert await calling == "one"
    assert records(empty_database) == ["one"]


@pytest.mark.parametrize("prepare", [True, False])
async def test_after_a_call_it_is_committed_and_the_client_does_not_know(
    proxy: DatabaseProxy, empty_database: Database, prepare: bool
) -> None:
    stop = proxy.stop_after("record")
    calling = asyncio.create_task(call(proxy, "one", prepare=prepare))
    await stop.reached()
    assert records(empty_database) == ["one"]
    assert not calling.done()
    stop.resume()
    assert await calling == "one"


async def test_a_cut_before_the_call_leaves_nothing(proxy: DatabaseProxy, empty_database: Database) -> None:
    stop = proxy.stop_before("record")
    calling = asyncio.create_task(call(proxy, "one"))
    await stop.reached()
    stop.cut()
    with pytest.raises(psycopg.OperationalError):
        await calling
    assert records(empty_database) == []


async def test_a_cut_after_the_call_loses_only_the_answer(proxy: DatabaseProxy, empty_database: Database) -> None:
    stop = proxy.stop_after("record")
    calling = asyncio.create_task(call(proxy, "one"))
    await stop.reached()
    stop.cut()
    with pytest.raises(psycopg.OperationalError):
        await calling
    assert records(empty_database) == ["one"]


async def test_a_stop_holds_one_call_only(proxy: DatabaseProxy) -> None:
    stop = proxy.stop_before("record")
    first = asyncio.create_task(call(proxy, "one"))
    await stop.reached()
    assert await call(proxy, "two") == "two"
    stop.resume()
    assert await first == "one"


async def test_refuses_and_accepts_again(proxy: DatabaseProxy) -> None:
    proxy.refuse()
    with pytest.raises(psycopg.OperationalError):
        await call(proxy, "one")
    proxy.accept()
    assert await call(proxy, "two") == "two"


async def test_cut_all_leaves_no_session_behind(proxy: DatabaseProxy, empty_database: Database) -> None:
    connection = await psycopg.AsyncConnection.connect(proxy.url, autocommit=True)
    backend = connection.info.backend_pid
    proxy.cut_all()
    with pytest.raises(psycopg.OperationalError):
        await connection.execute("select 1")
    with empty_database.connect("postgres") as observer:
        await asyncio.to_thread(
            wait_until,
            lambda: observer.execute("select from pg_stat_activity where pid = %s", [backend]).fetchone() is None,
            "the end of the server's session",
        )
