"""The views on usage beside counts of usage itself, after random histories."""

import pytest

from tests.py.analytics.usage_history import BRUTE_FORCE, PACKAGES, History, differences, uncompared
from tests.py.ledger.world import PROMPT, call
from tests.py.support.database import Database

STEPS = 120


@pytest.fixture(scope="module")
def lived_in(database: Database) -> Database:
    """With two packages, and purchases by SQL."""
    with database.connect() as connection:
        for package in PACKAGES:
            query = call(
                "admin.import_package",
                name=package,
                version="1.0.0",
                description="A package for tests",
                format="claude",
                subtype="skill",
                files=f'[{{"path": "SKILL.md", "content": "{PROMPT}"}}]',
                manifest="{}",
            )
            connection.execute(query.text, query.arguments)
    database.psql("-q", "-c", "set role scrip_owner", "-c", "create schema tests", "-f", "tests/sql/runs.psql")
    return database


@pytest.mark.parametrize("seed", [1, 2])
def test_views_say_what_usage_says(lived_in: Database, seed: int) -> None:
    history = History(lived_in, seed)
    history.begin()
    for _ in range(STEPS):
        history.step()
    history.end()
    lived_in.rows("select admin.refresh_analytics('for a test')", role="scrip_operator")
    outcomes = {row[0] for row in lived_in.rows("select distinct outcome::text from playground.usage")}
    assert {"completed", "abandoned", "late"} <= outcomes, "a history in which nothing happens shows nothing"
    for view in BRUTE_FORCE:
        for suffix in ("", "_now"):
            assert differences(lived_in, view, suffix) == [], view + suffix
    # What /metrics reads.
    totals = "sum(credits), sum(cost_usd), sum(budget_usd), sum(input_tokens), sum(output_tokens)"
    assert lived_in.rows(f"select sum(runs), {totals} from rollup.usage_totals") == lived_in.rows(
        f"select count(*), {totals} from playground.usage"
    )


def test_no_column_is_left_uncompared(lived_in: Database) -> None:
    left_out = {view: names for view in BRUTE_FORCE if (names := uncompared(lived_in, view))}
    # Pseudonyms and throttles: tests/sql/analytics/user_cost_analytics.sql.
    assert {view: names for view, names in left_out.items() if names} == {
        "user_cost_analytics": {"person", "is_throttled"}
    }
