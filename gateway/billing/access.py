"""What the endpoints that ask Stripe have in common: Stripe itself, and the one customer of a payer."""

from typing import Any

from aiohttp import web

from gateway import db
from gateway.billing.client import Stripe
from gateway.errors import BILLING_UNAVAILABLE, Refusal
from gateway.keys import POOL, STRIPE, USER_ID


def stripe_of(request: web.Request) -> Stripe:
    """Stripe, if this gateway has a key for it. Raises Refusal 503."""
    stripe = request.app.get(STRIPE)
    if stripe is None:
        raise Refusal(BILLING_UNAVAILABLE, "Payments are not set up here.")
    return stripe


async def find_customer(request: web.Request, stripe: Stripe, row: Any, organization_id: str | None = None) -> str:
    """The Stripe customer of the payer that `row` names: known, or made and recorded now."""
    if row.customer_id is not None:
        return row.customer_id
    # Of an organisation anybody may ask who looks after it, so its customer has no address of theirs: Stripe would take
    # the same key with another address for a mistake.
    email = row.email if organization_id is None else None
    found = await stripe.find_customer(row.account_id) if row.is_customer_old else None
    made = found or await stripe.create_customer(row.account_id, email)
    # Whoever was recorded first counts.
    (customer_id,) = await db.call(
        request.app[POOL],
        "record_customer",
        user_id=request[USER_ID],
        customer_id=made,
        organization_id=organization_id,
    )
    return customer_id
