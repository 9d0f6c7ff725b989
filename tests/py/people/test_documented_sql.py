"""Every statement that README.md and docs/ show to operators and analysts runs as it stands, as the role it is for."""

import re
from pathlib import Path

import psycopg
import pytest

from gateway.version import ROOT
from tests.py.support.database import Database

BLOCK = re.compile(r"^```sql\n(.*?)^```", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^## (.*)$", re.MULTILINE)
# What only somebody's own system knows: Stripe's ids and secrets, an account's id, a restored copy.
OWN = re.compile(r"…|<\w+>")


def statements_of(file: Path) -> list[tuple[str, str]]:
    """(role, statement) for each that is shown; analysts have a part of their own."""
    text = file.read_text()
    shown = []
    for block in BLOCK.finditer(text):
        heading = HEADING.findall(text[: block.start()])[-1]
        role = "scrip_analyst" if heading == "For analysts" else "scrip_operator"
        for statement in re.sub(r"--[^\n]*", "", block[1]).split(";"):
            if statement.strip() and not OWN.search(statement):
                shown.append((role, statement.strip()))
    return shown


SHOWN = [case for file in (ROOT / "README.md", ROOT / "docs/operations.md") for case in statements_of(file)]


@pytest.fixture(scope="module")
def inhabited(database: Database) -> Database:
    for name in ("ann", "bob"):
        database.rows("select api.register_user(%s, null, 'hash', sha256(%s::bytea))", [f"{name}@example.org", name])
    return database


def test_there_is_something_to_run() -> None:
    assert {role for role, _ in SHOWN} == {"scrip_operator", "scrip_analyst"}
    assert len(SHOWN) > 30


@pytest.mark.parametrize(("role", "statement"), SHOWN, ids=[statement[:60] for _, statement in SHOWN])
def test_what_is_shown_runs(inhabited: Database, role: str, statement: str) -> None:
    with inhabited.connect(role) as connection, connection.transaction() as shown:
        # A login as the role itself, so its own search path; what another statement needs first is not remembered.
        connection.execute(statement)  # type: ignore[arg-type]
        raise psycopg.Rollback(shown)
