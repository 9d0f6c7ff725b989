"""`scripts/report`: reads the analysts' views as scrip_analyst, writes one page and a CSV for each of its tables."""

import argparse
import csv
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from types import NoneType
from typing import Any, LiteralString, cast

import psycopg
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from scripts.reporting.charts import Table
from scripts.reporting.sections import SECTIONS, STATEMENTS
from scripts.setup.address import session_url
from scripts.setup.console import SetupError
from scripts.setup.system import find_postgres, put_on_path

ROLE = "scrip_analyst"
NONE = "–"
# What begins a formula; names of packages begin with @.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/report", description="The month as one HTML page, and as CSV.")
    parser.add_argument("--month", metavar="YYYY-MM", type=_month, help="a month of UTC; this one if left out")
    parser.add_argument("--out", metavar="FOLDER", type=Path, default=Path("report"), help="where to (default: report)")
    return parser.parse_args(arguments)


def main(arguments: list[str]) -> int:
    options = parse(arguments)
    month = options.month or datetime.now(UTC).strftime("%Y-%m")
    postgres = find_postgres(needs=())
    if postgres:
        put_on_path(postgres.bin)
    try:
        page = write_report(session_url(ROLE), month, options.out)
    except psycopg.OperationalError as error:
        raise SetupError(f"the database does not answer as {ROLE}: {str(error).strip().splitlines()[0]}") from None
    except OSError as error:
        raise SetupError(f"the report cannot be written: {error}") from None
    print(page)
    return 0


def write_report(url: str, month: str, folder: Path) -> Path:
    """Writes the page of a month ('2026-11') into `folder`, its tables as CSV into a folder there; the page's path."""
    with _snapshot(url) as connection:
        moment = {"month": f"{month}-01 00:00:00+00"}
        tables = {section.name: _read(connection, section.statement, moment) for section in SECTIONS}
        summary = _read(connection, STATEMENTS["summary"], moment)
        refreshed = _read(connection, STATEMENTS["refreshed"], moment).rows[0][0]
    # Of each month its own: another month's page does not take this one's tables away.
    (folder / month).mkdir(parents=True, exist_ok=True)
    for name, table in tables.items():
        write_csv(folder / month / f"{name}.csv", table)
    # Autoescaping: package names are people's own words.
    templates = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined, finalize=_shown
    )
    parts = [
        {
            "name": section.name,
            "title": section.title,
            "note": section.note,
            "columns": tables[section.name].columns,
            "rows": tables[section.name].rows,
            "words": _words(tables[section.name]),
            "svg": section.chart(tables[section.name]) if section.chart and tables[section.name].rows else None,
        }
        for section in SECTIONS
    ]
    page = folder / f"scrip-{month}.html"
    page.write_text(
        templates.get_template("page.html.j2").render(
            month=month,
            refreshed=refreshed,
            summary=list(zip(summary.columns, summary.rows[0], strict=True)),
            parts=parts,
        ),
        encoding="utf-8",
    )
    return page


def write_csv(path: Path, table: Table) -> None:
    """A table as CSV. A text that a spreadsheet would run as a formula gets an apostrophe before it."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(table.columns)
        writer.writerows([_as_text(value) for value in row] for row in table.rows)


def _as_text(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


@contextmanager
def _snapshot(url: str) -> Iterator[psycopg.Connection]:
    """All tables of a page are of one moment."""
    with psycopg.connect(url) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        connection.execute("set timezone = 'UTC'")
        yield connection


def _read(connection: psycopg.Connection, statement: str, moment: dict[str, str]) -> Table:
    cursor = connection.execute(cast(LiteralString, statement), moment)
    assert cursor.description is not None
    return Table([column.name for column in cursor.description], cursor.fetchall())


def _words(table: Table) -> set[str]:
    """Columns that are read from the left: they hold something else than figures."""
    return {
        name
        for name in table.columns
        if any(
            not isinstance(value, (int, Decimal, NoneType)) or isinstance(value, bool) for value in table.column(name)
        )
    }


def _shown(value: Any) -> Any:
    return NONE if value is None else value


def _month(text: str) -> str:
    try:
        return datetime.strptime(text, "%Y-%m").replace(tzinfo=UTC).strftime("%Y-%m")
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no month such as 2026-11") from None


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except SetupError as error:
        sys.exit(f"scrip: {error}")
