"""The books behind a gateway, read past it; and the rules of price told a second time, to compare."""

import secrets
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any, LiteralString, cast

from tests.py.endtoend.callers import Person
from tests.py.support.database import Database

TOKENS_PER_CREDIT = 5000
LEAST_ANSWER = 256
MAX_OUTPUT = 4096
MILLION = Decimal(1_000_000)


@dataclass(frozen=True)
class Model:
    """A model as the rules list it: US dollars per million tokens."""

    alias: str
    provider: str
    multiplier: Fraction
    input: Decimal
    output: Decimal
    cache_read: Decimal
    cache_write: Decimal


SONNET = Model("sonnet", "anthropic", Fraction(1), Decimal(3), Decimal(15), Decimal("0.3"), Decimal("3.75"))
OPUS = Model("opus", "anthropic", Fraction(5), Decimal(15), Decimal(75), Decimal("1.5"), Decimal("18.75"))
GPT_4O = Model("gpt-4o", "openai", Fraction(2), Decimal(5), Decimal(20), Decimal("2.5"), Decimal(5))
GPT_4O_MINI = Model(
    "gpt-4o-mini", "openai", Fraction(1, 2), Decimal("0.6"), Decimal("2.4"), Decimal("0.3"), Decimal("0.6")
)


def estimated_tokens(octets: int) -> int:
    """ceil(octets / 4 × 1.3)."""
    return -(-octets * 13 // 40)


def credits_for(tokens: int, multiplier: Fraction) -> int:
    """max(1, ceil(ceil(tokens / 5000) × multiplier))."""
    steps = -(-tokens // TOKENS_PER_CREDIT)
    return max(1, -int(-(steps * multiplier) // 1))


def cost_of(model: Model, used: "Used") -> Decimal:
    """US dollars of a model call."""
    return (
        used.input_tokens * model.input
        + used.output_tokens * model.output
        + used.cache_read_tokens * model.cache_read
        + used.cache_write_tokens * model.cache_write
    ) / MILLION


def highest_cost(model: Model, input_tokens: int, output_cap: int) -> Decimal:
    """US dollars that a run can cost at most."""
    return (input_tokens * max(model.input, model.cache_write) + output_cap * model.output) / MILLION


@dataclass(frozen=True)
class Used:
    """A row of usage."""

    outcome: str
    source: str
    input_tokens: int
    output_tokens: int
    cache_read_tokens: int
    cache_write_tokens: int
    credits: int
    cost_usd: Decimal

    @property
    def tokens(self) -> int:
        return self.input_tokens + self.output_tokens + self.cache_read_tokens + self.cache_write_tokens


@dataclass(frozen=True)
class Hold:
    id: str
    status: str
    outcome: str | None
    credits: int
    charged: int | None
    input_tokens_estimated: int
    max_output_tokens: int
    expires_at: datetime


class Books:
    """One database, seen by its owner over a connection of its own: `close` it."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._connection = database.connect()

    def close(self) -> None:
        self._connection.close()

    def rows(self, statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
        cursor = self._connection.execute(cast(LiteralString, statement), parameters)
        return cursor.fetchall() if cursor.description else []

    def value(self, statement: str, *parameters: Any) -> Any:
        """The first column of the only row."""
        (row,) = self.rows(statement, *parameters)
        return row[0]

    def person(self, credits: int = 0, *, unlimited: bool = True) -> Person:
        """Somebody new with the 5 credits of a signup and these. Registered without the cost of a password."""
        user_id = self.value(
            "select api.register_user(%s, null, 'no password', sha256(gen_random_uuid()::text::bytea)) ->> 'id'",
            f"{secrets.token_hex(8)}@example.com",
        )
        if unlimited:
            self.rows("select admin.set_unlimited(%s, true, 'test')", user_id)
        if credits:
            self.rows("select admin.grant_credits(%s, %s, 'test')", user_id, credits)
        return Person.known_as(user_id)

    def balance(self, person: Person) -> dict[str, Any]:
        return self.value("select api.get_balance(%s)", person.id)

    def charges(self, person: Person) -> list[int]:
        """Credits spent, one figure a charged run, oldest first."""
        statement = """
            select -t.amount
            from playground.transactions t
            join playground.users u using (account_id)
            where u.user_id = %s and t.type = 'spend'
            order by t.number
        """
        return [amount for (amount,) in self.rows(statement, person.id)]

    def usage(self, person: Person) -> list[Used]:
        """Model calls, oldest first."""
        statement = """
            select outcome, usage_source, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens,
              credits, cost_usd
            from playground.usage where user_id = %s order by reserved_at, recorded_at
        """
        return [Used(*row) for row in self.rows(statement, person.id)]

    def holds(self, person: Person) -> list[Hold]:
        """Holds, oldest first."""
        statement = """
            select hold_id::text, status, outcome, credits, charged,
              input_tokens_estimated, max_output_tokens, expires_at
            from playground.holds where user_id = %s order by reserved_at
        """
        return [Hold(*row) for row in self.rows(statement, person.id)]

    def window(self, person: Person, kind: str) -> tuple[Any, ...]:
        """Cost, cost held open (US dollars) and runs of a person's latest window of a kind: hour, day, month."""
        rows = self.rows(
            "select cost_usd, open_usd, runs from playground.cost_windows where user_id = %s and kind = %s "
            "order by starts_at desc limit 1",
            person.id,
            kind,
        )
        return rows[0] if rows else (Decimal(0), Decimal(0), 0)

    def conversation(self, person: Person, session_id: str) -> list[tuple[int, str, str, bool]]:
        """Number, role, text and whether it is complete, of each message."""
        return self.rows(
            "select number, role, content, is_complete from playground.messages "
            "where user_id = %s and session_id = %s order by number",
            person.id,
            session_id,
        )

    def answer(self, person: Person) -> str:
        """The only answer a person has got, or what was kept of it."""
        return self.value(
            "select content from playground.messages where user_id = %s and role = 'assistant'", person.id
        )

    def stored_body(self, person: Person) -> bytes:
        """The answer kept for the person's last Idempotency-Key."""
        statement = "select body from playground.answers where user_id = %s order by created_at desc limit 1"
        return self.value(statement, person.id).encode()

    def let_holds_end(self) -> None:
        """Moves the clock to the limit of the last open hold, and lets the job free them."""
        last = self.value("select max(expires_at) from playground.holds where status = 'open'")
        if last is not None:
            self.database.clock.freeze(last)
        self.expire_holds()

    def expire_holds(self) -> None:
        """What pg_cron does each minute."""
        self.database.rows("select jobs.expire_holds()", role="scrip_cron")

    def verify(self) -> None:
        self.database.assert_ledger_holds()
