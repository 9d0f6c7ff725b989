"""The figures of the whole way: HTTP, gateway, SDK, simulator and database on this one machine."""

import json
import os
import subprocess
import sys
import urllib.request
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import msgspec

from scripts.benchmark.caller import STREAMS, Order, Report
from scripts.benchmark.database import PACKAGES, endow
from scripts.benchmark.figures import Figures, percentile, ratio
from scripts.benchmark.machine import cpu_seconds
from scripts.setup.cluster import DATABASE, Cluster
from scripts.setup.console import SetupError
from scripts.setup.paths import ROOT
from scripts.setup.processes import Child
from scripts.setup.programs import free_port, start_gateway, start_simulator, wait_until_ready

CALLERS = 16
MARGIN_SECONDS = 60


@dataclass(frozen=True)
class Measured:
    """One run of the callers: rates, latencies, first deltas, and processor seconds for each answer by program."""

    per_second: float
    milliseconds: list[float]
    first_delta_ns: list[int]
    cpu_ms: dict[str, float]


class Gateway:
    """The running programs, and people who may call. `seconds` is the length of a run."""

    def __init__(
        self, cluster: Cluster, folder: Path, prompts: list[str], seconds: int, rounds: int, running: ExitStack
    ) -> None:
        self._cluster = cluster
        self._prompts = prompts
        self._seconds = seconds
        self._rounds = rounds
        self._workers = os.cpu_count() or 1
        simulator = start_simulator(folder, running)
        if simulator is None or len(simulator.providers) < 2:
            raise SetupError("the bench calls no real provider")
        self._simulator = simulator.child
        address = simulator.environment["ANTHROPIC_BASE_URL"]
        self._simulator_port = int(address.rpartition(":")[2])
        self._port = free_port(0)
        settings = {
            "DATABASE_URL": cluster.url("scrip_gateway", DATABASE),
            "PORT": str(self._port),
            "WORKERS": str(self._workers),
        }
        self._child = start_gateway(folder, settings | simulator.environment, running)
        wait_until_ready(f"http://127.0.0.1:{self._port}", [self._simulator, self._child])
        self._tokens = self._register()

    def measure_runs(self, figures: Figures) -> None:
        """Plain runs, many callers and one, and the floor of both."""
        # Each connection of the gateway's pools plans its statements once in its life.
        self._call("gateway", CALLERS)
        floors, many, one, floors_one = [], [], [], []
        for _ in range(self._rounds):
            floors.append(self._call("sdk", CALLERS))
            many.append(self._call("gateway", CALLERS))
            one.append(self._call("gateway", 1))
            floors_one.append(self._call("sdk", 1))
        figures.heading(f"Runs over HTTP ({self._workers} gateway workers, the simulator answers at once)")
        rates, floor_rates = ([run.per_second for run in runs] for runs in (many, floors))
        figures.add("http_runs_per_s_16", median(rates), f"runs a second, {CALLERS} callers", at_least=500)
        figures.add("http_p50_ms_16", _ms(many, 50), f"milliseconds of a run, median, {CALLERS} callers")
        figures.add("http_p99_ms_16", _ms(many, 99), f"milliseconds of a run, 99th percentile, {CALLERS} callers")
        figures.add("http_p50_ms_1", _ms(one, 50), "milliseconds of a run, median, one caller", at_most=4.5)
        figures.add("http_p99_ms_1", _ms(one, 99), "milliseconds of a run, 99th percentile, one caller")
        figures.add(
            "sdk_floor_per_s_16", median(floor_rates), "floor: the same calls by the gateway's SDKs to the simulator"
        )
        figures.add("sdk_floor_p50_ms_1", _ms(floors_one, 50), "milliseconds of such a call, median, one caller")
        figures.add("http_ratio", ratio(rates, floor_rates), "runs for each call of the floor")
        for program in ("gateway", "postgres", "simulator", "caller"):
            spent = median(run.cpu_ms[program] for run in many)
            figures.add(
                f"{program}_cpu_ms_per_run", spent, f"milliseconds of processor time of the {program} for a run"
            )
        spent = median(run.cpu_ms["caller"] for run in floors)
        figures.add("sdk_cpu_ms_per_call", spent, "milliseconds of processor time of the floor's process for a call")

    def measure_streams(self, figures: Figures) -> None:
        """How long a first delta is under way, from the simulator's writing it to its caller."""
        here, floor = [], []
        for _ in range(self._rounds):
            floor.append(self._first_delta_ms("sdk"))
            here.append(self._first_delta_ms("gateway"))
        figures.heading(f"Streams ({STREAMS} at a time, one after the other)")
        beyond = median(a - b for a, b in zip(here, floor, strict=True))
        figures.add(
            "first_delta_ms_p50", beyond, "milliseconds from simulator to caller, beyond the floor", at_most=1.0
        )
        figures.add("first_delta_whole_ms_p50", median(here), "milliseconds from simulator to caller, median")
        figures.add("first_delta_sdk_ms_p50", median(floor), "floor: the same by the gateway's SDK alone")

    def _register(self) -> list[str]:
        """Access tokens of as many people as call at once."""
        answers = [self._post("/api/v1/auth/register", _person(number)) for number in range(CALLERS)]
        endow(self._cluster, DATABASE, [answer["user"]["id"] for answer in answers])
        return [answer["accessToken"] for answer in answers]

    def _post(self, path: str, body: dict[str, str]) -> dict[str, Any]:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self._port}{path}",
            data=json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=MARGIN_SECONDS) as answer:
            return json.load(answer)

    def _call(self, target: str, callers: int, *, streams: bool = False) -> Measured:
        """Lets callers call: all of the gateway's in one process, the SDK's in as many as there are gateway workers."""
        share = self._workers if target == "sdk" and callers > 1 else 1
        order = Order(
            target="sdk" if target == "sdk" else "gateway",
            streams=streams,
            callers=callers // share,
            seconds=self._seconds,
            port=self._simulator_port if target == "sdk" else self._port,
            tokens=self._tokens,
            prompts=self._prompts if target == "sdk" else [],
            packages=[f"@bench/package-{number}" for number in range(1, PACKAGES + 1)],
        )
        with ExitStack() as processes:
            callers_now = [processes.enter_context(_Caller(order)) for _ in range(share)]
            for caller in callers_now:
                caller.wait_until_ready()
            before = self._cpu()
            for caller in callers_now:
                caller.go()
            reports = [caller.report() for caller in callers_now]
            used = {program: seconds - before[program] for program, seconds in self._cpu().items()}
        used["caller"] = sum(report.cpu_seconds for report in reports)
        answers = sum(len(report.milliseconds) for report in reports)
        return Measured(
            sum(len(report.milliseconds) / report.seconds for report in reports),
            [value for report in reports for value in report.milliseconds],
            [value for report in reports for value in report.first_delta_ns],
            {program: seconds * 1000 / answers for program, seconds in used.items()},
        )

    def _cpu(self) -> dict[str, float]:
        programs = {"gateway": self._child, "simulator": self._simulator, "postgres": _server_of(self._cluster)}
        return {name: cpu_seconds(child.process.pid) for name, child in programs.items()}

    def _first_delta_ms(self, target: str) -> float:
        arrived = self._call(target, 1, streams=True).first_delta_ns
        with urllib.request.urlopen(
            f"http://127.0.0.1:{self._simulator_port}/_sim/calls?limit={STREAMS}", timeout=MARGIN_SECONDS
        ) as answer:
            left = [call["first_delta_ns"] for call in json.load(answer)]
        # One caller: the simulator's last calls are these, in this order.
        return percentile([(a - b) / 1e6 for a, b in zip(arrived, left, strict=True)], 50)


class _Caller:
    """A process of `scripts.benchmark.caller`. Raises SetupError when it ends before its report."""

    def __init__(self, order: Order) -> None:
        self._order = order

    def __enter__(self) -> "_Caller":
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "scripts.benchmark.caller"],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._say(msgspec.json.encode(self._order).decode())
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def wait_until_ready(self) -> None:
        self._hear()

    def go(self) -> None:
        self._say("go")

    def report(self) -> Report:
        return msgspec.json.decode(self._hear(), type=Report)

    def _say(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def _hear(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise SetupError("a caller of the bench ended early (the lines above say why)")
        return line


def _person(number: int) -> dict[str, str]:
    return {"email": f"caller{number}@bench.example", "password": f"correct horse {number}"}


def _server_of(cluster: Cluster) -> Child:
    assert cluster.server is not None
    return cluster.server


def _ms(runs: list[Measured], percent: float) -> float:
    return median(percentile(run.milliseconds, percent) for run in runs)
