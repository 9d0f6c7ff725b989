"""Ten million runs in the tables: what they take of the disk, and what is as fast as with few, or not."""

import time
from datetime import datetime
from statistics import median

import psycopg
from psycopg import sql

from scripts.benchmark import database
from scripts.benchmark.caller import question
from scripts.benchmark.database import DATABASE, PACKAGES, People, person_id
from scripts.benchmark.figures import Figures
from scripts.benchmark.ledger import ANSWER, PAIR
from scripts.benchmark.pgbench import Run
from scripts.benchmark.pgbench import run as run_pgbench
from scripts.setup.cluster import Cluster
from scripts.setup.console import step

SCALED = "scrip_scaled"
CROWD = 10_000
PAGES_READ = 40
NEW_RUNS = 1_000
TABLES = ("usage", "transactions", "transaction_parts", "holds", "hold_parts")

# A partitioned table is as large as its parts.
SIZES = """
    select coalesce(sum(pg_table_size(part)), 0)::bigint, coalesce(sum(pg_indexes_size(part)), 0)::bigint
    from (
      select to_regclass('playground.' || %(table)s) as part
      union all
      select inhrelid from pg_inherits where inhparent = to_regclass('playground.' || %(table)s)
    ) as parts
"""
COUNT = sql.SQL("select count(*) from playground.{}")
PAGE = "select * from api.list_transactions(p_user_id => %s, p_limit => 20, p_offset => %s)"
VERIFY = "select count(*) from admin.verify_ledger(%s)"


class Scale:
    """Measures a database with `each` transactions of each of CROWD people, beside the bench's own with few."""

    def __init__(self, cluster: Cluster, seconds: int, rounds: int) -> None:
        self._cluster = cluster
        self._seconds = seconds
        self._rounds = rounds

    def make(self, prompts: list[str], each: int, figures: Figures) -> None:
        """Writes the past, and has the sums of it made as one backlog."""
        started = time.monotonic()
        with step(f"{CROWD * each:,} transactions, their runs and usage"):
            database.make_scrip(self._cluster, SCALED, prompts)
            half = CROWD // 2
            first = People(1, half, each, 1, with_messages=False)
            second = People(half + 1, CROWD - half, each, first.last_grant + 1, with_messages=False)
            database.make_past(self._cluster, SCALED, [first, second])
        figures.heading(f"Scale: {CROWD:,} people with {each:,} transactions each")
        figures.add("scale_made_s", time.monotonic() - started, "seconds to write and add them up, in bulk")

    def measure(self, figures: Figures) -> None:
        self._show_sizes(figures)
        few, many = [], []
        for _ in range(self._rounds):
            few.append(self._pairs(DATABASE, 1000))
            many.append(self._pairs(SCALED, CROWD))
        figures.add("scale_pairs_per_s", median(run.per_second for run in many), "pairs of reserve and settle a second")
        ratio = median(a.per_second / b.per_second for a, b in zip(many, few, strict=True))
        figures.add("scale_pairs_ratio", ratio, "of these for each with few transactions", at_least=0.9)
        for page in (1, 25):
            figures.add(
                f"scale_history_page_{page}_ms", self._page_ms(page), f"milliseconds for page {page} of a history"
            )
        since = self._refresh(figures)
        for name, recent in (("recent", since), ("whole", None)):
            violations, seconds = self._verify(recent)
            what = "the accounts of the new runs" if recent else "everything"
            figures.add(f"scale_verify_{name}_s", seconds, f"seconds of admin.verify_ledger(), {what}")
            figures.add(f"scale_violations_{name}", violations, "violations found", at_most=0)

    def _show_sizes(self, figures: Figures) -> None:
        with self._connect("postgres") as connection:
            for table in TABLES:
                row = connection.execute(COUNT.format(sql.Identifier(table))).fetchone()
                size = connection.execute(SIZES, {"table": table}).fetchone()
                assert row is not None
                assert size is not None
                figures.note(f"scale_{table}_rows", row[0])
                figures.add(f"scale_{table}_mb", size[0] / 2**20, f"MB of {table}, {row[0]:,} rows")
                figures.add(f"scale_{table}_index_mb", size[1] / 2**20, "MB of its indexes")

    def _refresh(self, figures: Figures) -> datetime:
        """Sums and views after a thousand runs, in the largest database; the instant before these runs."""
        with self._connect("postgres") as connection:
            row = connection.execute("select engine.now() from (select jobs.roll_up()) as rolled_up").fetchone()
            assert row is not None
            since = row[0]
            run_pgbench(self._cluster, "scrip_gateway", SCALED, 3, *_pair_arguments(CROWD), "-R", str(NEW_RUNS // 4))
            row = connection.execute("select count(*) from rollup.usage_changes").fetchone()
            assert row is not None
            figures.add("scale_new_runs", row[0], "new runs, which the sums do not hold yet")
            for job in ("roll_up", "refresh_analytics"):
                started = time.perf_counter()
                connection.execute(sql.SQL("select jobs.{}()").format(sql.Identifier(job)))
                taken = (time.perf_counter() - started) * 1000
                figures.add(f"scale_{job}_ms", taken, f"milliseconds of jobs.{job}() after new runs")
        return since

    def _pairs(self, name: str, people: int) -> Run:
        return run_pgbench(self._cluster, "scrip_gateway", name, self._seconds, *_pair_arguments(people))

    def _page_ms(self, page: int) -> float:
        taken = []
        with self._connect("scrip_gateway") as connection:
            for number in range(PAGES_READ):
                started = time.perf_counter()
                connection.execute(PAGE, (person_id(1 + number * 97), (page - 1) * 20), prepare=True).fetchone()
                taken.append((time.perf_counter() - started) * 1000)
        return median(taken)

    def _verify(self, recent: datetime | None) -> tuple[int, float]:
        with self._connect("postgres") as connection:
            started = time.perf_counter()
            row = connection.execute(VERIFY, [recent]).fetchone()
        assert row is not None
        return row[0], time.perf_counter() - started

    def _connect(self, role: str) -> psycopg.Connection:
        return psycopg.connect(self._cluster.url(role, SCALED), autocommit=True)


def _pair_arguments(people: int) -> list[str]:
    variables = {
        "first_person": 1,
        "last_person": people,
        "packages": PACKAGES,
        "question": question(1),
        "answer": ANSWER,
    }
    defined = [word for name, value in variables.items() for word in ("-D", f"{name}={value}")]
    return ["-M", "prepared", *defined, "-f", str(PAIR)]
