"""On somebody else's server, too, scripts begin as a login of their role does."""

from pathlib import Path

import psycopg
import pytest

from scripts.reporting import __main__ as report
from scripts.setup.address import session_url
from tests.py.support.database import Database

ROLES = ["scrip_owner", "scrip_gateway", "scrip_cron", "scrip_operator", "scrip_analyst"]


@pytest.fixture
def given(database: Database, monkeypatch: pytest.MonkeyPatch) -> Database:
    monkeypatch.setenv("DATABASE_URL", database.url("postgres"))
    return database


@pytest.mark.parametrize("role", ROLES)
def test_a_role_that_is_taken_has_the_settings_of_its_login(given: Database, role: str) -> None:
    wanted = dict(
        setting.split("=", 1)
        for (setting,) in given.rows(
            "select unnest(setconfig) from pg_db_role_setting where setrole = %s::regrole and setdatabase = 0", [role]
        )
    )
    assert {"lock_timeout", "TimeZone"} <= wanted.keys()
    with psycopg.connect(session_url(role)) as taken:
        assert taken.execute("select current_user").fetchone() == (role,)
        has = {name: taken.execute("select current_setting(%s)", [name]).fetchone() for name in wanted}
    assert has == {name: (value,) for name, value in wanted.items()}


def test_an_operator_finds_the_runbook_functions_without_a_schema(given: Database) -> None:
    with psycopg.connect(session_url("scrip_operator")) as taken:
        assert taken.execute("select count(*) > 0 from health()").fetchone() == (True,)


def test_the_report_is_written_there(given: Database, tmp_path: Path) -> None:
    assert report.main(["--month", "2026-11", "--out", str(tmp_path)]) == 0
    assert (tmp_path / "scrip-2026-11.html").exists()
