"""Views and caches of analytics across deploys: what is as before is not touched, what changes disturbs no reader."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from scripts.setup.migrate import DeployError, load
from tests.py.deploy.checkouts import Checkout
from tests.py.support.database import Database

CACHES = "select oid::text, relname::text, relfilenode::text from pg_class where relnamespace = 'rollup'::regnamespace"
COLUMNS = """
    select string_agg(attname, ' ' order by attnum) from pg_attribute
    where attrelid = 'analytics.engagement'::regclass and attnum > 0
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


def replace(checkout: Checkout, file: str, old: str, new: str) -> None:
    path = checkout.root / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def reorder(checkout: Checkout) -> None:
    """Another order of columns, one fewer, and one renamed: what `create or replace view` cannot do."""
    view = "sql/analytics/engagement.sql"
    replace(
        checkout, view, "select day, present.people, in_month.people as people_of_month", "select present.people, day"
    )
    replace(checkout, view, "  called.comparisons\n", "  called.comparisons as compared\n")
    replace(checkout, view, "engagement_new.comparisons", "engagement_new.compared")
    text = (checkout.root / view).read_text().splitlines()
    (checkout.root / view).write_text("\n".join(line for line in text if "people_of_month" not in line))


def test_a_load_that_changes_nothing_waits_for_no_reader(fresh_database: Database) -> None:
    before = fresh_database.rows(CACHES)
    views = fresh_database.rows("select name from engine.analytics_caches()")
    with fresh_database.connect("scrip_analyst") as reading, reading.transaction():
        for (view,) in views:
            reading.execute(f"select * from analytics.{view}".encode())
        load(fresh_database.admin_url)
    assert sorted(fresh_database.rows(CACHES)) == sorted(before)


def test_a_load_and_a_refresh_wait_for_each_other_in_one_place(fresh_database: Database) -> None:
    """Each needs many views, in an order of its own: with some of them held, to wait for others closes a circle."""
    with fresh_database.connect() as refreshing, ThreadPoolExecutor(1) as pool:
        with refreshing.transaction():
            refreshing.execute("select engine.refresh_analytics()")
            loading = pool.submit(load, fresh_database.admin_url)
            fresh_database.wait_for_lock_waits()
            waiting = """
                select wait.locktype, count(held.pid)
                from pg_locks as wait
                left join pg_locks as held on held.pid = wait.pid and held.granted and held.mode = 'AccessExclusiveLock'
                where not wait.granted
                group by 1
            """
            assert fresh_database.rows(waiting) == [("advisory", 0)]
        loading.result()


def test_a_view_may_change_in_any_way_and_back(fresh_database: Database, checkout: Checkout) -> None:
    before, columns = fresh_database.dump_schema(), fresh_database.value(COLUMNS)
    reorder(checkout)
    load(fresh_database.admin_url, checkout.root)
    changed = fresh_database.value(COLUMNS).split()
    assert changed[:2] == ["people", "day"]
    assert changed[-2:] == ["compared", "refreshed_at"]
    fresh_database.rows("select jobs.refresh_analytics()", role="scrip_cron")
    load(fresh_database.admin_url)
    assert fresh_database.value(COLUMNS) == columns
    assert fresh_database.dump_schema() == before


def test_a_cache_follows_its_view_where_columns_stay(fresh_database: Database, checkout: Checkout) -> None:
    """Otherwise it would show figures of the old definition until somebody refreshed it."""
    fresh_database.rows("insert into rollup.people_days select now(), 7")
    fresh_database.rows(
        "insert into rollup.usage_days select now(), 'm', 't', 'o', 1, 0, 0, 0, 1, 1, 0, 0, 0, 3, 0, 0, 0 returning day"
    )
    fresh_database.rows("update rollup.people_days set day = (select day from rollup.usage_days)")
    replace(
        checkout, "sql/analytics/engagement.sql", "present.people, in_month", "2 * present.people as people, in_month"
    )
    load(fresh_database.admin_url, checkout.root)
    assert fresh_database.value("select people from analytics.engagement", role="scrip_analyst") == 14


def test_a_view_without_a_file_is_gone_with_its_cache(fresh_database: Database, checkout: Checkout) -> None:
    before = fresh_database.dump_schema()
    (checkout.root / "sql/analytics/engagement.sql").unlink()
    replace(checkout, "sql/load.sql", "\\ir analytics/engagement.sql\n", "")
    replace(checkout, "sql/engine/analytics.sql", "    ('engagement', array['day'], '{}'),\n", "")
    load(fresh_database.admin_url, checkout.root)
    left = "select count(*) from pg_class where relname like 'engagement%' and relkind in ('v', 'm')"
    assert fresh_database.value(left) == 0
    load(fresh_database.admin_url)
    assert fresh_database.dump_schema() == before


def test_a_view_that_is_not_listed_is_a_mistake(fresh_database: Database, checkout: Checkout) -> None:
    replace(checkout, "sql/engine/analytics.sql", "    ('engagement', array['day'], '{}'),\n", "")
    with pytest.raises(DeployError, match=r"analytics\.engagement_new has no line"):
        load(fresh_database.admin_url, checkout.root)


def test_no_reader_fails_while_views_change(fresh_database: Database, checkout: Checkout) -> None:
    is_over = threading.Event()
    reorder(checkout)

    def read_until_over(statement: str) -> int:
        times = 0
        with fresh_database.connect("scrip_analyst") as connection:
            # Until the load commits, who reads what it replaced waits; this is to see that nobody fails.
            connection.execute("set lock_timeout = '60s'")
            while not is_over.is_set():
                connection.execute(statement.encode(), prepare=True).fetchall()
                times += 1
        return times

    statements = [
        "select day, runs, refreshed_at from analytics.engagement",
        "select day, credits from analytics.engagement_now",
        "select * from analytics.daily_usage",
    ]
    with ThreadPoolExecutor(len(statements)) as pool:
        readers = [pool.submit(read_until_over, statement) for statement in statements]
        try:
            for _ in range(2):
                load(fresh_database.admin_url, checkout.root)
                load(fresh_database.admin_url)
        finally:
            is_over.set()
        assert min(reader.result() for reader in readers) > 0
