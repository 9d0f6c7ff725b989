"""The one way to the database: `call` a function of schema `api`, get a row, a document or a `Refusal`.

One call is one statement on an autocommit connection: one transaction, one round trip. Nothing else is ever sent.
"""

import asyncio
import functools
import random
import select
from collections import namedtuple
from collections.abc import Sequence
from typing import Any

import psycopg
import structlog
from psycopg import AsyncConnection, AsyncRawCursor
from psycopg.abc import Buffer
from psycopg.adapt import Dumper, Loader
from psycopg.pq import TransactionStatus
from psycopg_pool import AsyncConnectionPool, PoolTimeout, TooManyRequests

from gateway.errors import INTERNAL_ERROR, REFUSALS, UNAVAILABLE, Refusal, refused
from gateway.settings import Settings

Row = Any

log = structlog.get_logger()

# Repeating these leaves the same state and gives the same answer, whether or not the first try was committed.
REPEATABLE = frozenset(
    {
        "settle_run",
        "release_run",
        "record_logout",
        "set_cost_cap",
        "process_monthly_reset",
        "expire_credits",
        "find_subscription",
        "record_customer",
        "record_purchase",
        "record_checkout",
        "record_stripe_event",
        "process_gift_steps",
        "finish_billing_task",
        "finish_notice",
        "finish_alert",
    }
)
READS = ("get_", "list_", "estimate_", "authenticate_")
# Counts an attempt, so it only looks like a read.
NOT_READS = frozenset({"get_credentials"})
# The server rolled the call back: serialization and deadlock, resources, shutdown and cancellation, lock time-out.
ROLLED_BACK = ("40", "53", "57", "55P03")
# Cancelled by statement_timeout: the server is too slow for this call, a second try only adds to that.
TOO_SLOW = "57014"
# Only names written in this code are put in; values travel apart.
STATEMENT = "select * from api.{}({})"
# The columns of a function never change while a gateway runs; psycopg's own named rows cost 40 µs a call.
_row_types: dict[str, Any] = {}
CHANCE = random.SystemRandom()
PATIENCE_SECONDS = 1.5
LONGEST_PAUSE_SECONDS = 0.5


class _Untyped(Dumper):
    """Sends numbers as literals without a type: the function's signature decides, and one prepared statement does for
    any size of number (psycopg otherwise takes the smallest integer type for each value)."""

    def dump(self, obj: Any) -> Buffer:
        return str(obj).encode()


class _Text(Loader):
    """Hands JSON on as the bytes that came."""

    def load(self, data: Buffer) -> bytes:
        return bytes(data)


class _UuidText(Loader):
    """Ids are only passed on: as text they need no parsing."""

    def load(self, data: Buffer) -> str:
        return bytes(data).decode()


async def _configure(connection: AsyncConnection[Any]) -> None:
    connection.prepare_threshold = 0
    for kind in (int, float):
        connection.adapters.register_dumper(kind, _Untyped)
    for name in ("json", "jsonb"):
        connection.adapters.register_loader(name, _Text)
    connection.adapters.register_loader("uuid", _UuidText)


def make_pool(settings: Settings) -> AsyncConnectionPool:
    """A closed pool for one worker; opening it does not wait for the database."""
    return AsyncConnectionPool(
        settings.database_url,
        min_size=min(2, settings.database_connections),
        max_size=settings.database_connections,
        max_waiting=1000,
        timeout=settings.database_wait_seconds,
        # A connection attempt series that failed is started again by the next caller, so keep each short.
        reconnect_timeout=2.0,
        configure=_configure,
        kwargs={"autocommit": True, "application_name": "scrip-gateway", "connect_timeout": 5},
        open=False,
    )


async def call(
    pool: AsyncConnectionPool, function: str, *, until: float | None = None, is_quiet: bool = False, **arguments: Any
) -> Row:
    """The first row of `api.<function>(p_<argument> => …)`, a named tuple, or None when there is none.

    until     an instant of the loop's clock up to which what may be repeated is tried again; a short while if absent
    is_quiet  the caller calls all the time, and tells of an outage itself
    Raises Refusal: what the function refused, 503 `unavailable` for outages, 500 `internal_error` for bugs.
    """
    found = await _persist(pool, function, arguments, until, is_quiet)
    return found[0] if found else None


