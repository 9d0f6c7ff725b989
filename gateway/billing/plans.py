"""Plans of people and organisations: sold, ended and resumed at Stripe; its events change our side.

Each handler serves people and organisations alike: an `{id}` in the path is the organisation that pays.
"""

from collections.abc import Mapping

import msgspec
from aiohttp import web

from gateway import db
from gateway.billing.access import find_customer, stripe_of
from gateway.billing.client import Line, Stripe
from gateway.billing.redirects import check_redirects
from gateway.errors import NO_SUBSCRIPTION, ORGANIZATION_NOT_FOUND, Refusal
from gateway.keys import BACKGROUND, POOL, SETTINGS, USER_ID
from gateway.reading import read_body, read_id, read_no_query
from gateway.routes import SMALL_BODY, Handler
from gateway.schemas import Portal, Subscribe


def subscribe() -> Handler:
    """POST …/subscribe. A page of Stripe's that sells the payer their plan at their price."""

    async def handler(request: web.Request) -> web.Response:
        organization_id = _read_payer(request)
        body = await read_body(request, Subscribe, SMALL_BODY)
        check_redirects(
            request.app[SETTINGS].redirect_origins, {"successUrl": body.success_url, "cancelUrl": body.cancel_url}
        )
        stripe = stripe_of(request)
        url = await request.app[BACKGROUND].see_through(_sell(request, stripe, body, organization_id))
        return _answer({"checkoutUrl": url})

    return handler


async def _sell(request: web.Request, stripe: Stripe, body: Subscribe, organization_id: str | None) -> str:
    pool = request.app[POOL]
    row = await db.call(
        pool,
        "start_checkout",
        user_id=request[USER_ID],
        success_url=body.success_url,
        cancel_url=body.cancel_url,
        organization_id=organization_id,
    )
    if row.url is not None:
        return row.url
    customer_id = await find_customer(request, stripe, row, organization_id)
    page = await stripe.find_checkout(row.checkout_id, customer_id) if row.is_old else None
    if page is None:
        marks = {"account_id": row.account_id, "checkout_id": row.checkout_id, "plan_price": row.plan_price}
        page = await stripe.create_checkout(
            checkout_id=row.checkout_id,
            customer_id=customer_id,
            line=Line(row.plan_price, row.stripe_price_id),
            success_url=body.success_url,
            cancel_url=body.cancel_url,
            metadata=marks | ({"organization_id": organization_id} if organization_id else {}),
            is_subscription=True,
        )
    (url,) = await db.call(
        pool,
        "record_checkout",
        user_id=request[USER_ID],
        checkout_id=row.checkout_id,
        checkout_session_id=page.id,
        url=page.url,
        expires_at=page.expires_at,
        organization_id=organization_id,
    )
    return url


def set_cancelling(is_cancelling: bool) -> Handler:
    """POST …/cancel or …/resume: whether the payer's plan ends with its period."""

    async def handler(request: web.Request) -> web.Response:
        organization_id = _read_payer(request)
        stripe = stripe_of(request)
        who = {"user_id": request[USER_ID], "organization_id": organization_id}
        row = await db.call(request.app[POOL], "find_subscription", **who)
        if row.stripe_subscription_id is None:
            raise Refusal(NO_SUBSCRIPTION)
        cancels = await stripe.set_cancelling(row.stripe_subscription_id, is_cancelling)
        if cancels is None:
            # The news of its end is on its way.
            raise Refusal(NO_SUBSCRIPTION)
        shown = await db.document(request.app[POOL], "get_subscription", **who)
        # Ours follows with Stripe's event; the person is told what Stripe has just said.
        return _answer(msgspec.json.decode(shown, type=dict[str, msgspec.Raw]) | {"cancelAtPeriodEnd": cancels})

    return handler


def open_portal() -> Handler:
    """POST …/portal. A page of Stripe's for cards, invoices and the plan."""

    async def handler(request: web.Request) -> web.Response:
        organization_id = _read_payer(request)
        body = await read_body(request, Portal, SMALL_BODY)
        check_redirects(request.app[SETTINGS].redirect_origins, {"returnUrl": body.return_url})
        stripe = stripe_of(request)
        row = await db.call(
            request.app[POOL], "find_subscription", user_id=request[USER_ID], organization_id=organization_id
        )
        if row.customer_id is None:
            raise Refusal(NO_SUBSCRIPTION)
        return _answer({"portalUrl": await stripe.open_portal(row.customer_id, body.return_url)})

    return handler


def _read_payer(request: web.Request) -> str | None:
    """The organisation of the path, where there is one; nothing else may be asked for in the address."""
    read_no_query(request)
    return read_id(request, ORGANIZATION_NOT_FOUND) if "id" in request.match_info else None


def _answer(body: Mapping[str, object]) -> web.Response:
    return web.Response(body=msgspec.json.encode(body), content_type="application/json")
