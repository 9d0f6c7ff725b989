"""The OpenAPI 3.1 document, made from the route table and the types that validate requests."""

import re
from collections.abc import Iterable
from typing import Any

import msgspec

from gateway import errors
from gateway.errors import DETAILS, Kind
from gateway.limits import NAMES
from gateway.routes import Access, Route

VERSION = "0.1.0"
REF = "#/components/schemas/{name}"
DETAIL_SCHEMAS: dict[str, dict[str, Any]] = {
    "integer": {"type": "integer"},
    "number": {"type": ["number", "null"]},
    "string": {"type": "string"},
    "instant": {"type": ["string", "null"], "format": "date-time"},
    "boolean": {"type": "boolean"},
    "fields": {"type": "object", "additionalProperties": {"type": "string"}},
}
EVENTS = (
    "Events `start` {conversationId, maxCredits}, `delta` {text}, `done` (the JSON answer), `error` (an error body; "
    "`incomplete` when some text had come), and a comment line after each 15 s of silence."
)
REPEATS = "A repeat with the same key and fields{but} within 24 h gets the first answer, and nothing happens twice."
IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]([ -~]*[!-~])?$"},
}
IDEMPOTENT_REPLAYED = {
    "description": "`true` on an answer that was given before; otherwise absent.",
    "schema": {"const": "true"},
}
RETRY_AFTER = {"description": "Seconds to wait.", "schema": {"type": "string"}}
# Absent where nobody is known to count the request for.
RATE_LIMIT = {
    name: {"description": description, "schema": {"type": "string", "pattern": "^[0-9]+$"}}
    for name, description in zip(
        NAMES,
        (
            "Requests that the tightest limit of this class of calls, the caller's or the address's, lets in at once.",
            "How many of them are left.",
            "Seconds until all of them are there again; on a `rate_limited` answer, until the next one is.",
        ),
        strict=True,
    )
}
WWW_AUTHENTICATE = {"description": "What to call with: `Bearer`.", "schema": {"const": "Bearer"}}
SIGNED_BODY = "Taken as it comes, whatever its media type; the signature is over its bytes."


def describe(routes: Iterable[Route]) -> dict[str, Any]:
    """The document as plain values."""
    routes = tuple(routes)
    schemas = _schemas(routes)
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.shown_path, {})[route.method.lower()] = _operation(route, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Scrip",
            "version": VERSION,
            "description": "Try prompt packages against real models and pay with credits. "
            "Errors are `{error, message, …details}`; unknown request fields are refused; "
            "every answer carries `X-Request-Id`.",
        },
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "user": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "An access token (15 minutes) or a personal API key.",
                },
                "cron": {"type": "http", "scheme": "bearer", "description": "The operator's cron token."},
            },
        },
    }


def _schemas(routes: tuple[Route, ...]) -> dict[str, Any]:
    types = {route.body for route in routes} | {route.query for route in routes} | {route.answer for route in routes}
    _, schemas = msgspec.json.schema_components(
        sorted((kind for kind in types if kind is not None), key=str), ref_template=REF
    )
    return schemas


def _operation(route: Route, schemas: dict[str, Any]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": route.operation_id,
        "summary": route.summary,
        "tags": [_tag(route)],
        "parameters": _parameters(route, schemas),
        "responses": _responses(route),
        "security": _security(route),
    }
    if route.body is not None:
        operation["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": _reference(route.body)}},
        }
    if route.signature is not None:
        operation["requestBody"] = {
            "required": True,
            "description": SIGNED_BODY,
            "content": {"application/json": {"schema": {"type": "object"}}},
        }
    return operation


def _tag(route: Route) -> str:
    first, *_ = route.path.removeprefix("/api/v1").strip("/").split("/")
    if first == "admin":
        return "admin"
    if "credits" in route.path:
        return "credits"
    if {"pricing", "subscribe", "subscription"} & set(route.path.split("/")) and first == "playground":
        return "plans"
    return first if first in {"auth", "packages", "playground", "organizations"} else "service"


def _security(route: Route) -> list[dict[str, list[str]]]:
    return {
        Access.OPEN: [],
        Access.OPTIONAL: [{}, {"user": []}],
        Access.CRON: [{"cron": []}],
    }.get(route.access, [{"user": []}])


def _reference(kind: Any) -> dict[str, Any]:
    (schema,), _ = msgspec.json.schema_components([kind], ref_template=REF)
    return schema


