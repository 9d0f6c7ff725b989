"""Credits from a code, and credits handed on to somebody else."""

from aiohttp import web

from gateway import db
from gateway.address import client_address
from gateway.keys import BACKGROUND, BEARER, BILLING_NUDGE, GIFT_STEPS, POOL, USER_ID
from gateway.reading import read_body, read_idempotency_key, read_no_query
from gateway.routes import SMALL_BODY
from gateway.rpc import answer_kept
from gateway.schemas import Gift, Redeem


async def redeem(request: web.Request) -> web.Response:
    """POST /playground/credits/redeem."""
    read_no_query(request)
    body = await read_body(request, Redeem, SMALL_BODY)
    row = await db.call(
        request.app[POOL],
        "redeem_code",
        user_id=request[USER_ID],
        code=body.code,
        address=client_address(request),
        token=request[BEARER],
        idempotency_key=read_idempotency_key(request),
    )
    return answer_kept(row, is_replay=row.is_replay)


async def send_gift(request: web.Request) -> web.Response:
    """POST /playground/credits/gift. They leave at once and arrive in a step of their own, begun right after."""
    read_no_query(request)
    body = await read_body(request, Gift, SMALL_BODY)
    row = await db.call(
        request.app[POOL],
        "send_gift",
        user_id=request[USER_ID],
        to_email=body.to_email,
        credits=body.credits,
        message=body.message,
        idempotency_key=read_idempotency_key(request),
    )
    move_on(request.app)
    return answer_kept(row, is_replay=row.is_replay)


def move_on(app: web.Application) -> None:
    """After what may have left something to do: gifts to move, messages to send, tasks at Stripe."""
    app[GIFT_STEPS].nudge(app[POOL], app[BACKGROUND])
    app[BILLING_NUDGE].set()
