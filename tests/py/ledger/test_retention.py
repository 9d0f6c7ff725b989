"""Months that go while others read: nobody waits long, and nobody who checks the books takes them for lost."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from tests.py.ledger import world
from tests.py.ledger.world import Caller
from tests.py.support.database import Database

OLD = datetime(2025, 2, 10, 12, tzinfo=UTC)
NOW = datetime(2028, 2, 10, 12, tzinfo=UTC)
MONTH = "usage_y2025m02"
LEFT = f"select to_regclass('playground.{MONTH}') is not null"


@pytest.fixture
def aged(fresh_database: Database) -> Iterator[Database]:
    """A run of three years ago, its month announced to go an hour and more ago."""
    database = fresh_database
    world.import_package(database)
    database.clock.freeze(OLD)
    make = "select engine.create_partition('usage', 'reserved_at', %s, '2025-02-01 00:00+00', '2025-03-01 00:00+00')"
    database.rows(make, [MONTH])
    user_id = world.new_user(database, credits=10)
    with database.connect("scrip_gateway") as connection:
        gateway = Caller(connection)
        run = gateway.get(world.reserve(user_id))
        gateway.get(world.settle(user_id, run.hold_id))
    database.clock.freeze(NOW)
    yield database
    database.clock.release()


def announce(database: Database) -> None:
    assert database.value("select jobs.retire_partitions()", role="scrip_cron") == 1
    database.clock.freeze(NOW + timedelta(hours=2))


def retire(database: Database) -> None:
    while database.value("select jobs.retire_partitions()", role="scrip_cron"):
        pass


def test_a_month_in_use_stays_until_the_next_time(aged: Database) -> None:
    announce(aged)
    with aged.connect() as reader:
        reader.execute("begin")
        reader.execute(f"select from playground.{MONTH}")
        retire(aged)
        assert aged.value(LEFT), "somebody reads it"
        assert reader.execute(f"select count(*) from playground.{MONTH}").fetchone() == (1,)
    retire(aged)
    assert not aged.value(LEFT)
    aged.assert_ledger_holds()


def test_a_check_that_began_before_the_announcement_misses_nothing(aged: Database) -> None:
    with aged.connect() as checker:
        checker.execute("begin isolation level repeatable read")
        before = checker.execute("select count(*) from playground.holds").fetchone()
        assert before == (1,), "its view of the books is taken"
        assert aged.value("select jobs.retire_partitions()", role="scrip_cron") == 1
        aged.clock.freeze(NOW + timedelta(minutes=59))
        retire(aged)
        assert aged.value(LEFT), "nothing goes for an hour"
        assert checker.execute("select * from admin.verify_ledger()").fetchall() == []


def test_drains_that_run_at_once_do_not_get_into_each_other_s_way(aged: Database) -> None:
    announce(aged)
    with aged.connect("scrip_cron") as first:
        first.execute("begin")
        assert first.execute("select jobs.retire_partitions()").fetchone() == (1,)
        assert aged.value("select jobs.retire_partitions()", role="scrip_cron") == 0, "the other is at it"
        first.execute("commit")
    with aged.connect("scrip_cron") as cron:
        cron.execute("call jobs.drain('retire_partitions')")
    assert not aged.value(LEFT)
    aged.assert_ledger_holds()


def test_what_the_owner_deletes_by_hand_is_refused(aged: Database) -> None:
    with pytest.raises(psycopg.Error, match="append-only"):
        aged.rows(f"delete from playground.{MONTH}")
