"""What is told about the service itself: alive, ready, counted, described."""

import hmac
from ipaddress import ip_address

import msgspec
from aiohttp import web

from gateway import db, metrics
from gateway.errors import FORBIDDEN, UNAVAILABLE, Refusal
from gateway.keys import CODE_VERSION, DOCUMENTS, POOL, SETTINGS
from gateway.tokens import issue_access_token

OLDEST_HEARTBEAT_SECONDS = 150
# Verified every 5 minutes: a check that does not end any more is no good news.
OLDEST_VERIFICATION_SECONDS = 1800
NOBODY = "00000000-0000-0000-0000-000000000000"
ALIVE = b'{"status":"ok"}'
# The page's one style sheet is inside it, and it runs nothing.
DOCS_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"


class Health(msgspec.Struct, rename="camel"):
    """What the database says of itself."""

    code_version: str | None
    heartbeat_age_seconds: float | None
    ledger_verified_age_seconds: float | None
    ledger_violations: int | None
    scheduler: bool
    tokens: bool | None = None


async def healthz(_: web.Request) -> web.Response:
    """200 while the process lives."""
    return web.Response(body=ALIVE, content_type="application/json")


async def readyz(request: web.Request) -> web.Response:
    """Whether runs would work: database, its code, its scheduler, its ledger."""
    try:
        # A token of nobody's, to see that the database takes what this gateway signs.
        token = issue_access_token(request.app[SETTINGS], NOBODY)
        health = msgspec.json.decode(await db.document(request.app[POOL], "get_health", token=token), type=Health)
    except Refusal:
        return _readiness({"database": False})
    return _readiness(
        {
            "database": True,
            "tokens": health.tokens is not False,
            "codeVersion": health.code_version == request.app[CODE_VERSION],
            # Without a scheduler everything works, only later, so its absence is no fault.
            "heartbeat": not health.scheduler or (health.heartbeat_age_seconds or 0) < OLDEST_HEARTBEAT_SECONDS,
            "ledger": not health.ledger_violations
            and (not health.scheduler or (health.ledger_verified_age_seconds or 0) < OLDEST_VERIFICATION_SECONDS),
        }
    )


def _readiness(checks: dict[str, bool]) -> web.Response:
    ready = all(checks.values())
    body = msgspec.json.encode({"ready": ready, "checks": checks})
    return web.Response(status=200 if ready else 503, body=body, content_type="application/json")


async def show_metrics(request: web.Request) -> web.Response:
    """Prometheus text, for peers on this machine or holders of the metrics token."""
    if not (_is_beside_us(request) or _has_metrics_token(request)):
        raise Refusal(FORBIDDEN)
    try:
        counted = await db.document(request.app[POOL], "get_metrics")
    except Refusal as refusal:
        if refusal.kind is not UNAVAILABLE:
            raise
        counted = None
    body = metrics.exposition() + metrics.database_exposition(counted)
    return web.Response(body=body, headers={"Content-Type": metrics.CONTENT_TYPE})


def _is_beside_us(request: web.Request) -> bool:
    # Behind a proxy on this machine everyone comes from here; a proxy says that it is one.
    if "X-Forwarded-For" in request.headers or "Forwarded" in request.headers or "Via" in request.headers:
        return False
    try:
        return ip_address(request.remote or "").is_loopback
    except ValueError:
        return False


def _has_metrics_token(request: web.Request) -> bool:
    token = request.app[SETTINGS].metrics_token
    given = request.headers.get("Authorization", "").encode("utf-8", "surrogateescape")
    return token is not None and hmac.compare_digest(given, f"Bearer {token}".encode())


async def show_openapi(request: web.Request) -> web.Response:
    """The contract, for programs."""
    return web.Response(body=request.app[DOCUMENTS]["openapi"], content_type="application/json")


async def show_docs(request: web.Request) -> web.Response:
    """The contract, for people."""
    return web.Response(
        body=request.app[DOCUMENTS]["docs"],
        headers={"Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": DOCS_POLICY},
    )
