"""Gifts on their way: after what may have moved some, their next steps are done at once instead of by the next job."""

import structlog
from psycopg_pool import AsyncConnectionPool

from gateway import db
from gateway.background import Background
from gateway.errors import Refusal

BATCH = 20

log = structlog.get_logger()


class GiftSteps:
    """One round at a time for a worker, however many ask for it meanwhile."""

    def __init__(self) -> None:
        self._is_wanted = False
        self._is_running = False

    def nudge(self, pool: AsyncConnectionPool, background: Background) -> None:
        """See to it that a round begins after this moment. Nobody need wait for it."""
        self._is_wanted = True
        if not self._is_running:
            self._is_running = True
            background.start(self._run(pool))

    async def _run(self, pool: AsyncConnectionPool) -> None:
        try:
            while self._is_wanted:
                self._is_wanted = False
                (done,) = await db.call(pool, "process_gift_steps", limit=BATCH)
                # One account a call: there may be more.
                self._is_wanted = self._is_wanted or done > 0
        except Refusal as refusal:
            # The job does them within its minute.
            log.warning("gift steps put off", error=refusal.kind.error)
        finally:
            self._is_running = False
