"""Runs pgbench, which comes with PostgreSQL, and reads what it says while it runs."""

import os
import re
import subprocess
import threading
from dataclasses import dataclass
from pathlib import Path

from scripts.benchmark.machine import cpu_seconds
from scripts.setup.cluster import Cluster
from scripts.setup.console import SetupError
from scripts.setup.migrate import psql_environment

CLIENTS = 8
MARGIN_SECONDS = 60
_PROGRESS = re.compile(r"^progress: ([\d.]+) s, ([\d.]+) tps")
_FAILED = re.compile(r"^number of failed transactions: (?!0 )", re.MULTILINE)


@dataclass(frozen=True)
class Run:
    """Transactions (or pairs) a second, and the server's processor time for one, in microseconds."""

    per_second: float
    cpu_us: float


def run(
    cluster: Cluster, role: str, database: str, seconds: int, *arguments: str | Path, clients: int = CLIENTS
) -> Run:
    """One run of pgbench. Raises SetupError when it fails or any transaction of it does.

    It lasts a second longer than `seconds`: in the first one connections are made and statements planned, which a
    pool of connections does once in its life, so that one is not counted.
    """
    assert cluster.server is not None
    server = cluster.server.process.pid
    threads = min(clients, os.cpu_count() or 1)
    command = [cluster.postgres.bin / "pgbench", "-n", "-P", "1", "-T", str(seconds + 1), "-c", str(clients)]
    process = _start(cluster, role, database, *command, "-j", str(threads), *arguments)
    # Pgbench ends by itself; this is for a server that stopped answering.
    guard = threading.Timer(seconds + MARGIN_SECONDS, process.kill)
    guard.start()
    try:
        said, counted = _follow(process, server)
        output = process.stdout.read() if process.stdout else ""
        status = process.wait()
    finally:
        guard.cancel()
        process.kill()
        process.wait()
    if status or _FAILED.search(output) or counted is None:
        raise SetupError(f"pgbench did not end well (status {status}):\n{said[-1500:]}{output[-1500:]}")
    return counted


def initialize(cluster: Cluster, database: str, scale: int) -> None:
    """Makes pgbench's own tables, `scale` times 100,000 rows. Raises SetupError."""
    pgbench = cluster.postgres.bin / "pgbench"
    process = _start(cluster, "postgres", database, pgbench, "-i", "-q", "-s", str(scale))
    _, complaints = process.communicate()
    if process.returncode:
        raise SetupError(f"pgbench could not make its tables:\n{complaints.strip()[-1000:]}")


def _follow(process: subprocess.Popen[str], server: int) -> tuple[str, Run | None]:
    """What pgbench said, and its work between its first and its last word of progress, about a second apart each."""
    said = ""
    first: tuple[float, float] | None = None
    done, counted = 0.0, None
    last_at = 0.0
    for line in process.stderr or ():
        progress = _PROGRESS.match(line)
        if progress is None:
            said += line
            continue
        at, cpu = float(progress[1]), cpu_seconds(server)
        if first is None:
            first = at, cpu
        else:
            done += float(progress[2]) * (at - last_at)
            if done > 0:
                counted = Run(done / (at - first[0]), (cpu - first[1]) / done * 1e6)
        last_at = at
    return said, counted


def _start(cluster: Cluster, role: str, database: str, *command: str | Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [str(word) for word in command],
        env=psql_environment(cluster.url(role, database)),
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
