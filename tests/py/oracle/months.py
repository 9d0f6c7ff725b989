"""What the rules say a plan writes into the ledger, told again in plain Python: dateutil counts the months."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from dateutil.relativedelta import relativedelta

SIGNUP = 5
BURN_ORDER = ("period", "rollover", "signup")


@dataclass(frozen=True)
class Line:
    """One transaction: parts are (source of the grant, amount) in the order in which the grants were made."""

    number: int
    type: str
    amount: int
    balance_after: int
    effective_at: datetime
    parts: tuple[tuple[str, int], ...]


@dataclass
class Plan:
    """A plan of `credits` a month, at most `cap` of them rolling over, counted from `anchor` (UTC)."""

    anchor: datetime
    credits: int
    cap: int
    lots: dict[str, int] = field(default_factory=lambda: {"signup": SIGNUP, "rollover": 0, "period": 0})
    lines: list[Line] = field(default_factory=list)

    def month(self, number: int) -> datetime:
        """Where the month after `number` months begins."""
        return self.anchor + relativedelta(months=number)

    def begin(self) -> None:
        """Signing up and the first month, both at the anchor."""
        self._write("signup", self.anchor, [("signup", SIGNUP)])
        self._grant(self.anchor)

    def turn(self, number: int) -> None:
        """The month after `number` months begins."""
        at = self.month(number)
        if self.lots["rollover"]:
            self._take("expire", at, "rollover", self.lots["rollover"])
        rolled = min(self.cap, self.lots["period"])
        expired = self.lots["period"] - rolled
        if rolled:
            self._write("rollover", at, [("period", -rolled), ("rollover", rolled)])
            self.lots["rollover"] = rolled
        if expired:
            self._write("expire", at, [("period", -expired)])
        self._grant(at)

    def spend(self, credits: int, at: datetime) -> None:
        """A run of so many credits, in burn order."""
        parts = []
        left = credits
        for source in BURN_ORDER:
            part = min(left, self.lots[source])
            if part:
                parts.append((source, -part))
                self.lots[source] -= part
                left -= part
        assert not left, "the test spends what is not there"
        # A rollover lot is made before the month's own credits, the signup lot before both.
        parts.sort(key=lambda part: ("signup", "rollover", "period").index(part[0]))
        self._write("spend", at, parts)

    def end(self, at: datetime) -> None:
        """The plan ends: what is left of it expires, in the order in which the lots were made."""
        for source in ("period", "rollover"):
            if self.lots[source]:
                self._take("expire", at, source, self.lots[source])

    @property
    def spendable(self) -> int:
        return sum(self.lots.values())

    def _grant(self, at: datetime) -> None:
        self.lots["period"] = self.credits
        self._write("monthly", at, [("period", self.credits)])

    def _take(self, kind: str, at: datetime, source: str, credits: int) -> None:
        self.lots[source] -= credits
        self._write(kind, at, [(source, -credits)])

    def _write(self, kind: str, at: datetime, parts: list[tuple[str, int]]) -> None:
        amount = sum(amount for _, amount in parts)
        balance = (self.lines[-1].balance_after if self.lines else 0) + amount
        self.lines.append(Line(len(self.lines) + 1, kind, amount, balance, at, tuple(parts)))


def months_until(plan: Plan, end: datetime) -> Iterator[int]:
    """1, 2, 3 … for each month of the plan that begins before `end`."""
    number = 1
    while plan.month(number) < end:
        yield number
        number += 1
