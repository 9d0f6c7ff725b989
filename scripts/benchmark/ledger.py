"""The figures of the database: pairs of reserve and settle against pgbench's own transactions."""

import time
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from statistics import median

import psycopg

from scripts.benchmark import pgbench
from scripts.benchmark.caller import question
from scripts.benchmark.database import DEEP, GROWN, PACKAGES, PEOPLE, TPCB, person_id
from scripts.benchmark.figures import Figures, ratio
from scripts.benchmark.pgbench import Run
from scripts.setup.cluster import DATABASE, Cluster

PAIR = Path(__file__).with_name("pair.sql")
ANSWER = (
    "The importer refuses a link that leads out of the archive, so a script that relied on one now stops there. " * 8
)
HOT_TABLES = ("accounts", "grants", "cost_windows")
PAGE, PAGES_READ = 20, 40
VERIFY_SECONDS = 20

UPDATES = """
    select relname, n_tup_upd, n_tup_hot_upd
    from pg_stat_user_tables
    where schemaname = 'playground' and relname = any(%s)
"""


VERIFY = "select count(*) from admin.verify_ledger(now() - %s::interval)"


@dataclass
class Rounds:
    """The runs of each kind, in the order they were made: A B C A B C …"""

    tpcb: list[Run] = field(default_factory=list)
    prepared: list[Run] = field(default_factory=list)
    pairs: list[Run] = field(default_factory=list)
    hot: list[Run] = field(default_factory=list)
    grown: list[Run] = field(default_factory=list)


