"""Starts gateways quickly: forks of one process that has their libraries in memory. Each is killed as any other."""

import atexit
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

from gateway.version import ROOT
from scripts.setup.processes import Child

START_SECONDS = 180.0


class Adopted:
    """A process whose parent is the zygote: what tests use of subprocess.Popen."""

    def __init__(self, nursery: "Nursery", pid: int) -> None:
        self._nursery = nursery
        self.pid = pid

    def poll(self) -> int | None:
        """Its exit status, as subprocess has it; None while it runs."""
        return self._nursery.ended.get(self.pid)

    def wait(self, timeout: float | None = None) -> int:
        """Raises subprocess.TimeoutExpired."""
        with self._nursery.news:
            if not self._nursery.news.wait_for(lambda: self.pid in self._nursery.ended, timeout):
                raise subprocess.TimeoutExpired("the gateway", timeout or 0)
        return self._nursery.ended[self.pid]

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


class Nursery:
    """One zygote of this process, made when it is first needed."""

    def __init__(self) -> None:
        self.ended: dict[int, int] = {}
        self.news = threading.Condition()
        self._born: list[int] = []
        self._one_at_a_time = threading.Lock()
        self._zygote: subprocess.Popen[bytes] | None = None

    def start(self, name: str, *, log: Path, env: Mapping[str, str], cwd: Path) -> Child:
        """A gateway in a session of its own, whose output is added to `log`."""
        order = {"log": str(log), "environment": dict(env), "folder": str(cwd)}
        with self._one_at_a_time:
            zygote = self._running()
            assert zygote.stdin is not None
            zygote.stdin.write(json.dumps(order).encode() + b"\n")
            zygote.stdin.flush()
            with self.news:
                assert self.news.wait_for(lambda: self._born, START_SECONDS), "the zygote does not answer"
                pid = self._born.pop()
        return Child(name, Adopted(self, pid), log)  # pyright: ignore[reportArgumentType]

    def _running(self) -> subprocess.Popen[bytes]:
        if self._zygote is None:
            self._zygote = subprocess.Popen(
                [sys.executable, "-P", "-m", "tests.py.support.zygote"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                cwd=ROOT,
                env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
                start_new_session=True,
            )
            threading.Thread(target=self._read, args=(self._zygote,), daemon=True).start()
            atexit.register(self._close)
        return self._zygote

    def _read(self, zygote: subprocess.Popen[bytes]) -> None:
        assert zygote.stdout is not None
        for line in zygote.stdout:
            news = json.loads(line)
            with self.news:
                if "pid" in news:
                    # A pid may be used again.
                    self.ended.pop(news["pid"], None)
                    self._born.append(news["pid"])
                else:
                    self.ended[news["ended"]] = news["status"]
                self.news.notify_all()

    def _close(self) -> None:
        """The zygote ends with its orders, and what it started with it."""
        assert self._zygote is not None
        assert self._zygote.stdin is not None
        self._zygote.stdin.close()
        self._zygote.wait()


NURSERY = Nursery()
