"""One database of a test: addresses per role, its clock, its ledger check, who waits for a lock in it."""

import subprocess
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any, LiteralString, cast

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from gateway.version import ROOT
from scripts.setup import address

# Far longer than anything waited for here takes; only a test that is about to fail ever sees the end of it.
PATIENCE_SECONDS = 180.0
_PATIENT = "-c lock_timeout=60s -c statement_timeout=180s -c idle_in_transaction_session_timeout=180s"
# Longer than a test takes, shorter than a token lives and than an open hold may be overdue.
_NEAR_THE_HOUR_MINUTES = 2
# Partitions are made for three months ahead.
_NOW = datetime.now(UTC)
_THIS_MONTH = _NOW.year * 12 + _NOW.month - 1
_PASSING_MONTHS = [
    f"y{month // 12:04}m{month % 12 + 1:02}" for month in (_THIS_MONTH, *range(_THIS_MONTH + 3, _THIS_MONTH + 6))
]


class Database:
    """A database on a test server. Connections are autocommit, as the gateway's are."""

    def __init__(self, admin_url: str, name: str) -> None:
        self.name = name
        self.admin_url = address.as_url(make_conninfo(admin_url, dbname=name))

    def url(self, role: str = "scrip_owner") -> str:
        """Where `role` reaches this database.

        By its own login; where the server asks for passwords, which the roles lack, the administrator acts as it.
        """
        if role == "postgres":
            return self.admin_url
        if "password" in conninfo_to_dict(self.admin_url):
            return address.with_role(self.admin_url, role)
        return address.with_login(self.admin_url, role, None)

    def connect(self, role: str = "scrip_owner") -> psycopg.Connection[tuple[Any, ...]]:
        """A session of that role which waits longer than the role would: a slow machine is no violation."""
        return psycopg.connect(self._patient_url(role), autocommit=True)

    async def connect_async(self, role: str = "scrip_owner") -> psycopg.AsyncConnection[tuple[Any, ...]]:
        return await psycopg.AsyncConnection.connect(self._patient_url(role), autocommit=True)

    def _patient_url(self, role: str) -> str:
        parts = conninfo_to_dict(self.url(role))
        return make_conninfo("", **{**parts, "options": f"{parts.get('options') or ''} {_PATIENT}".strip()})

    def rows(self, statement: str, parameters: Sequence[Any] | None = None, role: str = "scrip_owner") -> list[tuple]:
        """Runs one statement as `role` and returns its rows; none for a statement without a result."""
        with self.connect(role) as connection:
            cursor = connection.execute(cast(LiteralString, statement), parameters)
            return cursor.fetchall() if cursor.description else []

    def value(self, statement: str, parameters: Sequence[Any] | None = None, role: str = "scrip_owner") -> Any:
        """The first column of the only row of a statement."""
        (row,) = self.rows(statement, parameters, role)
        return row[0]

    def psql(self, *arguments: str, role: str = "postgres", check: bool = True) -> subprocess.CompletedProcess[str]:
        """Runs psql without the caller's own psqlrc. Raises AssertionError when it fails, unless told not to check."""
        command = ["psql", "-X", self.url(role), *arguments]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        if check and done.returncode:
            raise AssertionError(f"psql {' '.join(arguments)}: {done.stderr}")
        return done

    def dump_schema(self) -> str:
        """Everything but data, as pg_dump writes it; equal text means an equal schema.

        Months that are there or not because another one has begun since the tests started are left out.
        """
        passing = [f"--exclude-table=playground.*_{month}" for month in _PASSING_MONTHS]
        command = ["pg_dump", "--schema-only", *passing, self.admin_url]
        text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        # Newer versions write a random key around the script.
        return "\n".join(line for line in text.splitlines() if not line.startswith(("\\restrict", "\\unrestrict")))

    @cached_property
    def clock(self) -> "Clock":
        return Clock(self)

    def assert_ledger_holds(self) -> None:
        """Fails naming each violated invariant."""
        violations = self.rows("select * from admin.verify_ledger()")
        assert not violations, "\n".join(str(violation) for violation in violations)

    def wait_for_lock_waits(self, count: int = 1) -> None:
        """Returns when at least `count` sessions of this database wait for a lock."""
        statement = """
            select count(*) from pg_catalog.pg_stat_activity
            where datname = current_database() and wait_event_type = 'Lock'
        """
        with self.connect("postgres") as connection:
            wait_until(lambda: _number(connection, statement) >= count, f"{count} sessions waiting for a lock")


class Clock:
    """The clock of one database, set for all its sessions: engine.now() is replaced there by one that reads a row.

    Frozen it stands still; after `release` the machine's time runs again. Nothing of this exists in production code.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._is_installed = False

    def freeze(self, instant: datetime) -> None:
        """Stops the clock at an instant, which must know its time zone."""
        if instant.tzinfo is None:
            raise ValueError("an instant without a time zone")
        self._set(instant)

    def advance(self, by: timedelta) -> datetime:
        """Moves the clock on (a running one is stopped) and returns what it shows then."""
        instant = self.now() + by
        self._set(instant)
        return instant

    def now(self) -> datetime:
        return self._database.value("select engine.now()")

    def release(self) -> None:
        """Lets the machine's time run again."""
        if self._is_installed:
            self._set(None)

    def keep_off_the_hour(self) -> None:
        """Runs a little ahead of the machine's time when an hour, and perhaps a day and a month, is about to end."""
        if datetime.now(UTC).minute >= 60 - _NEAR_THE_HOUR_MINUTES:
            self._set(None, ahead=timedelta(minutes=_NEAR_THE_HOUR_MINUTES))

    def _set(self, instant: datetime | None, ahead: timedelta = timedelta(0)) -> None:
        with self._database.connect() as connection:
            if not self._is_installed:
                self._install(connection)
            connection.execute("update tests.clock set stands_at = %s, ahead = %s", [instant, ahead])

    def _install(self, connection: psycopg.Connection) -> None:
        connection.execute("""
            begin;
            create schema if not exists tests;
            create table if not exists tests.clock (stands_at timestamptz, ahead interval not null default '0');
            insert into tests.clock select null where not exists (select from tests.clock);
            create or replace function engine.now() returns timestamptz
            language sql volatile security definer set search_path = ''
            as 'select coalesce(stands_at, pg_catalog.clock_timestamp() + ahead) from tests.clock';
            commit;
        """)
        self._is_installed = True


def wait_until(condition: Callable[[], bool], what: str, patience_seconds: float = PATIENCE_SECONDS) -> None:
    """Returns as soon as the condition holds; fails with `what` was waited for when it never does."""
    deadline = time.monotonic() + patience_seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {patience_seconds:.0f} s in vain for {what}")
        time.sleep(0.01)


def _number(connection: psycopg.Connection[tuple[Any, ...]], statement: str) -> int:
    row = connection.execute(cast(LiteralString, statement)).fetchone()
    assert row is not None
    return row[0]
