"""Reads the files of sql/ as text: which there are, what they define, which statements they hold."""

import re
from collections.abc import Iterator
from pathlib import Path

from gateway.version import ROOT

SQL = ROOT / "sql"
DOORS = ("api", "jobs", "admin")
_COMMENT = re.compile(r"--[^\n]*")
_DEFINITION = re.compile(r"^create or replace (?:function|procedure|view) ([a-z]+)\.([a-z0-9_]+)", re.MULTILINE)
_REFUSAL = re.compile(r"\bSC[A-Z][0-9]{2}\b")


def files_of(*folders: str) -> list[Path]:
    """The files of some folders of sql/, sorted."""
    return sorted(path for folder in folders for path in (SQL / folder).glob("*.sql"))


def without_comments(path: Path) -> str:
    return _COMMENT.sub("", path.read_text())


def definitions(path: Path) -> list[tuple[str, str]]:
    """(schema, name) of what a file defines."""
    return _DEFINITION.findall(path.read_text())


def refusals_raised() -> set[str]:
    """Every refusal code that stands anywhere under sql/ outside of comments."""
    return {code for path in SQL.rglob("*.sql") for code in _REFUSAL.findall(without_comments(path))}


def statements(path: Path) -> Iterator[str]:
    """The statements of a file and of the bodies in it, as far as a semicolon tells them apart; no signatures."""
    for statement in re.split(r";|\$\$", without_comments(path)):
        yield " ".join(statement.split())


def bodies(path: Path) -> list[str]:
    """What stands between the dollars of a file: what is read again in each session that calls it."""
    return path.read_text().split("$$")[1::2]
