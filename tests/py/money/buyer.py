"""One person who buys, runs and gets money back, beside what the rules say of their money.

Whatever happens is heard in time, one event after the other; amounts are cents.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from psycopg.rows import namedtuple_row

from tests.py.ledger import world
from tests.py.ledger.world import Caller
from tests.py.money.payments import Payment
from tests.py.money.shop import PACKS, Event, Post, make_payers
from tests.py.support.database import Database


@dataclass
class Bought:
    """A paid pack and what Stripe would know of it."""

    payment: Payment
    credits: int
    cents: int
    refunds: list[int] = field(default_factory=list)  # cents of each, those that failed too
    failed: set[int] = field(default_factory=set)
    dispute: tuple[int, str] | None = None

    @property
    def refunded(self) -> int:
        return sum(cents for number, cents in enumerate(self.refunds) if number not in self.failed)

    def back(self, *statuses: str) -> int:
        """Cents refunded, and disputed with one of these statuses."""
        disputed = self.dispute[0] if self.dispute is not None and self.dispute[1] in statuses else 0
        return min(self.cents, self.refunded + disputed)

    @property
    def owed(self) -> int:
        return self.credits * self.back("lost") // self.cents


@dataclass(frozen=True)
class Lot:
    grant_id: int
    source: str
    remaining: int
    held: int
    suspended: int


class Buyer:
    def __init__(self, database: Database, now: datetime) -> None:
        self.database = database
        self.now = now
        database.clock.freeze(now)
        [self.payer] = make_payers(database, 1)
        self.post = Post(database)
        self.owner = database.connect()
        self.gateway = Caller(database.connect("scrip_gateway"))
        self.owner.execute("select admin.set_unlimited(%s, true, 'for a test')", [self.payer.user_id])
        self.bought: list[Bought] = []
        self.holds: list[tuple[UUID, int]] = []
        self.events: list[Event] = []
        self.spent = 0

    def close(self) -> None:
        for connection in (self.post.connection, self.owner, self.gateway.connection):
            connection.close()

    @property
    def user_id(self) -> UUID:
        return self.payer.user_id

    def tick(self) -> datetime:
        self.now += timedelta(seconds=1)
        self.owner.execute("update tests.clock set stands_at = %s", [self.now])
        return self.now

    def hear(self, event: Event) -> None:
        self.events.append(event)
        self.post.deliver(event, self.now)

    # ---------------------------------------------------------------------------------------------------------- money
    def start(self, pack: str) -> Payment:
        self.tick()
        row = self.owner.execute(
            "select purchase_id from api.start_purchase(%s, %s, null, null, gen_random_uuid()::text)",
            [self.user_id, pack],
        ).fetchone()
        assert row is not None
        return Payment(self.payer, row[0], f"p{len(self.bought)}", pack)

    def buy(self, pack: str) -> None:
        payment = self.start(pack)
        self.bought.append(Bought(payment, *PACKS[pack]))
        self.hear(payment.succeeded(self.tick()))

    def refund(self, bought: Bought, cents: int) -> None:
        cents = min(cents, bought.cents - bought.refunded)
        if cents:
            now = self.tick()
            number = len(bought.refunds)
            bought.refunds.append(cents)
            self.hear(bought.payment.refund(f"r{number}", now, cents, "succeeded", now, "refund.created"))
            self.hear(bought.payment.charge(f"r{number}", now, bought.refunded))

    def fail_refund(self, bought: Bought, number: int) -> None:
        if bought.refunds:
            number %= len(bought.refunds)
            if number not in bought.failed:
                bought.failed.add(number)
                made_at = next(
                    e.created for e in self.events if e.type == "refund.created" and self._is(e, bought, number)
                )
                now = self.tick()
                self.hear(bought.payment.refund(f"r{number} failed", now, bought.refunds[number], "failed", made_at))

    @staticmethod
    def _is(event: Event, bought: Bought, number: int) -> bool:
        return event.object["id"] == f"re_r{number}_{bought.payment.payment_intent_id}"

    def dispute(self, bought: Bought, cents: int) -> None:
        if bought.dispute is None:
            self._tell_dispute(bought, min(cents, bought.cents), "needs_response")

    def end_dispute(self, bought: Bought, status: str) -> None:
        if bought.dispute is not None and bought.dispute[1] == "needs_response":
            self._tell_dispute(bought, bought.dispute[0], status)

    def _tell_dispute(self, bought: Bought, cents: int, status: str) -> None:
        bought.dispute = (cents, status)
        self.hear(bought.payment.dispute(f"d {status}", self.tick(), cents, status))

    # ----------------------------------------------------------------------------------------------------------- runs
    def reserve(self, credits: int) -> None:
        """A run that holds so many credits, if there are as many."""
        self.tick()
        self.owner.execute("update playground.models set multiplier = %s where model = 'sonnet'", [credits])
        answer = self.gateway.ask(world.reserve(self.user_id))
        if not isinstance(answer, world.Refused):
            self.holds.append((answer.hold_id, credits))

    def settle(self, number: int) -> None:
        if self.holds:
            hold_id, credits = self.holds.pop(number % len(self.holds))
            self.tick()
            self.gateway.get(world.settle(self.user_id, hold_id))
            self.spent += credits

    def release(self, number: int) -> None:
        if self.holds:
            hold_id, _ = self.holds.pop(number % len(self.holds))
            self.tick()
            self.gateway.get(world.release(self.user_id, hold_id))

    # -------------------------------------------------------------------------------------------------------- reading
    def lots(self) -> list[Lot]:
        rows = self.owner.execute(
            """
            select grant_id, source::text, remaining::bigint, held::bigint, suspended::bigint
            from playground.grants where account_id = %s order by grant_id
            """,
            [self.user_id],
        ).fetchall()
        return [Lot(*row) for row in rows]

    def payments(self) -> dict[str, Any]:
        cursor = self.owner.cursor(row_factory=namedtuple_row)
        cursor.execute("select * from playground.payments where account_id = %s", [self.user_id])
        rows: list[Any] = cursor.fetchall()
        return {row.payment_intent_id: row for row in rows}

    def refund_lines(self) -> Sequence[int]:
        """Amounts of the lines of the history that took for refunds, or gave back."""
        rows = self.owner.execute(
            "select amount from playground.transactions where account_id = %s and type = 'refund' order by number",
            [self.user_id],
        ).fetchall()
        return [amount for (amount,) in rows]
