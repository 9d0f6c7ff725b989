"""One call of a model, whoever the provider: its deadline, its retries, its breaker, its outcome.

Every call has one deadline. A plain call may use all of it, since a provider sends no byte before a plain answer is
whole. A stream must bring its first delta within the first-byte limit, counted from the start over all attempts, and
each further delta within the idle limit; signs of life without text (pings) do not count.
"""

import asyncio
import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import suppress
from itertools import count
from typing import Protocol

import httpx2
import msgspec

from gateway.llm import Answer, ModelStream, Outcome, ProviderFailure, RunRequest, StopReason, Usage
from gateway.llm.breaker import Breaker, Permit
from gateway.llm.failures import UPSTREAM_ERRORS, StreamCut, Trouble, read_trouble
from gateway.llm.sse import EventSplitter

__all__ = ["Caller", "Limits", "Reader", "Wire"]

# The end of a finished stream is waited for this long, so that its connection can be used again.
DRAIN_SECONDS = 0.2
SIMULATED_HEADER = "x-scrip-simulated"


def jittered_backoff(attempt: int) -> float:
    """Seconds before attempt number `attempt` + 1: 0.25, 0.5, 1 … each spread over its upper half."""
    return 0.25 * 2**attempt * _spread(0.5, 1.0)


_spread = secrets.SystemRandom().uniform


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds, and the number of attempts after the first."""

    first_byte_seconds: float = 30.0
    idle_seconds: float = 20.0
    connect_seconds: float = 5.0
    max_retries: int = 2
    backoff: Callable[[int], float] = jittered_backoff


class Reader(Protocol):
    """Reads one answer in a provider's format and keeps what is known of it."""

    model: str | None
    stop_reason: StopReason | None
    ended: bool

    @property
    def usage(self) -> Usage: ...

    def read_whole(self, body: bytes) -> str:
        """The text of a plain answer. Raises one of `UPSTREAM_ERRORS`."""
        ...

    def read_event(self, data: bytes) -> str:
        """The text that an event of a stream adds, often none. Raises one of `UPSTREAM_ERRORS`."""
        ...


class Wire(Protocol):
    """A provider's SDK, reduced to what a call needs."""

    name: str

    async def post(self, request: RunRequest, *, stream: bool) -> httpx2.Response: ...
    def reader(self) -> Reader: ...
    async def close(self) -> None: ...


class _Call:
    """What is known of one call while it lasts."""

    def __init__(self, caller: "Caller", request: RunRequest, *, stream: bool) -> None:
        self._caller = caller
        self._clock = asyncio.get_running_loop().time
        self.request = request
        started = self._clock()
        self.limit = request.deadline
        if stream:
            self.limit = min(self.limit, started + caller.limits.first_byte_seconds)
        # With less time than a provider is normally given, a time-out tells nothing about the provider.
        self._time_out_counts = request.deadline - started >= caller.limits.first_byte_seconds
        self.reader = caller.wire.reader()
        self.parts: list[str] = []
        self.simulated = False
        self.reached = False

    def admit(self) -> Permit:
        if self._clock() >= self.request.deadline:
            raise self.failure("not_called", None)
        permit = self._caller.breaker.admit()
        if permit is None:
            raise ProviderFailure(
                self._caller.name,
                "not_called",
                "provider_unavailable",
                reached=False,
                retry_after=self._caller.breaker.seconds_to_trial(),
            )
        return permit

    def start_attempt(self) -> None:
        self.reader = self._caller.wire.reader()

    def opened(self, response: httpx2.Response) -> None:
        self.reached = True
        self.simulated = response.headers.get(SIMULATED_HEADER) == "true"

    def allow_idle(self) -> None:
        self.limit = min(self.request.deadline, self._clock() + self._caller.limits.idle_seconds)

    def allow_drain(self) -> None:
        self.limit = min(self.request.deadline, self._clock() + DRAIN_SECONDS)

    async def settle_trouble(self, error: BaseException, attempt: int, permit: Permit) -> None:
        """Waits when another attempt is worth it, else raises the failure."""
        trouble = read_trouble(error)
        self.reached = self.reached or trouble.reached
        if not self.parts and trouble.may_pass and attempt < self._caller.limits.max_retries:
            wait = trouble.retry_after
            if wait is None:
                wait = self._caller.limits.backoff(attempt)
            if self._clock() + wait < self.limit:
                await asyncio.sleep(wait)
                return
        if self._counts(trouble):
            permit.failed()
        elif trouble.is_ours:
            permit.succeeded()  # it answered: no trial is lost on a request that it rightly refused
        raise self.failure(self._outcome(trouble), trouble) from None

    def _counts(self, trouble: Trouble) -> bool:
        if trouble.kind != "timed_out":
            return not trouble.is_ours
        cut_short_by_caller = bool(self.parts) and self._clock() >= self.request.deadline
        return self._time_out_counts and not cut_short_by_caller

    def _outcome(self, trouble: Trouble) -> Outcome:
        if self.parts:
            return "provider_broke"
        return "provider_timed_out" if trouble.kind == "timed_out" else "provider_refused"

    def failure(self, outcome: Outcome, trouble: Trouble | None) -> ProviderFailure:
        return ProviderFailure(
            self._caller.name,
            outcome,
            trouble.hint if trouble else "provider_error",
            reached=self.reached,
            text="".join(self.parts),
            usage=self.reader.usage,
            provider_model_answered=self.reader.model,
            retry_after=trouble.retry_after if trouble else None,
            upstream_status=trouble.status if trouble else None,
            simulated=self.simulated,
        )

    def answer(self, permit: Permit) -> Answer:
        permit.succeeded()
        text = "".join(self.parts)
        if not text:
            raise self.failure("provider_empty", None)
        return Answer(
            text=text,
            usage=self.reader.usage,
            stop_reason=self.reader.stop_reason or "other",
            provider_model_answered=self.reader.model,
            simulated=self.simulated,
        )


