"""What went wrong upstream, read from the errors of SDKs and transport, and what follows from it."""

import math
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Literal

import aiohttp
import anthropic
import httpx2
import msgspec
import openai

from gateway.llm import StatusHint
from gateway.llm.sse import EventTooLarge

__all__ = ["UPSTREAM_ERRORS", "Malformed", "StreamCut", "StreamError", "Trouble", "read_trouble", "seconds_to_wait"]

# Timed out, cut or garbled, from whichever layer noticed first: anthropic lets raw transport errors through
# mid-stream, openai wraps them, and a time limit of our own is a plain TimeoutError.
UPSTREAM_ERRORS = (
    anthropic.AnthropicError,
    openai.OpenAIError,
    httpx2.HTTPError,
    httpx2.StreamError,
    aiohttp.ClientError,
    msgspec.MsgspecError,
    EventTooLarge,
    OSError,
)


class Malformed(msgspec.MsgspecError):
    """The provider's words parse, but are not an answer."""


class StreamCut(httpx2.RemoteProtocolError):
    """A stream ended in good order without having said that it is complete."""

    def __init__(self) -> None:
        super().__init__("stream ended early")


class StreamError(httpx2.HTTPError):
    """A provider reported an error as an event of a stream; `status` is what it would have been as a reply."""

    def __init__(self, status: int) -> None:
        super().__init__(f"error event {status}")
        self.status = status


class Trouble(msgspec.Struct, frozen=True):
    """One failed attempt. `reached`: the provider may have seen the request. `retry_after` in seconds."""

    kind: Literal["status", "connection", "timed_out", "malformed"]
    reached: bool = True
    status: int | None = None
    retry_after: float | None = None

    @property
    def may_pass(self) -> bool:
        """Whether another attempt may go better."""
        if self.status is not None:
            return self.status in (408, 429) or self.status >= 500
        return self.kind == "connection"

    @property
    def is_ours(self) -> bool:
        """Whether the request was at fault, not the provider's health."""
        return self.status is not None and not self.may_pass

    @property
    def hint(self) -> StatusHint:
        return "provider_unavailable" if self.may_pass else "provider_error"


def read_trouble(error: BaseException) -> Trouble:
    """Sort one of `UPSTREAM_ERRORS`."""
    if isinstance(error, anthropic.APIStatusError | openai.APIStatusError):
        return Trouble("status", status=error.status_code, retry_after=seconds_to_wait(error.response.headers))
    if isinstance(error, StreamError):
        return Trouble("status", status=error.status)
    if isinstance(error, msgspec.MsgspecError | EventTooLarge | httpx2.DecodingError | UnicodeError):
        return Trouble("malformed")
    return _read_transport(_causes(error))


def _read_transport(causes: list[BaseException]) -> Trouble:
    if any(isinstance(cause, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError) for cause in causes):
        return Trouble("connection", reached=False)
    # The first layer to notice knows best: openai's transport calls every lost connection a connect time-out.
    for cause in reversed(causes):
        match cause:
            case TimeoutError() | httpx2.TimeoutException():
                return Trouble("timed_out")
            case aiohttp.ClientResponseError():
                return Trouble("malformed")
            case aiohttp.ClientError():
                return Trouble("connection")
            case _:
                continue
    return Trouble("connection")


def _causes(error: BaseException) -> list[BaseException]:
    causes: list[BaseException] = []
    cause: BaseException | None = error
    while cause is not None and cause not in causes:
        causes.append(cause)
        cause = cause.__cause__
    return causes


def seconds_to_wait(headers: Mapping[str, str]) -> float | None:
    """What `retry-after-ms` or `Retry-After` (seconds or a date) asks for; None when absent or nonsense."""
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    value = headers.get("retry-after")
    seconds = _number(value)
    if seconds is not None or value is None:
        return seconds
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except ValueError:
        return None


def _number(value: str | None) -> float | None:
    try:
        number = float(value or "")
    except ValueError:
        return None
    return number if math.isfinite(number) and number >= 0 else None
