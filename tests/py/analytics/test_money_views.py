"""The views of money and credits say what the ledger and Stripe's objects say, counted line by line."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any, LiteralString, cast
from uuid import UUID

import pytest
from psycopg import Connection

from tests.py.analytics.money_history import History
from tests.py.analytics.money_oracle import Oracle
from tests.py.ledger import world
from tests.py.ledger.world import Caller
from tests.py.support.database import Database

KEYS = {
    "credit_flow": ["month"],
    "deferred_revenue": ["source", "currency"],
    "revenue": ["month", "currency"],
    "conversion": ["month", "segment"],
    "cohorts": ["cohort", "month_number"],
    "expiring_credits": ["day", "bucket"],
    "webhooks": ["day"],
}
# What a reader may set, or a driver sets for them. The last zone turns its clocks in the history's last weeks.
SETTINGS = [
    {"timezone": "Pacific/Auckland", "datestyle": "ISO, DMY", "intervalstyle": "sql_standard"},
    {"timezone": "America/St_Johns", "extra_float_digits": "-15", "default_transaction_isolation": "serializable"},
    {"timezone": "AAA0BBB,M5.1.0,M10.5.0", "search_path": "analytics, pg_catalog"},
]
SUMS = "select lines, amount from rollup.line_months where type = 'spend' order by month desc limit 1"


@pytest.fixture(scope="module")
def lived(database: Database) -> Iterator[Database]:
    """A database after half a year, with all that is new taken into the sums, and all caches made anew."""
    History(database, seed=20261121).live()
    database.rows("select admin.refresh_analytics('for a test')", role="scrip_operator")
    yield database
    database.clock.release()


@pytest.fixture(scope="module")
def oracle(lived: Database) -> Oracle:
    return Oracle(lived)


def read(database: Database, name: str, keys: list[str]) -> dict[Any, dict[str, Any]]:
    """The rows of a view or table by key; fails when a key comes twice."""
    with database.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        cursor = connection.execute(cast(LiteralString, f"select * from {name}"))
        names = [column.name for column in cursor.description or []]
        rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    found = {tuple(row.pop(key) for key in keys): row for row in rows}
    assert len(found) == len(rows), "a key comes twice"
    return found


def test_everything_happened(lived: Database) -> None:
    """A history in which nothing expires or comes back would prove nothing."""
    kinds = {kind for (kind,) in lived.rows("select distinct kind from rollup.credit_months")}
    types = {"signup", "monthly", "purchase", "spend", "rollover", "expire", "refund", "bonus", "admin", "gift"}
    assert kinds == types | {"restore"}
    assert {source for (source, _) in read(lived, "analytics.deferred_revenue", KEYS["deferred_revenue"])} == {
        "pack",
        "plan",
        "access",
        "unassigned",
    }
    happened = (
        "bool_or(churned_subscribers > 0), bool_or(disputes_lost > 0), bool_or(mrr_verified > 0), bool_or(ltv > 0)"
    )
    assert lived.rows(f"select {happened} from analytics.revenue") == [(True,) * 4]
    lived.assert_ledger_holds()


@pytest.mark.parametrize("suffix", ["", "_now"])
@pytest.mark.parametrize("view", KEYS)
def test_a_view_says_what_the_rows_say(lived: Database, oracle: Oracle, view: str, suffix: str) -> None:
    shown = read(lived, f"analytics.{view}{suffix}", KEYS[view])
    expected = getattr(oracle, view)()
    assert set(shown) == set(expected)
    for key, row in shown.items():
        refreshed_at = row.pop("refreshed_at", None)
        assert (refreshed_at is None) is (suffix == "_now")
        wanted = expected[key]
        assert row == {name: wanted[name] for name in row}, (view, key)
        assert set(wanted) <= set(row)


def test_what_was_charged_is_worth_what_was_paid_for_it(lived: Database, oracle: Oracle) -> None:
    shown = read(lived, "rollup.revenue_days", ["day", "model", "tier"])
    expected = oracle.revenue_days()
    assert set(shown) == set(expected)
    assert all(row == {name: expected[key][name] for name in row} for key, row in shown.items())


@pytest.mark.parametrize("settings", SETTINGS)
def test_no_setting_of_its_reader_changes_a_figure(lived: Database, settings: dict[str, str]) -> None:
    views = [name for (name,) in lived.rows("select name from engine.analytics_caches()")]
    with lived.connect("scrip_analyst") as plain, lived.connect("scrip_analyst") as other:
        for name, value in settings.items():
            other.execute("select pg_catalog.set_config(%s, %s, false)", [name, value])
        for view in views:
            query = cast(LiteralString, f"select * from analytics.{view}_now")
            assert sorted(map(repr, in_utc(other, query))) == sorted(map(repr, in_utc(plain, query))), view


def test_money_is_earned_broken_refunded_or_owed(lived: Database) -> None:
    for key, row in read(lived, "analytics.deferred_revenue", KEYS["deferred_revenue"]).items():
        parts = [row[name] for name in ("recognised", "breakage", "refunded", "deferred", "rounding")]
        assert row["paid"] == sum(parts), key
    in_usd = "where currency = 'usd'"
    [(paid, back)] = lived.rows(f"select sum(paid), sum(money_back) from analytics.deferred_revenue {in_usd}")
    [(gross, returned)] = lived.rows(f"select sum(gross), sum(refunds + disputes_lost) from analytics.revenue {in_usd}")
    assert (paid, back) == (gross, returned), "two views of the same money"


def test_what_people_paid_is_the_same_money_in_each_view(lived: Database) -> None:
    """Of cohorts and of each person; what organisations pay is in neither, and has a part of revenue of its own."""
    net = lived.value("""
        select sum(case kind when 'paid' then cents else -cents end) * 0.01
        from engine.money_flows
        where currency = 'usd' and product <> 'verified'
    """)
    assert net == lived.value("select sum(revenue_usd) from analytics.cohorts")
    assert net == lived.value("select sum(lifetime_revenue_usd) from analytics.user_cost_analytics")


def test_credit_flow_ends_with_what_people_have(lived: Database) -> None:
    closing = lived.value("select closing from analytics.credit_flow order by month desc limit 1")
    assert closing == lived.value("select sum(last_balance)::bigint from playground.accounts")
    assert lived.value("select bool_and(difference = 0) from analytics.credit_flow")


def test_a_line_that_commits_late_is_added_then_and_once(lived: Database) -> None:
    user_id = world.new_user(lived, credits=50, is_unlimited=True)
    with lived.connect("scrip_gateway") as late, lived.connect("scrip_gateway") as gateway:
        holds = [Caller(gateway).get(world.reserve(user_id, model="gpt-4o-mini")).hold_id for _ in range(2)]
        roll_up(lived)
        [(lines, amount)] = lived.rows(SUMS)
        with late.transaction():
            Caller(late).get(world.settle(user_id, holds[0]))
            assert roll_up(lived) == 0
            assert lived.rows(SUMS) == [(lines, amount)]
        assert roll_up(lived) == 1
        assert roll_up(lived) == 0
        assert lived.rows(SUMS) == [(lines + 1, amount - 1)]

        # Undone in the middle, it is there for the next one.
        Caller(gateway).get(world.settle(user_id, holds[1]))
        killed = lived.connect()
        killed.execute("begin")
        assert killed.execute("select engine.roll_up_ledger()").fetchone() == (1,)
        lived.rows("select pg_terminate_backend(%s, 60000)", [killed.info.backend_pid], role="postgres")
        killed.close()
        assert roll_up(lived) == 1
        assert lived.rows(SUMS) == [(lines + 2, amount - 2)]
    lived.assert_ledger_holds()


def test_many_at_once_add_each_line_once(lived: Database) -> None:
    user_id = world.new_user(lived, credits=50, is_unlimited=True)
    roll_up(lived)

    def spend(_: int) -> None:
        with lived.connect("scrip_gateway") as connection:
            gateway = Caller(connection)
            for _ in range(4):
                hold = gateway.get(world.reserve(user_id, model="gpt-4o-mini"))
                gateway.get(world.settle(user_id, hold.hold_id))

    with ThreadPoolExecutor(6) as pool:
        spenders = [pool.submit(spend, number) for number in range(3)]
        sums = [pool.submit(roll_up, lived) for _ in range(12)]
        taken = sum(future.result() for future in sums)
        assert all(future.result() is None for future in spenders)
    assert taken + roll_up(lived) == 12
    lived.assert_ledger_holds()


def test_who_waits_for_another_s_sums_takes_what_came_meanwhile(lived: Database) -> None:
    user_id = world.new_user(lived)
    roll_up(lived)
    with lived.connect() as first, ThreadPoolExecutor(1) as pool:
        grant(lived, user_id, "admin")
        first.execute("begin")
        assert first.execute("select engine.roll_up_ledger()").fetchone() == (1,)
        second = pool.submit(roll_up, lived)
        lived.wait_for_lock_waits()
        grant(lived, user_id, "bonus")
        first.execute("commit")
        assert second.result() == 1
    lived.assert_ledger_holds()


def test_the_sums_read_what_is_new_and_not_the_history(lived: Database) -> None:
    old, new = 100, 20
    granting = (
        "select count(admin.grant_credits(user_id, 1, 'for a test')) from playground.users, generate_series(1, %s)"
    )
    lived.rows(granting, [old])
    # As after a busy time: the planner takes the queue for as long as it was then.
    lived.psql("-qc", "analyze rollup.ledger_changes")
    roll_up(lived)
    lived.rows(granting + " where user_id = (select min(user_id::text)::uuid from playground.users)", [new])
    lived.psql("-qc", "analyze playground.transactions, playground.transaction_parts, playground.grants")
    with lived.connect() as connection, connection.transaction():
        assert connection.execute("select engine.roll_up_ledger()").fetchone() == (new,)
        reads = connection.execute("""
            select relname, seq_tup_read + idx_tup_fetch from pg_catalog.pg_stat_xact_user_tables
            where schemaname = 'playground' and relname in ('transactions', 'transaction_parts', 'grants') order by 1
        """).fetchall()
    assert reads == [("grants", new), ("transaction_parts", new), ("transactions", new)]


def in_utc(connection: Connection, query: LiteralString) -> list[list[Any]]:
    return [
        [value.astimezone(UTC) if isinstance(value, datetime) else value for value in row]
        for row in connection.execute(query)
    ]


def grant(database: Database, user_id: UUID, kind: str) -> None:
    database.rows("select admin.grant_credits(%s, 1, 'for a test', %s)", [user_id, kind])


def roll_up(database: Database) -> int:
    return database.value("select engine.roll_up_ledger()")
