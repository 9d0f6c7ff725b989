"""Migrations: whole or not at all, by whomever, however often, and back again."""

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from gateway.version import ROOT
from scripts.setup.cluster import Cluster
from scripts.setup.migrate import DeployError, bootstrap, migrate, rollback
from tests.py.deploy.checkouts import Checkout
from tests.py.support.database import Database

APPLIED = "select migration_id from yoyo._yoyo_migrations order by migration_id"


def names_of(root: Path = ROOT) -> list[str]:
    files = (file.name for file in root.glob("migrations/*.sql"))
    return sorted(name.removesuffix(".sql") for name in files if not name.endswith(".rollback.sql"))


def applied(database: Database) -> list[str]:
    return [name for (name,) in database.rows(APPLIED)]


def test_a_database_can_be_brought_up_by_its_owner(bootstrapped_database: Database) -> None:
    migrate(bootstrapped_database.url("scrip_owner"))
    assert applied(bootstrapped_database) == names_of()
    bootstrapped_database.assert_ledger_holds()


def test_up_down_up_ends_where_it_began(fresh_database: Database) -> None:
    before = fresh_database.dump_schema()
    rollback(fresh_database.admin_url, len(names_of()))
    assert applied(fresh_database) == []
    leftover = "select count(*) from pg_namespace where nspname in ('playground', 'engine', 'api', 'jobs', 'admin')"
    assert fresh_database.value(leftover) == 0
    migrate(fresh_database.admin_url)
    assert fresh_database.dump_schema() == before


def test_each_step_back_can_be_taken_alone(fresh_database: Database) -> None:
    before = fresh_database.dump_schema()
    for name in reversed(names_of()):
        rollback(fresh_database.admin_url, 1)
        assert name not in applied(fresh_database)
    migrate(fresh_database.admin_url)
    assert fresh_database.dump_schema() == before


def test_two_at_once_apply_each_migration_once(bootstrapped_database: Database) -> None:
    with ThreadPoolExecutor(3) as pool:
        for done in [pool.submit(migrate, bootstrapped_database.admin_url) for _ in range(3)]:
            done.result()
    assert applied(bootstrapped_database) == names_of()


def test_killed_in_the_middle_it_leaves_nothing_and_the_next_run_completes(
    fresh_database: Database, checkout: Checkout
) -> None:
    checkout.add_migration(
        "9999_waits",
        """
        create table playground.first_half (id int);
        do $$ begin set local lock_timeout = 0; perform pg_advisory_xact_lock(4711); end $$;
        create table playground.second_half (id int);
        """,
        "drop table playground.second_half;\ndrop table playground.first_half;\n",
    )
    with fresh_database.connect() as blocker:
        blocker.execute("select pg_advisory_lock(4711)")
        running = start_migrate(fresh_database, checkout)
        fresh_database.wait_for_lock_waits()
        os.kill(running.pid, signal.SIGKILL)
        running.wait()
    migrate(fresh_database.admin_url, checkout.root)
    assert applied(fresh_database) == [*names_of(), "9999_waits"]
    halves = "select count(*) from pg_class where relname in ('first_half', 'second_half')"
    assert fresh_database.value(halves) == 2


def start_migrate(database: Database, checkout: Checkout) -> subprocess.Popen[str]:
    program = "import sys, pathlib, scripts.setup.migrate as m; m.migrate(sys.argv[1], pathlib.Path(sys.argv[2]))"
    command = [sys.executable, "-c", program, database.admin_url, str(checkout.root)]
    return subprocess.Popen(command, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def test_a_lock_left_by_a_killed_run_is_cleared(fresh_database: Database) -> None:
    fresh_database.rows("insert into yoyo.yoyo_lock (locked, ctime, pid) values (1, now(), 1)")
    migrate(fresh_database.admin_url)
    assert fresh_database.rows("select * from yoyo.yoyo_lock") == []


def test_a_failing_migration_is_named_and_leaves_nothing(fresh_database: Database, checkout: Checkout) -> None:
    checkout.add_migration(
        "9999_broken", "create table playground.half (id int);\nselect 1 from nowhere;\n", "drop table playground.half;"
    )
    with pytest.raises(DeployError, match=r"migrations/9999_broken\.sql: .*nowhere"):
        migrate(fresh_database.admin_url, checkout.root)
    assert fresh_database.value("select to_regclass('playground.half')") is None
    assert applied(fresh_database) == names_of()
    migrate(fresh_database.admin_url)


def test_an_index_can_be_made_without_a_transaction(fresh_database: Database, checkout: Checkout) -> None:
    checkout.add_migration(
        "9999_index",
        "-- transactional: false\ncreate index concurrently late on playground.users (created_at);\n",
        "-- transactional: false\ndrop index concurrently playground.late;\n",
    )
    migrate(fresh_database.admin_url, checkout.root)
    assert fresh_database.value("select indisvalid from pg_index where indexrelid = 'playground.late'::regclass")
    rollback(fresh_database.admin_url, 1, checkout.root)
    assert fresh_database.value("select to_regclass('playground.late')") is None
    assert applied(fresh_database) == names_of()


def test_a_database_that_was_never_bootstrapped_is_told_so(private_cluster: Cluster) -> None:
    with pytest.raises(DeployError, match=r"bootstrap\.sql"):
        migrate(private_cluster.url())


def test_an_owner_who_may_not_create_is_told_what_helps(bootstrapped_database: Database) -> None:
    name = bootstrapped_database.name
    bootstrapped_database.rows(f'revoke create on database "{name}" from scrip_owner', role="postgres")
    with pytest.raises(DeployError, match=r"^scrip_owner may not create schemas .* scripts/migrate --bootstrap .*$"):
        migrate(bootstrapped_database.admin_url)
    bootstrap(bootstrapped_database.admin_url)
    may_create = "select has_database_privilege('scrip_owner', current_database(), 'create')"
    assert bootstrapped_database.value(may_create)


def test_an_older_checkout_refuses_a_newer_database(fresh_database: Database, checkout: Checkout) -> None:
    checkout.add_migration("9999_newer", "create table playground.newer (id int);", "drop table playground.newer;")
    migrate(fresh_database.admin_url, checkout.root)
    version = fresh_database.value("select code_version from playground.platform_state")
    with pytest.raises(DeployError, match="9999_newer"):
        migrate(fresh_database.admin_url)
    assert fresh_database.value("select code_version from playground.platform_state") == version


def test_a_migration_without_its_way_back_is_not_undone(fresh_database: Database, checkout: Checkout) -> None:
    checkout.add_migration("9999_one_way", "create table playground.one_way (id int);", None)
    migrate(fresh_database.admin_url, checkout.root)
    with pytest.raises(DeployError, match=r"9999_one_way\.rollback\.sql is missing"):
        rollback(fresh_database.admin_url, 1, checkout.root)
    assert "9999_one_way" in applied(fresh_database)


def test_the_doors_cannot_migrate(fresh_database: Database) -> None:
    with pytest.raises(DeployError, match="scrip_owner"):
        migrate(fresh_database.url("scrip_gateway"))
