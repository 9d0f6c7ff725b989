"""Webhooks: each event signed and sent to each endpoint, tried again when refused, and disturbed on demand."""

import asyncio
import hashlib
import hmac
import json
import random
import time
from collections import deque
from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import Literal

import aiohttp
import msgspec

from gateway.billing.simulator.world import Object, World

__all__ = ["Courier", "Delivery", "Endpoint", "signature"]

LOG_LIMIT = 50_000
LONGEST_PAUSE = 3600.0


class Endpoint(msgspec.Struct, forbid_unknown_fields=True):
    """Where events go. With several secrets each delivery bears a signature by each, as while one is rolled."""

    url: str
    secrets: list[str]
    events: tuple[str, ...] = ("*",)


class Delivery(msgspec.Struct):
    """One event on its way to one endpoint. `last_status` is None while nothing answered."""

    number: int
    event: str
    type: str
    url: str
    state: Literal["held", "queued", "sending", "waiting", "delivered", "failed", "dropped"] = "queued"
    attempts: int = 0
    last_status: int | None = None


class _Parcel(msgspec.Struct):
    delivery: Delivery
    endpoint: Endpoint
    event: Object
    body: bytes


def signature(body: bytes, secrets: list[str], instant: int) -> str:
    """The `Stripe-Signature` header: hex HMAC-SHA256 of `instant.body`, once per secret."""
    signed = f"{instant}.".encode() + body
    each = [hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest() for secret in secrets]
    return ",".join([f"t={instant}", *(f"v1={digest}" for digest in each)])


class Courier:
    """Sends while its event loop runs; in order as long as one delivery is under way at a time."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.endpoints: list[Endpoint] = []
        self._session: aiohttp.ClientSession | None = None
        self._waiters: list[asyncio.Event] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._timers: set[asyncio.TimerHandle] = set()
        self._round = 0
        self.forget()
        world.on_event = self.send

    def forget(self) -> None:
        """Nothing is under way or remembered any more; endpoints stay. What is being sent just now is not awaited."""
        self.log: deque[Delivery] = deque(maxlen=LOG_LIMIT)
        self._queue: deque[_Parcel] = deque()
        self._held: list[_Parcel] = []
        for timer in self._timers:
            timer.cancel()
        for task in self._tasks:
            task.cancel()
        self._timers.clear()
        self._sending = 0
        self._number = 0
        self._round += 1
        self._dropped = 0
        self._changed()

    async def close(self) -> None:
        self.forget()
        if self._session is not None:
            await self._session.close()

    def send(self, event: Object) -> None:
        """To each endpoint that wants its type."""
        wanting = [each for each in self.endpoints if any(fnmatchcase(event["type"], kind) for kind in each.events)]
        event["pending_webhooks"] = len(wanting)
        if not wanting:
            return
        body = json.dumps(self._world.snapshot(event), indent=2).encode()
        for endpoint in wanting:
            for _ in range(2 if self._world.switches.double else 1):
                self._number += 1
                delivery = Delivery(self._number, event["id"], event["type"], endpoint.url)
                self.log.append(delivery)
                self._accept(_Parcel(delivery, endpoint, event, body))

    def send_missed(self) -> None:
        """After a restart: what nobody has accepted yet, in order."""
        for event in reversed(self._world.all("event")):
            if event["pending_webhooks"] and "_delivered" not in event:
                self.send(event)

    def flush(self) -> int:
        """Sends what is held, in random order while shuffling; gives how many."""
        held, self._held = self._held, []
        if self._world.switches.shuffle:
            random.Random(f"{self._world.switches.seed}/{self._number}").shuffle(held)  # noqa: S311
        for parcel in held:
            self._start(parcel)
        return len(held)

    def switched(self) -> None:
        """After switches were changed: what they no longer hold goes out."""
        switches = self._world.switches
        if not switches.paused and len(self._held) >= switches.shuffle:
            self.flush()
        self._pump()

    @property
    def pending(self) -> int:
        """Deliveries under way, waiting to be tried or tried again; those held are not."""
        return len(self._queue) + self._sending + len(self._timers)

    @property
    def held(self) -> int:
        return len(self._held)

    async def until_idle(self) -> None:
        await self._wait_until(lambda: self.pending == 0)

    async def _wait_until(self, holds: Callable[[], bool]) -> None:
        while not holds():
            waiter = asyncio.Event()
            self._waiters.append(waiter)
            await waiter.wait()

    def _changed(self) -> None:
        for waiter in self._waiters:
            waiter.set()
        self._waiters.clear()

    def _accept(self, parcel: _Parcel) -> None:
        switches = self._world.switches
        if switches.drop or parcel.delivery.type in switches.drop_types:
            parcel.delivery.state = "dropped"
            if parcel.delivery.type not in switches.drop_types and switches.drop is not True:
                switches.drop -= 1
        elif switches.paused or switches.shuffle:
            parcel.delivery.state = "held"
            self._held.append(parcel)
            if not switches.paused and len(self._held) >= switches.shuffle:
                self.flush()
        else:
            self._start(parcel)

    def _start(self, parcel: _Parcel) -> None:
        if delay := self._world.switches.delay_seconds:
            self._later(delay, parcel)
        else:
            self._enqueue(parcel)

    def _later(self, seconds: float, parcel: _Parcel) -> None:
        parcel.delivery.state = "waiting"

        def go() -> None:
            self._timers.discard(timer)
            self._enqueue(parcel)

        timer = asyncio.get_running_loop().call_later(seconds, go)
        self._timers.add(timer)

    def _enqueue(self, parcel: _Parcel) -> None:
        parcel.delivery.state = "queued"
        self._queue.append(parcel)
        self._pump()

    def _pump(self) -> None:
        while self._queue and self._sending < max(1, self._world.switches.concurrency):
            parcel = self._queue.popleft()
            self._sending += 1
            task = asyncio.get_running_loop().create_task(self._try(parcel, self._round))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _try(self, parcel: _Parcel, round_: int) -> None:
        delivery, switches = parcel.delivery, self._world.switches
        delivery.state = "sending"
        delivery.attempts += 1
        status = await self._post(parcel)
        if round_ != self._round:
            return
        self._sending -= 1
        delivery.last_status = status
        if status is not None and 200 <= status < 300:
            delivery.state = "delivered"
            parcel.event["_delivered"] = True
        elif delivery.attempts < switches.attempts:
            pause = switches.retry_seconds * 2.0 ** (delivery.attempts - 1)
            self._later(min(pause, LONGEST_PAUSE), parcel)
        else:
            delivery.state = "failed"
            parcel.event["_delivered"] = False
        self._pump()
        self._changed()

    async def _post(self, parcel: _Parcel) -> int | None:
        """The status of the answer; None when none came."""
        if self._session is None:
            self._session = aiohttp.ClientSession()
        switches = self._world.switches
        instant = self._world.now() if switches.signed_by_simulated_clock else int(time.time())
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "Stripe-Signature": signature(parcel.body, parcel.endpoint.secrets, instant),
            "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
        }
        timeout = aiohttp.ClientTimeout(total=switches.delivery_timeout)
        try:
            async with self._session.post(
                parcel.endpoint.url, data=parcel.body, headers=headers, timeout=timeout, allow_redirects=False
            ) as answer:
                await answer.read()
                return answer.status
        except (aiohttp.ClientError, TimeoutError):
            return None