class Ledger:
    """Measures one cluster. `seconds` is the length of a run."""

    def __init__(self, cluster: Cluster, seconds: int, rounds: int) -> None:
        self._cluster = cluster
        self._seconds = seconds
        self._rounds = rounds

        self._done = Rounds()
        self._updated: dict[str, tuple[int, int]] = {}

    def run(self, *, with_growth: bool, with_floor: bool) -> None:
        """Makes the runs, floor and measured ones in turn."""
        before = self._updates()
        for _ in range(self._rounds):
            if with_floor:
                self._done.tpcb.append(self._tpcb())
            self._done.pairs.append(self._pairs(DATABASE, 1, PEOPLE))
            if with_growth:
                self._done.grown.append(self._pairs(GROWN, 1, PEOPLE))
            if with_floor:
                self._done.prepared.append(self._tpcb("-M", "prepared"))
                self._done.hot.append(self._pairs(DATABASE, 1, 1))
        now = self._updates()
        self._updated = {table: (now[table][0] - before[table][0], now[table][1] - before[table][1]) for table in now}

    def show(self, figures: Figures) -> None:
        """The figures of what was run."""
        rounds = self._done
        figures.heading(f"Pairs of reserve and settle ({pgbench.CLIENTS} clients, {PEOPLE:,} accounts)")
        figures.add("pairs_per_s", _rate(rounds.pairs), "pairs a second")
        figures.add("cpu_us_per_pair", _cpu(rounds.pairs), "microseconds of processor time of the server for a pair")
        if rounds.tpcb:
            self._show_floor(figures)
        self._show_updates(figures)
        if rounds.grown:
            self._show_growth(figures)

    def verify(self, figures: Figures, *, with_growth: bool) -> None:
        """Checks the books: figures of a wrong ledger are worth nothing."""
        figures.heading("admin.verify_ledger()")
        violations, seconds = self._verify(DATABASE, None)
        figures.add("verify_few_s", seconds, "seconds with few transactions")
        if with_growth:
            recent, seconds = self._verify(GROWN, timedelta(minutes=15))
            figures.add("verify_recent_s", seconds, "seconds with many, of accounts touched in the last 15 minutes")
            whole, seconds = self._verify(GROWN, None)
            unit = f"seconds with many, all of them (– is more than {VERIFY_SECONDS})"
            figures.add("verify_many_s", seconds, unit)
            violations += recent + whole
        figures.add("ledger_violations", violations, "violations found in what was verified", at_most=0)

    def _tpcb(self, *arguments: str) -> Run:
        return pgbench.run(self._cluster, "postgres", TPCB, self._seconds, "-b", "tpcb-like", *arguments)

    def _pairs(self, database: str, first: int, last: int) -> Run:
        variables = {
            "first_person": first,
            "last_person": last,
            "packages": PACKAGES,
            "question": question(1),
            "answer": ANSWER,
        }
        defined = [word for name, value in variables.items() for word in ("-D", f"{name}={value}")]
        return pgbench.run(
            self._cluster, "scrip_gateway", database, self._seconds, "-M", "prepared", *defined, "-f", PAIR
        )

    def _show_floor(self, figures: Figures) -> None:
        tpcb, prepared, pairs, hot = self._done.tpcb, self._done.prepared, self._done.pairs, self._done.hot
        figures.add("tpcb_tps", _rate(tpcb), "floor: transactions a second of pgbench -b tpcb-like")
        figures.add("cpu_us_per_tpcb", _cpu(tpcb), "microseconds of processor time of the server for one")
        figures.add("tpcb_prepared_tps", _rate(prepared), "the same with -M prepared, as the pairs are sent")
        figures.add("pairs_ratio", _ratio(pairs, tpcb), "pairs for each transaction of the floor", at_least=0.5)
        figures.add("pairs_ratio_prepared", _ratio(pairs, prepared), "pairs for each prepared one")
        figures.add("cpu_ratio", _cpu(tpcb) / _cpu(pairs), "pairs for each of the floor, in processor time")
        figures.add("hot_pairs_per_s", _rate(hot), "pairs a second when all are of one account")
        figures.add("cpu_us_per_hot_pair", _cpu(hot), "microseconds of processor time of the server for one of these")
        figures.add("hot_ratio", _ratio(hot, tpcb), "pairs of one account for each of the floor", at_least=0.15)

    def _show_updates(self, figures: Figures) -> None:
        for table, (updates, hot) in self._updated.items():
            share = hot / updates if updates else None
            figures.add(f"hot_updates_{table}", share, f"of {updates:,} updates stayed on their page", at_least=0.9)

    def _show_growth(self, figures: Figures) -> None:
        few, many = (self._transactions(database) for database in (DATABASE, GROWN))
        figures.heading(f"Growth: {many:,} transactions in the tables, {few:,} in those above")
        figures.note("transactions_few", few)
        figures.note("transactions_many", many)
        grown, pairs = self._done.grown, self._done.pairs
        figures.add("grown_pairs_per_s", _rate(grown), "pairs a second with many")
        figures.add("cpu_us_per_grown_pair", _cpu(grown), "microseconds of processor time of the server for one")
        figures.add("growth_ratio", _ratio(grown, pairs), "pairs with many for each with few", at_least=0.9)
        first, last = (self._page_ms(page) for page in (1, 1000))
        figures.add("history_page_1_ms", first, "milliseconds for page 1 of a history of 25,000 lines")
        figures.add("history_page_1000_ms", last, "milliseconds for its page 1,000")

    def _updates(self) -> dict[str, tuple[int, int]]:
        # What the sessions of the bench counted is there once they have ended.
        with psycopg.connect(self._cluster.url("postgres", DATABASE), autocommit=True) as connection:
            rows = connection.execute(UPDATES, [list(HOT_TABLES)]).fetchall()
        return {table: (updates, hot) for table, updates, hot in rows}

    def _transactions(self, database: str) -> int:
        with psycopg.connect(self._cluster.url("postgres", database), autocommit=True) as connection:
            row = connection.execute("select count(*) from playground.transactions").fetchone()
        assert row is not None
        return row[0]

    def _page_ms(self, page: int) -> float:
        call = "select * from api.list_transactions(p_user_id => %s, p_limit => %s, p_offset => %s)"
        arguments = (person_id(DEEP), PAGE, (page - 1) * PAGE)
        taken = []
        with psycopg.connect(self._cluster.url("scrip_gateway", GROWN), autocommit=True) as connection:
            for _ in range(PAGES_READ):
                started = time.perf_counter()
                connection.execute(call, arguments, prepare=True).fetchone()
                taken.append((time.perf_counter() - started) * 1000)
        return median(taken)

    def _verify(self, database: str, recent: timedelta | None) -> tuple[int, float | None]:
        with psycopg.connect(self._cluster.url("postgres", database), autocommit=True) as connection:
            connection.execute("select set_config('statement_timeout', %s, false)", [f"{VERIFY_SECONDS}s"])
            started = time.perf_counter()
            try:
                row = connection.execute(VERIFY, [recent]).fetchone()
            except psycopg.errors.QueryCanceled:
                return 0, None
        assert row is not None
        return row[0], time.perf_counter() - started


def _rate(runs: list[Run]) -> float:
    return median(run.per_second for run in runs)


def _ratio(measured: list[Run], floor: list[Run]) -> float:
    return ratio([run.per_second for run in measured], [run.per_second for run in floor])


def _cpu(runs: list[Run]) -> float:
    return median(run.cpu_us for run in runs)
