"""Promo codes wanted by many at once, and guessed at by many at once."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest

from tests.py.people.giving import Person, balance, person, redeem
from tests.py.support.database import Database

CALLERS = 32


@pytest.fixture(autouse=True)
def books_hold(database: Database) -> Iterator[None]:
    yield
    database.assert_ledger_holds()


def new_code(database: Database, max_redemptions: int) -> str:
    return database.value(
        "select admin.create_promo_code(%s, 20, %s, null, 'for a test')", [f"race-{uuid4().hex}", max_redemptions]
    )


def outcomes(database: Database, people: list[Person], code: str, address: str | None = None) -> Counter[str]:
    with ThreadPoolExecutor(CALLERS) as pool:
        return Counter(answer.outcome for answer in pool.map(lambda who: redeem(database, who, code, address), people))


@pytest.mark.parametrize("redemptions", [1, 10])
def test_the_last_redemption_is_had_once(database: Database, redemptions: int) -> None:
    people = [person(database) for _ in range(CALLERS)]
    code = new_code(database, redemptions)
    with ThreadPoolExecutor(CALLERS) as pool, database.connect() as keeper:
        with keeper.transaction():
            # All of them stand before the code when it is opened.
            keeper.execute("select from playground.promo_codes where code = %s for update", [code])
            calls = [pool.submit(redeem, database, who, code) for who in people]
            database.wait_for_lock_waits(CALLERS)
        found = Counter(call.result().outcome for call in calls)
    assert found == {"done": redemptions, "SCK03": CALLERS - redemptions}
    assert sum(balance(database, who) - 5 for who in people) == 20 * redemptions


def test_a_person_redeems_a_code_once_whatever_the_account(database: Database) -> None:
    name = uuid4().hex
    people = [person(database, f"{name}+{number}@scrip.example") for number in range(CALLERS)]
    assert outcomes(database, people, new_code(database, 1000)) == {"done": 1, "SCK02": CALLERS - 1}


def test_one_key_redeems_once_and_answers_all(database: Database) -> None:
    who, code = person(database), new_code(database, 1000)
    with ThreadPoolExecutor(CALLERS) as pool:
        answers = list(pool.map(lambda _: redeem(database, who, code, key="once"), range(CALLERS)))
    assert {str(answer.body) for answer in answers} == {str({"credits": 20, "balance": 25, "code": code})}
    assert balance(database, who) == 25


def test_no_more_guesses_slip_through_because_they_come_at_once(database: Database) -> None:
    people = [person(database) for _ in range(CALLERS)]
    assert outcomes(database, people, "no-such-code", "192.0.2.7") == {"SCK01": 10, "SCK04": CALLERS - 10}
    who = person(database)
    assert outcomes(database, [who] * CALLERS, "no-such-code") == {"SCK01": 10, "SCK04": CALLERS - 10}
