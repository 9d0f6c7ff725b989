"""Waiting for what other processes do: for a condition, never for a time."""

import asyncio
from collections.abc import Callable

# Far longer than anything waited for here takes; only a test that is about to fail ever sees the end of it.
PATIENCE_SECONDS = 180.0
LOOK_AGAIN_SECONDS = 0.01


async def until(condition: Callable[[], bool], what: str) -> None:
    """Returns once the condition holds; fails naming what was waited for when it never does."""
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not condition():
                await asyncio.sleep(LOOK_AGAIN_SECONDS)
    except TimeoutError:
        raise AssertionError(f"waited {PATIENCE_SECONDS:.0f} s in vain for {what}") from None
