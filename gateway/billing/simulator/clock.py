"""The simulator's clock: real time until somebody sets it; and periods counted from an anchor, in UTC."""

import calendar
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

__all__ = ["Clock", "period_after"]


class Clock:
    """Whole seconds since 1970. Set, it stands still; only moved on, it keeps running."""

    def __init__(self) -> None:
        self._offset = 0
        self._stands_at: int | None = None
        self._pinned: int | None = None

    def now(self) -> int:
        if self._pinned is not None:
            return self._pinned
        return self._stands_at if self._stands_at is not None else int(time.time()) + self._offset

    def set(self, instant: int) -> None:
        self._stands_at = instant

    def advance(self, seconds: int) -> None:
        if self._stands_at is not None:
            self._stands_at += seconds
        else:
            self._offset += seconds

    def release(self) -> None:
        """Real time again."""
        self._stands_at = None
        self._offset = 0

    @property
    def stands_still(self) -> bool:
        return self._stands_at is not None

    @contextmanager
    def pinned(self, instant: int) -> Iterator[None]:
        """What fell due earlier happens with the time of when it fell due."""
        self._pinned = instant
        try:
            yield
        finally:
            self._pinned = None


def period_after(anchor: int, interval: str, every: int, count: int) -> int:
    """The instant `count` periods of `every` days, weeks, months or years after the anchor.

    Counted from the anchor each time, so the 31st is the 31st again after a short month.
    """
    start = datetime.fromtimestamp(anchor, UTC)
    steps = every * count
    if interval == "day":
        return int((start + timedelta(days=steps)).timestamp())
    if interval == "week":
        return int((start + timedelta(weeks=steps)).timestamp())
    months = start.month - 1 + steps * (12 if interval == "year" else 1)
    year, month = start.year + months // 12, months % 12 + 1
    day = min(start.day, calendar.monthrange(year, month)[1])
    return int(start.replace(year=year, month=month, day=day).timestamp())
