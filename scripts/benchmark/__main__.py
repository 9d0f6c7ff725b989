"""`scripts/bench`: makes a cluster of its own, measures, prints each figure with its floor and aim, leaves nothing."""

import argparse
import fcntl
import os
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType

from scripts.benchmark import database, machine, pgbench
from scripts.benchmark.database import DEEP, GROWN, PEOPLE, People
from scripts.benchmark.figures import Figures
from scripts.benchmark.gateway import Gateway
from scripts.benchmark.ledger import Ledger
from scripts.benchmark.limits import Limits
from scripts.benchmark.money import Webhook
from scripts.benchmark.rollup import Rollup
from scripts.benchmark.scale import Scale
from scripts.setup.cluster import DATABASE, Cluster
from scripts.setup.console import SetupError, step
from scripts.setup.paths import data_home
from scripts.setup.system import Postgres, put_on_path, require_postgres
from scripts.setup.testing import SETTINGS

PARTS = ("sql", "growth", "webhook", "limits", "http", "stream")
FEW, QUICK_MANY, MANY = 10, 100, 2000  # transactions of each account
SCALE, QUICK_SCALE = 1000, 20
# Longer than all others together: only when asked for.
LONG_PARTS = ("scale", "rollup")
DEEP_HISTORY = 25_000


class Stopped(BaseException):
    """A signal: what was started is ended on the way out."""


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/bench", description="Measures Scrip on this machine; takes about five minutes and 5 GB of disk."
    )
    parser.add_argument("--json", metavar="FILE", type=Path, help="also write the figures as one flat object")
    parser.add_argument("--quick", action="store_true", help="shorter runs and less data: a minute, rougher figures")
    parser.add_argument(
        "--only",
        choices=PARTS + LONG_PARTS,
        help="only this part (scale takes half an hour and 20 GB, rollup five minutes and 4 GB)",
    )
    return parser.parse_args(arguments)


def main(arguments: list[str]) -> int:
    options = parse(arguments)
    parts = (options.only,) if options.only else PARTS
    # A person's own settings must not decide what is measured; above all no key of a real provider.
    for name in SETTINGS:
        os.environ.pop(name, None)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _stop)
    with ExitStack() as running:
        try:
            folder = running.enter_context(own_folder())
            figures = measure(folder, parts, running, is_quick=options.quick)
        except Stopped:
            return 130
        finally:
            # What was started is ended whole, whatever else is pressed; every step of it is bounded.
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                signal.signal(number, signal.SIG_IGN)
    figures.close(options.json)
    return 0


def measure(folder: Path, parts: tuple[str, ...], running: ExitStack, *, is_quick: bool) -> Figures:
    started = time.monotonic()
    postgres = require_postgres(for_tests=False)
    put_on_path(postgres.bin)
    figures = Figures()
    show_machine(figures, postgres, folder)
    clock = machine.Clock()
    prompts = database.make_prompts()
    seconds, rounds = (2, 2) if is_quick else (4, 3)
    with_growth = "growth" in parts
    with step(f"PostgreSQL {postgres.version} in {folder}, durable"):
        cluster = Cluster(folder, postgres)
        cluster.remove()  # what a killed run may have left
        running.callback(discard, cluster)
        cluster.start()
    with step("tables, code, packages, people with a short past"):
        database.make_scrip(cluster, DATABASE, prompts)
        database.make_past(cluster, DATABASE, [People(1, PEOPLE, FEW, 1)])
    if with_growth:
        with step("people with a long past"):
            database.make_scrip(cluster, GROWN, prompts)
            database.make_past(cluster, GROWN, long_past(QUICK_MANY if is_quick else MANY))
    if "sql" in parts or "webhook" in parts:
        with step("pgbench's own tables"):
            database.make_tpcb(cluster)
            pgbench.initialize(cluster, database.TPCB, database.TPCB_SCALE)
    ledger = Ledger(cluster, seconds, rounds)
    if "sql" in parts or with_growth:
        with step("measuring the database"):
            ledger.run(with_growth=with_growth, with_floor="sql" in parts)
        ledger.show(figures)
    if "webhook" in parts:
        webhook = Webhook(cluster, seconds, rounds)
        with step("measuring the webhook"):
            webhook.measure(figures)
            with ExitStack() as programs:
                webhook.measure_answers(figures, folder, programs)
    if "limits" in parts:
        with step("measuring request limits"):
            Limits(cluster, seconds, rounds).measure(figures)
    if "scale" in parts:
        scale = Scale(cluster, seconds, rounds)
        scale.make(prompts, QUICK_SCALE if is_quick else SCALE, figures)
        with step("measuring at scale"):
            scale.measure(figures)
    if "rollup" in parts:
        with step("refreshing the analysts' views"):
            Rollup(cluster, prompts, is_quick=is_quick).measure(figures)
    if "http" in parts or "stream" in parts:
        with ExitStack() as programs:
            gateway = Gateway(cluster, folder, prompts, seconds, rounds, programs)
            if "http" in parts:
                gateway.measure_runs(figures)
            if "stream" in parts:
                gateway.measure_streams(figures)
    with step("verifying the ledger"):
        ledger.verify(figures, with_growth=with_growth)
    figures.heading("The run")
    figures.add("others_cpu_share", clock.taken_by_others(), "of the processor time was used by other programs")
    figures.add("bench_s", time.monotonic() - started, "seconds that all of this took")
    return figures


def discard(cluster: Cluster) -> None:
    """Deletes the cluster without writing first what nobody will read."""
    if cluster.server is not None:
        cluster.server.stop(first=signal.SIGQUIT, wait=30)
        cluster.server = None
    cluster.remove()


def long_past(each: int) -> list[People]:
    """Two crowds, which are written at once, and one person whose history has many pages."""
    half = PEOPLE // 2
    first = People(1, half, each, 1)
    second = People(half + 1, PEOPLE - half, each, first.last_grant + 1)
    return [first, second, People(DEEP, 1, DEEP_HISTORY, second.last_grant + 1)]


def show_machine(figures: Figures, postgres: Postgres, folder: Path) -> None:
    described = machine.describe() | {"postgresql": postgres.version}
    for name, value in described.items():
        figures.note(name, value)
    print("{cores} cores of {processor}, {memory_mb:,} MB, Linux {kernel}".format(**described))
    print("PostgreSQL {postgresql}, Python {python}; load before the run {load_before}".format(**described))
    if float(described["load_before"]) > int(described["cores"]) / 4:
        print("This machine is busy with other work: believe the ratios and the processor times.")


@contextmanager
def own_folder() -> Iterator[Path]:
    """A folder outside the checkout, on the disk where serve keeps its data; it is deleted in the end."""
    folder = data_home() / "bench"
    made = [parent for parent in (folder, *folder.parents) if not parent.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise SetupError(f"scripts/bench already runs in {folder}; two at once would measure each other") from None
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(descriptor)
        for parent in made[1:]:
            if parent.exists() and not any(parent.iterdir()):
                parent.rmdir()


def _stop(number: int, frame: FrameType | None) -> None:
    raise Stopped


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except SetupError as error:
        sys.exit(f"scrip: {error}")
