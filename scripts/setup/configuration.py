"""What a deploy tells the database of its surroundings: as the owner, by the audited functions that operators call."""

import psycopg
from psycopg import sql

from scripts.setup.address import with_role
from scripts.setup.console import SetupError


def as_owner(admin_url: str) -> psycopg.Connection:
    """A connection of an administrator that acts as scrip_owner; each statement is a transaction."""
    return psycopg.connect(with_role(admin_url, "scrip_owner"), autocommit=True)


def call_admin(connection: psycopg.Connection, name: str, function: str, *arguments: object) -> None:
    """Calls a function of schema admin. Raises SetupError that begins with `name` for what the function refuses."""
    places = sql.SQL(", ").join(sql.Placeholder() * len(arguments))
    call = sql.SQL("select admin.{}({})").format(sql.Identifier(function), places)
    try:
        connection.execute(call, arguments)
    except psycopg.Error as error:
        if not (error.sqlstate or "").startswith("SC"):
            raise
        # Only what the function itself says: the statement holds secrets.
        raise SetupError(f"{name}: {error.diag.message_primary}") from None


def set_frontend(admin_url: str, address: str, reason: str) -> None:
    """The address that links are built with. Raises SetupError for what is no address."""
    address = address.rstrip("/")
    with as_owner(admin_url) as connection:
        known = connection.execute("select frontend_url from playground.platform_settings").fetchone()
        if known != (address,):
            call_admin(connection, "FRONTEND_URL", "set_setting", "frontend_url", address, reason)
