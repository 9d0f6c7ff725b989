"""How many requests somebody may send: counted in the database, once for all gateways, before a request does anything.

Runs are not counted here: `reserve_run` does that, in the round trip that it makes anyway.
"""

from aiohttp import web

from gateway import db
from gateway.address import client_address
from gateway.errors import RATE_LIMITED, Refusal
from gateway.keys import POOL, RATE_LIMIT, ROUTE, USER_ID

NAMES: tuple[str, ...] = ("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset")


async def count(request: web.Request) -> None:
    """Count the request for whom its route's class counts, and note what is left. Raises Refusal 429, or 503."""
    route = request.get(ROUTE)
    if route is None or route.limited is None:
        return
    user_id = request.get(USER_ID)
    # What is open to all is read by address; somebody known is no crowd.
    if user_id is not None and route.method == "GET":
        return
    address = client_address(request)
    if user_id is None and address is None:
        return
    counted = {"user_id": user_id, "class": route.limited, "address": address}
    try:
        row = await db.call(request.app[POOL], "count_request", **counted)
    except Refusal as refusal:
        if refusal.kind is RATE_LIMITED:
            _note(request, refusal.details["limit"], 0, refusal.details["retryAfter"])
        raise
    if row.requests is not None:
        _note(request, row.requests, row.remaining, row.reset_seconds)


def _note(request: web.Request, *values: int) -> None:
    request[RATE_LIMIT] = dict(zip(NAMES, map(str, values), strict=True))
