"""OpenAI Chat Completions through the OpenAI SDK."""

from typing import Any, cast

import httpx2
import msgspec
import openai

from gateway.llm import RunRequest, StopReason, Usage, plain_count
from gateway.llm.failures import Malformed, StreamError

__all__ = ["OpenAIWire"]

DEFAULT_BASE_URL = "https://api.openai.com/v1"

STOP_REASONS: dict[str, StopReason] = {
    "stop": "end_turn",
    "length": "max_tokens",
    "content_filter": "content_filter",
}


class _Words(msgspec.Struct):
    """A message, or what a chunk adds to it."""

    content: str | None = None
    refusal: str | None = None


class _Choice(msgspec.Struct):
    message: _Words | None = None
    delta: _Words | None = None
    finish_reason: str | None = None


class _Reply(msgspec.Struct):
    """A plain answer, or one chunk of a stream."""

    choices: list[_Choice] = []
    model: str | None = None
    usage: Any = None
    error: Any = None


_decode = msgspec.json.Decoder(_Reply).decode


class OpenAIReader:
    """Reads one answer, whole or as chunks."""

    def __init__(self) -> None:
        self.model: str | None = None
        self.stop_reason: StopReason | None = None
        self.ended = False
        self._usage: Any = None
        self._refused = False

    @property
    def usage(self) -> Usage:
        """The prompt count includes cached tokens: they are taken out. Writes to the cache cost nothing extra here."""
        if not isinstance(self._usage, dict):
            return Usage()
        prompt_tokens = plain_count(self._usage.get("prompt_tokens"))
        details = self._usage.get("prompt_tokens_details")
        said = details.get("cached_tokens") if isinstance(details, dict) else None
        cached = plain_count(said)
        if said is None and prompt_tokens is not None:
            cached = 0
        input_tokens = None
        if prompt_tokens is not None and cached is not None and cached <= prompt_tokens:
            input_tokens = prompt_tokens - cached
        return Usage(
            input_tokens=input_tokens,
            output_tokens=plain_count(self._usage.get("completion_tokens")),
            cache_read_tokens=cached if input_tokens is not None else None,
            cache_write_tokens=None if input_tokens is None else 0,
        )

    def read_whole(self, body: bytes) -> str:
        reply = _decode(body)
        if not reply.choices or reply.choices[0].message is None:
            raise Malformed("no choices")
        text = self._words(reply.choices[0].message)
        self._note(reply)
        self.stop_reason = self.stop_reason or "other"
        return text

    def read_event(self, data: bytes) -> str:
        if data.startswith(b"[DONE]"):
            self.ended = True
            return ""
        chunk = _decode(data)
        if chunk.error is not None:
            raise StreamError(_status_of(chunk.error))
        text = ""
        if chunk.choices and chunk.choices[0].delta is not None:
            text = self._words(chunk.choices[0].delta)
        self._note(chunk)
        return text

    def _words(self, words: _Words) -> str:
        if words.refusal:
            self._refused = True
        # Postgres text holds no NUL, and no reader misses one.
        return (words.content or words.refusal or "").replace("\0", "")

    def _note(self, reply: _Reply) -> None:
        self.model = reply.model or self.model
        if reply.usage is not None:
            self._usage = reply.usage
        if reply.choices and (reason := reply.choices[0].finish_reason) is not None:
            self.stop_reason = "refusal" if self._refused else STOP_REASONS.get(reason, "other")


def _status_of(error: Any) -> int:
    """What an error inside a stream would have been as a reply; the provider's own fault unless it says otherwise."""
    kind = (error.get("type"), error.get("code")) if isinstance(error, dict) else ()
    if "rate_limit_exceeded" in kind or "insufficient_quota" in kind:
        return 429
    return 400 if "invalid_request_error" in kind else 500


class OpenAIWire:
    """The SDK on the aiohttp transport, without its retries and its time-outs: those are the caller's."""

    name = "openai"

    def __init__(self, *, api_key: str, base_url: str, connect_seconds: float, trust_env: bool) -> None:
        self._client = openai.AsyncOpenAI(
            api_key=api_key,
            base_url=base_url,
            max_retries=0,
            http_client=openai.DefaultAioHttpClient(
                timeout=httpx2.Timeout(None, connect=connect_seconds), follow_redirects=False, trust_env=trust_env
            ),
        )

    async def post(self, request: RunRequest, *, stream: bool) -> httpx2.Response:
        """The raw reply: its body is read by `OpenAIReader`, which trusts no field and costs less.

        By the SDK's own `post`, since `chat.completions.create` spends as long again on walking the body's types.
        """
        messages: list[Any] = [{"role": "system", "content": request.prompt}] if request.prompt else []
        messages += [{"role": message.role, "content": message.content} for message in request.history]
        messages.append({"role": "user", "content": request.user_input})
        body: dict[str, Any] = {
            "model": request.provider_model,
            "max_completion_tokens": request.max_output_tokens,
            "messages": messages,
            "stream": stream,
        }
        if stream:
            body["stream_options"] = {"include_usage": True}
        if request.temperature is not None:
            body["temperature"] = request.temperature
        reply = await self._client.post(
            "/chat/completions",
            body=body,
            cast_to=httpx2.Response,
            stream=stream,
            stream_cls=openai.AsyncStream[Any],
            options={"security": {"bearer_auth": True}},
        )
        # A raw reply stays raw, streamed or not; the SDK's signature cannot say so.
        return cast(httpx2.Response, reply)

    def reader(self) -> OpenAIReader:
        return OpenAIReader()

    async def close(self) -> None:
        await self._client.close()
