"""The clock of a database: set for all its sessions, and let go again."""

from datetime import UTC, datetime, timedelta

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
