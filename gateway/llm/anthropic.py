"""Anthropic Messages through the Anthropic SDK."""

from typing import Any

import anthropic
import httpx2
import msgspec

from gateway.llm import RunRequest, StopReason, Usage, plain_count
from gateway.llm.failures import Malformed, StreamError

__all__ = ["AnthropicWire"]

DEFAULT_BASE_URL = "https://api.anthropic.com"

STOP_REASONS: dict[str, StopReason] = {
    "end_turn": "end_turn",
    "max_tokens": "max_tokens",
    "model_context_window_exceeded": "max_tokens",
    "stop_sequence": "stop_sequence",
    "refusal": "refusal",
}

# What an error event of a stream would have been as a reply. Types that are missing here are the provider's own fault.
ERROR_STATUSES = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "api_error": 500,
    "timeout_error": 504,
    "overloaded_error": 529,
}


class _Block(msgspec.Struct):
    type: str
    text: str = ""


class _Whole(msgspec.Struct):
    content: list[_Block]
    model: str | None = None
    stop_reason: str | None = None
    usage: Any = None


class _Start(msgspec.Struct):
    model: str | None = None
    usage: Any = None


class _Delta(msgspec.Struct):
    text: str = ""
    stop_reason: str | None = None


class _Error(msgspec.Struct):
    type: str = ""


class _Event(msgspec.Struct):
    type: str
    message: _Start | None = None
    delta: _Delta | None = None
    usage: Any = None
    error: _Error | None = None


_decode_whole = msgspec.json.Decoder(_Whole).decode
_decode_event = msgspec.json.Decoder(_Event).decode


class AnthropicReader:
    """Reads one answer, whole or as events."""

    def __init__(self) -> None:
        self.model: str | None = None
        self.stop_reason: StopReason | None = None
        self.ended = False
        self._counts: dict[str, Any] = {}

    @property
    def usage(self) -> Usage:
        """Input counts exclude the cache already. A cache not mentioned beside a sound input count was not used."""
        counts = self._counts
        input_tokens = plain_count(counts.get("input_tokens"))
        unmentioned = None if input_tokens is None else 0
        return Usage(
            input_tokens=input_tokens,
            output_tokens=plain_count(counts.get("output_tokens")),
            cache_read_tokens=_count_or(unmentioned, counts.get("cache_read_input_tokens")),
            cache_write_tokens=_count_or(unmentioned, counts.get("cache_creation_input_tokens")),
        )

    def read_whole(self, body: bytes) -> str:
        whole = _decode_whole(body)
        self.model = whole.model
        self.stop_reason = _stop_reason(whole.stop_reason)
        self._note_usage(whole.usage)
        return "".join(block.text for block in whole.content if block.type == "text").replace("\0", "")

    def read_event(self, data: bytes) -> str:
        event = _decode_event(data)
        match event.type:
            case "content_block_delta" if event.delta is not None:
                # Postgres text holds no NUL, and no reader misses one.
                return event.delta.text.replace("\0", "")
            case "message_start" if event.message is not None:
                self.model = event.message.model
                self._note_usage(event.message.usage)
                # The output count of the start is a placeholder of what was not written yet.
                self._counts.pop("output_tokens", None)
            case "message_delta":
                if event.delta is not None and event.delta.stop_reason is not None:
                    self.stop_reason = _stop_reason(event.delta.stop_reason)
                self._note_usage(event.usage)
            case "message_stop":
                self.ended = True
            case "error":
                raise StreamError(ERROR_STATUSES.get(event.error.type if event.error else "", 500))
            case "content_block_delta" | "message_start":
                raise Malformed(f"{event.type} without its body")
        return ""

    def _note_usage(self, usage: Any) -> None:
        # Figures of a stream are cumulative: the last one said of each kind holds, none are added up.
        if isinstance(usage, dict):
            self._counts.update({kind: count for kind, count in usage.items() if count is not None})


def _count_or(unmentioned: int | None, count: Any) -> int | None:
    return unmentioned if count is None else plain_count(count)


def _stop_reason(reason: str | None) -> StopReason:
    return STOP_REASONS.get(reason or "", "other")


class AnthropicWire:
    """The SDK on the aiohttp transport, without its retries, its time-outs and its tracing: those are the caller's."""

    name = "anthropic"

    def __init__(self, *, api_key: str, base_url: str, connect_seconds: float, trust_env: bool) -> None:
        self._client = anthropic.AsyncAnthropic(
            api_key=api_key,
            base_url=base_url,
            max_retries=0,
            open_telemetry=False,
            http_client=anthropic.DefaultAioHttpClient(
                timeout=httpx2.Timeout(None, connect=connect_seconds), follow_redirects=False, trust_env=trust_env
            ),
        )
        self._create = self._client.messages.with_raw_response.create

    async def post(self, request: RunRequest, *, stream: bool) -> httpx2.Response:
        """The raw reply: its body is read by `AnthropicReader`, which trusts no field and costs less."""
        messages: list[Any] = [{"role": message.role, "content": message.content} for message in request.history]
        messages.append({"role": "user", "content": request.user_input})
        options: dict[str, Any] = {}
        if request.prompt:
            # The package prompt is the same for many runs: the provider may keep it.
            options["system"] = [{"type": "text", "text": request.prompt, "cache_control": {"type": "ephemeral"}}]
        if request.temperature is not None:
            options["extra_body"] = {"temperature": request.temperature}
        reply = await self._create(
            model=request.provider_model,
            max_tokens=request.max_output_tokens,
            messages=messages,
            stream=stream,
            **options,
        )
        return reply.http_response

    def reader(self) -> AnthropicReader:
        return AnthropicReader()

    async def close(self) -> None:
        await self._client.close()
