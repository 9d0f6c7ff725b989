"""Keeps a number of forked workers alive, and ends them when told to."""

import os
import signal
import time
from collections import deque
from collections.abc import Callable

import structlog

from gateway.logs import where

log = structlog.get_logger()

# So many deaths in so many seconds are no accident: the parent gives up and says so.
MOST_DEATHS = 10
DEATHS_WINDOW_SECONDS = 60.0
# On top of the drain: settling what the drain cut off, closing, leaving.
GRACE_SECONDS = 20.0
ENDING = (signal.SIGTERM, signal.SIGINT)


class Supervisor:
    """Forks `workers` processes that each run `work(lifeline)`, and forks again for one that dies.

    The lifeline is a file descriptor that reaches its end when the parent is gone, however it went. `buried` hears of
    each worker that ended, `ending` that no more will be started.
    """

    def __init__(
        self,
        work: Callable[[int], None],
        workers: int,
        drain_seconds: float,
        *,
        buried: Callable[[int], None],
        ending: Callable[[], None],
    ) -> None:
        self._work = work
        self._workers = workers
        self._patience = drain_seconds + GRACE_SECONDS
        self._buried = buried
        self._ending = ending
        self._pids: set[int] = set()
        self._deaths: deque[float] = deque(maxlen=MOST_DEATHS)
        self._lifeline, self._anchor = os.pipe()

    def run(self) -> int:
        """Until a signal ends it: 0. When workers keep dying, or outlive the drain: 1."""
        # Signals are taken one by one with sigwait, so none is lost between looking and waiting.
        watched = {*ENDING, signal.SIGCHLD}
        signal.pthread_sigmask(signal.SIG_BLOCK, watched)
        for _ in range(self._workers):
            self._fork()
        while True:
            if signal.sigwait(watched) in ENDING:
                return self._end(0)
            for pid, status in self._reap():
                self._deaths.append(time.monotonic())
                log.error("worker died", pid=pid, status=os.waitstatus_to_exitcode(status))
                if self._is_hopeless():
                    log.error("workers keep dying", deaths=MOST_DEATHS, seconds=DEATHS_WINDOW_SECONDS)
                    return self._end(1)
                self._fork()

    def _fork(self) -> None:
        pid = os.fork()
        if pid:
            self._pids.add(pid)
            log.info("worker started", pid=pid)
            return
        status = 1
        try:
            os.close(self._anchor)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {*ENDING, signal.SIGCHLD})
            self._work(self._lifeline)
            status = 0
        except BaseException as error:  # noqa: BLE001 - whatever it is, this process must end here, and say why
            log.error("worker failed", pid=os.getpid(), **where(error))
        finally:
            # Not sys.exit: what the parent registered for its own end is not the child's to run.
            os._exit(status)

    def _reap(self) -> list[tuple[int, int]]:
        """The workers that have ended since the last look, with their wait statuses."""
        ended = []
        for pid in tuple(self._pids):
            found, status = os.waitpid(pid, os.WNOHANG)
            if found:
                self._pids.discard(pid)
                self._buried(pid)
                ended.append((pid, status))
        return ended

    def _is_hopeless(self) -> bool:
        return len(self._deaths) == MOST_DEATHS and self._deaths[-1] - self._deaths[0] < DEATHS_WINDOW_SECONDS

    def _end(self, status: int) -> int:
        self._ending()
        self._tell(signal.SIGTERM)
        give_up_at = time.monotonic() + self._patience
        while self._pids:
            left = give_up_at - time.monotonic()
            if left <= 0 or self._is_told_again(left):
                log.error("workers cut off", pids=sorted(self._pids))
                self._tell(signal.SIGKILL)
                for pid in self._pids:
                    os.waitpid(pid, 0)
                return 1
            self._reap()
        return status

    def _is_told_again(self, seconds: float) -> bool:
        """Wait for a worker's end; whether a second signal came instead: whoever insists does not want to wait."""
        received = signal.sigtimedwait({*ENDING, signal.SIGCHLD}, seconds)
        return received is not None and received.si_signo == signal.SIGINT

    def _tell(self, number: signal.Signals) -> None:
        for pid in self._pids:
            os.kill(pid, number)
