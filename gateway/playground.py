"""One run: reserve → model → settle or release. Two round trips, no connection held while the model answers."""

import asyncio
from contextlib import aclosing
from typing import Any

import msgspec
import structlog
from aiohttp import web

from gateway import db
from gateway.errors import (
    INTERNAL_ERROR,
    PROVIDER_ERROR,
    PROVIDER_UNAVAILABLE,
    RUNS_DISABLED,
    Refusal,
)
from gateway.events import EventStream
from gateway.keys import API_KEY_HASH, BACKGROUND, POOL, PROVIDERS, REQUEST_ID, SETTINGS, USER_ID
from gateway.llm import Answer, Message, ModelStream, Provider, ProviderFailure, RunRequest, Usage
from gateway.logs import where
from gateway.metrics import FIRST_BYTE_SECONDS, PROVIDER_SECONDS, RUNS
from gateway.reading import accepts, read_body, read_idempotency_key
from gateway.routes import RUN_BODY
from gateway.rpc import REPLAYED
from gateway.schemas import Run

log = structlog.get_logger()

# The hold outlives the model's deadline by 10 s; what of that is used for settling leaves room for the last try itself.
SETTLE_SECONDS = 8.0
# How much longer than the model's deadline a client may be slow to take what the model has already said.
SLOW_CLIENT_SECONDS = 1.0
_history = msgspec.json.Decoder(list[Message])


class _Replay(msgspec.Struct, rename="camel"):
    """What a stream needs of a stored answer."""

    conversation_id: str | None
    response: str
    credits_spent: int


async def run(request: web.Request) -> web.StreamResponse:
    """POST /playground/run, whole or streamed."""
    body = await read_body(request, Run, RUN_BODY)
    key = read_idempotency_key(request)
    if not request.app[SETTINGS].ai_evaluation_enabled:
        raise Refusal(RUNS_DISABLED)
    streams = body.stream or accepts(request, "text/event-stream")
    started = asyncio.get_running_loop().time()
    hold = await db.call(
        request.app[POOL],
        "reserve_run",
        user_id=request[USER_ID],
        package=body.package_id,
        package_version=body.package_version,
        user_input=body.user_input,
        model=body.model,
        session_id=body.conversation_id,
        use_no_prompt=body.use_no_prompt,
        custom_prompt=body.custom_prompt,
        temperature=body.temperature,
        api_key_hash=request.get(API_KEY_HASH),
        idempotency_key=key,
    )
    if hold.replay_status is not None:
        return await _replay(request, hold, streams)
    story = Story(request, body, hold, started)
    with request.app[BACKGROUND].run():
        return await (_run_streamed(request, story) if streams else _run_whole(story))


