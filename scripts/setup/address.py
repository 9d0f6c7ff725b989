"""Which database a script means: the one `DATABASE_URL` names, or the one `scripts/serve` runs."""

import os
import re
from urllib.parse import quote

import psycopg
from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict

from scripts.setup.cluster import DATABASE, SOCKET_FILE, socket_folder
from scripts.setup.console import SetupError
from scripts.setup.paths import data_home


def database_url(role: str) -> str:
    """The address for `role` (`postgres`, `scrip_owner`, `scrip_operator`, …).

    `DATABASE_URL` is an administrator's address: any other role than `postgres` is taken there by `set role` as the
    session starts. Raises SetupError when there is neither a `DATABASE_URL` nor a running `scripts/serve`.
    """
    given = os.environ.get("DATABASE_URL")
    if given:
        return as_url(given) if role == "postgres" else with_role(given, role)
    socket = socket_folder(data_home() / "serve")
    if not (socket / SOCKET_FILE).exists():
        raise SetupError(f"no database runs in {data_home() / 'serve'}: start scripts/serve, or set DATABASE_URL")
    return f"postgresql://{role}@/{DATABASE}?host={quote(str(socket), safe='')}"


def session_url(role: str) -> str:
    """Like `database_url`, with the settings that a login of `role` begins with: search path, time-outs, time zone.

    PostgreSQL applies these to who logs in as the role, not to who takes it by `set role`, as is done on other servers.
    """
    given = os.environ.get("DATABASE_URL")
    if not given or role == "postgres":
        return database_url(role)
    with psycopg.connect(as_url(given), autocommit=True, connect_timeout=10) as connection:
        settings = connection.execute(
            "select unnest(setconfig) from pg_db_role_setting join pg_roles on oid = setrole "
            "where rolname = %s and setdatabase = 0",
            [role],
        ).fetchall()
    parts = _parts(database_url(role))
    # A blank parts two options unless it is escaped.
    parts["options"] += "".join(" -c " + re.sub(r"([\\\s])", r"\\\1", setting) for (setting,) in settings)
    return _join(parts)


def with_role(address: str, role: str) -> str:
    """The same address, whose sessions act as `role`."""
    parts = _parts(address)
    parts["options"] = f"{parts.get('options', '')} -c role={role}".strip()
    return _join(parts)


def with_login(address: str, user: str, password: str | None) -> str:
    """The same server and database for another login."""
    parts = _parts(address)
    parts["user"] = user
    parts.pop("password", None)
    if password is not None:
        parts["password"] = password
    return _join(parts)


def without_password(address: str) -> str:
    """The same address, fit to be shown."""
    parts = _parts(address)
    parts.pop("password", None)
    return _join(parts)


def as_url(address: str) -> str:
    """A URL, also when the address was given as `host=… dbname=…`."""
    return _join(_parts(address))


def _parts(address: str) -> dict[str, str]:
    try:
        known = conninfo_to_dict(address)
    except ProgrammingError:
        # libpq's own words repeat the address, and with it a password.
        raise SetupError("this is no address of a database: postgresql://user:password@host:port/database") from None
    return {name: str(value) for name, value in known.items() if value is not None}


def _join(parts: dict[str, str]) -> str:
    rest = dict(parts)
    login = ":".join(quote(rest.pop(key), safe="") for key in ("user", "password") if key in rest)
    database = quote(rest.pop("dbname", ""), safe="")
    host, port = rest.get("host", ""), rest.get("port", "")
    authority = ""
    # One plain host can stand in its usual place; sockets, lists and IPv6 go to the query part, where all is quoted.
    if host and "/" not in host and "," not in host and ":" not in host:
        authority = rest.pop("host") + (f":{rest.pop('port')}" if port else "")
    query = "&".join(f"{name}={quote(value, safe='')}" for name, value in rest.items())
    return f"postgresql://{login + '@' if login else ''}{authority}/{database}" + (f"?{query}" if query else "")
