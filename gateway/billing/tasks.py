"""What the database asks for at Stripe: payments to be given back, pages and subscriptions to be ended.

Each task looks first and then acts, so that one which was done already, by an earlier try or by anybody else, is done.
What was given back is booked when Stripe's events say so, never here.
"""

from collections.abc import Awaitable, Callable

import aiohttp
import stripe

from gateway.billing.client import Stripe
from gateway.billing.loops import NotDone

PAGE = 100
# Nothing was charged and nothing ever will be.
WITHOUT_PAYMENT = frozenset({"canceled", "requires_payment_method", "requires_confirmation", "requires_action"})
ENDED = frozenset({"canceled", "incomplete_expired"})
# The state of the object says so too late: these are answers to what was asked.
DONE_CODES = frozenset({"charge_already_refunded"})

Key = Callable[[str], stripe.RequestOptions]


async def do(client: Stripe, kind: str, stripe_id: str, task_id: str, attempt: int) -> None:
    """Returns when it is done at Stripe. Raises NotDone."""
    if kind not in KINDS:
        raise NotDone("a kind that this version of the gateway does not know")

    def key(step: str) -> stripe.RequestOptions:
        # Stripe also remembers failures by key, so each try has its own. What must not happen twice cannot: a payment
        # is given back as a whole, and what is canceled stays so.
        return {"idempotency_key": f"{task_id}-{attempt}-{step}"}

    try:
        await KINDS[kind](client, stripe_id, key)
    except (stripe.InvalidRequestError, stripe.CardError) as refusal:
        raise NotDone(_reason(refusal), is_final=_is_final(refusal)) from None
    except stripe.IdempotencyError as refusal:
        raise NotDone(_reason(refusal)) from None
    except stripe.StripeError as trouble:
        raise NotDone(_reason(trouble), is_outage=True) from None
    except (aiohttp.ClientError, TimeoutError) as trouble:
        # The SDK lets through what breaks while it reads an answer.
        raise NotDone(type(trouble).__name__, is_outage=True) from None


async def cancel_payment_intent(client: Stripe, stripe_id: str, key: Key) -> None:
    """Nobody can pay it any more. One that is paid stays paid: its event says what becomes of that."""

    async def is_done() -> bool:
        intent = await client.v1.payment_intents.retrieve_async(stripe_id)
        if intent.status == "processing":
            raise NotDone("the payment is being processed")
        return intent.status in {"canceled", "succeeded"}

    await _unless(is_done, lambda: client.v1.payment_intents.cancel_async(stripe_id, options=key("cancel")))


async def expire_checkout_session(client: Stripe, stripe_id: str, key: Key) -> None:
    """Nobody can buy on this page any more."""

    async def is_done() -> bool:
        return (await client.v1.checkout.sessions.retrieve_async(stripe_id)).status != "open"

    await _unless(is_done, lambda: client.v1.checkout.sessions.expire_async(stripe_id, options=key("expire")))


async def refund_payment_intent(client: Stripe, stripe_id: str, key: Key) -> None:
    """All that was paid, and not given back yet, goes back."""
    intent = await client.v1.payment_intents.retrieve_async(stripe_id)
    if intent.status == "processing":
        raise NotDone("the payment is being processed")
    if intent.status in WITHOUT_PAYMENT:
        return
    await _refund(client, {"payment_intent": stripe_id}, key(stripe_id))


async def cancel_and_refund_subscription(client: Stripe, stripe_id: str, key: Key) -> None:
    """Ends it now and gives back what was paid for it."""

    async def is_done() -> bool:
        return (await client.v1.subscriptions.retrieve_async(stripe_id)).status in ENDED

    await _unless(
        is_done,
        lambda: client.v1.subscriptions.cancel_async(
            stripe_id, {"invoice_now": False, "prorate": False}, options=key("cancel")
        ),
    )
    invoices = await client.v1.invoices.list_async({"subscription": stripe_id, "status": "paid", "limit": PAGE})
    async for invoice in invoices.auto_paging_iter():
        payments = await client.v1.invoice_payments.list_async(
            {"invoice": str(invoice.id), "status": "paid", "limit": PAGE}
        )
        async for paid in payments.auto_paging_iter():
            # Stripe leaves out the one that it does not have.
            intent, charge = getattr(paid.payment, "payment_intent", None), getattr(paid.payment, "charge", None)
            if intent is not None:
                await _refund(client, {"payment_intent": _id(intent)}, key(_id(intent)))
            elif charge is not None:
                await _refund(client, {"charge": _id(charge)}, key(_id(charge)))


KINDS: dict[str, Callable[[Stripe, str, Key], Awaitable[None]]] = {
    "cancel_payment_intent": cancel_payment_intent,
    "expire_checkout_session": expire_checkout_session,
    "refund_payment_intent": refund_payment_intent,
    "cancel_and_refund_subscription": cancel_and_refund_subscription,
}


async def _unless(is_done: Callable[[], Awaitable[bool]], act: Callable[[], Awaitable[object]]) -> None:
    if await is_done():
        return
    try:
        await act()
    except stripe.InvalidRequestError:
        # Perhaps it changed between the look and the act.
        if not await is_done():
            raise


async def _refund(client: Stripe, of: stripe.params.RefundCreateParams, options: stripe.RequestOptions) -> None:
    try:
        await client.v1.refunds.create_async(of, options=options)
    except stripe.InvalidRequestError as refusal:
        if refusal.code not in DONE_CODES:
            raise


def _id(thing: "str | stripe.PaymentIntent | stripe.Charge") -> str:
    return thing if isinstance(thing, str) else thing.id


def _is_final(refusal: stripe.StripeError) -> bool:
    # In use, locked, too early: the next try may find it otherwise. Everything else in the 400s is here to stay.
    return refusal.http_status not in {409, 429} and refusal.code != "lock_timeout"


def _reason(trouble: stripe.StripeError) -> str:
    """Codes only: Stripe's sentences may name people."""
    return " ".join(str(part) for part in (type(trouble).__name__, trouble.http_status, trouble.code) if part)
