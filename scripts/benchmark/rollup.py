"""What the hourly refresh of the analysts' views costs: with few and with many old runs, and as many new ones."""

import time
from statistics import median

import psycopg

from scripts.benchmark import database
from scripts.benchmark.database import PEOPLE, People, person_id
from scripts.benchmark.figures import Figures
from scripts.setup.cluster import Cluster

ROLLED = "scrip_rolled"
NEW = 1_000
FEW, MANY, QUICK_MANY = 50_000, 5_000_000, 500_000
BATCH = 500_000
ROUNDS = 7
# What runs leave behind for the analysts, without the runs: of everybody, over half a year or in the last hour.
RUNS = """
    with made as (
      insert into playground.usage (
        account_id, reserved_at, hold_id, user_id, session_id, package_id, package_version, model, tier, outcome,
        usage_source, is_comparison, is_simulated, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens,
        input_tokens_estimated, credits, cost_usd, budget_usd, duration_ms, recorded_at)
      select user_id, reserved_at, gen_random_uuid(), user_id, gen_random_uuid(),
        package.ids[1 + mod(n, cardinality(package.ids))], '1.0.0', model, 'free',
        case when mod(n, 50) = 0 then 'provider_refused' else 'completed' end, 'reported', false, false, 400, 300, 0, 0,
        400, case when mod(n, 50) = 0 then 0 else 1 end, 0.0057, 0, 900, reserved_at
      from generate_series(1, %(count)s) as n
      cross join lateral (
        select (%(people)s::uuid[])[1 + mod(n, %(crowd)s)] as user_id,
          now() - %(span)s::interval * mod(n * 7919::bigint, 100003) / 100003 as reserved_at,
          (array['sonnet', 'opus', 'gpt-4o', 'gpt-4o-mini', 'gpt-4-turbo'])[1 + mod(n / 7, 5)] as model
      ) as of_run
      cross join (select array_agg(package_id order by name) as ids from playground.packages) as package
      returning *
    )
    insert into rollup.usage_changes
    select account_id, user_id, reserved_at, model, tier, package_id, outcome, is_comparison, is_simulated, false, 1,
      input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, 0, credits, cost_usd, budget_usd, duration_ms
    from made
"""


class Rollup:
    """Fills a database of its own with more and more runs, and measures a refresh in between."""

    def __init__(self, cluster: Cluster, prompts: list[str], *, is_quick: bool) -> None:
        self._cluster = cluster
        self._many = QUICK_MANY if is_quick else MANY
        self._people = [person_id(number) for number in range(1, PEOPLE + 1)]
        database.make_scrip(cluster, ROLLED, prompts)
        database.make_past(cluster, ROLLED, [People(1, PEOPLE, 10, 1)])

    def measure(self, figures: Figures) -> None:
        figures.heading(f"Refreshing the analysts' views ({NEW:,} new runs of {PEOPLE:,} people)")
        few = self._measure_after(FEW)
        figures.add("refresh_few_ms", few, f"milliseconds of a refresh with {FEW:,} old runs")
        many = self._measure_after(self._many - FEW)
        figures.add("refresh_many_ms", many, f"milliseconds of a refresh with {self._many:,} old runs")
        figures.add("refresh_ratio", many / few, "of them for one of the former", at_most=2)

    def _measure_after(self, runs: int) -> float:
        """The median time of a refresh, in milliseconds, after so many more old runs."""
        with psycopg.connect(self._cluster.url("postgres", ROLLED), autocommit=True) as connection:
            for made in range(0, runs, BATCH):
                self._make(connection, min(BATCH, runs - made), "180 days")
                connection.execute("select engine.roll_up()")
                connection.execute("vacuum rollup.usage_changes")
            connection.execute("select engine.refresh_analytics()")
            connection.execute("vacuum (analyze)")
            connection.execute("checkpoint")
            return median(self._refresh(connection) for _ in range(ROUNDS))

    def _refresh(self, connection: psycopg.Connection) -> float:
        # In one transaction, so that nothing takes away what is to be measured.
        with connection.transaction():
            self._make(connection, NEW, "1 hour")
            started = time.perf_counter()
            connection.execute("select engine.refresh_analytics()")
            return (time.perf_counter() - started) * 1000

    def _make(self, connection: psycopg.Connection, count: int, span: str) -> None:
        values = {"count": count, "people": self._people, "crowd": PEOPLE, "span": span}
        connection.execute(RUNS, values)
