"""What of organisations is more than one function with a body."""

from aiohttp import web

from gateway import db
from gateway.errors import ORGANIZATION_NOT_FOUND, PERSON_NOT_FOUND
from gateway.keys import POOL, USER_ID
from gateway.reading import read_id, read_no_query


async def remove_member(request: web.Request) -> web.Response:
    """DELETE /organizations/{id}/members/{userId}."""
    read_no_query(request)
    organization_id = read_id(request, ORGANIZATION_NOT_FOUND)
    member_id = read_id(request, PERSON_NOT_FOUND, "userId")
    await db.call(
        request.app[POOL],
        "remove_member",
        user_id=request[USER_ID],
        organization_id=organization_id,
        member_id=member_id,
    )
    return web.Response(status=204)