class _Stream:
    """See `ModelStream`."""

    def __init__(self, caller: "Caller", request: RunRequest) -> None:
        self._call = _Call(caller, request, stream=True)
        self._wire = caller.wire
        self._items = self._run()

    @property
    def text(self) -> str:
        return "".join(self._call.parts)

    @property
    def usage(self) -> Usage:
        return self._call.reader.usage

    @property
    def provider_model_answered(self) -> str | None:
        return self._call.reader.model

    @property
    def simulated(self) -> bool:
        return self._call.simulated

    def __aiter__(self) -> AsyncIterator[str | Answer]:
        return self._items

    async def __anext__(self) -> str | Answer:
        return await anext(self._items)

    async def aclose(self) -> None:
        await self._items.aclose()

    async def _run(self) -> AsyncGenerator[str | Answer, None]:
        call = self._call
        with call.admit() as permit:
            for attempt in count():
                call.start_attempt()
                response: httpx2.Response | None = None
                chunks: AsyncGenerator[bytes, None] | None = None
                try:
                    async with asyncio.timeout_at(call.limit):
                        response = await self._wire.post(call.request, stream=True)
                    call.opened(response)
                    chunks = response.aiter_bytes()
                    events = EventSplitter()
                    while True:
                        # The limit is around the wait only: a caller slow to take a delta is not timed here.
                        async with asyncio.timeout_at(call.limit):
                            chunk = await anext(chunks, None)
                        if chunk is None:
                            break
                        for data in events.feed(chunk):
                            if delta := call.reader.read_event(data):
                                if not call.parts:
                                    permit.succeeded()
                                call.parts.append(delta)
                                yield delta
                                call.allow_idle()
                        if call.reader.ended:
                            call.allow_drain()
                    if call.reader.stop_reason is None:
                        raise StreamCut
                    break
                except UPSTREAM_ERRORS as error:
                    if call.reader.stop_reason is not None:
                        break  # the answer is whole; only its trailer (usage, end mark) is missing
                    await call.settle_trouble(error, attempt, permit)
                finally:
                    await _close(response, chunks)
            yield call.answer(permit)


async def _close(response: httpx2.Response | None, chunks: AsyncGenerator[bytes, None] | None) -> None:
    # A connection not read to its end is closed, which tells the provider to stop; that it may be broken is known.
    with suppress(*UPSTREAM_ERRORS):
        if chunks is not None:
            await chunks.aclose()
        if response is not None:
            await response.aclose()


class Caller:
    """A provider: a wire, a breaker, limits. See `gateway.llm.Provider`."""

    def __init__(self, wire: Wire, *, limits: Limits | None = None, breaker: Breaker | None = None) -> None:
        self.wire = wire
        self.limits = limits or Limits()
        self.breaker = breaker or Breaker()

    @property
    def name(self) -> str:
        return self.wire.name

    async def complete(self, request: RunRequest) -> Answer:
        """The whole answer by one plain call. Raises `ProviderFailure`."""
        call = _Call(self, request, stream=False)
        with call.admit() as permit:
            for attempt in count():
                call.start_attempt()
                try:
                    async with asyncio.timeout_at(call.limit):
                        response = await self.wire.post(request, stream=False)
                    call.opened(response)
                    text = call.reader.read_whole(response.content)
                    break
                except UPSTREAM_ERRORS as error:
                    await call.settle_trouble(error, attempt, permit)
            call.parts.append(text)
            return call.answer(permit)

    def stream(self, request: RunRequest) -> ModelStream:
        """The answer as it comes. Nothing is sent before the first item is awaited."""
        return _Stream(self, request)

    async def close(self) -> None:
        await self.wire.close()
