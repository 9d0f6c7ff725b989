"""Gifts while others give, Stripe refunds, people register and steps die: each arrives or comes back, once."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from itertools import cycle, islice
from uuid import uuid4

import psycopg
import pytest

from tests.py.people.giving import (
    BALANCE,
    JOB,
    REGISTER,
    SEND,
    STEPS,
    Person,
    balance,
    carry,
    person,
    refund,
    send,
    set_setting,
)
from tests.py.support.database import Clock, Database

CALLERS = 32
GIFTS = "select state from playground.gifts where account_id = %s order by sent_at"


@pytest.fixture(scope="module")
def gifts(database: Database) -> Database:
    """Where credits may be given away as soon as they are bought, as often as one likes."""
    set_setting(database, "gift_age", "0")
    set_setting(database, "gifts_per_day", "1000000")
    return database


@pytest.fixture(autouse=True)
def books_hold(gifts: Database) -> Iterator[None]:
    yield
    gifts.clock.release()
    carry(gifts)
    gifts.assert_ledger_holds()


def test_the_last_credits_are_given_once_by_64_callers(gifts: Database) -> None:
    giver, receiver = person(gifts, bought=10), person(gifts)
    with ThreadPoolExecutor(64) as pool:
        answers = list(pool.map(lambda _: send(gifts, giver, receiver.email), range(64)))
    assert Counter(answer.outcome for answer in answers) == {"done": 10, "SCG01": 54}
    assert carry(gifts) == 10
    assert (balance(gifts, giver), balance(gifts, receiver)) == (5, 15)


def test_one_key_makes_one_gift_however_many_ask(gifts: Database) -> None:
    giver, receiver = person(gifts, bought=100), person(gifts)
    with ThreadPoolExecutor(CALLERS) as pool:
        answers = list(pool.map(lambda _: send(gifts, giver, receiver.email, 7, "once"), range(CALLERS)))
    assert len({str(answer.body) for answer in answers}) == 1
    carry(gifts)
    assert (balance(gifts, giver), balance(gifts, receiver)) == (98, 12)


def test_who_give_each_other_at_once_never_wait_in_a_circle(gifts: Database) -> None:
    people = [person(gifts, bought=100) for _ in range(3)]
    pairs = [(giver, receiver) for giver in people for receiver in people if giver is not receiver]

    def give_and_carry(pair: tuple[Person, Person]) -> str:
        giver, receiver = pair
        answer = send(gifts, giver, receiver.email, 2)
        carry(gifts)
        return answer.outcome

    with ThreadPoolExecutor(12) as pool:
        outcomes = list(pool.map(give_and_carry, islice(cycle(pairs), 120)))
    assert Counter(outcomes) == {"done": 120}
    carry(gifts)
    # Each gave 80 and got 80.
    assert [balance(gifts, someone) for someone in people] == [105] * 3


def test_refunds_and_gifts_in_a_circle_end_as_if_nothing_had_met(gifts: Database) -> None:
    """Everybody gives everybody, all purchases are refunded up and down meanwhile, every step races: no deadlock, and
    in the end each purchase has given back what it owes."""
    people = [person(gifts, bought=100) for _ in range(4)]
    pairs = [(giver, receiver) for giver in people for receiver in people if giver is not receiver]

    def act(turn: int) -> None:
        giver, receiver = pairs[turn % len(pairs)]
        send(gifts, giver, receiver.email, 5)
        refund(gifts, receiver, (turn * 37) % 101)
        carry(gifts)

    with ThreadPoolExecutor(12) as pool:
        list(pool.map(act, range(96)))
        list(pool.map(lambda someone: refund(gifts, someone, 60), people))
    carry(gifts)
    owing = gifts.rows(
        """
        select owed::int, taken::int, revoke_due::int, shortfall::int from playground.payments
        where account_id = any (%s)
        """,
        [[someone.user_id for someone in people]],
    )
    # Nobody has spent anything: all that is owed is there.
    assert owing == [(60, 60, 0, 0)] * 4
    assert sum(balance(gifts, someone) for someone in people) == 4 * (5 + 100 - 60)
    assert gifts.value("select count(*) from playground.alerts where kind = 'gifts_failed'") == 0


def test_many_workers_bring_each_gift_once(gifts: Database) -> None:
    giver = person(gifts, bought=1000)
    receivers = [person(gifts) for _ in range(8)]
    for receiver in receivers * 5:
        send(gifts, giver, receiver.email, 3)

    def work(number: int) -> int:
        return carry(gifts) if number % 2 else carry(gifts, JOB, "scrip_cron")

    with ThreadPoolExecutor(8) as pool:
        done = sum(pool.map(work, range(8)))
    # Who finds everything in hand stops; whoever has it in hand goes on.
    assert done + carry(gifts) == 40
    assert [balance(gifts, receiver) for receiver in receivers] == [20] * 8


def test_a_step_that_dies_is_done_by_the_job_once(gifts: Database) -> None:
    giver, receiver = person(gifts, bought=100), person(gifts)
    assert send(gifts, giver, receiver.email, 40).refusal is None
    with ThreadPoolExecutor(1) as pool, gifts.connect() as keeper, gifts.connect("scrip_gateway") as worker:
        with keeper.transaction():
            # The credits have been posted when the step comes to the notice, and waits.
            keeper.execute("lock table playground.notices in share row exclusive mode")
            step = pool.submit(worker.execute, STEPS)
            gifts.wait_for_lock_waits()
            gifts.rows("select pg_terminate_backend(%s, 60000)", [worker.info.backend_pid], "postgres")
            assert isinstance(step.exception(), psycopg.OperationalError)
            assert (balance(gifts, giver), balance(gifts, receiver)) == (65, 5)
    gifts.assert_ledger_holds()
    assert carry(gifts, JOB, "scrip_cron") == 1
    assert carry(gifts, JOB, "scrip_cron") == 0
    assert (balance(gifts, giver), balance(gifts, receiver)) == (65, 45)


def test_a_revocation_that_dies_between_its_steps_is_done_by_the_job(gifts: Database) -> None:
    giver, receiver = person(gifts, bought=100), person(gifts)
    send(gifts, giver, receiver.email, 100)
    carry(gifts)
    refund(gifts, giver, 30)
    with ThreadPoolExecutor(1) as pool, gifts.connect() as keeper, gifts.connect("scrip_gateway") as worker:
        with keeper.transaction():
            keeper.execute("lock table playground.transaction_parts in share row exclusive mode")
            step = pool.submit(worker.execute, STEPS)
            gifts.wait_for_lock_waits()
            gifts.rows("select pg_terminate_backend(%s, 60000)", [worker.info.backend_pid], "postgres")
            assert isinstance(step.exception(), psycopg.OperationalError)
    assert balance(gifts, receiver) == 105
    gifts.assert_ledger_holds()
    assert carry(gifts, JOB, "scrip_cron") == 1
    assert balance(gifts, receiver) == 75


def test_a_gift_in_the_sender_s_hands_is_left_for_the_next_time(gifts: Database) -> None:
    giver, receiver = person(gifts, bought=100), person(gifts)
    send(gifts, giver, receiver.email, 40)
    with gifts.connect() as keeper:
        with keeper.transaction():
            keeper.execute("select engine.lock_gifts_of(%s)", [giver.user_id])
            assert carry(gifts) == 0
    assert carry(gifts) == 1
    assert balance(gifts, receiver) == 45


def test_who_registers_while_somebody_gives_has_the_gift(gifts: Database) -> None:
    giver = person(gifts, bought=100)
    email = f"{uuid4().hex}@scrip.example"
    with ThreadPoolExecutor(1) as pool, gifts.connect() as first:
        with first.transaction():
            first.execute(REGISTER, [email, email])
            sent = pool.submit(send, gifts, giver, email, 40)
            gifts.wait_for_lock_waits()
        answer = sent.result()
    assert answer.body is not None
    assert answer.body["status"] == "sent"
    carry(gifts)
    assert gifts.value(BALANCE, [gifts.value("select admin.find_user(%s)", [email])]) == 45


def test_who_gives_while_somebody_registers_reaches_them(gifts: Database) -> None:
    giver = person(gifts, bought=100)
    email = f"{uuid4().hex}@scrip.example"
    with ThreadPoolExecutor(1) as pool, gifts.connect("scrip_gateway") as first:
        with first.transaction():
            first.execute(SEND, [giver.user_id, email, 40, None])
            registered = pool.submit(person, gifts, email)
            gifts.wait_for_lock_waits()
        assert balance(gifts, registered.result()) == 45


def waiting_gift(gifts: Database) -> tuple[Person, str, datetime]:
    """A giver of 40 credits to an address nobody has, and when they return."""
    giver = person(gifts, bought=100)
    email = f"{uuid4().hex}@scrip.example"
    answer = send(gifts, giver, email, 40)
    assert answer.body is not None
    return giver, email, datetime.fromisoformat(answer.body["expiresAt"])


def test_a_gift_that_is_just_being_claimed_does_not_return(gifts: Database, clock: Clock) -> None:
    giver, email, ends_at = waiting_gift(gifts)
    clock.freeze(ends_at - timedelta(microseconds=1))
    with ThreadPoolExecutor(1) as pool, gifts.connect() as first:
        with first.transaction():
            first.execute(REGISTER, [email, email])
            clock.freeze(ends_at)
            returned = pool.submit(carry, gifts, JOB, "scrip_cron")
            gifts.wait_for_lock_waits()
        assert returned.result() == 0
    assert gifts.value(GIFTS, [giver.user_id]) == "arrived"
    assert balance(gifts, giver) == 65
    assert gifts.value(BALANCE, [gifts.value("select admin.find_user(%s)", [email])]) == 45


def test_a_gift_that_is_just_returning_is_not_claimed(gifts: Database, clock: Clock) -> None:
    giver, email, ends_at = waiting_gift(gifts)
    clock.freeze(ends_at)
    with ThreadPoolExecutor(1) as pool, gifts.connect("scrip_cron") as first:
        with first.transaction():
            assert first.execute(JOB).fetchall() == [(1,)]
            # Whoever registers took the instant a moment before.
            clock.freeze(ends_at - timedelta(microseconds=1))
            registered = pool.submit(person, gifts, email)
            gifts.wait_for_lock_waits()
        assert balance(gifts, registered.result()) == 5
    assert gifts.value(GIFTS, [giver.user_id]) == "returned"
    assert balance(gifts, giver) == 105


def test_at_the_very_end_a_gift_goes_one_way_only(gifts: Database) -> None:
    waiting = [waiting_gift(gifts) for _ in range(12)]
    # Their time ends while they are claimed, and is over for some.
    gifts.rows(
        "update playground.gifts set expires_at = engine.now() + interval '20 milliseconds' where state = 'waiting'"
    )
    with ThreadPoolExecutor(16) as pool:
        returning = [pool.submit(carry, gifts, JOB, "scrip_cron") for _ in range(4)]
        people = list(pool.map(lambda gift: person(gifts, gift[1]), waiting))
        for job in returning:
            job.result()
    while gifts.value("select count(*) from playground.gifts where state = 'waiting'"):
        carry(gifts, JOB, "scrip_cron")
    for (giver, _, _), claimant in zip(waiting, people, strict=True):
        assert (balance(gifts, giver), balance(gifts, claimant)) in {(65, 45), (105, 5)}
