"""A circuit breaker: a provider that keeps failing is left alone for a while, then tried with one call."""

import time
from collections import deque
from collections.abc import Callable
from typing import Literal

__all__ = ["Breaker", "BreakerState", "Permit"]

BreakerState = Literal["closed", "half_open", "open"]


class Permit:
    """Leave for one call. Tell it how the call went; leaving the `with` block untold is no verdict."""

    def __init__(self, breaker: "Breaker", trial: bool) -> None:
        self._breaker = breaker
        self._trial = trial

    def __enter__(self) -> "Permit":
        return self

    def __exit__(self, *_: object) -> None:
        # A cancelled trial proved nothing: the next caller may try.
        if self._trial:
            self._breaker.trial_under_way = False
            self._trial = False

    def succeeded(self) -> None:
        """The provider works. A failure may still follow, when a stream breaks later."""
        if self._trial:
            self._trial = False
            self._breaker.close()

    def failed(self) -> None:
        if self._trial:
            self._trial = False
            self._breaker.open()
        else:
            self._breaker.record_failure()


class Breaker:
    """Opens after `failures` within `window` seconds; after `pause` seconds one trial decides.

    Calls are counted, not attempts: what the retries inside one call put right is no failure.
    `clock` gives seconds and never runs backwards.
    """

    def __init__(
        self,
        *,
        failures: int = 5,
        window: float = 30.0,
        pause: float = 15.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._failures: deque[float] = deque(maxlen=failures)
        self._window = window
        self._pause = pause
        self._clock = clock
        self._opened_at: float | None = None
        self.trial_under_way = False

    @property
    def state(self) -> BreakerState:
        if self._opened_at is None:
            return "closed"
        return "half_open" if self.seconds_to_trial() == 0 else "open"

    def seconds_to_trial(self) -> float:
        """Seconds until the next call may be tried; 0 when closed or when a trial is due."""
        if self._opened_at is None:
            return 0.0
        return max(0.0, self._opened_at + self._pause - self._clock())

    def admit(self) -> Permit | None:
        """Leave for a call, or None while the provider is left alone or its one trial is under way."""
        if self._opened_at is None:
            return Permit(self, trial=False)
        if self.trial_under_way or self.seconds_to_trial() > 0:
            return None
        self.trial_under_way = True
        return Permit(self, trial=True)

    def record_failure(self) -> None:
        if self._opened_at is not None:
            return  # a call admitted before the breaker opened says nothing new
        now = self._clock()
        self._failures.append(now)
        if len(self._failures) == self._failures.maxlen and now - self._failures[0] <= self._window:
            self.open()

    def open(self) -> None:
        self._opened_at = self._clock()
        self.trial_under_way = False
        self._failures.clear()

    def close(self) -> None:
        self._opened_at = None
        self.trial_under_way = False
        self._failures.clear()
