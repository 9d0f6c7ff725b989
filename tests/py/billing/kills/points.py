"""Points between two steps of something that asks both the database and Stripe: each brings one request there."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Literal

from tests.py.billing.shop import Shop
from tests.py.endtoend.waiting import LOOK_AGAIN_SECONDS, PATIENCE_SECONDS
from tests.py.gateway.world import Reply
from tests.py.support.proxy import DatabaseProxy, Stop


@dataclass(frozen=True)
class Point:
    """Before or after a function of the database is called; or when Stripe is asked something, or has done it.

    before  the database has not seen the call
    after   it is committed there, and the gateway does not know yet
    asking  Stripe has the request and has done nothing
    done    Stripe has done it, and the gateway does not know yet
    """

    where: Literal["before", "after", "asking", "done"]
    what: str

    def __str__(self) -> str:
        return f"{self.where} {self.what}"

    @property
    def is_at_stripe(self) -> bool:
        return self.where in ("asking", "done")


def before(function: str) -> Point:
    return Point("before", function)


def after(function: str) -> Point:
    return Point("after", function)


def asking(path: str) -> Point:
    return Point("asking", path)


def done(path: str) -> Point:
    return Point("done", path)


class Scene:
    """A request that is brought to a point and stands there until it is cut."""

    def __init__(self, shop: Shop, proxy: DatabaseProxy, point: Point) -> None:
        self.point = point
        self._shop = shop
        self._proxy = proxy
        self._stop: Stop | None = None
        self._waiting = 0
        self._task: asyncio.Task[Any] | None = None

    async def arm(self) -> None:
        """The next one that comes to the point stops there."""
        if self.point.is_at_stripe:
            self._waiting = await self._waiting_at_stripe()
            action = "hold" if self.point.where == "asking" else "timeout"
            method = "DELETE" if self.point.what.startswith("/v1/subscriptions") else "POST"
            await self._shop.control("faults", {"action": action, "path": self.point.what, "method": method})
        elif self.point.where == "before":
            self._stop = self._proxy.stop_before(self.point.what)
        else:
            self._stop = self._proxy.stop_after(self.point.what)

    async def reached(self) -> None:
        if self._stop is not None:
            await self._stop.reached()
            return
        await self._until(lambda waiting: waiting > self._waiting)

    async def bring(self, request: Coroutine[Any, Any, Reply]) -> None:
        """Returns when the request stands at the point."""
        await self.arm()
        self._task = asyncio.ensure_future(request)
        await self.reached()

    async def cut(self) -> None:
        """Ends the connection that stands there: the gateway hears nothing from the other side."""
        if self._stop is not None:
            self._stop.cut()
        else:
            await self._shop.control("release")

    async def left(self) -> None:
        """After the gateway died: the other side has noticed that nobody waits there any more."""
        if self._stop is not None:
            self._stop.cut()
            return
        await self._until(lambda waiting: waiting <= self._waiting)

    async def ended(self) -> Reply | BaseException:
        """What the client got, or the error it was left with."""
        assert self._task is not None
        (result,) = await asyncio.gather(self._task, return_exceptions=True)
        return result

    async def _until(self, holds: Callable[[int], bool]) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not holds(await self._waiting_at_stripe()):
                await asyncio.sleep(LOOK_AGAIN_SECONDS)

    async def _waiting_at_stripe(self) -> int:
        return (await self._shop.state("state"))["waiting"]
