"""Random histories of runs through the doors, and what the views on usage should say of them, counted from usage."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any, LiteralString
from uuid import UUID

from tests.py.ledger import world
from tests.py.ledger.world import Caller, Refused, call, release, reserve, settle
from tests.py.support.database import Database

PACKAGES = ["@tests/ledger", "@tests/other"]
MODELS = ["sonnet", "gpt-4o", "gpt-4o-mini"]
PAUSES = [timedelta(seconds=20), timedelta(minutes=4), timedelta(hours=7), timedelta(days=1), timedelta(days=9)]
FAILURES = ["provider_refused", "provider_timed_out", "provider_empty", "provider_broke"]

# By view: what it should say, counted from what happened. Columns are compared by name.
BRUTE_FORCE = {
    "daily_usage": """
        select date_trunc('day', reserved_at, 'UTC') as day, tier, count(*) as runs,
          count(*) filter (where outcome = 'completed') as completed,
          count(*) filter (where outcome = 'client_gone') as client_gone,
          count(*) filter (where outcome = 'late') as late,
          count(*) filter (where outcome = 'abandoned') as abandoned,
          count(*) filter (where outcome like 'provider%') as provider_failed,
          count(*) filter (where is_comparison) as comparisons, count(*) filter (where is_simulated) as simulated_runs,
          sum(input_tokens) as input_tokens, sum(output_tokens) as output_tokens,
          sum(cache_read_tokens) as cache_read_tokens, sum(cache_write_tokens) as cache_write_tokens,
          sum(tokens_beyond_hold) as tokens_beyond_hold, sum(credits) as credits, sum(cost_usd) as cost_usd,
          sum(budget_usd) as budget_usd, round(avg(coalesce(duration_ms, 0)) / 1000, 3) as average_seconds
        from playground.usage group by 1, 2
    """,
    "engagement": """
        select day, people, (
            select count(distinct m.user_id) from playground.usage m
            where date_trunc('month', m.reserved_at, 'UTC') = date_trunc('month', day, 'UTC')) as people_of_month,
          runs, round(runs::numeric / people, 2) as runs_per_person, credits,
          round(credits / people, 2) as credits_per_person, round(credits / runs, 2) as credits_per_run,
          sessions, messages, comparisons,
          case when sessions > 0 then round(messages::numeric / sessions, 2) end as messages_per_session
        from (
          select date_trunc('day', u.reserved_at, 'UTC') as day, count(distinct u.user_id) as people, count(*) as runs,
            sum(u.credits) as credits, count(*) filter (where u.is_comparison) as comparisons,
            count(*) filter (where h.is_new_session and u.outcome in ('completed', 'client_gone', 'late')) as sessions,
            2 * count(*) filter (where u.outcome in ('completed', 'client_gone', 'late')) as messages
          from playground.usage u join playground.holds h using (account_id, hold_id)
          group by 1
        ) as of_day
    """,
    "package_usage": """
        select p.name as package, p.is_private, count(*) as runs, count(*) filter (where is_comparison) as comparisons,
          sum(credits) as credits, sum(cost_usd) as cost_usd, count(distinct user_id) as people,
          count(*) filter (where is_recent) as recent_runs,
          coalesce(sum(credits) filter (where is_recent), 0) as recent_credits,
          coalesce(sum(cost_usd) filter (where is_recent), 0) as recent_cost_usd
        from (
          select *, reserved_at >= date_trunc('day', engine.now(), 'UTC') - interval '29 days' as is_recent
          from playground.usage
        ) as u
        join playground.packages p using (package_id)
        group by p.package_id
    """,
    "model_margin": """
        select *, revenue_usd - cost_usd as margin_usd,
          case when revenue_usd <> 0 then round(100 * (revenue_usd - cost_usd) / revenue_usd, 2) end as margin_percent
        from (
          select date_trunc('day', reserved_at, 'UTC') as day, model, count(*) as runs,
            sum(input_tokens) as input_tokens, sum(output_tokens) as output_tokens,
            sum(cache_read_tokens) as cache_read_tokens, sum(cache_write_tokens) as cache_write_tokens,
            sum(credits) as credits, sum(cost_usd) as cost_usd, sum((
              select coalesce(sum(-part.amount * (y.price_cents::numeric / (100 * y.credits))), 0)
              from playground.holds h
              join playground.transaction_parts part on part.account_id = h.account_id and part.number = h.spend_number
              join playground.grants g on g.account_id = part.account_id and g.grant_id = part.grant_id
              join playground.purchases y on y.account_id = g.account_id and y.purchase_id = g.purchase_id
              where h.account_id = u.account_id and h.hold_id = u.hold_id)) as revenue_usd
          from playground.usage u group by 1, 2
        ) as of_day
    """,
    "user_cost_analytics": """
        select *, round(100 * (month_revenue_usd - month_cost_usd) / nullif(month_revenue_usd, 0), 2) as margin_percent,
          case when month_cost_usd > 5.00 then 'high_risk' when month_cost_usd > 2.50 then 'medium_risk'
            when month_cost_usd > 1.00 then 'low_risk' else 'safe' end as risk_level,
          case when month_requests > 0 then round(month_cost_usd / month_requests, 12) else 0 end as average_cost_usd
        from (
          select u.user_id, engine.tier_of(u.user_id) as tier,
            (select coalesce(sum(cost_usd), 0) from playground.usage r where r.user_id = u.user_id
               and r.reserved_at >= date_trunc('month', engine.now(), 'UTC')) as month_cost_usd,
            (select count(*) from playground.usage r where r.user_id = u.user_id
               and r.reserved_at >= date_trunc('month', engine.now(), 'UTC')) as month_requests,
            (select coalesce(sum(cost_usd), 0) from playground.usage r
               where r.user_id = u.user_id) as lifetime_cost_usd,
            (select count(*) from playground.usage r where r.user_id = u.user_id) as lifetime_requests,
            (select max(reserved_at) from playground.usage r where r.user_id = u.user_id) as last_request_at,
            (select coalesce(sum(paid_cents - least(paid_cents, refunded_cents + lost_cents)), 0) / 100.0
               from playground.payments p where p.account_id = u.user_id and currency = 'usd'
               and paid_at >= date_trunc('month', engine.now(), 'UTC')) as month_revenue_usd,
            (select coalesce(sum(paid_cents - least(paid_cents, refunded_cents + lost_cents)), 0) / 100.0
               from playground.payments p where p.account_id = u.user_id and currency = 'usd') as lifetime_revenue_usd,
            u.user_id in (select user_id from playground.organization_members) as is_organization_member
          from playground.users u
        ) as of_person
    """,
}


class History:
    """A few people over some weeks: runs of every outcome, purchases, organisations, and now and then the sums."""

    def __init__(self, database: Database, seed: int) -> None:
        self.database = database
        self.random = random.Random(seed)
        # One after the other, when several live in one database.
        self.now = datetime(2027 + seed, 1, 20, 12, 0, tzinfo=UTC)
        self.owner = Caller(database.connect())
        self.gateway = Caller(database.connect("scrip_gateway"))
        self.people: list[UUID] = []
        self.open: list[tuple[UUID, UUID]] = []
        self.expired: list[tuple[UUID, UUID]] = []

    def begin(self) -> None:
        self.database.clock.freeze(self.now)
        self.people = [
            world.new_user(self.database, credits=500, is_unlimited=number % 2 == 0) for number in range(6)
        ]  # the last two never run anything
        for name in ("One", "Two"):
            name = f"{name} {self.people[0]}"
            self.owner.get(call("admin.create_organization", name=name, owner=self.people[0], reason="for a test"))

    def end(self) -> None:
        self.owner.connection.close()
        self.gateway.connection.close()

    def step(self) -> None:
        acts = {
            self.run: 10,
            self.answer: 8,
            self.fail: 3,
            self.leave: 2,
            self.answer_late: 3,
            self.buy: 2,
            self.refund: 1,
            self.pause: 4,
            self.add_up: 3,
        }
        self.random.choices(list(acts), list(acts.values()))[0]()

    def run(self) -> None:
        user_id = self.random.choice(self.people[:4])
        sessions = self._sql("select session_id from playground.sessions where user_id = %s", user_id)
        answer = self.gateway.ask(
            reserve(
                user_id,
                package=self.random.choice(PACKAGES),
                model=self.random.choice(MODELS),
                session_id=self.random.choice(sessions)[0] if sessions and self.random.random() < 0.5 else None,
                use_no_prompt=self.random.random() < 0.2,
            )
        )
        if not isinstance(answer, Refused):
            self.open.append((user_id, answer.hold_id))

    def _tokens(self) -> dict[str, int]:
        return {
            "input_tokens": self.random.choice([0, 40, 3000, 30_000]),
            "output_tokens": self.random.choice([1, 60, 4000]),
            "cache_read_tokens": self.random.choice([0, 700]),
            "cache_write_tokens": self.random.choice([0, 90]),
            "duration_ms": self.random.randrange(10_000),
            "is_simulated": self.random.random() < 0.3,
        }

    def _end(self, kind: Any, runs: list[tuple[UUID, UUID]], **changes: Any) -> None:
        if runs:
            user_id, hold_id = runs.pop(self.random.randrange(len(runs)))
            self.gateway.get(kind(user_id, hold_id, **self._tokens(), **changes))

    def answer(self) -> None:
        self._end(settle, self.open, outcome=self.random.choice(["completed", "completed", "client_gone"]))

    def fail(self) -> None:
        self._end(release, self.open, outcome=self.random.choice(FAILURES))

    def leave(self) -> None:
        """Nobody settles what is open; the holds run out."""
        self.pass_time(timedelta(minutes=4))
        self.expired += self.open
        self.open = []

    def answer_late(self) -> None:
        self._end(settle, self.expired)

    def pause(self) -> None:
        pause = self.random.choice(PAUSES)
        if pause >= timedelta(minutes=4):
            self.expired += self.open
            self.open = []
        self.pass_time(pause)

    def pass_time(self, pause: timedelta) -> None:
        self.now += pause
        self._sql("update tests.clock set stands_at = %s returning 1", self.now)
        self._sql("select jobs.expire_holds()")

    def buy(self) -> None:
        credits, price = self.random.choice([(100, 5), (50, 10), (400, 20)])
        self._sql("select tests.buy(%s, %s, %s)", self.random.choice(self.people), credits, price)

    def refund(self) -> None:
        """Money alone: what it takes from the ledger is of no matter here."""
        self._sql(
            """
            update playground.payments set refunded_cents = %s, lost_cents = %s
            where payment_intent_id = (select payment_intent_id from playground.payments where account_id = %s limit 1)
            returning 1
            """,
            self.random.choice([0, 300, 500]),
            self.random.choice([0, 0, 300]),
            self.random.choice(self.people),
        )

    def add_up(self) -> None:
        self._sql("select jobs.roll_up()" if self.random.random() < 0.8 else "select jobs.refresh_analytics()")

    def _sql(self, statement: LiteralString, *parameters: Any) -> list[tuple[Any, ...]]:
        return self.owner.connection.execute(statement, parameters).fetchall()


def differences(database: Database, view: str, suffix: str) -> list[tuple[Any, ...]]:
    """Rows of a view that usage does not bear out, and rows that it lacks."""
    brute_force = BRUTE_FORCE[view]
    columns = ", ".join(column for column in _columns(database, f"({brute_force}) as brute"))
    return database.rows(
        f"""
        with seen as (select {columns} from rollup.{view}{suffix}),
          counted as (select {columns} from ({brute_force}) as brute)
        select 'view' as side, * from (select * from seen except all select * from counted) as extra
        union all
        select 'usage', * from (select * from counted except all select * from seen) as missing
        """
    )


def uncompared(database: Database, view: str) -> set[str]:
    """Columns of a view that the brute force does not know."""
    return set(_columns(database, f"rollup.{view}_now")) - set(_columns(database, f"({BRUTE_FORCE[view]}) as brute"))


def _columns(database: Database, source: str) -> list[str]:
    with database.connect() as connection:
        description = connection.execute(f"select * from {source} limit 0".encode()).description
    return [column.name for column in description or []]