class Story:
    """A run that holds credits, from its reservation to the one settle or release that ends it."""

    def __init__(self, request: web.Request, body: Run, hold: Any, started: float) -> None:
        self._app = request.app
        self._clock = asyncio.get_running_loop().time
        self._request_id = request[REQUEST_ID]
        self._user_id = request[USER_ID]
        self._user_input = body.user_input
        self._model_started = self._clock()
        # Counted from before the reservation was sent, so never later than the database counts.
        deadline = started + hold.deadline_ms / 1000
        self._settle_until = deadline + SETTLE_SECONDS
        self.hold = hold
        self.is_closed = False
        self.is_asked = False
        self.model_request = RunRequest(
            provider_model=hold.provider_model,
            prompt=hold.prompt,
            history=_history.decode(hold.history) if hold.history else [],
            user_input=body.user_input,
            max_output_tokens=hold.max_output_tokens,
            temperature=body.temperature,
            deadline=deadline,
        )

    async def find_provider(self) -> Provider:
        """The hold's provider. Raises Refusal 503, all given back, when this gateway has no access to it."""
        try:
            return self._app[PROVIDERS].get(self.hold.provider)
        except ProviderFailure as failure:
            raise await self.release(failure) from None

    @property
    def heartbeat_seconds(self) -> float:
        return self._app[SETTINGS].heartbeat_seconds

    @property
    def slowest_client_until(self) -> float:
        return self.model_request.deadline + SLOW_CLIENT_SECONDS

    def note_asked(self) -> None:
        """From here on the model may have seen the request."""
        self.is_asked = True
        self._model_started = self._clock()

    def note_first_byte(self) -> None:
        FIRST_BYTE_SECONDS.labels(self.hold.provider).observe(self._clock() - self._model_started)

    async def settle(self, answer: Answer) -> tuple[int, bytes]:
        """Charge a complete answer. Its status and body. Raises Refusal 503 when the database stays away."""
        return await self._settle(
            "completed",
            answer.text,
            answer.usage,
            answer.provider_model_answered,
            answer.stop_reason,
            answer.simulated,
        )

    async def settle_delivered(self, text: str, stream: ModelStream) -> None:
        """Charge what a client was sent before it went away."""
        try:
            await self._settle(
                "client_gone", text, stream.usage, stream.provider_model_answered, None, stream.simulated
            )
        except Refusal as refusal:
            log.error("settling failed", id=self._request_id, hold=self.hold.hold_id, error=refusal.kind.error)

    async def release(self, failure: ProviderFailure) -> Refusal:
        """Give everything back after a provider's failure. The refusal to answer with."""
        await self._release(
            failure.outcome, failure.text, failure.usage, failure.provider_model_answered, failure.simulated
        )
        kind = PROVIDER_ERROR if failure.status_hint == "provider_error" else PROVIDER_UNAVAILABLE
        details: dict[str, Any] = {"outcome": failure.outcome}
        if failure.retry_after is not None:
            details["retryAfter"] = max(1, -int(-failure.retry_after // 1))
        if failure.text:
            details["incomplete"] = True
        log.warning(
            "provider failed",
            id=self._request_id,
            provider=self.hold.provider,
            outcome=failure.outcome,
            upstream_status=failure.upstream_status,
        )
        return Refusal(kind, details=details)

    async def abandon(self) -> None:
        """Give everything back when this side fails: a bug, or a shutdown that could wait no longer."""
        if not self.is_closed:
            await self._release("provider_broke" if self.is_asked else "not_called", "", Usage(), None, False)

    async def _settle(
        self, outcome: str, text: str, usage: Usage, model: str | None, stop_reason: str | None, simulated: bool
    ) -> tuple[int, bytes]:
        arguments = self._arguments(outcome, text, usage, model, simulated, stop_reason)
        row = await self._app[BACKGROUND].see_through(
            db.call(self._app[POOL], "settle_run", until=self._settle_until, **arguments)
        )
        return row.status, row.body.encode()

    async def _release(self, outcome: str, text: str, usage: Usage, model: str | None, simulated: bool) -> None:
        arguments = self._arguments(outcome, text, usage, model, simulated, None)
        try:
            await self._app[BACKGROUND].see_through(
                db.call(self._app[POOL], "release_run", until=self._settle_until, **arguments)
            )
        except Refusal as refusal:
            # The hold ends by itself; nothing was charged and nothing will be.
            log.error("releasing failed", id=self._request_id, hold=self.hold.hold_id, error=refusal.kind.error)

    def _arguments(
        self, outcome: str, text: str, usage: Usage, model: str | None, simulated: bool, stop_reason: str | None
    ) -> dict[str, Any]:
        self.is_closed = True
        seconds = self._clock() - self._model_started
        RUNS.labels(self.hold.model, outcome).inc()
        PROVIDER_SECONDS.labels(self.hold.provider).observe(seconds)
        return {
            "user_id": self._user_id,
            "hold_id": self.hold.hold_id,
            "outcome": outcome,
            "user_input": self._user_input,
            # A model may say what a database cannot store; JSON could not carry it either.
            "answer": text.replace("\x00", "\ufffd"),
            "input_tokens": usage.input_tokens,
            "output_tokens": usage.output_tokens,
            "cache_read_tokens": usage.cache_read_tokens,
            "cache_write_tokens": usage.cache_write_tokens,
            "answered_model": model,
            "stop_reason": stop_reason,
            "duration_ms": round(seconds * 1000),
            "is_simulated": simulated,
            "account_id": self.hold.account_id,
        }


async def _run_whole(story: Story) -> web.Response:
    """A plain answer. A caller who leaves does not end it: it is charged and kept in the session."""
    try:
        provider = await story.find_provider()
        story.note_asked()
        answer = await provider.complete(story.model_request)
        status, body = await story.settle(answer)
    except ProviderFailure as failure:
        raise await story.release(failure) from None
    finally:
        await story.abandon()
    return web.Response(status=status, body=body, content_type="application/json")


async def _run_streamed(request: web.Request, story: Story) -> web.StreamResponse:
    """Deltas as they come, then `done` once they are settled, or `error`."""
    try:
        provider = await story.find_provider()
        async with EventStream(request, story.heartbeat_seconds) as events:
            try:
                await _stream(events, story, provider)
            except ProviderFailure as failure:
                await events.send_error(await story.release(failure))
            except Refusal as refusal:
                await events.send_error(refusal)
            except ConnectionError:
                # Nobody is left to tell; what there was to settle has been settled.
                log.info("client gone", id=request[REQUEST_ID])
            except Exception as error:  # noqa: BLE001 - headers are sent, so a bug must end as an event
                log.error("unexpected error", id=request[REQUEST_ID], **where(error))
                await events.send_error(Refusal(INTERNAL_ERROR))
            return await events.finish()
    finally:
        await story.abandon()


async def _stream(events: EventStream, story: Story, provider: Provider) -> None:
    delivered: list[str] = []
    answer: Answer | None = None
    stream = provider.stream(story.model_request)
    try:
        with events.cancelled_when_client_goes():
            async with asyncio.timeout_at(story.slowest_client_until), aclosing(stream):
                await events.send(
                    "start", {"conversationId": story.hold.session_id, "maxCredits": story.hold.max_credits}
                )
                story.note_asked()
                async for item in stream:
                    if isinstance(item, Answer):
                        answer = item
                        continue
                    if not delivered:
                        story.note_first_byte()
                    await events.send("delta", {"text": item})
                    delivered.append(item)
    except (ConnectionError, TimeoutError):
        # A client that takes nothing until the deadline has gone as well. One that had it all pays for all.
        if answer is None:
            if story.is_asked:
                await story.settle_delivered("".join(delivered), stream)
            raise ConnectionResetError("the client has gone") from None
    if answer is None:
        raise RuntimeError("a stream ended without an answer")
    _, body = await story.settle(answer)
    await events.send_json("done", body)


async def _replay(request: web.Request, hold: Any, streams: bool) -> web.StreamResponse:
    """The stored answer of a finished run: byte for byte, or as the three events of a stream."""
    body = hold.replay_body.encode()
    if not streams or hold.replay_status != 200:
        return web.Response(status=hold.replay_status, body=body, content_type="application/json", headers=REPLAYED)
    stored = msgspec.json.decode(body, type=_Replay)
    async with EventStream(request, request.app[SETTINGS].heartbeat_seconds, REPLAYED) as events:
        try:
            await events.send("start", {"conversationId": stored.conversation_id, "maxCredits": stored.credits_spent})
            await events.send("delta", {"text": stored.response})
            await events.send_json("done", body)
        except ConnectionError:
            log.info("client gone", id=request[REQUEST_ID])
        return await events.finish()
