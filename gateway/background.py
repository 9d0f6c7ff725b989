"""Work that must end even when nobody waits for it any more: settling above all."""

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

Result = TypeVar("Result")


class Background:
    """Tasks that outlive their callers, and callers that are about to make some; `drain` waits for both."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()
        self._runs = 0
        self._change: asyncio.Event | None = None

    @contextmanager
    def run(self) -> Iterator[None]:
        """Around what will end with something to see through."""
        self._runs += 1
        try:
            yield
        finally:
            self._runs -= 1
            self._tell()

    async def see_through(self, work: Coroutine[Any, Any, Result]) -> Result:
        """The result of `work`, which goes on to its end even if the caller is cancelled meanwhile."""
        return await asyncio.shield(self.start(work))

    def start(self, work: Coroutine[Any, Any, Result]) -> "asyncio.Task[Result]":
        """`work` as a task that nobody need wait for; it must answer for its own failures."""
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._forget)
        return task

    async def drain(self, seconds: float) -> int:
        """Wait at most `seconds` for all of it; how much did not end."""
        self._change = asyncio.Event()
        try:
            async with asyncio.timeout(seconds):
                while self._runs or self._tasks:
                    self._change.clear()
                    await self._change.wait()
        except TimeoutError:
            return self._runs + len(self._tasks)
        return 0

    def _forget(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        self._tell()

    def _tell(self) -> None:
        if self._change is not None:
            self._change.set()