def _parameters(route: Route, schemas: dict[str, Any]) -> list[dict[str, Any]]:
    parameters: list[dict[str, Any]] = []
    for name in re.findall(r"\{(\w+)\}", route.shown_path):
        is_uuid = f"{{{name}}}" in route.path
        schema: dict[str, Any] = {"type": "string", "format": "uuid"} if is_uuid else {"type": "string"}
        parameters.append({"name": name, "in": "path", "required": True, "schema": schema | {"minLength": 1}})
    if route.query is not None:
        fields = schemas[route.query.__name__]["properties"]
        parameters += [
            {"name": name, "in": "query", "required": False, "schema": _without_null(schema)}
            for name, schema in fields.items()
        ]
    if route.is_idempotent:
        is_streamed = "stream" in schemas[route.body.__name__]["properties"] if route.body is not None else False
        description = REPEATS.format(but=" (`stream` may differ)" if is_streamed else "")
        parameters.append(IDEMPOTENCY_KEY | {"description": description})
    if route.signature is not None:
        parameters.append({"name": route.signature, "in": "header", "schema": {"type": "string"}})
    return parameters


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """A parameter is left out, never null."""
    choices = [choice for choice in schema.get("anyOf", ()) if choice != {"type": "null"}]
    if "anyOf" in schema:
        return choices[0] if len(choices) == 1 else {"anyOf": choices}
    if isinstance(schema.get("enum"), list):
        return {"enum": [value for value in schema["enum"] if value is not None], "type": "string"}
    return {name: value for name, value in schema.items() if name != "default" or value is not None}


def _responses(route: Route) -> dict[str, Any]:
    responses: dict[str, Any] = {str(route.status): _success(route)}
    by_status: dict[int, list[Kind]] = {}
    for kind in sorted(refusals_of(route), key=lambda kind: (kind.status, kind.error)):
        by_status.setdefault(kind.status, []).append(kind)
    for status, kinds in by_status.items():
        schema: dict[str, Any] = (
            {"anyOf": [_error_schema(kind) for kind in kinds]} if kinds[1:] else _error_schema(kinds[0])
        )
        responses[str(status)] = {
            "description": " or ".join(f"`{kind.error}`" for kind in kinds),
            "content": {"application/json": {"schema": schema}},
        }
        headers = {"WWW-Authenticate": WWW_AUTHENTICATE} if status == 401 else {}
        if any("retryAfter" in DETAILS.get(kind, {}) for kind in kinds):
            headers["Retry-After"] = RETRY_AFTER
        if headers:
            responses[str(status)]["headers"] = headers
    for status, answer in route.other_answers.items():
        responses[str(status)] = {
            "description": answer.__doc__ or "",
            "content": {"application/json": {"schema": _reference(answer)}},
        }
    if route.limited is not None:
        for response in responses.values():
            response["headers"] = response.get("headers", {}) | RATE_LIMIT
    return responses


def _success(route: Route) -> dict[str, Any]:
    if route.status == 204:
        return {"description": "Done."}
    content: dict[str, Any] = {}
    if route.answer is not None:
        content["application/json"] = {"schema": _reference(route.answer)}
    for media in route.other_media:
        # Of events the description tells: readers disagree whether a schema would be of each or of all of them.
        schema = {"schema": {"type": "object" if media == "application/json" else "string"}}
        content[media] = {} if media == "text/event-stream" else schema
    description = EVENTS if "text/event-stream" in route.other_media else "The answer."
    headers = {"headers": {"Idempotent-Replayed": IDEMPOTENT_REPLAYED}} if route.is_idempotent else {}
    return {"description": description, **headers, "content": content}


def refusals_of(route: Route) -> set[Kind]:
    """All errors that a route may answer with, from what it reads and who may call it."""
    kinds = {errors.MALFORMED_REQUEST, errors.INTERNAL_ERROR, *route.refuses}
    if route.reads_database:
        kinds |= {errors.UNAVAILABLE}
    if route.access is not Access.OPEN:
        kinds |= {errors.UNAUTHORIZED}
    if route.limited is not None:
        kinds |= {errors.RATE_LIMITED}
    if route.access is Access.CRON:
        kinds |= {errors.NOT_FOUND}
    if route.reads_database or route.query is not None:
        kinds |= {errors.VALIDATION_FAILED}
    if route.body is not None or route.signature is not None:
        kinds |= {errors.REQUEST_TIMEOUT, errors.PAYLOAD_TOO_LARGE}
    if route.body is not None:
        kinds |= {errors.MALFORMED_JSON, errors.UNSUPPORTED_MEDIA_TYPE, errors.VALIDATION_FAILED}
    return kinds


def _error_schema(kind: Kind) -> dict[str, Any]:
    details = {name: DETAIL_SCHEMAS[detail] for name, detail in DETAILS.get(kind, {}).items()}
    return {
        "type": "object",
        "required": ["error", "message"],
        "properties": {"error": {"const": kind.error}, "message": {"type": "string"}, **details},
    }
