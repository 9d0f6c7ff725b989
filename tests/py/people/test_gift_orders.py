"""In whatever order refunds of a gifted purchase are heard of and gifts take their steps, the end is the same."""

import random
from itertools import permutations
from uuid import uuid4

import psycopg
import pytest

from tests.py.people.giving import Person, balance, buy, carry, person, refund, send, set_setting
from tests.py.support.database import Database

# Cents, of a cent a credit, that Stripe may say went back in all: one word after the other, in every order.
WORDS = [20, 100, 0, 60]


@pytest.fixture(scope="module")
def gifts(database: Database) -> Database:
    set_setting(database, "gift_age", "0")
    return database


def spend(database: Database, who: Person, credits: int) -> None:
    """Uses credits of a gift up, as runs do."""
    with database.connect() as owner, owner.transaction():
        owner.execute("select engine.touch_user(%s)", [who.user_id])
        owner.execute(
            """
            select engine.post_transaction(
              g.account_id, a.last_instant, a.last_instant, 'admin', 'stands for runs',
              array[g.grant_id], array[%s::bigint])
            from playground.grants g join playground.accounts a using (account_id)
            where g.account_id = %s and g.source = 'gift'
            """,
            [-credits, who.user_id],
        )


def state_of(database: Database, giver: Person, receivers: list[Person]) -> list[object]:
    payments = database.rows(
        """
        select owed::int, taken::int, revoke_due::int, shortfall::int from playground.payments
        where account_id = %s order by paid_cents desc
        """,
        [giver.user_id],
    )
    parts = database.rows(
        """
        select p.credits::int, p.taken::int, p.wanted::int, p.step from playground.gift_parts p
        where p.account_id = %s order by p.credits desc
        """,
        [giver.user_id],
    )
    return [payments, parts, [balance(database, who) for who in (giver, *receivers)]]


def live(database: Database, words: list[int], chance: random.Random) -> list[object]:
    """A purchase of 100, given to one who spends most of it and to one who spends nothing; another one of 30 is kept.
    Stripe's words come in this order, steps are taken or put off between them, and the last word is always 90."""
    giver, receivers = person(database, bought=100), [person(database, f"{uuid4().hex}@scrip.example") for _ in "ab"]
    send(database, giver, receivers[0].email, 60)
    send(database, giver, receivers[1].email, 25)
    carry(database)
    spend(database, receivers[0], 50)
    kept = buy(database, giver.user_id, 30)
    with database.connect() as owner:
        for word in [*words, 90]:
            refund(database, giver, word, but=kept)
            if chance.random() < 0.5:
                step(owner)
    carry(database)
    return state_of(database, giver, receivers)


def step(owner: psycopg.Connection) -> None:
    owner.execute("select api.process_gift_steps(1)")


def test_every_order_ends_alike(gifts: Database) -> None:
    chance = random.Random(20261121)
    ends = {str(live(gifts, list(words), chance)) for words in permutations(WORDS)}
    # Own 15, of the first gift the 10 that are left, the second's 25, the other purchase's 30; 10 nobody has any more.
    assert ends == {str([[(90, 80, 0, 10), (0, 0, 0, 0)], [(60, 10, 10, None), (25, 25, 25, None)], [5, 5, 5]])}
    gifts.assert_ledger_holds()
