"""What surrounds every handler, outermost first: request id, log and metrics; refusals as JSON; who calls; how often.

Security headers, CORS and the request id are put on as an answer is prepared, the one place that streams pass as well.
"""

import os
import re
import time
from typing import Any

import structlog
from aiohttp import web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.web_protocol import RequestHandler

from gateway import limits
from gateway.auth import identify
from gateway.errors import (
    INTERNAL_ERROR,
    MALFORMED_REQUEST,
    METHOD_NOT_ALLOWED,
    NOT_FOUND,
    PAYLOAD_TOO_LARGE,
    Kind,
    Refusal,
)
from gateway.keys import RATE_LIMIT, REQUEST_ID, ROUTE, ROUTE_OF, SETTINGS, USER_ID
from gateway.logs import where
from gateway.metrics import RequestMeter, count_refusal
from gateway.routes import Access, Handler

log = structlog.get_logger()
meter = RequestMeter()

NOWHERE = "(none)"
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
SECURITY_HEADERS = {
    "Server": "scrip",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}
# Set only where a handler has not said something more fitting.
DEFAULT_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
}
CORS_HEADERS = {
    "Access-Control-Expose-Headers": ", ".join(("X-Request-Id", "Retry-After", "Idempotent-Replayed", *limits.NAMES)),
    "Vary": "Origin",
}
PREFLIGHT_HEADERS = {
    "Access-Control-Allow-Headers": "Authorization, Content-Type, Idempotency-Key, X-Request-Id",
    "Access-Control-Max-Age": "600",
}
HTTP_KINDS: dict[int, Kind] = {404: NOT_FOUND, 405: METHOD_NOT_ALLOWED, 413: PAYLOAD_TOO_LARGE}
SHORTEST_DRAIN_SECONDS = 0.01
_SANE_ID = re.compile(r"[A-Za-z0-9._:-]{1,100}")


