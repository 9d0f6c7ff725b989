"""Brings a database up to date: migrations (tables), then the load of sql/ (code). What scripts/migrate runs."""

import argparse
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg import errors
from psycopg.conninfo import conninfo_to_dict
from yoyo import exceptions as yoyo_exceptions
from yoyo import read_migrations
from yoyo.backends.core.postgresql import PostgresqlPsycopgBackend
from yoyo.connections import DatabaseURI
from yoyo.migrations import Migration, MigrationList

from gateway.version import ROOT, code_version
from scripts.setup import address
from scripts.setup.configuration import set_frontend
from scripts.setup.console import SetupError
from scripts.setup.stripe import configure_stripe
from scripts.setup.system import find_postgres, put_on_path, require_client
from scripts.setup.tokens import configure_tokens

ATTEMPTS = 15
PAUSE_SECONDS = 1.0
# Another session holds what we need, or changes the same catalog row: the same step a moment later goes through.
_PASSING_ERROR = re.compile(r"ERROR:\s+(55P03|40P01|40001|XX000: tuple concurrently)")
_LOCK = "pg_catalog.hashtext('scrip migrate')"

# libpq reads these from the environment, where a password is not shown to every user of the machine as in argv.
_PSQL_VARIABLES = {
    "host": "PGHOST",
    "port": "PGPORT",
    "user": "PGUSER",
    "password": "PGPASSWORD",
    "dbname": "PGDATABASE",
    "sslmode": "PGSSLMODE",
    "sslrootcert": "PGSSLROOTCERT",
    "options": "PGOPTIONS",
    "connect_timeout": "PGCONNECT_TIMEOUT",
    "application_name": "PGAPPNAME",
}

Say = Callable[[str], None]


class DeployError(SetupError):
    """The database could not be brought up to date; the message names the file and what the server said."""


class _Backend(PostgresqlPsycopgBackend):
    """yoyo's backend, with a migration and the note that it ran in one transaction.

    As it comes, yoyo commits the one and then the other: killed in between, the next run makes every table twice.
    """

    create_lock_table_sql = PostgresqlPsycopgBackend.create_lock_table_sql.replace(
        "CREATE TABLE", "CREATE TABLE IF NOT EXISTS"
    )

    def apply_one(self, migration: Migration, force: bool = False, mark: bool = True) -> None:
        self.ensure_internal_schema_updated()
        migration.load()
        if not migration.use_transactions:
            super().apply_one(migration, force, mark)
            return
        with self.transaction():
            migration.process_steps(self, "apply", force)
            self.mark_one(migration)

    def rollback_one(self, migration: Migration, force: bool = False) -> None:
        self.ensure_internal_schema_updated()
        migration.load()
        if not migration.use_transactions:
            super().rollback_one(migration, force)
            return
        with self.transaction():
            migration.process_steps(self, "rollback", force)
            self.unmark_one(migration)


def psql_environment(database_url: str) -> dict[str, str]:
    """This process's environment with the PG* variables that make psql connect to `database_url`.

    Raises DeployError for a connection parameter that has no variable here.
    """
    parameters = conninfo_to_dict(database_url)
    unknown = sorted(parameters.keys() - _PSQL_VARIABLES.keys())
    if unknown:
        raise DeployError(f"connection parameter not supported here: {', '.join(unknown)}")
    inherited = {name: value for name, value in os.environ.items() if name not in _PSQL_VARIABLES.values()}
    return inherited | {_PSQL_VARIABLES[name]: str(value) for name, value in parameters.items()}


def run_psql(database_url: str, file: Path, variables: dict[str, str], root: Path = ROOT) -> str:
    """Runs one file of sql/ by `psql -X` and returns what it wrote to standard error.

    Raises DeployError with psql's own words, which name file and line. What passes by itself (a lock not to be had
    within lock_timeout, a deadlock) is tried again, up to ATTEMPTS times.
    """
    psql = shutil.which("psql")
    if psql is None:
        raise DeployError("psql is not on PATH; it comes with the package postgresql-client")
    settings = [f"--set={name}={value}" for name, value in variables.items()]
    command = [psql, "-X", "--set=VERBOSITY=verbose", *settings, "-f", str(file.relative_to(root))]
    environment = psql_environment(database_url)
    for attempt in range(1, ATTEMPTS + 1):
        done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return _readable(done.stderr)
        if attempt == ATTEMPTS or not _PASSING_ERROR.search(done.stderr):
            break
        time.sleep(PAUSE_SECONDS)
    raise DeployError(f"{file.relative_to(root)} failed:\n{_readable(done.stderr)}")


def _readable(messages: str) -> str:
    """psql's messages without what was asked for only to recognise an error: its code and its place in the server."""
    return re.sub(r"^LOCATION: .*\n|(?<=:  )[0-9A-Z]{5}: ", "", messages, flags=re.MULTILINE).strip()


def bootstrap(database_url: str, root: Path = ROOT) -> str:
    """Runs sql/bootstrap.sql as the user of `database_url` and returns its warnings: what cannot be had there.

    Raises DeployError.
    """
    return run_psql(database_url, root / "sql/bootstrap.sql", {}, root)


def load(database_url: str, root: Path = ROOT) -> str:
    """Runs sql/load.sql, all code in one transaction, and returns its warnings. Raises DeployError."""
    return run_psql(database_url, root / "sql/load.sql", {"code_version": code_version(root)}, root)


