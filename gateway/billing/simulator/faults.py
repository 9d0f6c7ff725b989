"""Faults on demand: how the next requests that match go wrong."""

import asyncio
from typing import Literal

import msgspec

__all__ = ["Fault", "Faults"]

Action = Literal["timeout", "hold", "drop_before", "drop_after", "500", "500_after", "429"]
MOST = 1000


class Fault(msgspec.Struct, forbid_unknown_fields=True):
    """For the next `times` requests of that method (any) whose path begins with `path`.

    timeout       done, but no answer comes; the connection ends after `seconds`, or when all are let go
    hold          its idempotency key is in use, but nothing is done until all are let go (`POST /_sim/release`)
    drop_before   the connection ends, nothing is done
    drop_after    done, then the connection ends
    500           an error of the server, nothing is done; its key answers so from then on
    500_after     done, then an error of the server, which its key answers from then on
    429           too many requests, nothing is done, the key is not used
    """

    action: Action
    path: str = "/v1/"
    method: str | None = None
    times: int = 1
    seconds: float = 120.0


class Faults:
    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._gate = asyncio.Event()
        self.waiting = 0

    def add(self, fault: Fault) -> bool:
        if len(self._faults) >= MOST:
            return False
        self._faults.append(fault)
        return True

    def clear(self) -> None:
        """No more faults; whoever waits goes on."""
        self._faults.clear()
        self.release()

    def release(self) -> None:
        self._gate.set()
        self._gate = asyncio.Event()

    def take(self, method: str, path: str) -> Fault | None:
        for fault in self._faults:
            if fault.method in (None, method) and path.startswith(fault.path):
                fault.times -= 1
                if fault.times <= 0:
                    self._faults.remove(fault)
                return fault
        return None

    async def wait(self, seconds: float) -> None:
        """Until all are let go, or so long."""
        self.waiting += 1
        try:
            async with asyncio.timeout(seconds):
                await self._gate.wait()
        except TimeoutError:
            pass
        finally:
            self.waiting -= 1
