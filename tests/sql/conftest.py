"""Collects tests/sql/**/*.sql: each file is one item, run by psql as pg_prove would, in a database of this process."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.py.support.database import Database
from tests.py.support.server import Server
from tests.py.support.tap import read_tap

_DATABASE = pytest.StashKey[Database]()


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> "SqlFile | None":
    if file_path.suffix == ".sql":
        return SqlFile.from_parent(parent, path=file_path)
    return None


class SqlFile(pytest.File):
    def collect(self) -> Iterator["SqlItem"]:
        yield SqlItem.from_parent(self, name="pgtap")


class SqlItem(pytest.Item):
    def runtest(self) -> None:
        # What pg_prove passes, so that a file means the same under both.
        done = _database(self.config).psql(
            "--no-align", "--quiet", "--tuples-only", "--set=ON_ERROR_STOP=1", "-f", str(self.path), check=False
        )
        report = read_tap(done.stdout)
        failures = report.failures
        if done.returncode or done.stderr.strip():
            failures = [f"psql ended with {done.returncode}:\n{done.stderr.strip()}", *failures]
        if failures:
            raise SqlFailure("\n".join(failures))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: object = None) -> str:
        if isinstance(excinfo.value, (SqlFailure, LookupError)):
            return str(excinfo.value)
        return str(super().repr_failure(excinfo))

    def reportinfo(self) -> tuple[Path, int, str]:
        return self.path, 0, f"pgTAP {self.path.name}"


class SqlFailure(AssertionError):
    """What a pgTAP file reported, in its own words."""


def _database(config: pytest.Config) -> Database:
    """One copy of the template for all files of this process: each rolls back what it did."""
    if _DATABASE not in config.stash:
        server = Server.from_environment()
        database = server.copy(server.template())
        config.add_cleanup(lambda: server.drop(database))
        database.psql("-q", "-c", "create schema tap", "-c", "create extension pgtap with schema tap")
        config.stash[_DATABASE] = database
    return config.stash[_DATABASE]
