"""Work that must end even when nobody waits for it any more: settling above all."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")


class Background:
    """Tasks that outlive their callers; `drain` waits for them at the end of the process."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    async def see_through(self, work: Coroutine[Any, Any, Result]) -> Result:
        """The result of `work`, which goes on to its end even if the caller is cancelled meanwhile."""
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return await asyncio.shield(task)

    async def drain(self, seconds: float) -> int:
        """Wait at most `seconds` for all of it; how many did not end."""
        if not self._tasks:
            return 0
        _, unfinished = await asyncio.wait(self._tasks, timeout=seconds)
        return len(unfinished)
