"""The simulator's server: two endpoints that answer, and `/_sim/…` for whoever directs the play."""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Literal

import msgspec
from aiohttp import web

from gateway.llm.simulator import control
from gateway.llm.simulator.answers import REFUSAL, PromptCache, answer_to, cut_to, deltas_of, exactly, tokens_in
from gateway.llm.simulator.behaviour import Behaviour, Pause, Stage
from gateway.llm.simulator.shapes import SHAPES, Shape
from gateway.llm.simulator.wire import Ask, Counts, Refused, Reply, error_body, read_anthropic, read_openai

__all__ = ["Call", "Simulator", "Tally", "running"]

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

LOG_LIMIT = 500
LARGEST_BODY = 32 << 20
JSON = {"Content-Type": "application/json", "x-scrip-simulated": "true"}
EVENTS = {"Content-Type": "text/event-stream; charset=utf-8", "Cache-Control": "no-cache", "x-scrip-simulated": "true"}


class Call(msgspec.Struct):
    """A request as it was received. Instants are `time.monotonic_ns()`, which all processes of a machine share.

    `connection` names the caller's end of the connection that it came by.
    """

    number: int
    provider: str
    at_ns: int
    connection: str
    model: str = ""
    prompt: str = ""
    messages: list[dict[str, str]] = []
    max_tokens: int = 0
    stream: bool = False
    status: int = 0
    first_delta_ns: int | None = None
    state: Literal["open", "finished", "aborted"] = "open"


class Tally(msgspec.Struct):
    """Calls of one provider. `errors` are those finished with an error reply; `aborted` those whose caller left."""

    made: int = 0
    finished: int = 0
    aborted: int = 0
    errors: int = 0


class Simulator:
    """Both providers in one process. `delta_ms` is the normal time between deltas of a stream."""

    def __init__(self, *, delta_ms: float = 0.0) -> None:
        self.stage = Stage()
        self.stage.on_change = self.changed
        self._delta_ms = delta_ms
        self._waiters: list[asyncio.Event] = []
        self._number = 0
        self.reset()

    def reset(self) -> None:
        """Forget scripts, log, counts and prompt caches; let everyone go who waits."""
        self.stage.reset()
        self.calls: deque[Call] = deque(maxlen=LOG_LIMIT)
        self.tallies = {name: Tally() for name in SHAPES}
        self._caches = {name: PromptCache() for name in SHAPES}
        self.changed()

    def app(self) -> web.Application:
        app = web.Application(client_max_size=LARGEST_BODY)
        app.router.add_post("/v1/messages", self._endpoint("anthropic", read_anthropic))
        chat = self._endpoint("openai", read_openai)
        app.router.add_post("/v1/chat/completions", chat)
        app.router.add_post("/chat/completions", chat)
        control.add_routes(app, self)
        app.on_shutdown.append(self._let_everyone_go)
        return app

    async def _let_everyone_go(self, app: web.Application) -> None:
        self.stage.reset()

    def changed(self) -> None:
        for waiter in self._waiters:
            waiter.set()
        self._waiters.clear()

    async def wait_until(self, holds: Callable[[], bool]) -> None:
        """Until `holds()`, looked at after each change."""
        while not holds():
            waiter = asyncio.Event()
            self._waiters.append(waiter)
            await waiter.wait()

    def _endpoint(self, provider: str, read: Callable[[bytes], Ask]) -> Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            self._number += 1
            call = Call(self._number, provider, time.monotonic_ns(), _peer(request))
            tally = self.tallies[provider]
            self.calls.append(call)
            tally.made += 1
            try:
                response = await self._answer(request, call, read)
            except (asyncio.CancelledError, ConnectionError):
                # Cancelled while it waited, or found out by writing: either way nobody is left.
                call.state = "aborted"
                tally.aborted += 1
                self.changed()
                raise
            call.status = response.status
            call.state = "finished"
            tally.finished += 1
            tally.errors += response.status >= 400
            self.changed()
            return response

        return handle

    async def _answer(self, request: web.Request, call: Call, read: Callable[[bytes], Ask]) -> web.StreamResponse:
        provider = call.provider
        body = await request.read()
        try:
            _check_headers(provider, request)
            ask = read(body)
        except Refused as refused:
            return _error(provider, refused.status, str(refused))
        call.model, call.prompt, call.messages = ask.model, ask.prompt, ask.messages
        call.max_tokens, call.stream = ask.max_tokens, ask.stream
        try:
            behaviour = self.stage.behaviour_for(provider, ask.user_input)
        except msgspec.ValidationError as error:
            return _error(provider, 400, f"marker: {error}")
        pause = self.stage.take_pause(provider, ask.user_input)
        if pause is not None and pause.point == "before_first_byte":
            await self.stage.wait_at("before_first_byte")
        if behaviour.stall:
            await self.stage.wait_at("stalled")
        if behaviour.cut:
            return _cut(request, web.Response())
        if behaviour.status is not None:
            return _error(provider, behaviour.status, "Simulated error.", behaviour)
        reply = self._reply(call, ask, behaviour)
        performance = _Performance(self, request, call, SHAPES[provider], reply, behaviour, pause)
        if ask.stream:
            delay = self._delta_ms if behaviour.delta_ms is None else behaviour.delta_ms
            return await performance.stream(ask.wants_usage, delay / 1000)
        return await performance.plain()

    def _reply(self, call: Call, ask: Ask, behaviour: Behaviour) -> Reply:
        text = answer_to(ask.prompt, ask.history, ask.user_input)
        if behaviour.tokens is not None:
            text = exactly(behaviour.tokens)
        if behaviour.refusal:
            text = REFUSAL
        if behaviour.empty:
            text = ""
        output = tokens_in(text)
        stop: Literal["end", "length", "refusal"] = "refusal" if behaviour.refusal else "end"
        if output > ask.max_tokens:
            text, output, stop = cut_to(text, ask.max_tokens), ask.max_tokens, "length"
        counts = self._count(call.provider, ask, output)
        return Reply(call.number, behaviour.model or ask.model, text, stop, counts, behaviour.usage)

    def _count(self, provider: str, ask: Ask, output: int) -> Counts:
        prompt = tokens_in(ask.prompt)
        other = ask.history_tokens + tokens_in(ask.user_input)
        if not ask.caches_prompt or prompt < PromptCache.LEAST_TOKENS:
            return Counts(prompt + other, 0, 0, output)
        held = self._caches[provider].touch(ask.model, ask.prompt, time.monotonic())
        if provider == "openai":
            # Kept in steps of 128 tokens, written without a price of its own.
            read = prompt // 128 * 128 if held else 0
            return Counts(prompt - read + other, read, 0, output)
        return Counts(other, prompt, 0, output) if held else Counts(other, 0, prompt, output)


