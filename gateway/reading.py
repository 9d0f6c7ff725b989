"""Reading what callers send: a body, a query, a header, an id. Whatever is wrong with it ends as a 4xx."""

import asyncio
import functools
import re
from decimal import Decimal
from typing import Any, TypeVar
from uuid import UUID

import msgspec
from aiohttp import web
from aiohttp.web_protocol import PayloadAccessError, RequestPayloadError

from gateway.complaints import complaints, first_complaint
from gateway.errors import (
    MALFORMED_JSON,
    MALFORMED_REQUEST,
    NOT_FOUND,
    PAYLOAD_TOO_LARGE,
    REQUEST_TIMEOUT,
    UNSUPPORTED_MEDIA_TYPE,
    VALIDATION_FAILED,
    Kind,
    Refusal,
    invalid,
)
from gateway.keys import SETTINGS

T = TypeVar("T")

IDEMPOTENCY_KEY = "Idempotency-Key"
_PRINTABLE = re.compile(r"[\x20-\x7e]{1,255}")
_NUMBER = re.compile(rb"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,2})?")
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


async def read_body(request: web.Request, kind: type[T], max_bytes: int) -> T:
    """The body as `kind`. Raises Refusal 400, 408, 413, 415 or 422."""
    if request.content_type != "application/json" or "Content-Encoding" in request.headers:
        raise Refusal(UNSUPPORTED_MEDIA_TYPE)
    octets = await read_octets(request, max_bytes)
    try:
        body = msgspec.json.decode(octets, type=kind)
    except msgspec.ValidationError as error:
        raise _wrong_body(octets, kind, str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        # Half a surrogate pair ends here too: no UTF-8 could carry it on.
        raise Refusal(MALFORMED_JSON) from None
    # JSON can hide a NUL behind an escape only, so most bodies need no second look.
    if rb"\u0000" in octets:
        _refuse_unstorable(msgspec.json.decode(msgspec.json.encode(body)))
    return body


async def read_octets(request: web.Request, max_bytes: int) -> bytes:
    """The body as it came. Raises Refusal 400, 408 or 413."""
    if request.content_length is not None and request.content_length > max_bytes:
        raise Refusal(PAYLOAD_TOO_LARGE, details={"maxBytes": max_bytes})
    content = request.content
    octets = bytearray()
    try:
        async with asyncio.timeout(request.app[SETTINGS].body_seconds):
            while not content.at_eof():
                octets += await content.readany()
                if len(octets) > max_bytes:
                    raise Refusal(PAYLOAD_TOO_LARGE, details={"maxBytes": max_bytes})
    except TimeoutError:
        raise Refusal(REQUEST_TIMEOUT) from None
    except (RequestPayloadError, PayloadAccessError):
        raise Refusal(MALFORMED_REQUEST) from None
    return bytes(octets)


def read_query(request: web.Request, kind: type[T]) -> T:
    """The query as `kind`. Raises Refusal 422."""
    query = request.query
    if len(query) != len(set(query)):
        raise _wrong({name: "given more than once" for name in set(query) if len(query.getall(name)) > 1})
    values = dict(query)
    _refuse_unstorable(values)
    try:
        return msgspec.convert(values, kind, strict=False)
    except msgspec.ValidationError:
        one = functools.partial(msgspec.convert, strict=False)
        raise _wrong(complaints(kind, values, one, "unknown parameter")) from None


def read_no_query(request: web.Request) -> None:
    """Raises Refusal 422 for a parameter, where none is known."""
    if request.query_string:
        raise _wrong(dict.fromkeys(request.query, "unknown parameter"))


def read_id(request: web.Request, missing: Kind = NOT_FOUND, name: str = "id") -> str:
    """The id in the path. What is no UUID cannot exist: it is refused like an unknown one."""
    try:
        return str(UUID(request.match_info[name]))
    except ValueError:
        raise Refusal(missing) from None


def read_name(request: web.Request, missing: Kind = NOT_FOUND, name: str = "id") -> str:
    """The name in the path. What cannot be stored cannot exist."""
    text = request.match_info[name]
    if is_unstorable(text):
        raise Refusal(missing)
    return text


def read_idempotency_key(request: web.Request) -> str | None:
    """The Idempotency-Key header, if any. Raises Refusal 422 when it is not 1 to 255 printable ASCII characters."""
    values = request.headers.getall(IDEMPOTENCY_KEY, None)
    if values is None:
        return None
    if len(values) != 1 or not _PRINTABLE.fullmatch(values[0]):
        raise invalid(**{IDEMPOTENCY_KEY: "must be given once, with 1 to 255 printable ASCII characters"})
    return values[0]


def read_amount(name: str, raw: msgspec.Raw, what: str = "an amount in US dollars") -> Decimal | None:
    """The JSON number of a field as it was written, or None for null. Raises Refusal 422 for what is not `what`."""
    text = bytes(raw)
    if text == b"null":
        return None
    # What is longer is no amount, and too long for the database.
    if len(text) > 40 or not _NUMBER.fullmatch(text):
        raise invalid(**{name: f"must be {what}, or null"})
    return Decimal(text.decode())


def accepts(request: web.Request, media: str) -> bool:
    """Whether the Accept header names that media type."""
    return any(media in value for value in request.headers.getall("Accept", ()))


def _wrong_body(octets: bytes, kind: type[Any], sentence: str) -> Refusal:
    """What a body is refused with that is JSON, but not `kind`."""
    try:
        given = msgspec.json.decode(octets, type=dict[str, msgspec.Raw])
    except msgspec.ValidationError:
        return invalid(body="must be an object")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        # The first look ended at that field; what follows is broken, or nested too deep.
        return _wrong(first_complaint(kind, sentence))
    return _wrong(complaints(kind, given, lambda value, type_: msgspec.json.decode(value, type=type_), "unknown field"))


def _wrong(fields: dict[str, str]) -> Refusal:
    return Refusal(VALIDATION_FAILED, details={"fields": {_clean(name): reason for name, reason in fields.items()}})


def _refuse_unstorable(values: dict[str, Any]) -> None:
    wrong = {name: "holds a character that cannot be stored" for name, value in values.items() if is_unstorable(value)}
    wrong |= {name: "unknown parameter" for name in values if is_unstorable(name)}
    if wrong:
        raise _wrong(wrong)


def is_unstorable(value: Any) -> bool:
    """Whether it is a text that the database could not take: with a NUL, or half a surrogate pair."""
    return isinstance(value, str) and _UNSTORABLE.search(value) is not None


def _clean(name: str) -> str:
    return _UNSTORABLE.sub("?", name)[:100]
