"""The programs under test as processes of their own, so that they can be killed: gateways and the model simulator."""

import itertools
import json
import os
import signal
import socket
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from gateway.settings import Settings
from gateway.version import ROOT
from scripts.setup.processes import Child, start
from tests.py.endtoend.waiting import until
from tests.py.support.nursery import NURSERY
from tests.py.support.ports import port_of_our_own
from tests.py.support.tokens import TOKEN_SECRET as JWT_SECRET

# For issuing tokens; the gateways themselves read their environment.
SETTINGS = Settings(database_url="postgresql://nobody@127.0.0.1:1/nowhere", jwt_secret=JWT_SECRET)
STOP_SECONDS = 30.0
_numbers = itertools.count(1)


class Gateway:
    """A gateway with a parent and its workers, on a port of its own.

    Forked from a process that has its libraries in memory; tests/py/gateway/test_gateway_process.py starts
    `python -m gateway` itself.
    """

    def __init__(self, child: Child) -> None:
        self._child = child
        self.port = 0

    @classmethod
    async def start(cls, folder: Path, database_url: str, simulator_address: str, **settings: object) -> "Gateway":
        """A gateway that listens. `settings` are those of the environment, in lower case."""
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            # Killed, it cannot clear up after itself.
            "TMPDIR": str(folder),
            "DATABASE_URL": database_url,
            "JWT_SECRET": JWT_SECRET,
            "HOST": "127.0.0.1",
            "PORT": "0",
            "WORKERS": "1",
            "ANTHROPIC_BASE_URL": simulator_address,
            "OPENAI_BASE_URL": f"{simulator_address}/v1",
            "LLM_MAX_RETRIES": "0",
            **{name.upper(): str(value) for name, value in settings.items()},
        }
        # Of one that was killed a worker may hold the port for a moment longer.
        await until(lambda: is_free(int(environment["PORT"])), f"port {environment['PORT']} to be free")
        log = folder / f"gateway-{next(_numbers)}.log"
        gateway = cls(NURSERY.start("the gateway", log=log, env=environment, cwd=ROOT))
        try:
            listening = await gateway.logged("listening")
            # A worker may answer before its parent has said that there is one.
            await gateway.logged("worker started", int(environment["WORKERS"]))
        except BaseException:
            gateway.kill()
            raise
        gateway.port = listening["port"]
        return gateway

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def is_running(self) -> bool:
        return self._child.process.poll() is None

    @property
    def status(self) -> int | None:
        """What it ended with; None while it runs."""
        return self._child.process.poll()

    def log(self, event: str) -> list[dict[str, Any]]:
        """What it logged so far of one kind."""
        lines = []
        for line in self._child.log.read_text().splitlines():
            with suppress(json.JSONDecodeError):
                entry = json.loads(line)
                if entry.get("event") == event:
                    lines.append(entry)
        return lines

    async def logged(self, event: str, times: int = 1) -> dict[str, Any]:
        """The line of that kind, once it was written so often. Fails with its last words when it ended instead."""

        def holds() -> bool:
            found = len(self.log(event)) >= times
            assert found or self.is_running, f"the gateway ended:\n{self._child.last_lines()}"
            return found

        await until(holds, f"the gateway's log to say {event}")
        return self.log(event)[times - 1]

    def worker(self) -> int:
        """The pid of the youngest worker."""
        return self.log("worker started")[-1]["pid"]

    def kill(self) -> None:
        """kill -9 of the parent and all its workers at once."""
        with suppress(ProcessLookupError):
            os.killpg(self._child.process.pid, signal.SIGKILL)
        self._child.process.wait()

    def kill_parent(self) -> None:
        """kill -9 of the parent only."""
        self._child.process.kill()
        self._child.process.wait()

    async def kill_worker(self) -> None:
        """kill -9 of the only worker; returns when the parent has another one."""
        # Counted before: the parent may have forked again by the time anybody looks.
        started = len(self.log("worker started"))
        os.kill(self.worker(), signal.SIGKILL)
        await self.logged("worker started", started + 1)

    def tell(self, number: signal.Signals) -> None:
        self._child.process.send_signal(number)

    def stop(self) -> None:
        """Told to drain, and killed if it does not come to an end."""
        self._child.stop(wait=STOP_SECONDS)


def is_free(port: int) -> bool:
    """Whether a program could listen there now; 0 is whichever is."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def start_simulator(folder: Path) -> tuple[Child, str]:
    """The simulator's process and its address; whether it answers yet is for the caller to see."""
    port = port_of_our_own()
    child = start(
        "the simulator",
        [sys.executable, "-P", "-m", "gateway.llm.simulator", "--port", str(port)],
        log=folder / "simulator.log",
        cwd=ROOT,
    )
    return child, f"http://127.0.0.1:{port}"
