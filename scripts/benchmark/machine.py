"""What machine this is, and how much processor time a program and all it started have used."""

import os
import platform
from dataclasses import dataclass
from pathlib import Path

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


def describe() -> dict[str, str | int | float]:
    """Cores, processor, memory in MB, versions, and the load of the last minute, in programs that wanted to run."""
    models = [line.split(":")[1].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")]
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return {
        "cores": os.cpu_count() or 1,
        "processor": models[0] if models else platform.machine(),
        "memory_mb": memory // (1024 * 1024),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "load_before": round(os.getloadavg()[0], 2),
    }


def cpu_seconds(pid: int) -> float:
    """Processor time of a program and its descendants so far, the ended ones that were waited for included."""
    total = 0.0
    for process in _family(pid):
        # The name in brackets may hold anything; the fields after it are plain.
        fields = _read(f"/proc/{process}/stat").rpartition(")")[2].split()
        if fields:
            total += sum(int(field) for field in fields[11:15]) / TICKS_PER_SECOND
    return total


@dataclass
class Clock:
    """Notes the processor time that this program's family and the whole machine use from now on."""

    def __post_init__(self) -> None:
        self._ours = cpu_seconds(os.getpid())
        self._all, self._busy = _machine_seconds()

    def taken_by_others(self) -> float:
        """The share of the machine's processor time since then that other programs used, from 0 to 1."""
        every, busy = _machine_seconds()
        ours = cpu_seconds(os.getpid()) - self._ours
        return max(0.0, (busy - self._busy - ours) / max(every - self._all, 0.01))


def _machine_seconds() -> tuple[float, float]:
    fields = [int(field) / TICKS_PER_SECOND for field in _lines("/proc/stat")[0].split()[1:9]]
    return sum(fields), sum(fields) - fields[3] - fields[4]


def _family(pid: int) -> list[int]:
    found = [pid]
    for process in found:
        for thread in _threads(process):
            found += [int(child) for child in _read(f"/proc/{process}/task/{thread}/children").split()]
    return found


def _threads(pid: int) -> list[str]:
    try:
        return os.listdir(f"/proc/{pid}/task")
    except FileNotFoundError:
        return []


def _read(path: str) -> str:
    # A process may end between being listed and being read; its time then counts with its parent's.
    try:
        return Path(path).read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines()
