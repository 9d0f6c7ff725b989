"""The bootstrap: as a superuser, as the CREATEROLE user of a managed service, twice, and refused clearly."""

from collections.abc import Iterator

import psycopg
import pytest

from scripts.setup.cluster import Cluster
from scripts.setup.migrate import DeployError, bootstrap, migrate
from tests.py.support.database import Database

ROLES = ("scrip_owner", "scrip_gateway", "scrip_cron", "scrip_operator", "scrip_analyst")
CLUSTER_STATE = """
    select rolname, rolcanlogin, rolcreaterole, rolsuper, rolbypassrls,
      array(select setconfig::text from pg_db_role_setting where setrole = pg_roles.oid),
      array(select roleid::regrole::text || admin_option from pg_auth_members where member = pg_roles.oid order by 1)
    from pg_roles where rolname ~ '^scrip_' order by rolname
"""


@pytest.fixture
def login(empty_database: Database) -> Iterator[str]:
    """A role that has nothing to do with Scrip; roles belong to the whole server, so it goes again."""
    name = f"stranger_{empty_database.name}"
    empty_database.rows(f"create role {name} login", role="postgres")
    yield name
    empty_database.rows(f"drop role {name}", role="postgres")


def test_twice_changes_nothing(bootstrapped_database: Database) -> None:
    before = bootstrapped_database.rows(CLUSTER_STATE, role="postgres"), bootstrapped_database.dump_schema()
    bootstrap(bootstrapped_database.admin_url)
    after = bootstrapped_database.rows(CLUSTER_STATE, role="postgres"), bootstrapped_database.dump_schema()
    assert after == before


def test_the_doors_have_time_outs_and_nobody_special_rights(bootstrapped_database: Database) -> None:
    state = {row[0]: row for row in bootstrapped_database.rows(CLUSTER_STATE, role="postgres")}
    assert set(ROLES) <= set(state)
    for role in ROLES:
        _, may_log_in, _, is_super, bypasses_row_security, settings, _ = state[role]
        assert may_log_in
        assert not is_super
        assert not bypasses_row_security
        (text,) = settings
        for name in ("lock_timeout", "idle_in_transaction_session_timeout"):
            assert f"{name}=" in text, (role, name)
        # Migrations may run long; everybody else has an end.
        assert ("statement_timeout=" in text) == (role != "scrip_owner"), role


def test_accounts_are_locked_in_read_committed_whatever_the_server_s_default(bootstrapped_database: Database) -> None:
    name = bootstrapped_database.name
    bootstrapped_database.rows(
        f"alter database {name} set default_transaction_isolation = 'serializable'", role="postgres"
    )
    for role in ("scrip_gateway", "scrip_cron", "scrip_operator"):
        assert bootstrapped_database.rows("show transaction_isolation", role=role) == [("read committed",)], role


def test_a_stranger_cannot_connect(empty_database: Database, login: str) -> None:
    empty_database.rows("select 1", role=login)
    bootstrap(empty_database.admin_url)
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        empty_database.rows("select 1", role=login)


@pytest.mark.parametrize("attributes", ["createrole", "createrole createdb"])
def test_a_managed_service_s_user_deploys_it_all(private_cluster: Cluster, attributes: str) -> None:
    """No superuser anywhere: what cannot be had is listed, the rest works."""
    cluster_wide = Database(private_cluster.url("postgres"), "postgres")
    cluster_wide.rows(f"create role service login {attributes}", role="postgres")
    cluster_wide.rows("create database shop owner service", role="postgres")
    shop = Database(private_cluster.url("postgres"), "shop")
    service_url = shop.url("service")

    cluster_wide.rows("create role stranger login", role="postgres")
    with pytest.raises(DeployError, match="CREATEROLE"):
        bootstrap(cluster_wide.url("stranger"))

    warnings = bootstrap(service_url)
    assert "skipped: extension pg_cron" in warnings
    assert "skipped: extension pg_stat_statements" in warnings
    migrate(service_url)
    first = bootstrap(service_url), shop.dump_schema()
    migrate(service_url)
    assert (bootstrap(service_url), shop.dump_schema()) == first

    assert shop.value("select api.list_models() is not null", role="scrip_gateway")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        shop.rows("select * from playground.models", role="scrip_gateway")
    shop.assert_ledger_holds()


def test_an_operator_is_enrolled_by_the_owner_s_rights_alone(fresh_database: Database) -> None:
    name = f"operator_{fresh_database.name}"
    fresh_database.rows("select admin.create_operator(%s)", [name], role="scrip_operator")
    try:
        assert fresh_database.value("show search_path", role=name) == "admin, analytics"
        assert fresh_database.rows("select * from verify_ledger()", role=name) == []
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            fresh_database.rows("select * from playground.users", role=name)
    finally:
        fresh_database.rows(f"drop role {name}", role="postgres")
