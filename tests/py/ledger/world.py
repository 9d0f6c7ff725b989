"""People, a package and runs at SQL level: the calls that the gateway, the scheduler and operators make."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, LiteralString, NamedTuple, cast
from uuid import UUID, uuid4

import psycopg
from psycopg.rows import namedtuple_row

from tests.py.support.database import Database

PACKAGE = "@tests/ledger"
PROMPT = "Answer in one short sentence."
INPUT = "What is a ledger?"
ANSWER = "A book that only grows."
LOCK_TIMEOUT = "55P03"

Row = Any


class Query(NamedTuple):
    """A call of one function with named arguments."""

    text: LiteralString
    arguments: dict[str, Any]


def call(function: str, **arguments: Any) -> Query:
    """`call("api.get_balance", user_id=…)` is `select * from api.get_balance(p_user_id => …)`."""
    named = ", ".join(f"p_{name} => %({name})s" for name in arguments)
    return Query(cast(LiteralString, f"select * from {function}({named})"), arguments)


def reserve(user_id: UUID, **changes: Any) -> Query:
    arguments = {
        "package": PACKAGE,
        "package_version": None,
        "user_input": INPUT,
        "model": "sonnet",
        "session_id": None,
        "use_no_prompt": False,
        "custom_prompt": None,
        "temperature": None,
        "api_key_hash": None,
        "idempotency_key": None,
    }
    return call("api.reserve_run", user_id=user_id, **(arguments | changes))


def settle(user_id: UUID, hold_id: UUID, **changes: Any) -> Query:
    return call("api.settle_run", user_id=user_id, hold_id=hold_id, **(_result("completed") | changes))


def release(user_id: UUID, hold_id: UUID, **changes: Any) -> Query:
    return call("api.release_run", user_id=user_id, hold_id=hold_id, **(_result("provider_refused") | changes))


def _result(outcome: str) -> dict[str, Any]:
    return {
        "outcome": outcome,
        "user_input": INPUT,
        "answer": ANSWER if outcome == "completed" else "",
        "input_tokens": 40,
        "output_tokens": 60,
        "cache_read_tokens": 0,
        "cache_write_tokens": 0,
        "answered_model": None,
        "stop_reason": "end_turn",
        "duration_ms": 7,
        "is_simulated": False,
    }


def register(email: str | None = None) -> Query:
    email = email or f"{uuid4()}@scrip.example"
    return call(
        "api.register_user",
        email=email,
        username=None,
        password_hash="$argon2id$of-nobody",
        refresh_token_hash=hash_of(f"first token of {email}"),
    )


def hash_of(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


@dataclass(frozen=True)
class Refused:
    """A refusal, whether it was raised or returned."""

    code: str
    detail: dict[str, Any] | None = None


def answer_of(row: Row) -> Row | Refused:
    """A row as it is, or the refusal that it carries."""
    if getattr(row, "refusal", None) is None:
        return row
    return Refused(row.refusal, row.refusal_detail)


def refused(error: psycopg.DatabaseError) -> Refused:
    detail = error.diag.message_detail
    return Refused(error.sqlstate or "", json.loads(detail) if detail else None)


class Caller:
    """A connection of one role that tells refusals from results. Anything else that goes wrong is raised."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self.connection = connection
        connection.row_factory = namedtuple_row

    def ask(self, query: Query) -> Row | Refused:
        try:
            row = self.connection.execute(query.text, query.arguments, prepare=True).fetchone()
        except psycopg.DatabaseError as error:
            if error.sqlstate is None or not error.sqlstate.startswith("SC"):
                raise
            return refused(error)
        return answer_of(row)

    def get(self, query: Query) -> Row:
        """The row of a call that must not be refused."""
        answer = self.ask(query)
        assert not isinstance(answer, Refused), answer
        return answer

    def value(self, query: Query) -> Any:
        return self.get(query)[0]


class AsyncCaller:
    """The same on an asynchronous connection."""

    def __init__(self, connection: psycopg.AsyncConnection[Any]) -> None:
        self.connection = connection
        connection.row_factory = namedtuple_row

    async def ask(self, query: Query) -> Row | Refused:
        try:
            cursor = await self.connection.execute(query.text, query.arguments, prepare=True)
            row = await cursor.fetchone()
        except psycopg.DatabaseError as error:
            if error.sqlstate is None or not error.sqlstate.startswith("SC"):
                raise
            return refused(error)
        return answer_of(row)

    async def get(self, query: Query) -> Row:
        answer = await self.ask(query)
        assert not isinstance(answer, Refused), answer
        return answer

    async def value(self, query: Query) -> Any:
        return (await self.get(query))[0]


def import_package(database: Database) -> None:
    """The public package that all runs here use."""
    query = call(
        "admin.import_package",
        name=PACKAGE,
        version="1.0.0",
        description="A package for tests",
        format="claude",
        subtype="skill",
        files=f'[{{"path": "SKILL.md", "content": "{PROMPT}"}}]',
        manifest="{}",
    )
    with database.connect() as connection:
        connection.execute(query.text, query.arguments)


def new_user(database: Database, credits: int = 0, *, is_unlimited: bool = False, plan: str | None = None) -> UUID:
    """Somebody registered, with so many credits beside those of the signup."""
    with database.connect() as connection:
        owner = Caller(connection)
        user_id = UUID(owner.value(register())["id"])
        if credits:
            owner.get(call("admin.grant_credits", user_id=user_id, credits=credits, reason="for a test"))
        if is_unlimited:
            owner.get(call("admin.set_unlimited", user_id=user_id, is_unlimited=True, reason="for a test"))
        if plan:
            owner.get(call("admin.set_plan", user_id=user_id, plan_price=plan, anchor=None, reason="for a test"))
        return user_id


def ledger_of(database: Database, user_id: UUID) -> Sequence[tuple[Any, ...]]:
    """What makes two ledgers the same: number, type, amount, balance_after, effective_at, parts by order of grants."""
    return database.rows(
        """
        with grant_order as (
          select account_id, grant_id, row_number() over (partition by account_id order by grant_id) as position
          from playground.grants
        )
        select t.number, t.type::text, t.amount, t.balance_after::bigint, t.effective_at, array(
          select (o.position, p.amount)::text
          from playground.transaction_parts p
          join grant_order o using (account_id, grant_id)
          where p.account_id = t.account_id and p.number = t.number
          order by o.position)
        from playground.transactions t
        where t.account_id = %s
        order by t.number
        """,
        [user_id],
    )
