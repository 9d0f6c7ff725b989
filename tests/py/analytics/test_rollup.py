"""The sums and the caches under other sessions: late commits, kills, two at once, readers, loads."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import psycopg
import pytest

from tests.py.ledger import world
from tests.py.ledger.world import Caller, reserve, settle
from tests.py.support.database import Database

REFRESH = "select jobs.refresh_analytics()"
ROLL_UP = "select jobs.roll_up()"
RUNS = "select coalesce(sum(runs), 0)::integer from rollup.usage_totals"
QUEUED = "select count(*)::integer from rollup.usage_changes"


@pytest.fixture(scope="module")
def shop(database: Database) -> Database:
    world.import_package(database)
    return database


@pytest.fixture
def person(shop: Database) -> UUID:
    shop.rows(REFRESH, role="scrip_cron")
    return world.new_user(shop, credits=1000, is_unlimited=True)


@pytest.fixture
def gateway(shop: Database) -> Iterator[Caller]:
    with shop.connect("scrip_gateway") as connection:
        yield Caller(connection)


def run(gateway: Caller, user_id: UUID) -> None:
    gateway.get(settle(user_id, gateway.get(reserve(user_id)).hold_id))


def assert_sums_are_usage(database: Database) -> None:
    """Every sum, against usage counted anew."""
    figures = "sum(credits), sum(cost_usd)"
    counted = database.rows(f"select count(*), {figures} from playground.usage")
    for table in ("usage_days", "usage_totals", "user_totals", "user_months", "package_days", "package_totals"):
        assert database.rows(f"select sum(runs), {figures} from rollup.{table}") == counted, table
    assert database.rows("select sum(people) from rollup.people_months") == database.rows(
        "select count(distinct (user_id, date_trunc('month', reserved_at, 'UTC'))) from playground.usage"
    )


def test_a_run_that_commits_late_counts_once(shop: Database, gateway: Caller, person: UUID) -> None:
    before = shop.value(RUNS)
    late, early = gateway.get(reserve(person)), gateway.get(reserve(person))
    other = world.new_user(shop, credits=10)
    with shop.connect("scrip_gateway") as connection, connection.transaction():
        Caller(connection).get(settle(person, late.hold_id))
        # Somebody else's run comes later and is committed sooner; the sums do not wait.
        with shop.connect("scrip_gateway") as faster:
            run(Caller(faster), other)
        shop.rows(REFRESH, role="scrip_cron")
        assert shop.value(RUNS) == before + 1
    shop.rows(REFRESH, role="scrip_cron")
    assert shop.value(RUNS) == before + 2
    gateway.get(settle(person, early.hold_id))
    shop.rows(REFRESH, role="scrip_cron")
    assert shop.value(RUNS) == before + 3
    assert_sums_are_usage(shop)


@pytest.mark.parametrize("statement", [ROLL_UP, REFRESH], ids=["roll up", "refresh"])
def test_who_is_killed_before_the_commit_leaves_all_for_the_next(
    shop: Database, gateway: Caller, person: UUID, statement: str
) -> None:
    before = shop.value(RUNS)
    for _ in range(3):
        run(gateway, person)
    with shop.connect("scrip_cron") as killed:
        killed.execute("begin")
        killed.execute(statement.encode())
        shop.rows("select pg_terminate_backend(%s, 60000)", [killed.info.backend_pid], role="postgres")
        with pytest.raises(psycopg.OperationalError):
            killed.execute("commit")
    assert shop.value(RUNS) == before
    assert shop.value(QUEUED) == 3
    shop.rows(statement, role="scrip_cron")
    assert shop.value(RUNS) == before + 3
    assert_sums_are_usage(shop)


def test_a_refresh_killed_in_the_middle_leaves_all_as_it_was(shop: Database, gateway: Caller, person: UUID) -> None:
    before = shop.value(RUNS), shop.rows("select * from rollup.refreshes order by name")
    run(gateway, person)
    with shop.connect() as blocker, ThreadPoolExecutor(1) as pool, shop.connect("scrip_cron") as killed:
        with blocker.transaction():
            # Another refresh of the last cache: when it is reached, the others are made anew already.
            blocker.execute("refresh materialized view concurrently rollup.user_cost_analytics_cache")
            refreshing = pool.submit(killed.execute, REFRESH.encode())
            shop.wait_for_lock_waits()
            shop.rows("select pg_terminate_backend(%s, 60000)", [killed.info.backend_pid], role="postgres")
            with pytest.raises(psycopg.OperationalError):
                refreshing.result()
    assert (shop.value(RUNS), shop.rows("select * from rollup.refreshes order by name")) == before
    assert shop.value(QUEUED) == 1
    shop.rows(REFRESH, role="scrip_cron")
    assert_sums_are_usage(shop)


def test_two_at_once_take_every_run_once(shop: Database, gateway: Caller, person: UUID) -> None:
    before = shop.value(RUNS)
    run(gateway, person)
    with shop.connect() as first, shop.connect() as second, ThreadPoolExecutor(1) as pool:
        with first.transaction():
            assert first.execute("select engine.roll_up_usage()").fetchone() == (1,)
            run(gateway, person)
            # The job leaves it to who is at it; who must have the figures of now waits.
            assert shop.value(ROLL_UP, role="scrip_cron") == 0
            waiting = pool.submit(second.execute, "select engine.roll_up_usage()")
            shop.wait_for_lock_waits()
        assert waiting.result().fetchone() == (1,)
    assert shop.value(RUNS) == before + 2
    assert_sums_are_usage(shop)


def test_sums_are_right_while_everybody_is_at_it(shop: Database, person: UUID) -> None:
    people = [person, *(world.new_user(shop, credits=1000, is_unlimited=True) for _ in range(3))]
    is_over = threading.Event()

    def keep(statement: str) -> int:
        times = 0
        with shop.connect("scrip_cron") as connection:
            while not is_over.is_set():
                connection.execute(statement.encode())
                times += 1
        return times

    def run_often(user_id: UUID) -> None:
        with shop.connect("scrip_gateway") as connection:
            for _ in range(15):
                run(Caller(connection), user_id)

    with ThreadPoolExecutor(7) as pool:
        keepers = [pool.submit(keep, statement) for statement in (ROLL_UP, ROLL_UP, REFRESH)]
        try:
            list(pool.map(run_often, people))
        finally:
            is_over.set()
        assert min(keeper.result() for keeper in keepers) > 0
    shop.rows(REFRESH, role="scrip_cron")
    assert shop.value(QUEUED) == 0
    assert_sums_are_usage(shop)


def test_readers_are_not_blocked_by_a_refresh_that_takes_long(shop: Database, gateway: Caller, person: UUID) -> None:
    analyst = "select sum(runs)::integer, max(refreshed_at) from analytics.daily_usage"
    before = shop.rows(analyst, role="scrip_analyst")
    run(gateway, person)
    views = [row[0] for row in shop.rows("select name from engine.analytics_caches()")]
    with shop.connect("scrip_cron") as refreshing, shop.connect("scrip_analyst") as reading:
        reading.execute("set lock_timeout = '100ms'")
        with refreshing.transaction():
            refreshing.execute(REFRESH)
            # All caches are made anew and none is committed yet.
            for view in views:
                reading.execute(f"select * from analytics.{view}".encode())
                reading.execute(f"select * from analytics.{view}_now".encode())
            assert reading.execute(analyst).fetchall() == before
        after = reading.execute(analyst).fetchall()
    assert after[0][0] == (before[0][0] or 0) + 1
    assert after[0][1] > before[0][1]


def test_runs_are_not_blocked_by_a_refresh(shop: Database, gateway: Caller, person: UUID) -> None:
    gateway.connection.execute("set lock_timeout = '100ms'")
    run(gateway, person)
    with shop.connect("scrip_cron") as refreshing:
        with refreshing.transaction():
            refreshing.execute(REFRESH)
            run(gateway, person)
    gateway.connection.execute("reset lock_timeout")


def read_in(connection: psycopg.Connection, statement: str, of: str) -> int:
    """Rows that a statement reads of some tables, by the server's own count, within one transaction."""
    counted = f"""
        select coalesce(sum(seq_tup_read + coalesce(idx_tup_fetch, 0)), 0)::integer
        from pg_catalog.pg_stat_xact_all_tables where {of}
    """
    with connection.transaction():
        before = connection.execute(counted.encode()).fetchall()[0][0]
        connection.execute(statement.encode())
        return connection.execute(counted.encode()).fetchall()[0][0] - before


