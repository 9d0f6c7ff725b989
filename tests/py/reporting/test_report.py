"""The operators' page tells what the analysts' views say, to the cent, and needs nothing from elsewhere."""

import csv
import random
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from scripts.reporting.__main__ import main, write_csv, write_report
from scripts.reporting.charts import Table
from scripts.reporting.sections import SECTIONS, STATEMENTS
from tests.py.support.database import Database

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
MONTH = "2026-11"
PACKAGE = "@scrip/release-notes"
# A name that somebody might choose who wants to be seen.
LOUD = "<script>alert(1)</script>"

IMPORT = """
    select admin.import_package(
      p_name => %s, p_version => '1.0.0', p_description => 'A package', p_format => 'claude', p_subtype => 'skill',
      p_files => '[{"path": "SKILL.md", "content": "Be brief."}]', p_manifest => '{}')
"""
REGISTER = "select api.register_user(%s, null, 'hash', sha256(%s::bytea)) ->> 'id'"
RESERVE = """
    select hold_id from api.reserve_run(%s, %s, null, 'hello', %s, null, false, null, null, null, null)
"""
SETTLE = """
    select charged from api.settle_run(%s, %s, 'completed', 'hello', 'hi', %s, %s, 0, 0, null, 'end_turn', 900, false)
"""


class Page(HTMLParser):
    """What a reader finds: the summary, and the table of each part by its id."""

    def __init__(self) -> None:
        super().__init__()
        self.tables: dict[str, list[list[str]]] = {}
        self.summary: dict[str, str] = {}
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self._part = ""
        self._cell: list[str] | None = None
        self._name = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag == "section":
            self._part = dict(attrs)["id"] or ""
        elif tag == "tr":
            self.tables.setdefault(self._part, []).append([])
        elif tag in {"td", "th", "dt", "dd"}:
            self._cell = []

    def handle_data(self, data: str) -> None:
        if self._cell is not None:
            self._cell.append(data)

    def handle_endtag(self, tag: str) -> None:
        if self._cell is None or tag not in {"td", "th", "dt", "dd"}:
            return
        text = "".join(self._cell)
        self._cell = None
        if tag == "dt":
            self._name = text
        elif tag == "dd":
            self.summary[self._name] = text
        else:
            self.tables[self._part][-1].append(text)


@pytest.fixture(scope="module")
def busy(database: Database) -> Database:
    """Two months of people who run, buy and let credits expire, added up and cached."""
    chance = random.Random(7)
    database.clock.freeze(NOW - timedelta(days=40))
    with database.connect() as connection:

        def ask(statement: str, *parameters: Any) -> Any:
            row = connection.execute(statement, parameters).fetchone()  # type: ignore[arg-type]
            return row and row[0]

        ask(IMPORT, PACKAGE)
        people = [ask(REGISTER, f"person{number}@example.org", str(number)) for number in range(8)]
        for person in people:
            ask("select admin.set_unlimited(%s, true, 'a test')", person)
            ask("select admin.grant_credits(%s, 500, 'a test')", person)
        for day in range(40):
            database.clock.freeze(NOW - timedelta(days=39 - day, minutes=chance.randint(0, 600)))
            for _ in range(chance.randint(0, 6)):
                person, model = chance.choice(people), chance.choice(["sonnet", "opus", "gpt-4o"])
                hold = ask(RESERVE, person, PACKAGE, model)
                ask(SETTLE, person, hold, chance.randint(100, 9000), chance.randint(10, 4000))
        database.clock.freeze(NOW)
        ask("select jobs.roll_up()")
        ask("select jobs.refresh_analytics()")
    return database