def migrate(database_url: str, root: Path = ROOT, say: Say = print) -> None:
    """Applies what is missing of migrations/ and loads sql/. Safe to run twice, at once, and after a kill.

    `database_url` may be of scrip_owner or of anyone who may become it. Raises DeployError; a migration that fails
    leaves nothing of itself behind.
    """
    with _locked_backend(database_url, say) as backend:
        migrations = _read(root)
        _refuse_unknown(backend, migrations)
        for migration in backend.to_apply(migrations):
            say(f"migration {migration.id}")
            _attempt(lambda migration=migration: backend.apply_one(migration), Path(migration.path), root)
        for warning in load(database_url, root).splitlines():
            say(warning)
        say(f"code {code_version(root)[:12]} loaded")


def configure(database_url: str, environment: Mapping[str, str]) -> None:
    """Tells the database the settings it keeps, as far as they are set in `environment`. Raises SetupError."""
    if frontend := environment.get("FRONTEND_URL", "").strip():
        set_frontend(database_url, frontend, "where this deploy has its pages")
    configure_stripe(database_url, environment)
    configure_tokens(database_url, environment)


def rollback(database_url: str, count: int, root: Path = ROOT, say: Say = print) -> None:
    """Unloads all code and undoes the newest `count` migrations, their data included. Raises DeployError."""
    with _locked_backend(database_url, say) as backend:
        migrations = _read(root)
        _refuse_unknown(backend, migrations)
        run_psql(database_url, root / "sql/unload.sql", {}, root)
        for migration in list(backend.to_rollback(migrations))[:count]:
            undo = Path(migration.path).with_suffix(".rollback.sql")
            # yoyo takes a missing file for one that has nothing to do.
            if not undo.exists():
                raise DeployError(f"{undo.relative_to(root)} is missing")
            say(f"undo migration {migration.id}")
            _attempt(lambda migration=migration: backend.rollback_one(migration), undo, root)


@contextmanager
def _locked_backend(database_url: str, say: Say) -> Iterator[_Backend]:
    """A backend whose own connection holds the lock: when its process dies, the lock ends with its work, not before."""
    uri = _yoyo_uri(database_url)
    try:
        backend = _Backend(uri, "_yoyo_migrations")
    except psycopg.OperationalError as error:
        raise DeployError(f"cannot connect as scrip_owner (has sql/bootstrap.sql been run here?): {error}") from error
    with backend:
        execute = backend.connection.execute
        if not execute(f"select pg_catalog.pg_try_advisory_lock({_LOCK})").fetchone()[0]:
            say("another migration is running; waiting for it")
            execute("set lock_timeout = '10min'")
            try:
                execute(f"select pg_catalog.pg_advisory_lock({_LOCK})")
            except errors.LockNotAvailable as error:
                raise DeployError("another migration has been running for 10 minutes; giving up") from error
            execute("reset lock_timeout")
        try:
            execute("create schema if not exists yoyo")
        except errors.InsufficientPrivilege as error:
            raise DeployError(
                "scrip_owner may not create schemas in this database; run scripts/migrate --bootstrap once, "
                "as a superuser or as the database's owner"
            ) from error
        backend.create_lock_table()
        # Under the advisory lock a row in yoyo's own lock table can only be what a killed run left.
        backend.break_lock()
        with backend.lock():
            yield backend


def _yoyo_uri(database_url: str) -> DatabaseURI:
    parameters = {name: str(value) for name, value in conninfo_to_dict(database_url).items()}
    options = f"{parameters.pop('options', '')} -c role=scrip_owner -c client_min_messages=warning".strip()
    port = parameters.pop("port", None)
    return DatabaseURI(
        scheme="postgresql+psycopg",
        username=parameters.pop("user", None),
        password=parameters.pop("password", None),
        hostname=parameters.pop("host", None),
        port=int(port) if port else None,
        database=parameters.pop("dbname", None),
        args=parameters | {"options": options, "schema": "yoyo"},
    )


def _read(root: Path) -> MigrationList:
    migrations = read_migrations(str(root / "migrations"))
    if not migrations:
        raise DeployError(f"no migrations under {root / 'migrations'}")
    return migrations


def _refuse_unknown(backend: _Backend, migrations: MigrationList) -> None:
    """An older checkout would load functions that do not fit the newer tables."""
    backend.ensure_internal_schema_updated()
    applied = backend.connection.execute(
        "select migration_id from yoyo._yoyo_migrations order by applied_at_utc, migration_id"
    )
    known = {migration.id for migration in migrations}
    unknown = [name for (name,) in applied if name not in known]
    if unknown:
        raise DeployError(
            f"the database has migrations that this checkout does not know: {', '.join(unknown)}; "
            "deploy the newer code, or undo them with it (scripts/migrate --undo)"
        )


def _attempt(step: Callable[[], None], file: Path, root: Path) -> None:
    for attempt in range(1, ATTEMPTS + 1):
        try:
            step()
            return
        except (errors.LockNotAvailable, errors.DeadlockDetected) as error:
            if attempt == ATTEMPTS:
                raise DeployError(f"{file.relative_to(root)}: {error}") from error
            time.sleep(PAUSE_SECONDS)
        except (psycopg.Error, yoyo_exceptions.BadMigration) as error:
            raise DeployError(f"{file.relative_to(root)}: {error}") from error


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/migrate", description=__doc__)
    parser.add_argument("--bootstrap", action="store_true", help="run sql/bootstrap.sql first")
    parser.add_argument("--undo", type=int, metavar="COUNT", help="unload all code, undo the newest COUNT migrations")
    arguments = parser.parse_args()
    try:
        postgres = find_postgres(needs=())
        if postgres:
            put_on_path(postgres.bin)
        require_client()
        database_url = address.database_url("postgres")
        if arguments.bootstrap:
            print(bootstrap(database_url), file=sys.stderr)
        if arguments.undo is not None:
            rollback(database_url, arguments.undo)
        else:
            migrate(database_url)
            configure(database_url, os.environ)
    except SetupError as error:
        print(f"scripts/migrate: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
