"""What the model is about: lots, lines, plans, holds, keys."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from dateutil.relativedelta import relativedelta

from tests.py.ledger.pricing import Money, Tokens

HOLD_LIFETIME = timedelta(seconds=190)
KEY_LIFETIME = timedelta(hours=24)
BURN_ORDER = ["monthly", "rollover", "purchased"]
NOTHING = Money(0)
FOREVER = datetime.max.replace(tzinfo=UTC)


@dataclass
class Grant:
    position: int
    bucket: str
    source: str
    granted: int
    expires_at: datetime | None
    granted_at: datetime
    plan: Plan | None
    remaining: int = 0
    held: int = 0
    suspended: int = 0
    expired_at: datetime | None = None

    @property
    def free(self) -> int:
        return max(0, self.remaining - self.held - self.suspended)

    @property
    def burn_order(self) -> tuple[Any, ...]:
        return BURN_ORDER.index(self.bucket), self.expires_at or FOREVER, self.granted_at, self.position


@dataclass(frozen=True)
class Line:
    type: str
    amount: int
    balance_after: int
    parts: tuple[tuple[int, int], ...]
    posted_at: datetime
    effective_at: datetime
    session_id: UUID | None


@dataclass
class Plan:
    anchor: datetime
    tier: str
    periods: int
    period_end: datetime
    ends_at: datetime | None = None
    ended_at: datetime | None = None

    def month(self, number: int) -> datetime:
        return self.anchor + relativedelta(months=number)


@dataclass(frozen=True)
class Request:
    user_input: str
    model: str
    session_id: UUID | None = None
    use_no_prompt: bool = False
    custom_prompt: str | None = None


@dataclass
class Session:
    octets: int = 0
    messages: int = 0
    credits_spent: int = 0


@dataclass
class Hold:
    """What a reservation took; `hold_id` and `session_id` are the database's choice."""

    request: Request
    credits: int
    cap: int
    input_tokens: int
    highest_cost: Money
    reserved_at: datetime
    parts: list[tuple[Grant, int]]
    key: str | None
    hold_id: UUID
    session_id: UUID
    status: str = "open"
    outcome: str | None = None
    charged: int = 0
    cost: Money = NOTHING
    tokens: Tokens | None = None
    answer: str | None = None
    balance_after: int = 0
    details: dict[str, Any] = field(default_factory=dict)
    body: str | None = None

    @property
    def expires_at(self) -> datetime:
        return self.reserved_at + HOLD_LIFETIME


@dataclass
class Key:
    hold: Hold
    request: Request
    created_at: datetime
    state: str = "running"
    finished_at: datetime | None = None

    def is_over(self, now: datetime) -> bool:
        return self.state == "free" or (self.finished_at is not None and self.finished_at + KEY_LIFETIME <= now)


@dataclass(frozen=True)
class Sized:
    """A reservation that is granted."""

    credits: int
    cap: int
    input_tokens: int
    highest_cost: Money
