"""`/_sim/…`: how a test scripts behaviours, stops calls at named points, and sees what was received.

POST /_sim/script   a script or a list of them: {behaviour: {…}, provider?, match?, times?}
POST /_sim/pause    {point, provider?, match?, times?, after?}: matching calls stop there
POST /_sim/resume   {point?}: let them go, and stop nobody there any more
POST /_sim/reset    forget everything
GET  /_sim/state    {waiting: {point: calls}, calls: {provider: {made, finished, aborted, errors, open}}}
GET  /_sim/wait     ?waiting.mid_stream=1&anthropic.aborted=1&timeout=20: the state once all are reached, 408 otherwise
GET  /_sim/calls    ?provider=&match=&limit=: requests as received, newest last
"""

import asyncio
from typing import TYPE_CHECKING, Any

import msgspec
from aiohttp import web

from gateway.llm.simulator.behaviour import Pause, Script

if TYPE_CHECKING:
    from gateway.llm.simulator.server import Simulator

__all__ = ["add_routes", "state_of"]


class _Resume(msgspec.Struct, forbid_unknown_fields=True):
    point: str | None = None


def state_of(simulator: "Simulator") -> dict[str, Any]:
    """What `/_sim/state` answers."""
    calls = {}
    for name, tally in simulator.tallies.items():
        counts = msgspec.to_builtins(tally)
        calls[name] = {**counts, "open": tally.made - tally.finished - tally.aborted}
    return {"waiting": dict(simulator.stage.waiting), "calls": calls}


def add_routes(app: web.Application, simulator: "Simulator") -> None:
    director = _Director(simulator)
    app.router.add_post("/_sim/script", director.script)
    app.router.add_post("/_sim/pause", director.pause)
    app.router.add_post("/_sim/resume", director.resume)
    app.router.add_post("/_sim/reset", director.reset)
    app.router.add_get("/_sim/state", director.state)
    app.router.add_get("/_sim/wait", director.wait)
    app.router.add_get("/_sim/calls", director.calls)


class _Director:
    def __init__(self, simulator: "Simulator") -> None:
        self._simulator = simulator

    async def script(self, request: web.Request) -> web.Response:
        scripts = await _body(request, list[Script] | Script)
        for script in scripts if isinstance(scripts, list) else [scripts]:
            if not self._simulator.stage.add(script):
                raise web.HTTPInsufficientStorage(text="the script is full")
        return self._state()

    async def pause(self, request: web.Request) -> web.Response:
        if not self._simulator.stage.pause(await _body(request, Pause)):
            raise web.HTTPInsufficientStorage(text="the script is full")
        return self._state()

    async def resume(self, request: web.Request) -> web.Response:
        self._simulator.stage.resume((await _body(request, _Resume)).point)
        return self._state()

    async def reset(self, request: web.Request) -> web.Response:
        self._simulator.reset()
        return self._state()

    async def state(self, request: web.Request) -> web.Response:
        return self._state()

    async def wait(self, request: web.Request) -> web.Response:
        wanted = dict(request.query)
        try:
            seconds = float(wanted.pop("timeout", "30"))
            counts = {name: int(count) for name, count in wanted.items()}
        except ValueError:
            raise web.HTTPBadRequest(text="counts and timeout are numbers") from None
        try:
            async with asyncio.timeout(seconds):
                await self._simulator.wait_until(lambda: self._reached(counts))
        except TimeoutError:
            return _json(state_of(self._simulator), 408)
        return self._state()

    def _reached(self, counts: dict[str, int]) -> bool:
        state = state_of(self._simulator)
        for name, count in counts.items():
            group, _, key = name.partition(".")
            reached = state["waiting"] if group == "waiting" else state["calls"].get(group, {})
            if reached.get(key, 0) < count:
                return False
        return True

    async def calls(self, request: web.Request) -> web.Response:
        provider, match = request.query.get("provider"), request.query.get("match", "")
        found = [
            call
            for call in self._simulator.calls
            if provider in (None, call.provider) and match in (call.messages[-1]["content"] if call.messages else "")
        ]
        limit = int(request.query.get("limit", "100"))
        return _json(found[-limit:])

    def _state(self) -> web.Response:
        return _json(state_of(self._simulator))


async def _body(request: web.Request, shape: Any) -> Any:
    try:
        return msgspec.json.decode(await request.read() or b"{}", type=shape)
    except msgspec.DecodeError as error:
        raise web.HTTPBadRequest(text=str(error)) from None


def _json(value: Any, status: int = 200) -> web.Response:
    return web.Response(status=status, body=msgspec.json.encode(value), content_type="application/json")
