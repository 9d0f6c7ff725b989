"""scripts/check: everything that can be found wrong without running the tests. All checks run, also when one fails."""

import os
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import psycopg
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from psycopg import sql
from psycopg.conninfo import make_conninfo

from scripts.setup.address import as_url
from scripts.setup.console import SetupError, step
from scripts.setup.migrate import bootstrap, migrate
from scripts.setup.paths import ROOT
from scripts.setup.testing import ADMIN_URL, test_server

DATABASE = "scrip_check"
CODE_SCHEMAS = ["engine", "api", "jobs", "admin", "analytics", "playground", "rollup"]
# Warnings about speed are left to people: most name the casts that a signature asks for. Of the rest, as in
# tests/sql/schema/functions.sql: the checker knows no shape for an argument of type record, wishes for no row beside
# another result, and takes a result column that the contract calls "user" for a slip. pg_cron is in one database only.
PLPGSQL_CHECK = """
select format('%%I.%%I line %%s: %%s: %%s', n.nspname, p.proname, coalesce(c.lineno, 0), c.level, c.message)
from pg_proc as p
join pg_namespace as n on n.oid = p.pronamespace
join pg_language as l on l.oid = p.prolang
left join pg_trigger as t on t.tgfoid = p.oid and not t.tgisinternal
cross join lateral plpgsql_check_function_tb(
  p.oid, coalesce(t.tgrelid, 0), security_warnings => true
) as c
where n.nspname = any(%s)
  and l.lanname = 'plpgsql'
  and (p.prorettype <> 'trigger'::regtype or t.oid is not null)
  and c.message !~ '^(record "p_\\w+" is not assigned yet|composite OUT variable|name of parameter "user" is reserved)'
  and c.message !~ '^relation "cron\\.\\w+" does not exist'
  and not (
    c.message = 'routine is marked as STABLE, but expression is VOLATILE'
    and case c.statement when 'statement block' then p.prosrc else split_part(p.prosrc, e'\\n', c.lineno) end
      ~ 'engine\\.(refuse\\w*|now)\\('
  )
order by 1
"""


class Failed(Exception):
    """A check found something; its message is what to show."""


def program(*command: str | Path, environment: dict[str, str] | None = None) -> None:
    """Runs a program of the virtual environment in the checkout. Raises Failed with what it printed."""
    done = subprocess.run(
        [str(word) for word in command],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        raise Failed(done.stdout.strip() or f"exit code {done.returncode}")


def tool(name: str) -> Path:
    return Path(sys.executable).parent / name


def check_types() -> None:
    program(sys.executable, "-m", "pyright", "--pythonpath", sys.executable)


def check_locks() -> None:
    """Every dependency of pyproject.toml is locked to a version it allows, and what is installed fits together."""
    program(sys.executable, "-m", "pip", "check")
    with (ROOT / "pyproject.toml").open("rb") as file:
        project = tomllib.load(file)["project"]
    locked: dict[str, str] = {}
    for name in ("requirements.lock", "requirements-dev.lock"):
        lines = (line.split("#")[0].strip() for line in (ROOT / name).read_text().splitlines())
        locked |= dict(line.split("==") for line in lines if "==" in line)
        wanted = project["dependencies"] if name == "requirements.lock" else project["optional-dependencies"]["dev"]
        for requirement in map(Requirement, wanted):
            version = locked.get(canonicalize_name(requirement.name))
            if version is None or version not in requirement.specifier:
                raise Failed(f"{name} has {version or 'no version'} of {requirement}, which pyproject.toml asks for")


def check_shell() -> None:
    """bash reads each of its scripts without complaint."""
    for path in sorted([*(ROOT / "scripts").iterdir(), *(ROOT / "scripts/setup").glob("*.sh"), ROOT / ".ci/run"]):
        if path.is_file() and (path.name == "_env" or path.read_bytes().startswith(b"#!/usr/bin/env bash")):
            program("bash", "-n", path)


def check_migrations() -> None:
    files = sorted(path for path in (ROOT / "migrations").glob("*.sql") if not path.name.endswith(".rollback.sql"))
    program(tool("squawk"), "--config", ROOT / ".squawk.toml", "--reporter", "gcc", *files)


def check_functions(admin_url: str) -> None:
    """Loads everything into a new database and lets plpgsql_check read every function."""
    with psycopg.connect(admin_url, autocommit=True) as connection:
        name = sql.Identifier(DATABASE)
        connection.execute(sql.SQL("drop database if exists {} with (force)").format(name))
        connection.execute(sql.SQL("create database {} template template0").format(name))
        try:
            complaints = _read_functions(_in_database(admin_url))
        finally:
            connection.execute(sql.SQL("drop database if exists {} with (force)").format(name))
    if complaints:
        raise Failed("\n".join(complaints))


def _read_functions(url: str) -> list[str]:
    bootstrap(url)
    migrate(url, say=lambda text: None)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("create extension plpgsql_check")
        return [row[0] for row in connection.execute(PLPGSQL_CHECK, [CODE_SCHEMAS])]


def _in_database(admin_url: str) -> str:
    return as_url(make_conninfo(admin_url, dbname=DATABASE))


def main() -> int:
    with test_server() as environment:
        os.environ["PATH"] = environment["PATH"]
        admin_url = environment[ADMIN_URL]
        contracts = [sys.executable, "-m", "pytest", "-q", "-m", "contract", "tests/py"]
        checks: list[tuple[str, Callable[[], None]]] = [
            ("ruff check", lambda: program(tool("ruff"), "check")),
            ("ruff format", lambda: program(tool("ruff"), "format", "--check")),
            ("pyright", check_types),
            ("locked versions", check_locks),
            ("bash", check_shell),
            ("squawk", check_migrations),
            ("plpgsql_check", lambda: check_functions(admin_url)),
            ("contracts", lambda: program(*contracts, environment=environment)),
        ]
        failed = [name for name, check in checks if not passes(name, check)]
    verdict = f"failed: {', '.join(failed)}" if failed else "all passed"
    print(f"scripts/check: {len(checks)} checks, {verdict}")
    return 1 if failed else 0


def passes(name: str, check: Callable[[], None]) -> bool:
    """Runs one check and shows what it found."""
    try:
        with step(name):
            check()
    except (Failed, SetupError, psycopg.Error) as error:
        print(f"✗ {name}\n{error}", file=sys.stderr)
        return False
    return True


if __name__ == "__main__":
    try:
        sys.exit(main())
    except SetupError as error:
        sys.exit(f"scrip: {error}")