@pytest.fixture
def grow(shop: Database) -> Callable[[int], None]:
    """Makes runs without the doors: of the same 50 people, on the same days, as many as asked for."""

    def grow(runs: int) -> None:
        shop.rows(
            """
            with made as (
              insert into playground.usage (
                account_id, reserved_at, hold_id, user_id, session_id, package_id, package_version, model, tier,
                outcome, usage_source, is_comparison, is_simulated, input_tokens, output_tokens,
                cache_read_tokens, cache_write_tokens, input_tokens_estimated, credits, cost_usd, budget_usd,
                recorded_at)
              select person, engine.now() - make_interval(days => mod(n, 30)), gen_random_uuid(), person,
                gen_random_uuid(), package_id, '1.0.0', 'sonnet', 'free', 'completed', 'reported', false, false, 40, 60,
                0, 0, 40, 1, 0.001, 0, engine.now()
              from generate_series(1, %s) as n
              cross join lateral (select md5('person ' || mod(n, 50))::uuid as person) as of_run
              cross join (select package_id from playground.packages limit 1) as package
              returning *
            )
            insert into rollup.usage_changes
            select account_id, user_id, reserved_at, model, tier, package_id, outcome, is_comparison, is_simulated,
              false, 1, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, 0, credits, cost_usd,
              budget_usd, 0
            from made
            """,
            [runs],
            role="postgres",
        )

    return grow


def test_what_is_read_grows_with_what_is_new(shop: Database, person: UUID, grow: Callable[[int], None]) -> None:
    queue, usage, sums = (
        "relname = 'usage_changes'",
        "schemaname = 'playground' and relname ~ '^usage'",
        "schemaname = 'rollup' and relname not in ('usage_changes', 'ledger_changes')",
    )
    read: list[tuple[int, ...]] = []
    for old in (2_000, 18_000):
        grow(old)
        with shop.connect() as connection:
            connection.execute("select engine.refresh_analytics()")
            figures = []
            for of in (queue, usage, sums):
                grow(500)
                figures.append(read_in(connection, "select engine.roll_up_usage()", of))
            connection.execute("select engine.refresh_analytics()")
            # The caches are made of the sums alone: as many rows whatever the number of runs.
            figures.append(read_in(connection, "select engine.refresh_analytics()", f"{usage} or {sums}"))
            read.append(tuple(figures))
    for of_queue, of_usage, of_sums, _ in read:
        assert 450 <= of_queue <= 550
        assert of_usage == 0
        assert of_sums <= 550
    assert read[1][3] <= read[0][3] * 1.1
    assert read[1][3] > 0
