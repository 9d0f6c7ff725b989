"""The crontab: exactly what is listed, as the role that may run it, and nothing of it fails."""

from collections.abc import Iterator
from datetime import timedelta

import psycopg
import pytest

from scripts.setup.cluster import Cluster
from scripts.setup.migrate import bootstrap, load, migrate
from tests.py.support.clusters import private_cluster
from tests.py.support.database import Clock, Database, wait_until

# The launcher wakes at each full minute.
NEXT_MINUTE_SECONDS = 240.0
JOBS = "select jobname, schedule, command, active from cron.job order by jobname"


@pytest.fixture(scope="module")
def cron_cluster() -> Iterator[Cluster]:
    """A server with the one database in which pg_cron runs."""
    with private_cluster() as cluster:
        warnings = bootstrap(cluster.url("postgres"))
        assert "pg_cron" not in warnings
        migrate(cluster.url("postgres"))
        yield cluster


@pytest.fixture(scope="module")
def cron_database(cron_cluster: Cluster) -> Database:
    return Database(cron_cluster.url("postgres"), "scrip")


def test_jobs_run_by_themselves_on_a_new_database(cron_database: Database) -> None:
    """As pg_cron starts them, at its next minute. First here, so that nothing else has touched the crontab."""
    with cron_database.connect() as connection:

        def beats() -> bool:
            row = connection.execute("select heartbeat_at is not null from playground.platform_state").fetchone()
            return row == (True,)

        wait_until(beats, "the scheduler's first heartbeat", NEXT_MINUTE_SECONDS)


@pytest.fixture(scope="module")
def resting_cluster(cron_cluster: Cluster) -> None:
    """From here on nothing runs by itself: a full minute that passes in a test would leave its runs in the history."""
    cron_cluster.stop()
    cron_cluster.settings["cron.max_running_jobs"] = "0"
    cron_cluster.start()


@pytest.fixture
def scheduled_database(resting_cluster: None, cron_database: Database) -> Database:
    """With the crontab as a deploy leaves it."""
    cron_database.rows("delete from cron.job", role="postgres")
    load(cron_database.admin_url)
    return cron_database


def test_every_job_belongs_to_the_scheduler_and_runs_without_an_error(scheduled_database: Database) -> None:
    jobs = scheduled_database.rows("select username, database, command from cron.job", role="postgres")
    assert len(jobs) > 5
    for username, database, command in jobs:
        assert (username, database) == ("scrip_cron", "scrip")
        scheduled_database.rows(command, role="scrip_cron")


def test_what_is_not_listed_is_unscheduled_and_what_differs_put_right(scheduled_database: Database) -> None:
    before = scheduled_database.rows(JOBS, role="postgres")
    with scheduled_database.connect("scrip_cron") as cron:
        cron.execute("select cron.schedule('stale', '* * * * *', 'select 1')")
        cron.execute("select cron.schedule('* * * * *', 'select 2')")
        cron.execute("select cron.schedule('beat', '0 0 1 1 *', 'select 3')")
    with scheduled_database.connect("postgres") as other:
        other.execute("select cron.schedule('somebody_else_s', '* * * * *', 'select 4')")
    load(scheduled_database.admin_url)
    after = scheduled_database.rows(JOBS, role="postgres")
    assert [job for job in after if job[0] != "somebody_else_s"] == before
    assert len(after) == len(before) + 1


def test_a_job_that_was_switched_off_stays_off(scheduled_database: Database) -> None:
    scheduled_database.rows(
        "select cron.alter_job(jobid, active => false) from cron.job where jobname = 'purge'", role="postgres"
    )
    load(scheduled_database.admin_url)
    assert ("purge", False) in [(job[0], job[3]) for job in scheduled_database.rows(JOBS, role="postgres")]


def test_all_jobs_are_switched_off_on_a_copy_and_on_when_it_takes_over(scheduled_database: Database) -> None:
    names = sorted(job[0] for job in scheduled_database.rows(JOBS, role="postgres"))
    switch = "select admin.set_jobs_active(%s, 'a restored copy')"
    assert scheduled_database.value(switch, [False], role="scrip_operator") == names
    load(scheduled_database.admin_url)
    assert not any(job[3] for job in scheduled_database.rows(JOBS, role="postgres"))
    assert scheduled_database.value(switch, [False], role="scrip_operator") == [], "nothing is left to switch off"
    one = scheduled_database.value("select admin.set_jobs_active(true, 'alone', 'beat')", role="scrip_operator")
    assert one == ["beat"]
    assert scheduled_database.value(switch, [True], role="scrip_operator") == [name for name in names if name != "beat"]
    assert all(job[3] for job in scheduled_database.rows(JOBS, role="postgres"))
    written = scheduled_database.rows(
        "select actor, reason, subject from playground.audit_log where action = 'set_jobs_active' order by created_at"
    )
    assert written == [
        ("scrip_operator", "a restored copy", None),
        ("scrip_operator", "alone", "beat"),
        ("scrip_operator", "a restored copy", None),
    ]


