"""The test server, the template database of the code as it stands, and copies of it."""

import itertools
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import psycopg
from psycopg import errors, sql

from gateway.version import ROOT, code_version
from scripts.setup.migrate import bootstrap, migrate
from tests.py.support.database import Database

ADMIN_VARIABLE = "SCRIP_TEST_ADMIN_URL"
MISSING = f"{ADMIN_VARIABLE} is not set: run scripts/test, or name a superuser's address on a server for tests"
TEMPLATES_KEPT = 3

_numbers = itertools.count(1)


class Server:
    """A PostgreSQL server that tests may fill with databases. `admin_url`: a superuser on its database `postgres`."""

    def __init__(self, admin_url: str) -> None:
        self.admin_url = admin_url

    @classmethod
    def from_environment(cls) -> "Server":
        """Raises LookupError when no server is named: tests fail for want of a database, they are never skipped."""
        admin_url = os.environ.get(ADMIN_VARIABLE)
        if not admin_url:
            raise LookupError(MISSING)
        return cls(admin_url)

    @contextmanager
    def admin(self) -> Iterator[psycopg.Connection]:
        with psycopg.connect(self.admin_url, autocommit=True) as connection:
            yield connection

    def template(self, root: Path = ROOT) -> str:
        """The name of a database with migrations and code of `root`, made when there is none with this content.

        pg_cron is not in it: the extension lives in one database of a server, and its launcher would stay connected.
        """
        # Its partitions are of the months from when it was made: a new month needs a new one.
        name = f"scrip_template_{code_version(root)[:12]}{datetime.now(UTC):%y%m}"
        with self.admin() as admin:
            # Several workers start at once; the first makes it, the others wait here.
            admin.execute("select pg_advisory_lock(hashtext('scrip template'))")
            if not _exists(admin, name):
                self._make_template(admin, name, root)
                _drop_old_templates(admin, name)
        return name

    def copy(self, template: str) -> Database:
        """A new database with the template's content."""
        name = self._new_name()
        with self.admin() as admin:
            create = sql.SQL("create database {} template {} owner scrip_owner")
            admin.execute(create.format(sql.Identifier(name), sql.Identifier(template)))
            # What bootstrap says about the database itself is not copied with it.
            for statement in (
                "grant connect on database {} to scrip_gateway, scrip_cron, scrip_operator, scrip_analyst",
                "revoke connect, temporary on database {} from public",
            ):
                admin.execute(sql.SQL(statement).format(sql.Identifier(name)))
        return Database(self.admin_url, name)

    def empty(self) -> Database:
        """A new database with nothing in it, as a server's administrator would hand it out."""
        name = self._new_name()
        with self.admin() as admin:
            admin.execute(sql.SQL("create database {} template template0").format(sql.Identifier(name)))
        return Database(self.admin_url, name)

    def drop(self, database: Database) -> None:
        with self.admin() as admin:
            admin.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(database.name)))

    def drop_left_over(self) -> None:
        """Removes databases of test runs that were killed. Those somebody is connected to stay."""
        with self.admin() as admin:
            names = admin.execute("select datname from pg_database where datname ~ '^scrip_test_[0-9]+_'").fetchall()
            for (name,) in names:
                if not _is_running(int(name.split("_")[2])):
                    _drop_unused(admin, name)

    def _new_name(self) -> str:
        # A random part too: pids repeat, and the server may be shared by several machines.
        return f"scrip_test_{os.getpid()}_{next(_numbers)}_{secrets.token_hex(3)}"

    def _make_template(self, admin: psycopg.Connection, name: str, root: Path) -> None:
        unfinished = f"{name}_new"
        admin.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(unfinished)))
        admin.execute(sql.SQL("create database {} template template0").format(sql.Identifier(unfinished)))
        url = Database(self.admin_url, unfinished).admin_url
        bootstrap(url, root)
        migrate(url, root, say=lambda text: None)
        # Renamed only when complete: an interrupted attempt is never taken for a template.
        admin.execute(
            sql.SQL("alter database {} rename to {}").format(sql.Identifier(unfinished), sql.Identifier(name))
        )
        admin.execute(sql.SQL("alter database {} allow_connections false").format(sql.Identifier(name)))


def _exists(admin: psycopg.Connection, name: str) -> bool:
    return admin.execute("select from pg_database where datname = %s", [name]).fetchone() is not None


def _drop_old_templates(admin: psycopg.Connection, current: str) -> None:
    rows = admin.execute(
        "select datname from pg_database where datname ~ '^scrip_template_[0-9a-f]{16}$' order by oid desc"
    ).fetchall()
    for (name,) in rows[TEMPLATES_KEPT:]:
        if name != current:
            _drop_unused(admin, name)


def _drop_unused(admin: psycopg.Connection, name: str) -> None:
    with suppress(errors.ObjectInUse):
        admin.execute(sql.SQL("drop database if exists {}").format(sql.Identifier(name)))


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
