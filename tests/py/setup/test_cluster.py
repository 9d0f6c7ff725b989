"""The private cluster: made once, whole or not at all, and started again after whatever happened to it."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from scripts.setup.cluster import Cluster, socket_folder
from scripts.setup.console import SetupError
from scripts.setup.processes import as_user
from scripts.setup.system import require_postgres


@pytest.fixture
def cluster(reachable_folder: Path) -> Iterator[Cluster]:
    cluster = Cluster(reachable_folder / "data", require_postgres(for_tests=True))
    yield cluster
    cluster.remove()


def write_down(cluster: Cluster) -> None:
    with psycopg.connect(cluster.url()) as connection:
        connection.execute("create table if not exists kept (fact text)")
        connection.execute("insert into kept values ('still here')")


def facts(cluster: Cluster) -> list[tuple]:
    with psycopg.connect(cluster.url()) as connection:
        return connection.execute("select fact from kept").fetchall()


def test_it_keeps_data_over_a_stop_and_a_kill(cluster: Cluster) -> None:
    cluster.start()
    write_down(cluster)
    cluster.stop()
    cluster.start()
    write_down(cluster)
    cluster.kill()
    cluster.start()
    assert facts(cluster) == [("still here",), ("still here",)]


def test_it_is_durable_listens_to_nobody_else_and_has_a_scheduler(cluster: Cluster) -> None:
    cluster.start()
    with psycopg.connect(cluster.url()) as connection:
        names = (
            "fsync",
            "synchronous_commit",
            "full_page_writes",
            "listen_addresses",
            "cron.database_name",
            "TimeZone",
        )
        settings = [connection.execute("select current_setting(%s)", [name]).fetchall()[0][0] for name in names]
        assert settings == ["on", "on", "on", "", "scrip", "UTC"]
        connection.execute("create extension pg_cron")
    assert cluster.socket.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("durable", [True, False])
def test_no_session_runs_under_the_checker_s_hooks(reachable_folder: Path, durable: bool) -> None:
    cluster = Cluster(reachable_folder, require_postgres(for_tests=True), durable=durable)
    assert "plpgsql_check" not in cluster.preload()


def test_peer_authentication_knows_the_roles_and_no_others(cluster: Cluster) -> None:
    cluster.start()
    with psycopg.connect(cluster.url(), autocommit=True) as connection:
        connection.execute("create role scrip_gateway login")
        connection.execute("create role stranger login")
    psycopg.connect(cluster.url("scrip_gateway")).close()
    with pytest.raises(psycopg.OperationalError, match="stranger"):
        psycopg.connect(cluster.url("stranger"))


def test_a_server_that_was_left_running_is_replaced(cluster: Cluster) -> None:
    cluster.start()
    write_down(cluster)
    again = Cluster(cluster.folder, cluster.postgres)
    again.start()
    assert cluster.server is not None
    cluster.server.process.wait()
    assert facts(again) == [("still here",)]
    again.stop()


def test_an_interrupted_creation_leaves_nothing_half_done(cluster: Cluster) -> None:
    cluster.folder.mkdir()
    half = cluster.folder / "pg.new"
    half.mkdir()
    (half / "PG_VERSION").write_text("15\n")
    assert not cluster.exists
    cluster.start()
    assert cluster.exists
    assert not half.exists()


def test_a_start_that_fails_shows_the_log(cluster: Cluster) -> None:
    cluster.start()
    cluster.stop()
    cluster.settings["no_such_setting"] = "on"
    with pytest.raises(SetupError, match="no_such_setting"):
        cluster.start()


def test_another_major_version_is_named(cluster: Cluster) -> None:
    cluster.start()
    cluster.stop()
    (cluster.data / "PG_VERSION").write_text("9\n")
    with pytest.raises(SetupError, match="made by PostgreSQL 9"):
        cluster.start()


def test_a_long_path_gets_a_short_socket(reachable_folder: Path) -> None:
    deep = reachable_folder / ("d" * 90)
    cluster = Cluster(deep, require_postgres(for_tests=True), durable=False, trusting=True)
    try:
        cluster.start()
        assert cluster.socket == socket_folder(deep) != deep / "run"
        psycopg.connect(cluster.url()).close()
    finally:
        cluster.remove()
    assert not cluster.socket.exists()


def test_a_folder_the_server_cannot_reach_is_named(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path / "data", require_postgres(for_tests=True))
    if cluster.user is None:
        cluster.start()
        cluster.remove()
        return
    closed = subprocess.run(as_user(cluster.user, ["ls", tmp_path]), capture_output=True, check=False)
    assert closed.returncode != 0
    with pytest.raises(SetupError, match="cannot reach"):
        cluster.start()
