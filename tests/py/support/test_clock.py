"""The clock of a database: set for all its sessions, and let go again."""

from datetime import UTC, datetime, timedelta, tzinfo

import pytest

from tests.py.support.database import Clock, Database

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


def test_it_stands_for_every_session_and_moves_when_told(clock: Clock, database: Database) -> None:
    clock.freeze(NOON)
    with database.connect() as one, database.connect() as other:
        for connection in (one, other):
            assert connection.execute("select engine.now()").fetchone() == (NOON,)
        clock.advance(timedelta(days=1))
        for connection in (one, other):
            assert connection.execute("select engine.now()").fetchone() == (NOON + timedelta(days=1),)


def test_a_door_asks_it(clock: Clock, database: Database) -> None:
    clock.freeze(NOON)
    user = database.value(
        "select api.register_user('ada@scrip.example', null, 'no hash', sha256('token')) ->> 'id'", role="scrip_gateway"
    )
    assert database.value("select created_at from playground.users where user_id = %s", [user]) == NOON


def test_released_it_is_the_machine_s_again(clock: Clock, database: Database) -> None:
    clock.freeze(NOON)
    clock.release()
    assert abs(database.value("select engine.now() - pg_catalog.clock_timestamp()")) < timedelta(minutes=1)


def test_an_instant_knows_its_zone(clock: Clock) -> None:
    with pytest.raises(ValueError, match="time zone"):
        clock.freeze(NOON.replace(tzinfo=None))


@pytest.mark.parametrize("minute", [0, 30, 57, 58, 59])
def test_kept_off_the_hour_it_runs_and_no_hour_ends_soon(
    clock: Clock, database: Database, monkeypatch: pytest.MonkeyPatch, minute: int
) -> None:
    class Shown(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> "Shown":
            return cls(2026, 12, 31, 23, minute, 59, tzinfo=tz)

    monkeypatch.setattr("tests.py.support.database.datetime", Shown)
    clock.keep_off_the_hour()
    ahead = database.value("select engine.now() - pg_catalog.clock_timestamp()")
    shown = Shown.now(UTC) + ahead
    assert shown.minute < 58
    assert database.value("select engine.now()") < database.value("select engine.now()")
