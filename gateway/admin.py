"""What of the admins' endpoints is more than one function with a body."""

from decimal import Decimal
from typing import Any

import msgspec
from aiohttp import web

from gateway import db
from gateway.errors import PERSON_NOT_FOUND
from gateway.keys import BEARER, POOL, REQUEST_ID, USER_ID
from gateway.reading import read_amount, read_body, read_id, read_idempotency_key, read_no_query
from gateway.routes import SMALL_BODY
from gateway.rpc import answer_kept
from gateway.schemas import GrantCredits, Reprice

_exact = msgspec.json.Encoder(decimal_format="number")


async def grant_credits(request: web.Request) -> web.Response:
    """POST /admin/cost-analytics/users/{id}/credits."""
    person_id = read_id(request, PERSON_NOT_FOUND)
    read_no_query(request)
    body = await read_body(request, GrantCredits, SMALL_BODY)
    row = await db.call(
        request.app[POOL],
        "grant_user_credits",
        user_id=request[USER_ID],
        token=request[BEARER],
        request_id=request[REQUEST_ID],
        person_id=person_id,
        credits=body.credits,
        reason=body.reason,
        type=body.type,
        idempotency_key=read_idempotency_key(request),
    )
    return answer_kept(row, is_replay=row.is_replay)


async def reprice(request: web.Request) -> web.Response:
    """POST /admin/cost-analytics/reprice. Changes nothing; its numbers reach the database as they were written."""
    read_no_query(request)
    body = await read_body(request, Reprice, SMALL_BODY)
    answer = await db.document(
        request.app[POOL],
        "reprice",
        user_id=request[USER_ID],
        token=request[BEARER],
        request_id=request[REQUEST_ID],
        multipliers=_exact.encode(_amounts("multipliers", body.multipliers, "a number")).decode(),
        prices=_exact.encode({model: _amounts("prices", _fields(new)) for model, new in body.prices.items()}).decode(),
        **{"from": body.since, "to": body.until},
    )
    return web.Response(body=answer, content_type="application/json")


def _fields(new: msgspec.Struct) -> dict[str, msgspec.Raw]:
    return {field.encode_name: getattr(new, field.name) for field in msgspec.structs.fields(new)}


def _amounts(name: str, raw: dict[str, Any], what: str = "an amount in US dollars") -> dict[str, Decimal]:
    """Those that are given; what is null stays as it is."""
    read = {key: read_amount(name, value, what) for key, value in raw.items()}
    return {key: value for key, value in read.items() if value is not None}
