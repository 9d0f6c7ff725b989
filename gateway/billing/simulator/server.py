"""The simulator's server: the API under `/v1/`, the pages people click through, and `/_sim/…` for who directs."""

import asyncio
import contextlib
import json
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from email.utils import formatdate
from pathlib import Path
from typing import Any

import msgspec
from aiohttp import web

from gateway.billing.simulator import control, pages
from gateway.billing.simulator.api import Table, call
from gateway.billing.simulator.deliveries import Courier
from gateway.billing.simulator.errors import Refused
from gateway.billing.simulator.expand import expand
from gateway.billing.simulator.faults import Fault, Faults
from gateway.billing.simulator.form import Params, parse
from gateway.billing.simulator.idempotency import Keys
from gateway.billing.simulator.keeping import load, save
from gateway.billing.simulator.resources import (
    balance,
    catalogue,
    charges,
    checkout,
    customers,
    disputes,
    events,
    invoices,
    payment_intents,
    payment_methods,
    portal,
    refunds,
    subscriptions,
)
from gateway.billing.simulator.shapes import render
from gateway.billing.simulator.world import RequestContext, World

__all__ = ["Asked", "Simulator", "running"]

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

LARGEST_BODY = 1 << 20
LOG_LIMIT = 10_000
TICK_SECONDS = 0.5
FAMILIES = (
    balance,
    catalogue,
    charges,
    checkout,
    customers,
    disputes,
    events,
    invoices,
    payment_intents,
    payment_methods,
    portal,
    refunds,
    subscriptions,
)
SERVER_ERROR = Refused(500, "An unknown error occurred (simulated).", type="api_error", began=True)
TOO_MANY = Refused(429, "Request rate limit exceeded (simulated).", code="rate_limit")


class Asked(msgspec.Struct):
    """A request to the API as it was received, without what it said. `status` is 0 while nothing was answered."""

    number: int
    method: str
    path: str
    request_id: str
    idempotency_key: str | None
    status: int = 0
    replayed: bool = False


