"""Model providers behind one small interface: a request in, text and reported usage out.

Nothing here counts credits or money, reads settings or touches the database. A provider either answers or raises
`ProviderFailure`, which says what happened in the words of the outcome table and never repeats the provider's own text.
"""

from collections.abc import AsyncIterator
from typing import Any, Literal, Protocol

import msgspec

__all__ = [
    "Answer",
    "Message",
    "ModelStream",
    "Outcome",
    "Provider",
    "ProviderFailure",
    "RunRequest",
    "StatusHint",
    "StopReason",
    "Usage",
    "plain_count",
]

Outcome = Literal["provider_refused", "provider_timed_out", "provider_empty", "provider_broke", "not_called"]
StatusHint = Literal["provider_error", "provider_unavailable"]
StopReason = Literal["end_turn", "max_tokens", "refusal", "stop_sequence", "content_filter", "other"]

# Whole numbers above this are not safe in JSON; no real answer comes near it.
LARGEST_COUNT = 2**53


class Message(msgspec.Struct, frozen=True):
    """One message of a conversation; `content` is never empty."""

    role: Literal["user", "assistant"]
    content: str


class RunRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What a model is asked. `deadline` is an instant of the event loop's clock (`loop.time()`), in seconds."""

    provider_model: str
    user_input: str
    max_output_tokens: int
    deadline: float
    prompt: str | None = None
    history: list[Message] = []
    temperature: float | None = None


class Usage(msgspec.Struct, frozen=True):
    """Tokens as the provider reported them, cached ones apart: `input_tokens` never includes the cache.

    None means that nothing usable was reported (absent, null, negative, fractional, a string, above 2**53); zero is a
    report of zero. Where a provider gives a sound input count and says nothing of a cache, the cache counts are 0.
    """

    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """A complete answer; `text` is never empty. `provider_model_answered` is the name the provider gave, if any."""

    text: str
    usage: Usage
    stop_reason: StopReason
    provider_model_answered: str | None
    simulated: bool


class ProviderFailure(Exception):
    """No complete answer. Its text names provider, outcome and status only, so that it may be logged.

    outcome      what to record; `provider_broke` is the only one with `text` (what had arrived)
    status_hint  `provider_error` (502) or `provider_unavailable` (503)
    reached      whether the provider may have seen the request, and so may bill it
    retry_after  seconds until another try makes sense, where known
    """

    def __init__(
        self,
        provider: str,
        outcome: Outcome,
        status_hint: StatusHint,
        *,
        reached: bool,
        text: str = "",
        usage: Usage | None = None,
        provider_model_answered: str | None = None,
        retry_after: float | None = None,
        upstream_status: int | None = None,
        simulated: bool = False,
    ) -> None:
        super().__init__(f"{provider}: {outcome}" + (f" (status {upstream_status})" if upstream_status else ""))
        self.provider = provider
        self.outcome: Outcome = outcome
        self.status_hint: StatusHint = status_hint
        self.reached = reached
        self.text = text
        self.usage = usage or Usage()
        self.provider_model_answered = provider_model_answered
        self.retry_after = retry_after
        self.upstream_status = upstream_status
        self.simulated = simulated


class ModelStream(Protocol):
    """Text deltas, then one `Answer` as the last item; raises `ProviderFailure`.

    `text`, `usage`, `provider_model_answered` and `simulated` tell at any time what is known so far, which is what a
    caller settles with when its own client goes away. Whoever stops before the end calls `aclose()`.
    """

    @property
    def text(self) -> str: ...
    @property
    def usage(self) -> Usage: ...
    @property
    def provider_model_answered(self) -> str | None: ...
    @property
    def simulated(self) -> bool: ...
    def __aiter__(self) -> AsyncIterator[str | Answer]: ...
    async def __anext__(self) -> str | Answer: ...
    async def aclose(self) -> None: ...


class Provider(Protocol):
    """One provider of one process: its connections, its breaker."""

    @property
    def name(self) -> str: ...

    async def complete(self, request: RunRequest) -> Answer:
        """The whole answer by one plain call. Raises `ProviderFailure`."""
        ...

    def stream(self, request: RunRequest) -> ModelStream:
        """The answer as it comes. Nothing is sent before the first item is awaited."""
        ...

    async def close(self) -> None: ...


def plain_count(value: Any) -> int | None:
    """`value` when it is a whole number from 0 to 2**53, else None. A bool is no number here."""
    return value if type(value) is int and 0 <= value <= LARGEST_COUNT else None