class _Performance(msgspec.Struct):
    """One answer on its way out, with all that was asked to go wrong."""

    simulator: Simulator
    request: web.Request
    call: Call
    shape: Shape
    reply: Reply
    behaviour: Behaviour
    pause: Pause | None

    async def plain(self) -> web.StreamResponse:
        body = self.shape.plain(self.reply)
        if self.behaviour.malformed:
            body = body[: len(body) // 2]
        in_two_parts = self.pause is not None and self.pause.point != "before_first_byte"
        if not in_two_parts and self.behaviour.cut_after is None and self.behaviour.stall_after is None:
            return web.Response(body=body, headers=JSON)
        response = web.StreamResponse(headers=JSON)
        response.content_length = len(body)
        await response.prepare(self.request)
        half = len(body) // 2
        await response.write(body[:half])
        if self.behaviour.cut_after is not None:
            return _cut(self.request, response)
        if self.behaviour.stall_after is not None:
            await self.simulator.stage.wait_at("stalled")
        if self.pause is not None:
            await self.simulator.stage.wait_at(self.pause.point)
        await response.write(body[half:])
        return response

    async def stream(self, wants_usage: bool, delay: float) -> web.StreamResponse:
        shape, reply, behaviour = self.shape, self.reply, self.behaviour
        response = web.StreamResponse(headers=EVENTS)
        await response.prepare(self.request)
        stop, usage, end = shape.tail(reply, wants_usage)
        if behaviour.instant:
            await response.write(b"".join([shape.head(reply), *shape.deltas(reply), stop, usage, end]))
            return response
        await response.write(shape.head(reply))
        number = 0
        for number, text in enumerate(deltas_of(reply.text)):
            if (ended := await self._stage_at(number, response)) is not None:
                return ended
            if delay and number:
                await asyncio.sleep(delay)
            event = shape.delta(reply, text)
            if number == 0:
                self.call.first_delta_ns = time.monotonic_ns()
            await response.write(event)
        if (ended := await self._stage_at(number + 1, response)) is not None:
            return ended
        if self.pause is not None and self.pause.point == "before_end":
            await self.simulator.stage.wait_at("before_end")
        if not behaviour.no_end:
            await response.write(stop if behaviour.no_usage_event else stop + usage + end)
        return response

    async def _stage_at(self, number: int, response: web.StreamResponse) -> web.StreamResponse | None:
        """What is to happen before delta `number`; the response when that was the end of it."""
        behaviour, pause = self.behaviour, self.pause
        if pause is not None and pause.point == "mid_stream" and pause.after == number:
            await self.simulator.stage.wait_at("mid_stream")
        if behaviour.stall_after == number:
            await self.simulator.stage.wait_at("stalled")
        if behaviour.cut_after == number:
            return _cut(self.request, response)
        if behaviour.error_after == number:
            status = behaviour.status or 529
            body = error_body(self.call.provider, status, "Simulated error.", behaviour.error_type)
            await response.write(self.shape.error_event(body))
            return response
        if behaviour.malformed and behaviour.malformed_after == number:
            await response.write(b'data: {"type":"content_block_del\n\n')
        return None


def _peer(request: web.Request) -> str:
    peer = request.transport.get_extra_info("peername") if request.transport else None
    return f"{peer[0]}:{peer[1]}" if peer else ""


def _check_headers(provider: str, request: web.Request) -> None:
    headers = request.headers
    if not headers.get("Authorization", "").startswith("Bearer ") and not headers.get("x-api-key"):
        raise Refused(401, "No API key was provided.")
    if provider == "anthropic" and not headers.get("anthropic-version"):
        raise Refused(400, "anthropic-version: header is required")


def _error(provider: str, status: int, message: str, behaviour: Behaviour | None = None) -> web.Response:
    headers = JSON
    if behaviour is not None and behaviour.retry_after is not None:
        headers = {**JSON, "Retry-After": behaviour.retry_after}
    kind = behaviour.error_type if behaviour else None
    return web.Response(status=status, body=error_body(provider, status, message, kind), headers=headers)


def _cut(request: web.Request, response: web.StreamResponse) -> web.StreamResponse:
    # What was written still goes out; what the response would add finds a closed connection.
    if request.transport is not None:
        request.transport.close()
    return response


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
    try:
        yield simulator, f"http://{host}:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
