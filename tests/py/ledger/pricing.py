"""Prices, limits and windows as the rules' page has them, for the model."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction as Money
from math import ceil
from typing import Any

from dateutil.relativedelta import relativedelta

TOKENS_PER_CREDIT = 5000
MIN_OUTPUT_TOKENS = 256
# A figure beyond this many times what a run can use is no figure.
ABSURD = 10


@dataclass(frozen=True)
class Model:
    """Prices are US dollars per million tokens."""

    multiplier: Money
    input: Money
    output: Money
    cache_read: Money
    cache_write: Money


def _anthropic(multiplier: str, price_in: int, price_out: int) -> Model:
    return Model(
        Money(multiplier), Money(price_in), Money(price_out), price_in * Money("0.1"), price_in * Money("1.25")
    )


def _openai(multiplier: str, price_in: str, price_out: str) -> Model:
    return Model(Money(multiplier), Money(price_in), Money(price_out), Money(price_in) / 2, Money(price_in))


MODELS = {
    "sonnet": _anthropic("1", 3, 15),
    "opus": _anthropic("5", 15, 75),
    "gpt-4o": _openai("2", "5", "20"),
    "gpt-4o-mini": _openai("0.5", "0.60", "2.40"),
    "gpt-4-turbo": _openai("2", "10", "30"),
}
LIMITS: dict[str, dict[str, Any] | None] = {
    "free": {"month": Money("0.50"), "day": Money("0.10"), "hour": 10},
    "prpm_plus_individual": {"month": Money("5.00"), "day": Money("1.00"), "hour": 100},
    "prpm_plus_org": {"month": Money("2.50"), "day": Money("0.50"), "hour": 100},
    "unlimited": None,
}


def credits_for(tokens: int, multiplier: Money) -> int:
    return max(1, ceil(ceil(Money(tokens, TOKENS_PER_CREDIT)) * multiplier))


def window_of(instant: datetime, kind: str) -> tuple[datetime, datetime]:
    """The UTC hour, day or calendar month of an instant: from, up to."""
    smaller = {"hour": {}, "day": {"hour": 0}, "month": {"hour": 0, "day": 1}}[kind]
    start = instant.replace(minute=0, second=0, microsecond=0, **smaller)
    return start, start + {"hour": timedelta(hours=1), "day": timedelta(days=1), "month": relativedelta(months=1)}[kind]


@dataclass(frozen=True)
class Tokens:
    """What a provider reports; None: nothing."""

    input: Any
    output: Any
    cache_read: Any
    cache_write: Any

    @property
    def total(self) -> int:
        return self.input + self.output + self.cache_read + self.cache_write

    def as_recorded(self, estimated_input: int, cap: int, answer: str) -> Tokens:
        """With what is missing, negative or absurd replaced by estimates."""
        most = ABSURD * (estimated_input + cap)

        def is_figure(value: int | None) -> bool:
            return value is not None and 0 <= value <= most

        caches = [0 if value is None else value for value in (self.cache_read, self.cache_write)]
        sent = [self.input, *caches]
        if not all(map(is_figure, sent)):
            sent = [estimated_input, 0, 0]
        output = self.output
        if not is_figure(output):
            output = min(cap, ceil(Money(len(answer.encode())) / 4 * Money("1.3")))
        return Tokens(sent[0], output, sent[1], sent[2])

    def cost(self, model: Model) -> Money:
        dollars = self.input * model.input + self.output * model.output
        return (dollars + self.cache_read * model.cache_read + self.cache_write * model.cache_write) / 1_000_000
