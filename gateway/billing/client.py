"""What we ask of Stripe. Its objects end here: out go ids, texts and small records."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import aiohttp
import stripe

from gateway.billing.asking import StripeRefusal, ask, once
from gateway.errors import BILLING_ERROR
from gateway.settings import Settings

# Repeated by the SDK with one idempotency key: failed connections, 409 and 5xx.
MAX_RETRIES = 2
PAGE = 100
ENDED = frozenset({"canceled", "incomplete_expired"})
RESOURCE_MISSING = "resource_missing"
LONGEST_CONNECT_SECONDS = 5.0
# The SDK's habit of reporting how long its requests took, under an id that it keeps in the home directory.
stripe.enable_telemetry = False


@dataclass(frozen=True)
class PaymentIntent:
    """What a buyer's browser needs to pay."""

    id: str
    client_secret: str


@dataclass(frozen=True)
class CheckoutSession:
    """A page of Stripe's on which one thing is sold until it expires."""

    id: str
    url: str
    expires_at: datetime


@dataclass(frozen=True)
class Line:
    """What a Checkout page sells: a price that Stripe knows, or our own amount in cents of `currency`."""

    name: str
    price_id: str | None
    amount_cents: int | None = None
    currency: str | None = None

    @property
    def parameters(self) -> dict[str, Any]:
        if self.price_id is not None:
            return {"price": self.price_id, "quantity": 1}
        price = {"currency": self.currency, "unit_amount": self.amount_cents, "product_data": {"name": self.name}}
        return {"price_data": price, "quantity": 1}


