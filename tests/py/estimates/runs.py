"""One person's runs without a package's prompt, so that the text alone is what is estimated."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from psycopg.rows import namedtuple_row

from tests.py.ledger.world import Caller, Refused, call, reserve, settle
from tests.py.support.database import Database


def text_of(octets: int) -> str:
    return "x" * octets


@dataclass
class Runs:
    """`caller` is the gateway's connection. Credits, tokens, US dollars."""

    database: Database
    caller: Caller
    user_id: UUID

    def start(self, text: str, model: str) -> Any:
        """The row of api.reserve_run, or its refusal."""
        return self.caller.ask(reserve(self.user_id, user_input=text, model=model, use_no_prompt=True))

    def end(self, hold: Any, text: str, **reported: int) -> int:
        """Settles with the reported tokens and returns the credits charged."""
        ended = settle(self.user_id, hold.hold_id, user_input=text, **reported)
        return self.caller.get(ended).charged

    def run(self, text: str, model: str = "sonnet", /, **reported: int) -> tuple[Any, int]:
        """A whole run: the row of its reservation, and the credits charged."""
        hold = self.start(text, model)
        assert not isinstance(hold, Refused), hold
        return hold, self.end(hold, text, **reported)

    def usage(self, hold: Any) -> Any:
        """The usage row of a run."""
        with self.database.connect() as connection:
            cursor = connection.cursor(row_factory=namedtuple_row)
            cursor.execute("select * from playground.usage where hold_id = %s", [hold.hold_id])
            return cursor.fetchone()

    def balance(self) -> int:
        return self.caller.value(call("api.get_balance", user_id=self.user_id))["balance"]

    def cost_of_the_day(self) -> Decimal:
        return self.database.value(
            "select cost_usd::numeric from playground.cost_windows where user_id = %s and kind = 'day'", [self.user_id]
        )

    def alerts(self) -> list[dict[str, Any]]:
        """What the alerts about under-estimated input say, oldest first."""
        rows = self.database.rows(
            """
            select details
            from playground.alerts
            where user_id = %s and kind = 'input_underestimated'
            order by window_starts_at
            """,
            [self.user_id],
        )
        return [details for (details,) in rows]