@pytest.fixture(scope="module")
def folder(busy: Database, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("report")
    write_report(busy.url("scrip_analyst"), MONTH, made)
    return made


@pytest.fixture(scope="module")
def page(folder: Path) -> Page:
    page = Page()
    page.feed((folder / f"scrip-{MONTH}.html").read_text())
    return page


def test_the_page_has_every_part_and_each_has_its_file(page: Page, folder: Path) -> None:
    ids = [attributes["id"] for tag, attributes in page.tags if tag == "section"]
    assert ids == [section.name for section in SECTIONS]
    assert {file.stem for file in (folder / MONTH).glob("*.csv")} == set(ids)


def test_each_figure_of_a_table_is_in_its_file(page: Page, folder: Path) -> None:
    for section in SECTIONS:
        with (folder / MONTH / f"{section.name}.csv").open(newline="") as file:
            header, *rows = csv.reader(file)
        shown = page.tables.get(section.name, [])
        # What a spreadsheet must not take for a formula has an apostrophe there.
        assert [[value.removeprefix("'") or "–" for value in row] for row in rows] == shown[1:]
        assert not rows or [name.replace("_", " ") for name in header] == shown[0]


def test_another_month_in_the_same_folder_leaves_the_tables_of_this_one(busy: Database, tmp_path: Path) -> None:
    write_report(busy.url("scrip_analyst"), MONTH, tmp_path)
    before = {file.name: file.read_bytes() for file in (tmp_path / MONTH).iterdir()}
    write_report(busy.url("scrip_analyst"), "2026-10", tmp_path)
    assert before == {file.name: file.read_bytes() for file in (tmp_path / MONTH).iterdir()}
    assert before["margin_by_model.csv"] != (tmp_path / "2026-10" / "margin_by_model.csv").read_bytes()


def test_names_are_read_from_the_left_and_figures_from_the_right(page: Page) -> None:
    cells = [attributes.get("class") for tag, attributes in page.tags if tag == "th"]
    header = page.tables["margin_by_day"][0]
    assert cells[: len(header)] == ["word", *[None] * (len(header) - 1)]
    header = page.tables["margin_by_model"][0]
    start = len(page.tables["margin_by_day"][0])
    assert cells[start : start + len(header)] == ["word", *[None] * (len(header) - 1)]


def test_margin_by_model_is_the_view_to_the_cent(page: Page, busy: Database) -> None:
    header, *rows = page.tables["margin_by_model"]
    assert len(rows) == 3
    for row in rows:
        shown = dict(zip(header, row, strict=True))
        runs, credits, cost, revenue = busy.rows(
            "select sum(runs), sum(credits), round(sum(cost_usd), 2), round(sum(revenue_usd), 2)"
            " from analytics.model_margin where model = %s and day >= '2026-11-01'",
            [shown["model"]],
        )[0]
        assert (int(shown["runs"]), int(shown["credits"])) == (runs, credits)
        assert (Decimal(shown["cost usd"]), Decimal(shown["revenue usd"])) == (cost, revenue)


def test_the_summary_is_what_happened(page: Page, busy: Database) -> None:
    """Counted from the usage itself, not from the views."""
    runs, credits, cost = busy.rows(
        "select count(*), sum(credits), round(sum(cost_usd), 2) from playground.usage where reserved_at >= '2026-11-01'"
    )[0]
    assert page.summary["Runs"] == str(runs)
    assert page.summary["Credits charged"] == str(credits)
    assert Decimal(page.summary["API cost, USD"]) == cost


def test_credits_flow_from_month_to_month(page: Page, busy: Database) -> None:
    header, *rows = page.tables["credit_flow"]
    flows = [dict(zip(header, row, strict=True)) for row in rows]
    assert [flow["month"] for flow in flows] == ["2026-10", "2026-11"]
    assert flows[0]["closing"] == flows[1]["opening"]
    assert {flow["difference"] for flow in flows} == {"0"}
    assert flows[1]["closing"] == str(busy.value("select sum(remaining) from playground.grants"))


def test_the_page_needs_nothing_from_elsewhere_and_runs_nothing(page: Page, folder: Path) -> None:
    assert {tag for tag, _ in page.tags}.isdisjoint({"script", "link", "img", "iframe", "object"})
    assert all(
        "://" not in (value or "")
        for _, attributes in page.tags
        for name, value in attributes.items()
        if name != "xmlns"
    )
    assert not re.search(r"@import|url\(", (folder / f"scrip-{MONTH}.html").read_text())
    assert sum(tag == "svg" for tag, _ in page.tags) >= 6


def test_nobody_is_named(folder: Path) -> None:
    for file in folder.rglob("*.*"):
        text = file.read_text()
        assert "example.org" not in text
        assert not re.search(r"\b[0-9a-f]{8}-[0-9a-f]{4}-", re.sub(r"chart-[0-9a-f-]{36}", "", text)), file.name


def test_what_people_wrote_is_only_text(busy: Database, tmp_path: Path) -> None:
    # No package can be imported by such a name; a page is made for whatever stands there.
    busy.rows("update playground.packages set name = %s", [LOUD])
    busy.rows("select jobs.refresh_analytics()")
    try:
        text = write_report(busy.url("scrip_analyst"), MONTH, tmp_path).read_text()
    finally:
        busy.rows("update playground.packages set name = %s", [PACKAGE])
    assert "<script" not in text
    assert "&lt;script&gt;" in text


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1-1", "@sum(1)", "\t=1", "\r=1", PACKAGE])
def test_no_spreadsheet_takes_a_name_for_a_formula(tmp_path: Path, name: str) -> None:
    write_csv(tmp_path / "packages.csv", Table(["package", "runs"], [[name, 3]]))
    with (tmp_path / "packages.csv").open(newline="", encoding="utf-8") as file:
        assert list(csv.reader(file)) == [["package", "runs"], [f"'{name}", "3"]]


def test_figures_stay_figures_in_a_spreadsheet(folder: Path) -> None:
    """Also those below zero."""
    with (folder / MONTH / "margin_by_model.csv").open(newline="") as file:
        margins = [row["margin_usd"] for row in csv.DictReader(file)]
    assert margins
    assert all(Decimal(margin) < 0 for margin in margins)


def test_a_month_without_anything_is_a_page_too(busy: Database, tmp_path: Path) -> None:
    empty = Page()
    empty.feed(write_report(busy.url("scrip_analyst"), "2024-02", tmp_path).read_text())
    assert empty.summary["Runs"] == "0"
    assert "margin_by_day" not in empty.tables


@pytest.mark.parametrize("month", ["2026", "2026-13", "november", "2026-1-1", ""])
def test_what_is_no_month_is_said(month: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--month", month])
    assert ended.value.code == 2
    assert "is no month such as 2026-11" in capsys.readouterr().err


def test_the_page_is_made_from_the_analysts_views_only() -> None:
    for statement in STATEMENTS.values():
        assert not re.search(r"\b(playground|rollup|engine|admin|api|jobs)\.", statement)
