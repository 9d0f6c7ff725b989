"""Work that waits in the database, done piece by piece for as long as the gateway lives."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from gateway.logs import where

# While something is away: how much longer each pause is than the last, and the longest, in turns.
PATIENCE = 2
LONGEST_PAUSE = 12
DATABASE = "database"

log = structlog.get_logger()


class NotDone(Exception):
    """A piece of work could not be done, for a reason without personal text.

    is_final   trying again will not help
    is_outage  it was not about this piece: others would fare the same
    """

    def __init__(self, reason: str, *, is_final: bool = False, is_outage: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.is_final = is_final
        self.is_outage = is_outage


class Outage(Exception):
    """Something that all pieces of work need is away: the database, the mail server, Stripe."""

    def __init__(self, what: str, reason: str) -> None:
        super().__init__(what)
        self.what = what
        self.reason = reason


class Loop:
    """Does pieces of one kind of work until none is due, then waits to be woken or for its next turn.

    step  does one piece and says whether there was one; raises Outage when there is no use in going on
    """

    def __init__(self, name: str, step: Callable[[], Awaitable[bool]], poll_seconds: float) -> None:
        self._name = name
        self._step = step
        self._poll_seconds = poll_seconds
        self._is_ending = False
        self._woken = asyncio.Event()
        self._away: str | None = None

    def wake(self) -> None:
        """There may be work; during an outage nobody hurries."""
        if self._away is None:
            self._woken.set()

    def end(self) -> None:
        """After the piece under way there is no other."""
        self._is_ending = True
        self._woken.set()

    async def run(self) -> None:
        pause = self._poll_seconds
        while not self._is_ending:
            self._woken.clear()
            try:
                while not self._is_ending and await self._step():
                    self._note(None)
                if self._away == DATABASE:
                    # With nothing due, only the database has shown that it is there.
                    self._note(None)
                pause = self._poll_seconds
            except Outage as outage:
                self._note(outage)
                pause = self._longer(pause)
            except Exception as error:  # noqa: BLE001 - a bug in one piece must neither end the loop nor the worker
                log.error("billing work failed", work=self._name, **where(error))
                pause = self._longer(pause)
            await self._rest(pause)

    def _longer(self, pause: float) -> float:
        return min(pause * PATIENCE, self._poll_seconds * LONGEST_PAUSE)

    async def _rest(self, seconds: float) -> None:
        if self._is_ending:
            return
        try:
            async with asyncio.timeout(seconds):
                await self._woken.wait()
        except TimeoutError:
            pass

    def _note(self, outage: Outage | None) -> None:
        """Tells of an outage when it begins and when it is over, not at each try in between."""
        away = None if outage is None else outage.what
        if away == self._away:
            return
        if outage is None:
            log.info("billing work goes on", work=self._name, back=self._away)
        else:
            log.warning("billing work waits", work=self._name, away=away, reason=outage.reason)
        self._away = away
