"""Stripe's events: bytes and signature go to the database as they came, which alone decides whether to believe them."""

from aiohttp import web

from gateway import db
from gateway.billing.gifts import move_on
from gateway.keys import POOL
from gateway.reading import is_unstorable, read_octets
from gateway.routes import Handler

SIGNATURE = "Stripe-Signature"
LARGEST_EVENT = 1024 * 1024


def receive() -> Handler:
    """POST /webhooks/stripe/credits. Once for each event, however often it comes."""

    async def handler(request: web.Request) -> web.Response:
        payload = await read_octets(request, LARGEST_EVENT)
        signatures = request.headers.getall(SIGNATURE, ())
        # Two of them, or one that is no text, sign nothing.
        signature = signatures[0] if len(signatures) == 1 and not is_unstorable(signatures[0]) else ""
        body = await db.document(request.app[POOL], "record_stripe_event", payload=payload, signature=signature)
        move_on(request.app)
        return web.Response(body=body, content_type="application/json")

    return handler
