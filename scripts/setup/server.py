"""A database that somebody else runs (`DATABASE_URL`): what it lacks, and how the gateway logs in there."""

import os
import secrets
from pathlib import Path

import psycopg
from psycopg import sql

from scripts.setup.address import as_url, with_login, without_password
from scripts.setup.console import SetupError, say, warn

OLDEST_VERSION = 150000
WITHOUT_PG_CRON = (
    "what does not run by itself without pg_cron: expiry of holds and credits and monthly resets wait until an account "
    "is next used; the analysts' figures stand still; old answers, tokens and job records are not purged; the ledger "
    "is not verified and nobody is alerted of margin, spend or late jobs; an outside scheduler can "
    "run the statements of sql/jobs/schedule.sql as a member of scrip_cron, or call "
    "POST /api/v1/playground/credits/cron/reset and /expire (CRON_TOKEN)"
)


def check_server(url: str) -> None:
    """Says what the server lacks. Raises SetupError for what Scrip cannot do without."""
    try:
        connection = psycopg.connect(url, connect_timeout=10, autocommit=True)
    except psycopg.OperationalError as error:
        raise SetupError(f"DATABASE_URL ({without_password(url)}) cannot be reached: {_first_line(error)}") from error
    with connection:
        if connection.info.server_version < OLDEST_VERSION:
            raise SetupError(
                f"the server is PostgreSQL {connection.info.server_version // 10000}; 15 or newer is needed"
            )
        database = _one(connection, "select current_database()")[0]
        if database in ("postgres", "template1"):
            raise SetupError(f"DATABASE_URL names the database {database}: make one for Scrip and name that")
        user, is_superuser, may_create_roles = _one(
            connection, "select current_user, rolsuper, rolcreaterole from pg_roles where rolname = current_user"
        )
        known_roles = _one(connection, "select count(*) from pg_roles where rolname like 'scrip\\_%'")[0]
        if not (is_superuser or may_create_roles) and known_roles < 5:
            raise SetupError(
                f"the roles scrip_owner, scrip_gateway, … are missing and {user} may not create them: "
                "have an administrator run sql/bootstrap.sql once, or give a user with CREATEROLE"
            )
        if not is_superuser:
            say(f"{user} is no superuser: extensions it may not create are skipped")


def report_lacks(url: str) -> None:
    """After bootstrap: which parts of the database did not come, and what that means."""
    with psycopg.connect(url, autocommit=True) as connection:
        if _one(connection, "select count(*) from pg_extension where extname = 'pg_cron'")[0] == 0:
            database = _one(connection, "select current_database()")[0]
            warn(f"the server lacks pg_cron in the database {database}; {WITHOUT_PG_CRON}")
        if _one(connection, "select count(*) from pg_extension where extname = 'pg_stat_statements'")[0] == 0:
            warn("the server lacks pg_stat_statements: only statistics about statements are missing")


def gateway_login(url: str, keep_in: Path) -> str:
    """An address with which the gateway logs in as scrip_gateway.

    In this order: GATEWAY_DATABASE_URL; the server lets the role in without a password; a password kept in the file
    `keep_in`, made and set on the role when there is none that works. Raises SetupError when nothing works.
    """
    given = os.environ.get("GATEWAY_DATABASE_URL")
    if given:
        return as_url(given)
    kept = keep_in.read_text().strip() if keep_in.exists() else None
    for password in (None, kept):
        candidate = with_login(url, "scrip_gateway", password)
        if _lets_in(candidate):
            return candidate
    password = secrets.token_urlsafe(24)
    descriptor = os.open(keep_in, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(password + "\n")
    say("the role scrip_gateway gets a new password (set GATEWAY_DATABASE_URL to use one of your own)")
    candidate = with_login(url, "scrip_gateway", password)
    try:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(sql.SQL("alter role scrip_gateway password {}").format(sql.Literal(password)))
        psycopg.connect(candidate, connect_timeout=10).close()
    except psycopg.Error as error:
        raise SetupError(
            f"the gateway cannot log in as scrip_gateway ({_first_line(error)}): set GATEWAY_DATABASE_URL"
        ) from error
    return candidate


def _lets_in(url: str) -> bool:
    try:
        psycopg.connect(url, connect_timeout=10).close()
    except psycopg.OperationalError:
        return False
    return True


def _one(connection: psycopg.Connection, statement: str) -> tuple:
    row = connection.execute(statement.encode()).fetchone()
    assert row is not None
    return row


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
