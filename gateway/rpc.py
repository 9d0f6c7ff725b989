"""Endpoints that are one function of the database: what comes in becomes arguments, what comes out is the body."""

from typing import Any

import msgspec
from aiohttp import web

from gateway import db
from gateway.errors import NOT_FOUND, Kind
from gateway.keys import BEARER, POOL, REQUEST_ID, ROUTE, USER_ID
from gateway.reading import read_amount, read_body, read_id, read_name, read_no_query, read_query
from gateway.routes import Handler

REPLAYED = {"Idempotent-Replayed": "true"}
# Where the HTTP contract's word differs from the database's.
ARGUMENT_NAMES = {
    "package_id": "package",
    "conversation_id": "session_id",
    "user_id": "person_id",
    "acknowledged": "is_acknowledged",
    "dry_run": "is_dry_run",
}


def rpc(
    function: str,
    *,
    named: str | None = None,
    path: str = "id",
    for_user: bool = True,
    with_token: bool = False,
    missing: Kind = NOT_FOUND,
) -> Handler:
    """A handler that calls `api.<function>` and sends the JSON it returns; 204 where the route promises no body.

    named       the argument that takes the path's `{id}`; one that ends in `_id` must be a UUID, else it is `missing`
    path        what `{id}` is called in this path
    for_user    whether the function is told whom it acts for
    with_token  whether it is also handed the caller's own token, to look at it itself, and the request's id
    """

    async def handler(request: web.Request) -> web.Response:
        route = request[ROUTE]
        arguments: dict[str, Any] = {"user_id": request.get(USER_ID)} if for_user else {}
        if with_token:
            arguments |= {"token": request[BEARER], "request_id": request[REQUEST_ID]}
        if named is not None:
            read = read_id if named.endswith("_id") else read_name
            arguments[named] = read(request, missing, path)
        if route.query is None:
            read_no_query(request)
        else:
            arguments |= _arguments(read_query(request, route.query))
        if route.body is not None:
            arguments |= _arguments(await read_body(request, route.body, route.max_body))
        if route.status == 204:
            await db.call(request.app[POOL], function, **arguments)
            return web.Response(status=204)
        body = await db.document(request.app[POOL], function, **arguments)
        return web.Response(status=route.status, body=body, content_type="application/json")

    return handler


def answer_kept(row: Any, *, is_replay: bool) -> web.Response:
    """The status and body that the database keeps for an Idempotency-Key, byte for byte."""
    return web.Response(
        status=row.status,
        body=row.body.encode(),
        content_type="application/json",
        headers=REPLAYED if is_replay else None,
    )


def _arguments(fields: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for field in msgspec.structs.fields(fields):
        value = getattr(fields, field.name)
        # Amounts stay as they were written, to be read exactly.
        if isinstance(value, msgspec.Raw):
            value = read_amount(field.encode_name, value)
        found[ARGUMENT_NAMES.get(field.name, field.name)] = value
    return found
