"""Buying a pack: our row → Stripe's payment → the answer, kept. What is cut short, the next try goes on with."""

from typing import Any

import msgspec
from aiohttp import web

from gateway import db
from gateway.billing.access import find_customer, stripe_of
from gateway.billing.client import CheckoutSession, Line, PaymentIntent, Stripe
from gateway.billing.redirects import check_redirects
from gateway.errors import invalid
from gateway.keys import BACKGROUND, POOL, SETTINGS, USER_ID
from gateway.reading import read_body, read_idempotency_key, read_no_query
from gateway.routes import SMALL_BODY
from gateway.rpc import answer_kept
from gateway.schemas import NewPurchase


async def purchase(request: web.Request) -> web.Response:
    """POST /playground/credits/purchase. Credits come when Stripe says that it was paid."""
    read_no_query(request)
    body = await read_body(request, NewPurchase, SMALL_BODY)
    key = read_idempotency_key(request)
    _check_addresses(request, body)
    stripe = stripe_of(request)
    # Once begun it is brought to its end, so that the next try finds the answer.
    return await request.app[BACKGROUND].see_through(_buy(request, stripe, body, key))


def _check_addresses(request: web.Request, body: NewPurchase) -> None:
    if body.success_url is None and body.cancel_url is not None:
        raise invalid(successUrl="is required with cancelUrl")
    if body.cancel_url is None and body.success_url is not None:
        raise invalid(cancelUrl="is required with successUrl")
    check_redirects(
        request.app[SETTINGS].redirect_origins, {"successUrl": body.success_url, "cancelUrl": body.cancel_url}
    )


async def _buy(request: web.Request, stripe: Stripe, body: NewPurchase, key: str | None) -> web.Response:
    pool = request.app[POOL]
    row = await db.call(
        pool,
        "start_purchase",
        user_id=request[USER_ID],
        pack=body.package,
        success_url=body.success_url,
        cancel_url=body.cancel_url,
        idempotency_key=key,
    )
    if row.body is not None:
        return answer_kept(row, is_replay=True)
    customer_id = await find_customer(request, stripe, row)
    payment = await _payment(stripe, row, customer_id)
    page = await _page(stripe, row, customer_id, body)
    kept = await db.call(
        pool,
        "record_purchase",
        user_id=request[USER_ID],
        purchase_id=row.purchase_id,
        payment_intent_id=payment.id,
        body=_answer(request, row, payment, page),
        checkout_session_id=page.id if page else None,
        checkout_url=page.url if page else None,
        checkout_expires_at=page.expires_at if page else None,
    )
    return answer_kept(kept, is_replay=False)


async def _payment(stripe: Stripe, row: Any, customer_id: str) -> PaymentIntent:
    if row.payment_intent_id is not None:
        return await stripe.retrieve_payment_intent(row.payment_intent_id)
    found = await stripe.find_payment_intent(row.purchase_id) if row.is_old else None
    return found or await stripe.create_payment_intent(
        purchase_id=row.purchase_id,
        customer_id=customer_id,
        amount_cents=row.price_cents,
        currency=row.currency,
        description=_describe(row),
        metadata=_marks(row),
    )


async def _page(stripe: Stripe, row: Any, customer_id: str, body: NewPurchase) -> CheckoutSession | None:
    if body.success_url is None or body.cancel_url is None:
        return None
    return await stripe.create_checkout(
        checkout_id=row.checkout_id,
        customer_id=customer_id,
        line=Line(_describe(row), row.stripe_price_id, row.price_cents, row.currency),
        success_url=body.success_url,
        cancel_url=body.cancel_url,
        metadata=_marks(row) | {"checkout_id": row.checkout_id},
        is_subscription=False,
        description=_describe(row),
    )


def _describe(row: Any) -> str:
    return f"{row.pack_name}: {row.credits} credits"


def _marks(row: Any) -> dict[str, str]:
    return {"purchase_id": row.purchase_id, "account_id": row.account_id}


def _answer(request: web.Request, row: Any, payment: PaymentIntent, page: CheckoutSession | None) -> str:
    answer = {
        "clientSecret": payment.client_secret,
        "publishableKey": request.app[SETTINGS].stripe_publishable_key,
        "credits": row.credits,
        "price": row.price_cents,
        "currency": row.currency,
        "purchaseId": row.purchase_id,
    }
    return msgspec.json.encode(answer | ({"checkoutUrl": page.url} if page else {})).decode()