@web.middleware
async def observe(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Give the request its id; when it is answered, count it and write one line about it."""
    started = time.perf_counter()
    given = request.headers.get("X-Request-Id")
    request_id = given if given is not None and _SANE_ID.fullmatch(given) else os.urandom(8).hex()
    request[REQUEST_ID] = request_id
    route = request.app[ROUTE_OF].get(request.match_info.handler)
    pattern = NOWHERE
    if route is not None:
        request[ROUTE] = route
        pattern = route.shown_path
    status = 499  # nobody left to answer
    try:
        response = await handler(request)
        status = response.status
    finally:
        seconds = time.perf_counter() - started
        method = request.method if request.method in METHODS else "OTHER"
        meter.count(method, pattern, status, seconds)
        log.info(
            "request",
            id=request_id,
            method=method,
            route=pattern,
            status=status,
            ms=round(seconds * 1000, 2),
            user=request.get(USER_ID),
        )
    return response


@web.middleware
async def refuse(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn whatever ends a request into the one shape of error; keep back everything it must not tell."""
    try:
        return await handler(request)
    except Refusal as refusal:
        count_refusal(refusal.kind.error, refusal.details)
        return answer_refusal(refusal)
    except web.HTTPMethodNotAllowed as error:
        allow = ", ".join(sorted({*error.allowed_methods, "OPTIONS"}))
        if request.method == "OPTIONS":
            return _preflight(request, allow)
        return answer_refusal(Refusal(METHOD_NOT_ALLOWED), {"Allow": allow})
    except web.HTTPException as error:
        return answer_refusal(Refusal(HTTP_KINDS.get(error.status, MALFORMED_REQUEST)))
    except ConnectionError:
        raise
    except Exception as error:
        # The last line: a bug becomes a 500 that says nothing.
        log.error("unexpected error", id=request.get(REQUEST_ID), **where(error))
        if request.writer.output_size > 0:
            raise ConnectionResetError("the answer had begun") from error
        return answer_refusal(Refusal(INTERNAL_ERROR))


@web.middleware
async def authenticate(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Learn who is calling, unless the route is open."""
    route = request.get(ROUTE)
    if route is not None and route.access is not Access.OPEN:
        await identify(request, route.access)
    return await handler(request)


@web.middleware
async def limit(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Count the request, whatever comes of it, before its body is read."""
    await limits.count(request)
    return await handler(request)


MIDDLEWARES = (observe, refuse, authenticate, limit)


async def put_headers_on(request: web.Request, response: web.StreamResponse) -> None:
    """For `on_response_prepare`: what every answer carries."""
    headers = response.headers
    headers.update(SECURITY_HEADERS)
    for name, value in DEFAULT_HEADERS.items():
        headers.setdefault(name, value)
    headers["X-Request-Id"] = request[REQUEST_ID]
    headers.update(request.get(RATE_LIMIT, {}))
    origin = request.headers.get("Origin")
    if origin is not None and origin in request.app[SETTINGS].cors_origins:
        headers.update(CORS_HEADERS)
        headers["Access-Control-Allow-Origin"] = origin


def answer_refusal(refusal: Refusal, headers: dict[str, str] | None = None) -> web.Response:
    """The error body as an answer."""
    return web.Response(
        status=refusal.kind.status,
        body=refusal.encode(),
        content_type="application/json",
        headers=refusal.headers | (headers or {}),
    )


def _preflight(request: web.Request, allow: str) -> web.Response:
    headers = {"Allow": allow}
    if request.headers.get("Origin") in request.app[SETTINGS].cors_origins:
        headers |= PREFLIGHT_HEADERS | {"Access-Control-Allow-Methods": allow}
    return web.Response(status=204, headers=headers)


class Connection(RequestHandler):
    """One client's connection. Tells a stream at once when its client has gone, and answers broken HTTP in JSON."""

    __slots__ = ("on_lost",)

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.on_lost: Any = None

    def connection_lost(self, exc: BaseException | None) -> None:
        super().connection_lost(exc)
        if self.on_lost is not None:
            self.on_lost()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """An error that no handler saw: the parser's, mostly. The connection is closed after it."""
        writer: AbstractStreamWriter = request.writer
        if writer.output_size > 0:
            raise ConnectionResetError("the answer had begun") from exc
        refusal = Refusal(MALFORMED_REQUEST if status < 500 else INTERNAL_ERROR)
        request_id = os.urandom(8).hex()
        if status >= 500 and exc is not None:
            log.error("unexpected error", id=request_id, **where(exc))
        else:
            log.info("request", id=request_id, method="OTHER", route=NOWHERE, status=refusal.kind.status)
        meter.count("OTHER", NOWHERE, refusal.kind.status, 0.0)
        response = answer_refusal(refusal, SECURITY_HEADERS | DEFAULT_HEADERS | {"X-Request-Id": request_id})
        response.force_close()
        return response


class Server(web.Server):
    """aiohttp's server with connections of our kind."""

    def __init__(self, plain: web.Server, **options: Any) -> None:
        super().__init__(plain.request_handler, request_factory=plain.request_factory)
        self._options = options

    def __call__(self) -> RequestHandler:
        return Connection(self, loop=self._loop, **self._options)


class Runner(web.AppRunner):
    """Runs an application on our server."""

    def __init__(self, app: web.Application, *, drain_seconds: float) -> None:
        # aiohttp waits up to this long twice: for handlers to end by themselves, then for them to end when told.
        # It takes 0 for no limit at all.
        super().__init__(app, shutdown_timeout=max(drain_seconds / 2, SHORTEST_DRAIN_SECONDS), access_log=None)

    async def _make_server(self) -> web.Server:
        settings = self.app[SETTINGS]
        return Server(
            await super()._make_server(),
            # Also what a client may take over its headers: the clock runs from the end of the last answer.
            keepalive_timeout=settings.keepalive_seconds,
            lingering_time=settings.body_seconds,
            max_line_size=8190,
            max_field_size=8190,
            max_headers=100,
            access_log=None,
            auto_decompress=False,
        )