async def document(pool: AsyncConnectionPool, function: str, **arguments: Any) -> bytes:
    """The JSON that `api.<function>` returns, as it came. Raises Refusal like `call`."""
    found = await _persist(pool, function, arguments, None)
    return found[0][0]


def may_repeat(function: str) -> bool:
    """Whether a second call after a lost reply does no harm."""
    return function in REPEATABLE or (function.startswith(READS) and function not in NOT_READS)


async def _persist(
    pool: AsyncConnectionPool, function: str, arguments: dict[str, Any], until: float | None, is_quiet: bool = False
) -> Sequence[Row]:
    clock = asyncio.get_running_loop().time
    started = clock()
    pause = 0.01
    while True:
        try:
            return await _once(pool, function, arguments)
        except (PoolTimeout, TooManyRequests) as error:
            trouble, again = error, until is not None
        except psycopg.Error as error:
            trouble, again = error, _is_worth_repeating(function, error)
        now = clock()
        if not again or now + pause > (started + PATIENCE_SECONDS if until is None else until):
            if not is_quiet:
                log.warning("database unavailable", function=function, reason=type(trouble).__name__)
            raise Refusal(UNAVAILABLE, details={"retryAfter": 1}) from None
        await asyncio.sleep(pause * CHANCE.uniform(0.5, 1.0))
        pause = min(pause * 2, LONGEST_PAUSE_SECONDS)


def _is_worth_repeating(function: str, error: psycopg.Error) -> bool:
    """Whether to try again. Raises what the error means where another try cannot help."""
    code = error.sqlstate
    if code in REFUSALS:
        raise refused(code, error.diag.message_primary, error.diag.message_detail) from None
    if code is None and isinstance(error, psycopg.OperationalError):
        # The connection broke: what was sent may have been done.
        return may_repeat(function)
    if code is not None and code.startswith(ROLLED_BACK):
        return code != TOO_SLOW
    if code is not None and code.startswith("08"):
        return may_repeat(function)
    # The server's own words may hold what people typed, so they are neither sent nor logged.
    log.error("database call failed", function=function, sqlstate=code, reason=type(error).__name__)
    raise Refusal(INTERNAL_ERROR) from None


async def _once(pool: AsyncConnectionPool, function: str, arguments: dict[str, Any]) -> Sequence[Row]:
    connection = await _live_connection(pool)
    try:
        cursor = AsyncRawCursor(connection)
        await cursor.execute(_statement(function, tuple(arguments)), tuple(arguments.values()), prepare=True)
        rows = await cursor.fetchall()
    finally:
        await pool.putconn(connection)
    if not rows:
        return rows
    if function not in _row_types:
        _row_types[function] = namedtuple(function, [column.name for column in cursor.description or ()])
    named = [_row_types[function](*row) for row in rows]
    first = named[0]
    if getattr(first, "refusal", None) is not None:
        raise refused(first.refusal, first.refusal_message, first.refusal_detail)
    return named


async def _live_connection(pool: AsyncConnectionPool) -> AsyncConnection[Any]:
    """A connection on which the server has not hung up.

    An idle connection has nothing to read: if there is something, it is the server's farewell. Looking costs no round
    trip, and finding out before a reservation is sent means that it may be sent on another connection.
    """
    while True:
        connection = await pool.getconn()
        poll = select.poll()
        poll.register(connection.fileno(), select.POLLIN)
        if not poll.poll(0) and connection.info.transaction_status == TransactionStatus.IDLE:
            return connection
        await connection.close()
        await pool.putconn(connection)


@functools.lru_cache(maxsize=256)
def _statement(function: str, names: tuple[str, ...]) -> bytes:
    arguments = ", ".join(f"p_{name} => ${position}" for position, name in enumerate(names, 1))
    return STATEMENT.format(function, arguments).encode()
