"""What the page tells, in its order. The statements are in page.sql, by name: sums and roundings are the database's."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from scripts.reporting import charts
from scripts.reporting.charts import Table

_NAMED = re.compile(r"^-- name: (\w+)\n(.*?);$", re.MULTILINE | re.DOTALL)
STATEMENTS: dict[str, str] = dict(_NAMED.findall(Path(__file__).with_name("page.sql").read_text()))


@dataclass(frozen=True)
class Section:
    """A table of the page, with a chart of it where one helps. `name` is that of its statement and of its CSV file."""

    name: str
    title: str
    note: str
    chart: Callable[[Table], str] | None = None

    @property
    def statement(self) -> str:
        return STATEMENTS[self.name]


SECTIONS = (
    Section(
        "margin_by_day",
        "Revenue and cost by day",
        "Revenue: what was paid for the credits that runs used. US dollars.",
        charts.lines("day", ("revenue_usd", "cost_usd")),
    ),
    Section(
        "margin_by_model",
        "Margin by model",
        "The month by model. US dollars.",
        charts.bars("model", ("revenue_usd", "cost_usd")),
    ),
    Section(
        "margin_by_day_and_model",
        "Margin by day and model",
        "US dollars.",
        charts.grid("model", "day", "margin_usd"),
    ),
    Section("tiers", "Tiers", "Runs, credits and API cost (US dollars) by tier.", charts.bars("tier", ("cost_usd",))),
    Section(
        "revenue",
        "Money that came in",
        "In the currency named; MRR: what was paid for the plan months that cover the month's end.",
    ),
    Section(
        "revenue_by_month",
        "A year of revenue",
        "Net, gross and MRR of the last twelve months. US dollars.",
        charts.bars("month", ("gross", "net", "mrr")),
    ),
    Section(
        "credit_flow",
        "Where credits came from and went",
        "opening + granted - spent - expired - refunded - gifts_left = closing; difference: what is left unexplained.",
        charts.bars("month", ("granted", "spent", "expired", "refunded")),
    ),
    Section(
        "deferred_revenue",
        "Credits not yet used",
        "What is owed to people in runs, as of now: paid = recognised + breakage + refunded + deferred + rounding.",
    ),
    Section(
        "cohorts",
        "Cohorts",
        "People by the month they registered in: how many ran something that many months later, in percent.",
        charts.grid("cohort", "month_number", "retained_percent"),
    ),
    Section("conversion", "From registering to paying", "People by the month they registered in."),
    Section("engagement", "Use by day", "People, runs and messages.", charts.lines("day", ("people", "runs"))),
    Section("people", "Who costs most", "Pseudonyms; the same person keeps theirs. As of now; US dollars."),
    Section("packages", "Packages", "The twenty most used of all time. Cost in US dollars."),
    Section("expiring_credits", "Credits that expire", "From now on, unless they are used."),
    Section("webhooks", "Stripe's events", "Received and what became of them; seconds from receiving one to its end."),
)