class Stripe:
    """Stripe's API for one worker. Every method raises StripeRefusal."""

    def __init__(self, client: stripe.StripeClient) -> None:
        self.v1 = client.v1

    @classmethod
    @asynccontextmanager
    async def connected(cls, settings: Settings, secret_key: str) -> AsyncIterator["Stripe"]:
        """A client with a session of its own; it connects when it is first asked something."""
        seconds = settings.stripe_timeout_seconds
        timeout = aiohttp.ClientTimeout(total=seconds, connect=min(seconds, LONGEST_CONNECT_SECONDS))
        async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
            yield cls(
                stripe.StripeClient(
                    secret_key,
                    http_client=stripe.AIOHTTPClient(session=session, timeout=timeout),
                    base_addresses={"api": settings.stripe_base_url} if settings.stripe_base_url else None,
                    max_network_retries=MAX_RETRIES,
                )
            )

    async def find_customer(self, account_id: str) -> str | None:
        """The customer made for an account long ago, if there is one."""
        query = f"metadata['account_id']:'{account_id}'"
        found = await ask("search customers", self.v1.customers.search_async({"query": query}))
        return _oldest_of(found.data, account_id)

    async def create_customer(self, account_id: str, email: str | None) -> str:
        """The one customer of an account, however often it is asked for within a day."""
        parameters: Any = {"metadata": {"account_id": account_id}} | ({"email": email} if email else {})

        async def make(key: str) -> str:
            options: Any = {"idempotency_key": key}
            return (await ask("create customer", self.v1.customers.create_async(parameters, options))).id

        async def find() -> str | None:
            if email is None:
                return await self.find_customer(account_id)
            # Unlike a search, a list knows what was made a moment ago.
            found = await ask("list customers", self.v1.customers.list_async({"email": email, "limit": PAGE}))
            return _oldest_of(found.data, account_id)

        return await once(f"customer-{account_id}", make, find)

    async def find_payment_intent(self, purchase_id: str) -> PaymentIntent | None:
        """The PaymentIntent made for a purchase long ago, if there is one that still counts."""
        query = f"metadata['purchase_id']:'{purchase_id}'"
        found = await ask("search payments", self.v1.payment_intents.search_async({"query": query}))
        return _payment_of(found.data, purchase_id)

    async def retrieve_payment_intent(self, payment_intent_id: str) -> PaymentIntent:
        return _payment_intent(await ask("retrieve payment", self.v1.payment_intents.retrieve_async(payment_intent_id)))

    async def create_payment_intent(
        self,
        *,
        purchase_id: str,
        customer_id: str,
        amount_cents: int,
        currency: str,
        description: str,
        metadata: Mapping[str, str],
    ) -> PaymentIntent:
        """The one PaymentIntent of a purchase, however often it is asked for within a day."""
        parameters: Any = {
            "amount": amount_cents,
            "currency": currency,
            "customer": customer_id,
            "automatic_payment_methods": {"enabled": True},
            "description": description,
            "metadata": dict(metadata),
        }

        async def make(key: str) -> PaymentIntent:
            options: Any = {"idempotency_key": key}
            return _payment_intent(
                await ask("create payment", self.v1.payment_intents.create_async(parameters, options))
            )

        async def find() -> PaymentIntent | None:
            theirs: Any = {"customer": customer_id, "limit": PAGE}
            found = await ask("list payments", self.v1.payment_intents.list_async(theirs))
            return _payment_of(found.data, purchase_id)

        return await once(f"purchase-{purchase_id}", make, find)

    async def create_checkout(
        self,
        *,
        checkout_id: str,
        customer_id: str,
        line: Line,
        success_url: str,
        cancel_url: str,
        metadata: Mapping[str, str],
        is_subscription: bool,
        description: str | None = None,
    ) -> CheckoutSession:
        """The one page of a checkout. Its metadata is also that of the payment or subscription it makes."""
        marks: dict[str, Any] = {"metadata": dict(metadata)} | ({"description": description} if description else {})
        parameters: Any = {
            "mode": "subscription" if is_subscription else "payment",
            "customer": customer_id,
            "client_reference_id": checkout_id,
            "line_items": [line.parameters],
            "success_url": success_url,
            "cancel_url": cancel_url,
            "metadata": dict(metadata),
            "subscription_data" if is_subscription else "payment_intent_data": marks,
        }

        async def make(key: str) -> CheckoutSession:
            options: Any = {"idempotency_key": key}
            made = await ask("create checkout", self.v1.checkout.sessions.create_async(parameters, options))
            return _checkout_session(made)

        return await once(f"checkout-{checkout_id}", make, lambda: self.find_checkout(checkout_id, customer_id))

    async def find_checkout(self, checkout_id: str, customer_id: str) -> CheckoutSession | None:
        """The open page made for a checkout long ago, if there is one."""
        parameters: Any = {"customer": customer_id, "status": "open", "limit": PAGE}
        found = await ask("list checkouts", self.v1.checkout.sessions.list_async(parameters))
        ours = (session for session in found.data if session.client_reference_id == checkout_id and session.url)
        return next(map(_checkout_session, ours), None)

    async def open_portal(self, customer_id: str, return_url: str) -> str:
        """The address of a page on which a customer looks after what they pay for."""
        parameters: Any = {"customer": customer_id, "return_url": return_url}
        return (await ask("open portal", self.v1.billing_portal.sessions.create_async(parameters))).url

    async def set_cancelling(self, subscription_id: str, is_cancelling: bool) -> bool | None:
        """Let a subscription end with its period, or go on; what Stripe says of it then, None when it has ended."""
        parameters: Any = {"cancel_at_period_end": is_cancelling}
        try:
            changed = await ask("update subscription", self.v1.subscriptions.update_async(subscription_id, parameters))
            return changed.cancel_at_period_end
        except StripeRefusal as refusal:
            if refusal.kind is BILLING_ERROR and await self._has_ended(subscription_id):
                return None
            raise

    async def _has_ended(self, subscription_id: str) -> bool:
        try:
            known = await ask("retrieve subscription", self.v1.subscriptions.retrieve_async(subscription_id))
        except StripeRefusal as refusal:
            if refusal.code == RESOURCE_MISSING:
                return True
            raise
        return known.status in ENDED


def _oldest_of(customers: list[stripe.Customer], account_id: str) -> str | None:
    ours = [each for each in customers if _marks(each.metadata).get("account_id") == account_id]
    return min(ours, key=lambda customer: (customer.created, customer.id)).id if ours else None


def _payment_of(intents: list[stripe.PaymentIntent], purchase_id: str) -> PaymentIntent | None:
    for intent in intents:
        marks = _marks(intent.metadata)
        # A Checkout page makes a payment of its own for the same purchase, to be paid on that page only.
        if marks.get("purchase_id") == purchase_id and "checkout_id" not in marks and intent.status != "canceled":
            return _payment_intent(intent)
    return None


def _marks(metadata: Any) -> dict[str, str]:
    return metadata.to_dict() if metadata else {}


def _payment_intent(intent: stripe.PaymentIntent) -> PaymentIntent:
    return PaymentIntent(intent.id, intent.client_secret or "")


def _checkout_session(session: stripe.checkout.Session) -> CheckoutSession:
    return CheckoutSession(session.id, session.url or "", datetime.fromtimestamp(session.expires_at, UTC))
