"""Two callers at once: sign-up, the day's bound of signup credits, refresh tokens, and jobs beside each other."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from tests.py.support.database import Clock, Database

CALLERS = 32
REGISTER = "select (api.register_user(%s, null, 'not a real hash', %s) ->> 'id')::uuid"
REFRESH = "select refusal from api.refresh_login(%s, %s, %s)"


def digest(secret: str) -> bytes:
    return sha256(secret.encode()).digest()


def register(database: Database, email: str) -> UUID:
    return database.value(REGISTER, [email, digest(f"first token of {email}")])


def sqlstate_of(call: Future[Any]) -> str | None:
    error = call.exception()
    assert error is None or isinstance(error, psycopg.Error), error
    return error.sqlstate if error else None


def test_who_registers_an_address_first_has_it(database: Database) -> None:
    with ThreadPoolExecutor(1) as pool, database.connect() as first:
        with first.transaction():
            first.execute(REGISTER, ["twice@scrip.example", digest("a")])
            second = pool.submit(register, database, "TWICE@scrip.example")
            database.wait_for_lock_waits()
        assert sqlstate_of(second) == "SCA03"


def test_an_address_is_free_when_its_registration_came_to_nothing(database: Database) -> None:
    with ThreadPoolExecutor(1) as pool, database.connect() as first:
        with first.transaction(force_rollback=True):
            first.execute(REGISTER, ["free@scrip.example", digest("a")])
            second = pool.submit(register, database, "free@scrip.example")
            database.wait_for_lock_waits()
        assert second.result() == database.value("select admin.find_user('free@scrip.example')")


def test_the_days_bound_holds_for_many_at_once(fresh_database: Database) -> None:
    database = fresh_database
    database.clock.keep_off_the_hour()
    database.rows("select admin.set_setting('signup_credits_per_day', '38', 'for a test')")
    with ThreadPoolExecutor(CALLERS) as pool:
        people = list(pool.map(lambda n: register(database, f"n{n}@scrip.example"), range(CALLERS)))
    assert len(set(people)) == CALLERS
    assert database.value("select sum(amount)::int from playground.transactions") == 35
    assert database.value("select count(*) from playground.alerts where kind = 'signup_credits_exhausted'") == 1
    database.assert_ledger_holds()


def test_one_person_under_many_addresses_gets_signup_credits_once(fresh_database: Database) -> None:
    database = fresh_database
    with ThreadPoolExecutor(CALLERS) as pool:
        list(pool.map(lambda n: register(database, f"j.o+{n}@gmail.com"), range(CALLERS)))
    assert database.value("select sum(amount)::int from playground.transactions") == 5


def test_a_refresh_token_is_exchanged_once_by_many_at_once(database: Database) -> None:
    user = register(database, "refresh@scrip.example")
    token = digest("first token of refresh@scrip.example")

    def refresh(n: int) -> str | None:
        return database.value(REFRESH, [user, token, digest(f"next {n}")])

    with ThreadPoolExecutor(CALLERS) as pool:
        refusals = list(pool.map(refresh, range(CALLERS)))
    assert refusals.count(None) == 1
    assert set(refusals) == {None, "SCA04"}


def test_a_replay_ends_the_token_that_is_just_being_issued(database: Database) -> None:
    user = register(database, "replay@scrip.example")
    token = digest("first token of replay@scrip.example")
    assert database.value(REFRESH, [user, token, digest("second")]) is None
    with ThreadPoolExecutor(1) as pool, database.connect() as owner:
        with owner.transaction():
            owner.execute(REFRESH, [user, digest("second"), digest("third")])
            replay = pool.submit(database.value, REFRESH, [user, token, digest("thief's")])
            database.wait_for_lock_waits()
        assert replay.result() == "SCA04"
    assert database.value(REFRESH, [user, digest("third"), digest("fourth")]) == "SCA04"


def make_due(database: Database, clock: Clock, people: int) -> list[UUID]:
    """People whose plan has missed three months."""
    clock.freeze(datetime(2026, 1, 31, 12, tzinfo=UTC))
    users = [register(database, f"{uuid4()}@scrip.example") for _ in range(people)]
    for user in users:
        database.rows("select admin.set_plan(%s, 'prpm_plus_individual', null, 'for a test')", [user])
    clock.freeze(datetime(2026, 4, 30, 12, tzinfo=UTC))
    return users


@pytest.mark.parametrize("job", ["process_monthly_reset", "expire_rollover_credits"])
def test_schedulers_beside_each_other_do_each_account_once(
    database: Database, clock: Clock, verify_ledger: Callable[[], None], job: str
) -> None:
    users = make_due(database, clock, 24)

    def drain(_: int) -> int:
        done = 0
        with database.connect("scrip_cron") as cron:
            while batch := cron.execute(SQL("select jobs.{}(5)").format(Identifier(job))).fetchall()[0][0]:
                done += batch
        return done

    with ThreadPoolExecutor(6) as pool:
        done = sum(pool.map(drain, range(6)))
    done += drain(0)
    assert done == len(users)
    months = database.value(
        "select count(*) from playground.transactions where type = 'monthly' and account_id = any (%s)", [users]
    )
    assert months == 4 * len(users)
    verify_ledger()


def test_an_account_in_use_is_skipped_and_done_later(database: Database, clock: Clock) -> None:
    busy, idle = make_due(database, clock, 2)
    with database.connect() as user:
        with user.transaction():
            user.execute("select from playground.accounts where account_id = %s for no key update", [busy])
            assert database.value("select jobs.process_monthly_reset()") == 1
        assert database.value("select last_number from playground.accounts where account_id = %s", [busy]) == 2
    assert database.value("select jobs.process_monthly_reset()") == 1
    histories = database.rows(
        """
        select array_agg((number, type, amount, balance_after, effective_at) order by number)
        from playground.transactions where account_id = any (%s) group by account_id
        """,
        [[busy, idle]],
    )
    assert histories[0] == histories[1]


def test_ten_missed_months_make_the_ledger_of_ten_punctual_ones(database: Database, clock: Clock) -> None:
    start = datetime(2026, 1, 31, 12, tzinfo=UTC)
    clock.freeze(start)
    late, punctual = (register(database, f"{name}@scrip.example") for name in ("late", "punctual"))
    for user in (late, punctual):
        database.rows("select admin.set_plan(%s, 'prpm_plus_individual', null, 'for a test')", [user])
    for days in range(1, 310, 3):
        clock.freeze(start + timedelta(days=days))
        database.rows("select api.get_user(%s)", [punctual])
    database.rows("select jobs.process_monthly_reset()")
    history = """
        select t.number, t.type, t.amount, t.balance_after, t.effective_at, array_agg(p.amount order by p.grant_id)
        from playground.transactions t join playground.transaction_parts p using (account_id, number)
        where t.account_id = %s group by t.account_id, t.number order by t.number
    """
    assert database.rows(history, [late]) == database.rows(history, [punctual])
    assert database.value("select count(*) from playground.periods where account_id = %s", [late]) == 11
