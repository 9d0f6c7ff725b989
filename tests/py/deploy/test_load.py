"""The load: all code in one transaction, what has no file swept, and nobody notices while it runs."""

import threading
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from gateway.version import code_version
from scripts.setup.migrate import DeployError, load
from tests.py.deploy.checkouts import Checkout
from tests.py.support.database import Database

SETTINGS = ["off", "on"]  # of psql's ON_ERROR_ROLLBACK: a savepoint around each statement


def load_by_hand(database: Database, on_error_rollback: str) -> None:
    database.psql(
        f"--set=ON_ERROR_ROLLBACK={on_error_rollback}", f"--set=code_version={code_version()}", "-f", "sql/load.sql"
    )


@pytest.mark.parametrize("on_error_rollback", SETTINGS)
def test_a_second_load_changes_nothing(fresh_database: Database, on_error_rollback: str) -> None:
    before = fresh_database.dump_schema(), fresh_database.rows("select * from playground.platform_state")
    load_by_hand(fresh_database, on_error_rollback)
    assert (fresh_database.dump_schema(), fresh_database.rows("select * from playground.platform_state")) == before


@pytest.mark.parametrize("on_error_rollback", SETTINGS)
def test_what_has_no_file_is_swept_and_nothing_else(fresh_database: Database, on_error_rollback: str) -> None:
    before = fresh_database.dump_schema()
    fresh_database.psql(
        "-c",
        """
        set role scrip_owner;
        create function engine.stale(p_of_old int) returns int language sql as 'select 1';
        create function api.get_health(p_overload int) returns int language sql as 'select p_overload';
        create procedure jobs.stale() language sql as 'select 1';
        create aggregate admin.stale(int) (sfunc = int4pl, stype = int);
        create view analytics.stale as select engine.stale(1) as one;
        create view admin.stale_too as select * from analytics.stale;
        create function engine.stale_guard() returns trigger language plpgsql as 'begin return null; end';
        create trigger stale before insert on playground.grants execute function engine.stale_guard();
        create trigger stale before insert on playground.usage for each row execute function engine.stale_guard();
        """,
    )
    load_by_hand(fresh_database, on_error_rollback)
    assert fresh_database.dump_schema() == before


def test_the_sweep_leaves_extensions_alone(fresh_database: Database) -> None:
    fresh_database.rows("create extension citext with schema admin", role="postgres")
    load(fresh_database.admin_url)
    assert fresh_database.value("select admin.citext_eq('a'::admin.citext, 'A'::admin.citext)", role="postgres")


def test_a_door_opened_by_hand_is_closed_again(fresh_database: Database) -> None:
    before = fresh_database.dump_schema()
    fresh_database.psql(
        "-c",
        """
        set role scrip_owner;
        grant usage on schema engine, playground to public;
        grant execute on all functions in schema engine to public;
        grant execute on all functions in schema admin to scrip_gateway;
        grant select on all tables in schema playground to scrip_analyst;
        grant update on playground.grants to scrip_operator;
        """,
    )
    load(fresh_database.admin_url)
    assert fresh_database.dump_schema() == before


def test_a_new_function_is_closed_to_the_public_before_the_load_ends(fresh_database: Database) -> None:
    fresh_database.rows("create function engine.fresh() returns int language sql as 'select 1'")
    assert not fresh_database.value("select has_function_privilege('public', 'engine.fresh()', 'execute')")


def test_a_broken_file_is_named_and_leaves_the_old_code(fresh_database: Database, checkout: Checkout) -> None:
    before = fresh_database.dump_schema()
    checkout.append("sql/engine/clock.sql", "\nselect 1 from nowhere;\n")
    with pytest.raises(DeployError, match=r"(?s)sql/engine/clock\.sql:\d+: ERROR: .*nowhere"):
        load(fresh_database.admin_url, checkout.root)
    assert fresh_database.dump_schema() == before


def test_the_version_of_the_code_is_kept_with_it(fresh_database: Database, checkout: Checkout) -> None:
    assert fresh_database.value("select code_version from playground.platform_state") == code_version()
    checkout.append("sql/engine/clock.sql", "\n-- another version\n")
    load(fresh_database.admin_url, checkout.root)
    assert fresh_database.value("select code_version from playground.platform_state") == code_version(checkout.root)
    assert code_version(checkout.root) != code_version()


def test_without_a_version_it_does_nothing(fresh_database: Database) -> None:
    before = fresh_database.dump_schema()
    done = fresh_database.psql("-f", "sql/load.sql", check=False)
    assert done.returncode != 0
    assert "scripts/migrate" in done.stderr
    assert fresh_database.dump_schema() == before


def test_two_loads_at_once_both_succeed(fresh_database: Database) -> None:
    before = fresh_database.dump_schema()
    with ThreadPoolExecutor(4) as pool:
        for loaded in [pool.submit(load, fresh_database.admin_url) for _ in range(8)]:
            loaded.result()
    assert fresh_database.dump_schema() == before


def test_no_call_fails_while_code_is_loaded(fresh_database: Database) -> None:
    is_over = threading.Event()

    def call_until_over(statement: str) -> int:
        calls = 0
        with fresh_database.connect("scrip_gateway") as connection:
            while not is_over.is_set():
                connection.execute(statement.encode(), prepare=True).fetchall()
                calls += 1
        return calls

    statements = [
        "select * from api.get_health()",
        "select * from api.list_models()",
        """
        select * from api.register_user(
          p_email => gen_random_uuid() || '@scrip.example', p_username => null,
          p_password_hash => '$argon2id$no-real-hash', p_refresh_token_hash => sha256(gen_random_uuid()::text::bytea)
        )
        """,
    ]
    with ThreadPoolExecutor(len(statements)) as pool:
        callers = [pool.submit(call_until_over, statement) for statement in statements]
        try:
            for _ in range(12):
                load(fresh_database.admin_url)
        finally:
            is_over.set()
        counts = [caller.result() for caller in callers]
    assert min(counts) > 0


def test_a_load_gives_way_to_a_lock_and_tries_again(fresh_database: Database) -> None:
    """A session in the middle of a transaction on a table delays the load; it does not fail it, nor queue others up."""
    with fresh_database.connect() as busy, ThreadPoolExecutor(1) as pool:
        with busy.transaction():
            busy.execute("lock table playground.platform_state in access exclusive mode")
            loading = pool.submit(load, fresh_database.admin_url)
            fresh_database.wait_for_lock_waits()
            assert not loading.done()
        loading.result()


def test_the_unload_takes_all_code_and_no_data(fresh_database: Database) -> None:
    before = fresh_database.dump_schema()
    data = "select model, multiplier from playground.models order by model"
    models = fresh_database.rows(data)
    fresh_database.psql("-f", "sql/unload.sql")
    schemas = "select nspname from pg_namespace where nspname in ('engine', 'api', 'jobs', 'admin', 'analytics')"
    assert fresh_database.rows(schemas) == []
    assert fresh_database.rows(data) == models
    assert fresh_database.value("select code_version from playground.platform_state") is None
    with pytest.raises(psycopg.errors.InsufficientPrivilege), fresh_database.connect("scrip_gateway") as connection:
        connection.execute("select * from playground.models")
    load(fresh_database.admin_url)
    assert fresh_database.dump_schema() == before
