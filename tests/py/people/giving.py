"""People who buy, give and redeem at SQL level, as the gateway and the scheduler call it."""

import json
from dataclasses import dataclass
from typing import Any, LiteralString
from uuid import UUID, uuid4

from psycopg.sql import SQL

from tests.py.support.database import Database
from tests.py.support.tokens import token_of

REGISTER = "select (api.register_user(%s, null, 'not a real hash', sha256(%s::bytea)) ->> 'id')::uuid"
SEND = "select refusal, body from api.send_gift(%s, %s, %s, null, %s)"
REDEEM = "select refusal, body from api.redeem_code(%s, %s, %s, %s, %s)"
STEPS = "select api.process_gift_steps()"
JOB = "select jobs.process_gifts()"
BALANCE = "select last_balance::int from playground.accounts where account_id = %s"


@dataclass(frozen=True)
class Person:
    user_id: UUID
    email: str


@dataclass(frozen=True)
class Answer:
    """What a door said: the code of a refusal, or the body."""

    refusal: str | None
    body: dict[str, Any] | None

    @property
    def outcome(self) -> str:
        return self.refusal or "done"


def person(database: Database, email: str | None = None, *, bought: int = 0) -> Person:
    """Somebody registered who has so many bought credits beside those of the signup, paid with a cent each."""
    email = email or f"{uuid4().hex}@scrip.example"
    user_id = database.value(REGISTER, [email, email])
    if bought:
        buy(database, user_id, bought)
    return Person(user_id, email)


def buy(database: Database, user_id: UUID, credits: int) -> str:
    """What a succeeded purchase leaves behind. Returns its payment."""
    with database.connect() as owner, owner.transaction():
        purchase_id = uuid4()
        payment = f"pi_{purchase_id.hex}"
        owner.execute(
            """
            insert into playground.purchases (
              account_id, purchase_id, user_id, pack, pack_name, credits, price_cents, currency, cost_share, status,
              requested_at)
            values (%(user)s, %(purchase)s, %(user)s, 'small', 'Small', %(credits)s, %(credits)s, 'usd', 0, 'started',
              engine.now())
            """,
            {"user": user_id, "purchase": purchase_id, "credits": credits},
        )
        owner.execute("select engine.open_payment(%s, %s, %s)", [user_id, payment, purchase_id])
        owner.execute(
            """
            select engine.credit_purchase(engine.touch_user(%s), p, %s, null, p.price_cents, engine.now())
            from playground.purchases p where p.account_id = %s and p.purchase_id = %s
            """,
            [user_id, payment, user_id, purchase_id],
        )
    return payment


def refund(database: Database, giver: Person, cents: int, but: str = "") -> None:
    """Stripe says that so many cents of this person's payments, of each but that one, went back in all."""
    arguments = {"user": giver.user_id, "cents": cents, "but": but}
    with database.connect() as owner, owner.transaction():
        owner.execute("select engine.touch_user(%(user)s)", arguments)
        owner.execute(
            """
            update playground.payments set reported_refunded_cents = %(cents)s, reported_at = engine.now()
            where account_id = %(user)s and payment_intent_id <> %(but)s
            """,
            arguments,
        )
        owner.execute(
            """
            select engine.settle_payment(p.account_id, p.payment_intent_id, a.last_instant)
            from playground.payments p join playground.accounts a using (account_id)
            where p.account_id = %(user)s and p.payment_intent_id <> %(but)s
            """,
            arguments,
        )


def send(database: Database, giver: Person, to: str, credits: int = 1, key: str | None = None) -> Answer:
    return _ask(database, SEND, [giver.user_id, to, credits, key])


def redeem(database: Database, who: Person, code: str, address: str | None = None, key: str | None = None) -> Answer:
    return _ask(database, REDEEM, [who.user_id, code, address, key, token_of(who.user_id)])


def _ask(database: Database, statement: str, arguments: list[Any]) -> Answer:
    (row,) = database.rows(statement, arguments, "scrip_gateway")
    refusal, body = row
    return Answer(refusal, json.loads(body) if body else None)


def carry(database: Database, statement: LiteralString = STEPS, role: str = "scrip_gateway") -> int:
    """Does the steps of gifts until a call finds nothing more to do. Returns how many."""
    total = 0
    with database.connect(role) as connection:
        while done := connection.execute(SQL(statement)).fetchall()[0][0]:
            total += done
    return total


def balance(database: Database, who: Person) -> int:
    return database.value(BALANCE, [who.user_id])


def set_setting(database: Database, name: str, value: str) -> None:
    database.rows("select admin.set_setting(%s, %s, 'for a test')", [name, value])
