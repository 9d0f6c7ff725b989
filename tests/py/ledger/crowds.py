"""Many callers at once, on real connections."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from uuid import UUID

from tests.py.ledger.world import AsyncCaller, Query, Refused, Row
from tests.py.support.database import Database, wait_until

CALLERS = 64
Crowd = Sequence[AsyncCaller]


@asynccontextmanager
async def crowd(database: Database, size: int = CALLERS, role: str = "scrip_gateway") -> AsyncIterator[Crowd]:
    """So many connections of a role. They wait for locks as long as it takes: a slow machine is no violation."""
    async with AsyncExitStack() as stack:
        callers = []
        for _ in range(size):
            connection = await stack.enter_async_context(await database.connect_async(role))
            await connection.execute("set lock_timeout = '60s'")
            await connection.execute("set statement_timeout = '120s'")
            callers.append(AsyncCaller(connection))
        yield callers


async def at_once(callers: Crowd, query: Query) -> list[Row | Refused]:
    """All ask the same, now."""
    return await asyncio.gather(*(caller.ask(query) for caller in callers))


async def from_one_start(
    database: Database, account_id: UUID, callers: Crowd, queries: Sequence[Query]
) -> list[Row | Refused]:
    """Each caller asks its query; all of them stand before the account's lock when it is opened."""
    async with await database.connect_async("postgres") as keeper:
        async with keeper.transaction():
            await keeper.execute("select from playground.accounts where account_id = %s for update", [account_id])
            asked = asyncio.gather(
                *(caller.ask(query) for caller, query in zip(callers, queries, strict=False)), return_exceptions=True
            )
            await asyncio.to_thread(database.wait_for_lock_waits, len(queries))
        answers = await asked
    for answer in answers:
        if isinstance(answer, BaseException):
            raise answer
    return answers


async def deadlocks_of(database: Database) -> int:
    """How many deadlocks the server has seen in this database. Callers must have hung up: they report when they go."""
    with database.connect("postgres") as observer:
        statement = """
            select count(*) = 1 from pg_catalog.pg_stat_activity
            where datname = current_database() and backend_type = 'client backend'
        """

        def is_alone() -> bool:
            row = observer.execute(statement).fetchone()
            return row is not None and row[0]

        await asyncio.to_thread(wait_until, is_alone, "the end of all other connections")
        row = observer.execute(
            "select deadlocks from pg_catalog.pg_stat_database where datname = current_database()"
        ).fetchone()
    assert row is not None
    return row[0]
