"""The figures of counting a request: what one call costs beside a `select 1` that goes the same way."""

from pathlib import Path
from statistics import median
from tempfile import NamedTemporaryFile

import psycopg

from scripts.benchmark import pgbench
from scripts.benchmark.database import PEOPLE
from scripts.benchmark.figures import Figures
from scripts.benchmark.pgbench import Run
from scripts.setup.cluster import DATABASE, Cluster

COUNT = Path(__file__).with_name("count.sql")
ADDRESSES = 250
# What is measured is counting, not refusing: nobody comes to the end of these; or everybody has.
ENDLESS, TIGHT = (100_000, "1 second"), (1, "1 day")
# What a request may wait for it, in milliseconds.
AIM_MS = 0.15


class Limits:
    """Measures one cluster. `seconds` is the length of a run."""

    def __init__(self, cluster: Cluster, seconds: int, rounds: int) -> None:
        self._cluster = cluster
        self._seconds = seconds
        self._rounds = rounds

    def measure(self, figures: Figures) -> None:
        """Floor and counted requests in turn, from one client, then from many."""
        floors, counted, refused, many = [], [], [], []
        for _ in range(self._rounds):
            self._allow(*ENDLESS)
            floors.append(self._floor())
            counted.append(self._count(PEOPLE, 1))
            many.append(self._count(PEOPLE, pgbench.CLIENTS))
            self._allow(*TIGHT)
            self._count(1, 1)
            refused.append(self._count(1, 1))
        figures.heading(f"Counted requests ({PEOPLE:,} people at {ADDRESSES} addresses; both limits)")
        figures.add("select_1_ms", _ms(floors), "floor: milliseconds of a select 1, one client")
        figures.add("count_ms", _ms(counted), "milliseconds of a counted request, one client")
        own = median(_of_one(count) - _of_one(floor) for count, floor in zip(counted, floors, strict=True))
        figures.add("count_own_ms", own, "milliseconds of it that are not the floor's", at_most=AIM_MS)
        own = median(_of_one(count) - _of_one(floor) for count, floor in zip(refused, floors, strict=True))
        figures.add("count_refused_own_ms", own, "milliseconds of one that is refused")
        figures.add("counts_per_s", median(run.per_second for run in many), f"a second from {pgbench.CLIENTS} clients")
        for name, runs in (("select_1", floors), ("count", counted), ("refused_count", refused)):
            cpu = median(run.cpu_us for run in runs)
            figures.add(f"cpu_us_per_{name}", cpu, "microseconds of processor time of the server for one")

    def _allow(self, requests: int, per: str) -> None:
        with psycopg.connect(self._cluster.url("scrip_operator", DATABASE), autocommit=True) as connection:
            for kind in ("user", "address"):
                arguments = (kind, requests, per)
                connection.execute("select admin.set_request_limit('writes', %s, %s, %s, 'the bench')", arguments)

    def _floor(self) -> Run:
        with NamedTemporaryFile("w", suffix=".sql") as file:
            file.write("select 1;\n")
            file.flush()
            return self._run("-f", file.name, clients=1)

    def _count(self, people: int, clients: int) -> Run:
        defined = ("-D", f"people={people}", "-D", f"addresses={ADDRESSES if people > 1 else 1}")
        return self._run(*defined, "-f", COUNT, clients=clients)

    def _run(self, *arguments: str | Path, clients: int) -> Run:
        role = "scrip_gateway"
        return pgbench.run(self._cluster, role, DATABASE, self._seconds, "-M", "prepared", *arguments, clients=clients)


def _of_one(run: Run) -> float:
    return 1000 / run.per_second


def _ms(runs: list[Run]) -> float:
    return median(_of_one(run) for run in runs)
