"""The two protocols: what a request must be, and the bytes of every kind of reply."""

from typing import Any, Literal

import msgspec

from gateway.llm.simulator.answers import tokens_in
from gateway.llm.simulator.behaviour import BadUsage

__all__ = ["Ask", "Counts", "Refused", "Reply", "error_body", "read_anthropic", "read_openai"]

_json = msgspec.json.encode


class Refused(Exception):
    """A request that the real API would refuse."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Counts(msgspec.Struct, frozen=True):
    """Tokens, cached ones apart."""

    fresh: int
    read: int
    written: int
    output: int


class Ask(msgspec.Struct):
    """A request of either protocol, reduced to what an answer depends on."""

    model: str
    prompt: str
    history: int
    history_tokens: int
    user_input: str
    max_tokens: int
    stream: bool
    wants_usage: bool
    caches_prompt: bool
    messages: list[dict[str, str]]


class Reply(msgspec.Struct):
    """An answer to be put on the wire. `usage` overrides the true counts by nonsense."""

    number: int
    model: str
    text: str
    stop: Literal["end", "length", "refusal"]
    counts: Counts
    usage: BadUsage | None = None


class _Text(msgspec.Struct):
    type: Literal["text"]
    text: str
    cache_control: dict[str, Any] | None = None


class _Message(msgspec.Struct):
    role: str
    content: str | list[_Text]

    def text(self) -> str:
        return _joined(self.content)


class _AnthropicRequest(msgspec.Struct, forbid_unknown_fields=True):
    model: str
    max_tokens: int
    messages: list[_Message]
    system: str | list[_Text] = ""
    stream: bool = False
    temperature: float | None = None
    top_p: msgspec.Raw | None = None
    top_k: msgspec.Raw | None = None
    metadata: msgspec.Raw | None = None
    stop_sequences: msgspec.Raw | None = None
    service_tier: msgspec.Raw | None = None
    thinking: msgspec.Raw | None = None


class _StreamOptions(msgspec.Struct):
    include_usage: bool = False


class _OpenAIRequest(msgspec.Struct, forbid_unknown_fields=True):
    model: str
    messages: list[_Message]
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    stream: bool | None = None
    stream_options: _StreamOptions | None = None
    temperature: float | None = None
    top_p: msgspec.Raw | None = None
    n: int | None = None
    stop: msgspec.Raw | None = None
    seed: msgspec.Raw | None = None
    user: msgspec.Raw | None = None
    metadata: msgspec.Raw | None = None
    store: msgspec.Raw | None = None
    service_tier: msgspec.Raw | None = None


_decode_anthropic = msgspec.json.Decoder(_AnthropicRequest).decode
_decode_openai = msgspec.json.Decoder(_OpenAIRequest).decode


def _joined(content: str | list[_Text]) -> str:
    return content if isinstance(content, str) else "".join(part.text for part in content)


def _check_temperature(temperature: float | None, most: float) -> None:
    if temperature is not None and not 0 <= temperature <= most:
        raise Refused(400, f"temperature: range: 0..{most:g}")


def read_anthropic(body: bytes) -> Ask:
    """Raises `Refused` for what the Messages API refuses."""
    try:
        asked = _decode_anthropic(body)
    except msgspec.DecodeError as error:
        raise Refused(400, str(error)) from None
    if not asked.model.startswith("claude"):
        raise Refused(404, f"model: {asked.model}")
    if asked.max_tokens < 1:
        raise Refused(400, "max_tokens: must be greater than or equal to 1")
    _check_temperature(asked.temperature, 1)
    if not asked.messages:
        raise Refused(400, "messages: at least one message is required")
    if asked.messages[0].role != "user" or asked.messages[-1].role != "user":
        raise Refused(400, "messages: the first and the last message must use the user role")
    for message in asked.messages:
        if message.role not in ("user", "assistant"):
            raise Refused(400, f"messages: unexpected role {message.role!r}")
        if not message.text().strip():
            raise Refused(400, "messages: text content blocks must be non-empty")
    prompt = _joined(asked.system)
    if isinstance(asked.system, list) and not all(part.text for part in asked.system):
        raise Refused(400, "system: text content blocks must be non-empty")
    marked = isinstance(asked.system, list) and any(part.cache_control for part in asked.system)
    return _ask(asked.model, prompt, asked.messages, asked.max_tokens, asked.stream, True, marked)


def read_openai(body: bytes) -> Ask:
    """Raises `Refused` for what Chat Completions refuses."""
    try:
        asked = _decode_openai(body)
    except msgspec.DecodeError as error:
        raise Refused(400, str(error)) from None
    if not asked.model.startswith(("gpt", "o1", "o3", "o4", "chatgpt")):
        raise Refused(404, f"The model `{asked.model}` does not exist or you do not have access to it.")
    if asked.max_tokens is not None and asked.max_completion_tokens is not None:
        raise Refused(400, "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.")
    limit = asked.max_completion_tokens if asked.max_tokens is None else asked.max_tokens
    if limit is not None and limit < 1:
        raise Refused(400, "Invalid 'max_completion_tokens': integer below minimum value.")
    _check_temperature(asked.temperature, 2)
    if asked.stream_options is not None and not asked.stream:
        raise Refused(400, "The 'stream_options' parameter is only allowed when 'stream' is enabled.")
    if asked.n not in (None, 1):
        raise Refused(400, "Only one choice is simulated.")
    if not asked.messages:
        raise Refused(400, "Invalid 'messages': empty array.")
    for message in asked.messages:
        if message.role not in ("system", "developer", "user", "assistant"):
            raise Refused(400, f"Invalid value: {message.role!r}.")
    prompt = ""
    rest = asked.messages
    if rest[0].role in ("system", "developer"):
        prompt, rest = rest[0].text(), rest[1:]
    if not rest:
        raise Refused(400, "Invalid 'messages': nothing to answer.")
    wants_usage = asked.stream_options is not None and asked.stream_options.include_usage
    return _ask(asked.model, prompt, rest, limit or 4096, bool(asked.stream), wants_usage, True)


def _ask(
    model: str, prompt: str, messages: list[_Message], limit: int, stream: bool, wants_usage: bool, caches: bool
) -> Ask:
    texts = [{"role": message.role, "content": message.text()} for message in messages]
    return Ask(
        model=model,
        prompt=prompt,
        history=len(texts) - 1,
        history_tokens=sum(tokens_in(text["content"]) for text in texts[:-1]),
        user_input=texts[-1]["content"],
        max_tokens=limit,
        stream=stream,
        wants_usage=wants_usage,
        caches_prompt=caches,
        messages=texts,
    )


ANTHROPIC_ERRORS = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    529: "overloaded_error",
}
OPENAI_ERRORS = {
    400: ("invalid_request_error", None),
    401: ("invalid_request_error", "invalid_api_key"),
    403: ("invalid_request_error", "unsupported_country_region_territory"),
    404: ("invalid_request_error", "model_not_found"),
    429: ("requests", "rate_limit_exceeded"),
}


def error_body(provider: str, status: int, message: str, kind: str | None = None) -> bytes:
    """An error in the provider's shape; the same shape is the data of an error event."""
    if provider == "anthropic":
        kind = kind or ANTHROPIC_ERRORS.get(status, "api_error")
        return _json({"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_simulated"})
    standard, code = OPENAI_ERRORS.get(status, ("server_error", None))
    return _json({"error": {"message": message, "type": kind or standard, "param": None, "code": code}})
