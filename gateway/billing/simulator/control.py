"""`/_sim/…`: how a test or the demo directs the simulator. Bodies and answers are JSON.

POST /_sim/clock      {now} sets the clock, it stands still then; {advance} moves it on; {release: true} is real time
                      again. Everything that falls due happens in order, before the answer: {now, stands_still}
POST /_sim/prices     {id, unit_amount, currency?, interval?, interval_count?, product?, product_id?}: a price of that
                      id, a second time the same one
POST /_sim/webhook    {url, secret | secrets, events?}: where events go, once more for a second endpoint;
                      {clear: true} forgets the others first
POST /_sim/switches   see `switches.py`; those not named stay. GET shows them
POST /_sim/faults     a fault or a list of them, see `faults.py`
POST /_sim/release    lets everyone go whom a fault made wait
POST /_sim/disputes   {charge | payment_intent, amount?, inquiry?, reason?}
POST /_sim/disputes/<id>/<won|lost|warning_closed>
POST /_sim/refunds/<id>/<fail|succeed|cancel>
POST /_sim/payment_intents/<id>/<succeed|fail>   ends what is processing
POST /_sim/flush      sends what is held
POST /_sim/resend/<event>   delivers an event again, as the dashboard's button does
POST /_sim/idle       answers when no delivery is under way or to be tried again (408 after ?timeout=60 seconds)
GET  /_sim/deliveries ?event=: [{number, event, type, url, state, attempts, last_status}], oldest first
GET  /_sim/requests   what was asked of the API: [{number, method, path, request_id, idempotency_key, status, replayed}]
GET  /_sim/state      {now, stands_still, pending, held, waiting, counts of objects by kind}
POST /_sim/reset      an empty account, real time, all switches as at the start; webhooks stay
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import msgspec
from aiohttp import web

from gateway.billing.simulator.deliveries import Endpoint
from gateway.billing.simulator.errors import Refused
from gateway.billing.simulator.faults import Fault
from gateway.billing.simulator.resources.disputes import close_dispute, open_dispute
from gateway.billing.simulator.resources.paying import settle
from gateway.billing.simulator.resources.refunds import cancel_refund, fail_refund, succeed_refund
from gateway.billing.simulator.seeds import Price, seed_price
from gateway.billing.simulator.switches import Switches

if TYPE_CHECKING:
    from gateway.billing.simulator.server import Simulator

__all__ = ["add_routes"]

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class _Clock(msgspec.Struct, forbid_unknown_fields=True):
    now: int | None = None
    advance: int | None = None
    release: bool = False


class _Webhook(msgspec.Struct, forbid_unknown_fields=True):
    url: str | None = None
    secret: str | None = None
    secrets: list[str] = []
    events: tuple[str, ...] = ("*",)
    clear: bool = False


class _Dispute(msgspec.Struct, forbid_unknown_fields=True):
    charge: str | None = None
    payment_intent: str | None = None
    amount: int | None = None
    inquiry: bool = False
    reason: str = "fraudulent"


def add_routes(app: web.Application, simulator: "Simulator") -> None:
    director = _Director(simulator)
    posts: dict[str, Handler] = {
        "clock": director.clock,
        "prices": director.prices,
        "webhook": director.webhook,
        "switches": director.switches,
        "faults": director.faults,
        "release": director.release,
        "disputes": director.dispute,
        "disputes/{id}/{outcome}": director.close_dispute,
        "refunds/{id}/{outcome}": director.end_refund,
        "payment_intents/{id}/{outcome}": director.settle,
        "flush": director.flush,
        "resend/{id}": director.resend,
        "idle": director.idle,
        "reset": director.reset,
    }
    gets: dict[str, Handler] = {
        "switches": director.show_switches,
        "deliveries": director.deliveries,
        "requests": director.requests,
        "state": director.state,
    }
    for path, handler in posts.items():
        app.router.add_post(f"/_sim/{path}", _said_plainly(handler))
    for path, handler in gets.items():
        app.router.add_get(f"/_sim/{path}", handler)


class _Director:
    def __init__(self, simulator: "Simulator") -> None:
        self._simulator = simulator
        self._world = simulator.world

    async def clock(self, request: web.Request) -> web.Response:
        asked, clock = await _body(request, _Clock), self._world.clock
        if asked.release:
            clock.release()
        if asked.now is not None:
            clock.set(asked.now)
        if asked.advance is not None:
            clock.advance(asked.advance)
        self._world.run_due()
        return _json({"now": clock.now(), "stands_still": clock.stands_still})

    async def prices(self, request: web.Request) -> web.Response:
        prices = await _body(request, list[Price] | Price)
        for price in prices if isinstance(prices, list) else [prices]:
            try:
                seed_price(self._world, price)
            except ValueError as error:
                raise web.HTTPBadRequest(text=str(error)) from None
        return _json({})

    async def webhook(self, request: web.Request) -> web.Response:
        asked = await _body(request, _Webhook)
        if asked.clear:
            self._simulator.courier.endpoints.clear()
        if asked.url is not None:
            secrets = asked.secrets or [asked.secret or ""]
            self._simulator.courier.endpoints.append(Endpoint(asked.url, secrets, asked.events))
        return _json({"endpoints": [each.url for each in self._simulator.courier.endpoints]})

    async def switches(self, request: web.Request) -> web.Response:
        changes = await _body(request, dict[str, Any])
        known = msgspec.to_builtins(self._world.switches)
        try:
            self._world.switches = msgspec.convert({**known, **changes}, Switches)
        except msgspec.ValidationError as error:
            raise web.HTTPBadRequest(text=str(error)) from None
        self._simulator.courier.switched()
        return await self.show_switches(request)

    async def show_switches(self, request: web.Request) -> web.Response:
        return _json(self._world.switches)

    async def faults(self, request: web.Request) -> web.Response:
        faults = await _body(request, list[Fault] | Fault)
        for fault in faults if isinstance(faults, list) else [faults]:
            if not self._simulator.faults.add(fault):
                raise web.HTTPInsufficientStorage(text="too many faults")
        return _json({})

    async def release(self, request: web.Request) -> web.Response:
        self._simulator.faults.release()
        return _json({})

    async def dispute(self, request: web.Request) -> web.Response:
        asked = await _body(request, _Dispute)
        wanted = asked.charge
        if asked.payment_intent is not None:
            wanted = self._world.get("payment_intent", asked.payment_intent)["latest_charge"]
        charge = self._world.get("charge", wanted or "")
        dispute = open_dispute(self._world, charge, amount=asked.amount, is_inquiry=asked.inquiry, reason=asked.reason)
        return _json(self._world.snapshot(dispute))

    async def close_dispute(self, request: web.Request) -> web.Response:
        dispute = self._world.get("dispute", request.match_info["id"])
        close_dispute(self._world, dispute, request.match_info["outcome"])
        return _json(self._world.snapshot(dispute))

    async def end_refund(self, request: web.Request) -> web.Response:
        endings = {"fail": fail_refund, "succeed": succeed_refund, "cancel": cancel_refund}
        ending = endings.get(request.match_info["outcome"])
        if ending is None:
            raise web.HTTPNotFound
        refund = self._world.get("refund", request.match_info["id"])
        ending(self._world, refund)
        return _json(self._world.snapshot(refund))

    async def settle(self, request: web.Request) -> web.Response:
        intent = self._world.get("payment_intent", request.match_info["id"])
        if request.match_info["outcome"] not in ("succeed", "fail"):
            raise web.HTTPNotFound
        settle(self._world, intent, succeeds=request.match_info["outcome"] == "succeed")
        return _json(self._world.snapshot(intent))

    async def flush(self, request: web.Request) -> web.Response:
        return _json({"sent": self._simulator.courier.flush()})

    async def resend(self, request: web.Request) -> web.Response:
        self._simulator.courier.send(self._world.get("event", request.match_info["id"]))
        return _json({})

    async def idle(self, request: web.Request) -> web.Response:
        courier = self._simulator.courier
        try:
            async with asyncio.timeout(float(request.query.get("timeout", "60"))):
                await courier.until_idle()
        except ValueError:
            raise web.HTTPBadRequest(text="timeout is a number of seconds") from None
        except TimeoutError:
            return _json({"pending": courier.pending, "held": courier.held}, 408)
        return _json({"pending": 0, "held": courier.held})

    async def deliveries(self, request: web.Request) -> web.Response:
        event = request.query.get("event")
        return _json([each for each in self._simulator.courier.log if event in (None, each.event)])

    async def requests(self, request: web.Request) -> web.Response:
        return _json(list(self._simulator.requests))

    async def state(self, request: web.Request) -> web.Response:
        courier, clock = self._simulator.courier, self._world.clock
        return _json(
            {
                "now": clock.now(),
                "stands_still": clock.stands_still,
                "pending": courier.pending,
                "held": courier.held,
                "waiting": self._simulator.faults.waiting,
                "objects": self._world.counts(),
            }
        )

    async def reset(self, request: web.Request) -> web.Response:
        self._simulator.reset()
        return _json({})


def _said_plainly(handler: Handler) -> Handler:
    """What the account refuses is refused here in the same words."""

    async def handle(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except Refused as refused:
            return _json({"error": {"message": str(refused)}}, refused.status)

    return handle


async def _body(request: web.Request, shape: Any) -> Any:
    try:
        return msgspec.json.decode(await request.read() or b"{}", type=shape)
    except msgspec.DecodeError as error:
        raise web.HTTPBadRequest(text=str(error)) from None


def _json(value: Any, status: int = 200) -> web.Response:
    return web.Response(status=status, body=msgspec.json.encode(value), content_type="application/json")