class Simulator:
    """One account in one process. `base_url` is how people reach its pages; by default as their caller reached it.

    With a file for its state it goes on there where it was ended, or killed.
    """

    def __init__(self, *, base_url: str = "", state: Path | None = None) -> None:
        self._state = state
        self.world, self._keys = load(state) if state is not None else (World(), Keys())
        self.world.base_url = base_url
        self._has_own_base_url = bool(base_url)
        self.courier = Courier(self.world)
        self.faults = Faults()
        self._table = Table(*(family.ENDPOINTS for family in FAMILIES))
        self.requests: deque[Asked] = deque(maxlen=LOG_LIMIT)
        self._number = 0

    def reset(self) -> None:
        """An empty account; where webhooks go stays."""
        self.faults.clear()
        self.courier.forget()
        self.world.forget()
        self._keys.forget_all()
        self.requests.clear()

    def app(self) -> web.Application:
        app = web.Application(client_max_size=LARGEST_BODY, middlewares=[self._kept])
        app.router.add_route("*", "/v1/{path:.*}", self._api)
        pages.add_routes(app, self)
        control.add_routes(app, self)
        app.cleanup_ctx.append(self._alive)
        return app

    async def _alive(self, app: web.Application) -> AsyncIterator[None]:
        ticking = asyncio.get_running_loop().create_task(self._tick())
        self.courier.send_missed()
        yield
        self._keep()
        ticking.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await ticking
        self.faults.clear()
        await self.courier.close()

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK_SECONDS)
            if self.world.run_due():
                self._keep()

    @web.middleware
    async def _kept(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """What changed is kept before anybody is told."""
        try:
            return await handler(request)
        finally:
            if request.method != "GET":
                self._keep()

    def _keep(self) -> None:
        if self._state is not None:
            save(self._state, self.world, self._keys)

    def reached_at(self, request: web.Request) -> str:
        """The address that links back to here begin with."""
        return self.world.base_url if self._has_own_base_url else f"{request.scheme}://{request.host}"

    async def _api(self, request: web.Request) -> web.StreamResponse:
        self._number += 1
        key = request.headers.get("Idempotency-Key") if request.method == "POST" else None
        asked = Asked(self._number, request.method, request.path, self.world.new_id("req_", 14), key)
        self.requests.append(asked)
        encoded = await request.text() if request.method == "POST" else request.query_string
        fault = self.faults.take(request.method, request.path)
        action = fault.action if fault is not None else None
        if action == "drop_before":
            return _cut(request)
        try:
            if action == "429":
                raise TOO_MANY
            status, body, replayed = await self._answer(request, asked, encoded, fault)
        except Refused as refused:
            status, body, replayed = refused.status, _refusal(refused, _version(request, self.world)), False
        if fault is not None and action == "timeout":
            await self.faults.wait(fault.seconds)
        if action in ("timeout", "drop_after"):
            return _cut(request)
        asked.status, asked.replayed = status, replayed
        return web.Response(status=status, body=body, headers=self._headers(request, asked, replayed))

    async def _answer(
        self, request: web.Request, asked: Asked, encoded: str, fault: Fault | None
    ) -> tuple[int, bytes, bool]:
        """Raises `Refused` for what was never begun."""
        _check_key(request)
        found = self._table.find(request.method, request.path.rstrip("/"))
        if found is None:
            raise Refused(404, f"Unrecognized request URL ({request.method}: {request.path}).")
        version = _version(request, self.world)
        params, key = Params(parse(encoded)), asked.idempotency_key
        if key is not None:
            made = (request.method, request.path, params.values)
            kept = self._keys.begin(key, made, asked.request_id, self.world.now())
            if kept is not None and kept.body is not None:
                return kept.status, kept.body, True
        try:
            if fault is not None and fault.action == "hold":
                await self.faults.wait(fault.seconds)
            if fault is not None and fault.action == "500":
                raise SERVER_ERROR
            shown = self._perform(request, asked, found, params, version)
            if fault is not None and fault.action == "500_after":
                raise SERVER_ERROR
            status, body = 200, _encode(shown)
        except Refused as refused:
            if key is not None and not refused.began:
                self._keys.forget(key)
            status, body = refused.status, _refusal(refused, version)
            if not refused.began:
                return status, body, False
        except BaseException:
            # Cancelled while held: nothing was done.
            if key is not None:
                self._keys.forget(key)
            raise
        if key is not None:
            self._keys.finish(key, status, body)
        return status, body, False

    def _perform(self, request: web.Request, asked: Asked, found: Any, params: Params, version: str) -> Any:
        world = self.world
        world.run_due()
        context = RequestContext(
            asked.request_id, asked.idempotency_key, request.path, version, self.reached_at(request)
        )
        with world.during(context):
            shown = render(call(world, found, params), version)
            expand(world, shown, params.texts("expand"), version)
        return shown

    def _headers(self, request: web.Request, asked: Asked, replayed: bool) -> dict[str, str]:
        headers = {
            "Content-Type": "application/json",
            "Date": formatdate(self.world.now(), usegmt=True),
            "Request-Id": asked.request_id,
            "Stripe-Version": _version(request, self.world),
        }
        if asked.idempotency_key is not None:
            headers["Idempotency-Key"] = asked.idempotency_key
        if replayed:
            headers["Idempotent-Replayed"] = "true"
        if asked.status >= 500:
            # Its key would only give the same answer again.
            headers["Stripe-Should-Retry"] = "false"
        return headers


def _version(request: web.Request, world: World) -> str:
    return request.headers.get("Stripe-Version") or world.switches.api_version


def _check_key(request: web.Request) -> None:
    given = request.headers.get("Authorization", "")
    if not given:
        raise Refused(401, "You did not provide an API key. It goes into the Authorization header, using Bearer auth.")
    if not given.startswith(("Bearer sk_", "Bearer rk_", "Basic ")):
        raise Refused(401, "Invalid API Key provided.")


def _encode(shown: Any) -> bytes:
    return json.dumps(shown, indent=2).encode()


def _refusal(refused: Refused, version: str) -> bytes:
    return _encode({"error": render(refused.error, version)})


def _cut(request: web.Request) -> web.StreamResponse:
    if request.transport is not None:
        request.transport.close()
    return web.Response()


@asynccontextmanager
async def running(
    simulator: Simulator | None = None, *, host: str = "127.0.0.1", port: int = 0
) -> AsyncIterator[tuple[Simulator, str]]:
    """A simulator on a port of its own inside this event loop; gives it and its address, without a path."""
    simulator = simulator or Simulator()
    runner = web.AppRunner(simulator.app(), access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, host, port)
    await site.start()
    address = f"http://{host}:{runner.addresses[0][1]}"
    simulator.world.base_url = simulator.world.base_url or address
    try:
        yield simulator, address
    finally:
        await runner.cleanup()
