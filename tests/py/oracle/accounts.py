"""Drives one person through the real doors at instants that the test chooses, and reads back what they wrote."""

import secrets
from datetime import datetime
from typing import Any, LiteralString, Self
from uuid import UUID

from tests.py.oracle.months import Line
from tests.py.support.database import Database


class Bank:
    """One connection to a database whose clock stands where the test puts it.

    Instants go in as parameters and come out in UTC, whatever `time_zone` the session lives in.
    """

    def __init__(self, database: Database, time_zone: str = "UTC") -> None:
        self._clock = database.clock
        self._connection = database.connect()
        self._connection.execute("select set_config('timezone', %s, false)", [time_zone])
        self._is_frozen = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def value(self, statement: LiteralString, *parameters: Any) -> Any:
        """The first column of the first row."""
        row = self._connection.execute(statement, parameters).fetchone()
        assert row is not None
        return row[0]

    def run(self, statement: LiteralString, *parameters: Any) -> None:
        self._connection.execute(statement, parameters)

    def go_to(self, instant: datetime) -> None:
        """Puts the clock of the whole database there."""
        if not self._is_frozen:
            self._clock.freeze(instant)
            self._is_frozen = True
        self.run("update tests.clock set stands_at = %s", instant)

    def make_plan(self, credits: int, cap: int) -> str:
        """A plan of so many credits a month, once a database; returns its price."""
        name = f"oracle_{credits}_{cap}"
        self.run("insert into playground.plans values (%s, 'Test', %s, %s) on conflict do nothing", name, credits, cap)
        self.run(
            "insert into playground.plan_prices values (%s, %s, 'prpm_plus_individual', 600) on conflict do nothing",
            name,
            name,
        )
        return name

    def make_package(self) -> None:
        """A package of one word, once a database."""
        files = '[{"path": "SKILL.md", "content": "x"}]'
        manifest = '{"name": "oracle", "version": "1.0.0"}'
        self.run(
            "select admin.import_package('oracle', '1.0.0', 'Test', 'claude', 'skill', %s::jsonb, %s::jsonb)",
            files,
            manifest,
        )

    def register(self) -> UUID:
        """A new person without cost limits."""
        email = f"{secrets.token_hex(8)}@scrip.example"
        user_id = UUID(
            self.value(
                "select api.register_user(%s, null, '$argon2id$x', sha256(%s)) ->> 'id'", email, secrets.token_bytes(8)
            )
        )
        self.run("select admin.set_unlimited(%s, true, 'test')", user_id)
        return user_id

    def set_plan(self, user_id: UUID, plan_price: str, anchor: datetime) -> None:
        self.run("select admin.set_plan(%s, %s, %s, 'test')", user_id, plan_price, anchor)

    def reserve(self, user_id: UUID, credits: int) -> UUID:
        """A run that holds so many credits: one step of a model that costs as much."""
        self.run("update playground.models set multiplier = %s where model = 'sonnet'", credits)
        hold_id = self.value(
            """select hold_id from api.reserve_run(
                %s, 'oracle', null, 'x', 'sonnet', null, false, null, null, null, null)""",
            user_id,
        )
        assert hold_id is not None, "the run was refused"
        return hold_id

    def settle(self, user_id: UUID, hold_id: UUID) -> None:
        """Charges all that the run holds."""
        self.run(
            """select * from api.settle_run(
                %s, %s, 'completed', 'x', 'y', 10, 1, 0, 0, null, 'end_turn', 1, true)""",
            user_id,
            hold_id,
        )

    def spend(self, user_id: UUID, credits: int) -> None:
        self.settle(user_id, self.reserve(user_id, credits))

    def touch(self, user_id: UUID) -> None:
        """Looks at the balance, as a person would."""
        self.run("select api.get_balance(%s)", user_id)

    def next_due_at(self, user_id: UUID) -> datetime | None:
        """When something falls due next; None when nothing will."""
        statement = "select nullif(next_due_at, 'infinity') from playground.accounts where account_id = %s"
        return self.value(statement, user_id)

    def ledger(self, user_id: UUID) -> list[Line]:
        """The history, oldest line first."""
        statement = """
            select t.number, t.type::text, t.amount, t.balance_after::bigint, t.effective_at,
              (select jsonb_agg(jsonb_build_array(g.source, p.amount) order by g.grant_id)
               from playground.transaction_parts p join playground.grants g using (account_id, grant_id)
               where p.account_id = t.account_id and p.number = t.number)
            from playground.transactions t where t.account_id = %s order by t.number"""
        rows = self._connection.execute(statement, [user_id]).fetchall()
        return [Line(*row[:5], parts=tuple((source, amount) for source, amount in row[5])) for row in rows]