def test_the_unload_empties_the_crontab(scheduled_database: Database) -> None:
    scheduled_database.psql("-f", "sql/unload.sql")
    assert scheduled_database.rows(JOBS, role="postgres") == []


def test_the_scheduler_may_do_nothing_else(scheduled_database: Database) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        scheduled_database.rows("select * from playground.accounts", role="scrip_cron")


def test_a_job_that_did_not_run_since_it_was_due_is_told_of(scheduled_database: Database) -> None:
    """pg_cron's own history, written as it writes it; nobody waits for its minutes."""
    now = scheduled_database.value("select now()")
    only = "update cron.job set active = jobname = %s"
    scheduled_database.rows(only, ["beat"], role="postgres")
    scheduled_database.rows("delete from playground.alerts")
    history = """
        insert into cron.job_run_details (jobid, runid, username, status, return_message, start_time, end_time)
        select jobid, nextval('cron.runid_seq'), username, %s, 'as of this test', %s, %s
        from cron.job where jobname = %s
    """
    watch = "select jobs.watch_platform()"
    late = """
        select kind, details ->> 'lastStatus', details ->> 'lastSucceededAt' is not null
        from playground.alerts where kind like 'job_late%' order by kind
    """
    scheduled_database.rows("delete from cron.job_run_details", role="postgres")
    scheduled_database.rows("update playground.platform_state set loaded_at = %s", [now])
    try:
        scheduled_database.clock.freeze(now + timedelta(minutes=10))
        scheduled_database.rows(watch, role="scrip_cron")
        assert scheduled_database.rows(late) == [], "what was just scheduled has time"
        for job, status, age in [
            ("beat", "succeeded", timedelta(minutes=1)),
            ("beat", "failed", timedelta()),
            ("purge", "succeeded", timedelta()),
        ]:
            instant = now - age
            scheduled_database.rows(history, [status, instant, instant, job], role="postgres")
        scheduled_database.clock.freeze(now + timedelta(minutes=14))
        scheduled_database.rows(watch, role="scrip_cron")
        assert scheduled_database.rows(late) == [], "a minute missed is not late yet"
        scheduled_database.clock.freeze(now + timedelta(minutes=17))
        for _ in range(2):
            scheduled_database.rows(watch, role="scrip_cron")
        assert scheduled_database.rows(late) == [("job_late: beat", "failed", True)]
        scheduled_database.rows(only, ["purge"], role="postgres")
        scheduled_database.clock.freeze(now + timedelta(minutes=80))
        scheduled_database.rows(watch, role="scrip_cron")
        assert ("job_late: purge", "succeeded", True) in scheduled_database.rows(late)
    finally:
        scheduled_database.clock.release()


def test_operators_see_every_job_its_last_run_and_its_next(scheduled_database: Database) -> None:
    """Runs as pg_cron writes them; row security shows them to nobody but the scheduler."""
    jobs = "select name, is_active, next_due_at, is_late, last_status, last_duration, message from admin.jobs"
    history = """
        insert into cron.job_run_details (jobid, runid, username, status, return_message, start_time, end_time)
        select jobid, nextval('cron.runid_seq'), username, 'failed', 'ERROR: of this test', %s, %s
        from cron.job where jobname = 'create_partitions'
    """
    scheduled_database.rows("delete from cron.job_run_details", role="postgres")
    now = scheduled_database.value("select now()").replace(hour=12, minute=0, second=30, microsecond=0)
    scheduled_database.rows(
        history, [now - timedelta(hours=1), now - timedelta(hours=1) + timedelta(seconds=7)], role="postgres"
    )
    # The load has brought the machine's time back: a clock of this test's own.
    clock = Clock(scheduled_database)
    clock.freeze(now)
    try:
        shown = {job[0]: job[1:] for job in scheduled_database.rows(jobs, role="scrip_operator")}
        assert sorted(shown) == sorted(job[0] for job in scheduled_database.rows(JOBS, role="postgres"))
        assert shown["beat"][:2] == (True, now + timedelta(seconds=30))
        tomorrow = (now + timedelta(days=1)).replace(hour=3, minute=23, second=0)
        assert shown["create_partitions"] == (
            True,
            tomorrow,
            True,
            "failed",
            timedelta(seconds=7),
            "ERROR: of this test",
        )
        health = "select is_ok, value from admin.health() where name = 'job create_partitions'"
        assert scheduled_database.rows(health, role="scrip_operator") == [(False, "late")]
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            scheduled_database.rows("select * from jobs.list_job_runs()", role="scrip_operator")
    finally:
        clock.release()
