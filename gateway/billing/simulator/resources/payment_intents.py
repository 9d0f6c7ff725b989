"""Payment intents as the API offers them."""

from gateway.billing.simulator.api import endpoint
from gateway.billing.simulator.errors import conflict, invalid
from gateway.billing.simulator.form import Params
from gateway.billing.simulator.lists import PAGED, SEARCHED, page, search
from gateway.billing.simulator.resources.paying import PAYABLE, cancel, new_intent, pay
from gateway.billing.simulator.resources.payment_methods import from_data, resolve
from gateway.billing.simulator.world import Object, World

__all__ = ["ENDPOINTS", "amount_of"]

LEAST = 50
MOST = 99_999_999
CONFIRMING = "payment_method payment_method_data return_url off_session error_on_requires_action receipt_email"
FIELDS = (
    "amount currency customer description metadata receipt_email setup_future_usage payment_method payment_method_data"
)
CREATING = f"{FIELDS} confirm payment_method_types automatic_payment_methods statement_descriptor_suffix capture_method"
REASONS = ("duplicate", "fraudulent", "requested_by_customer", "abandoned")


def amount_of(params: Params, name: str = "amount") -> int:
    """In the currency's smallest unit."""
    amount = params.required_integer(name)
    if amount < 1:
        raise invalid("This value must be greater than or equal to 1.", name, "parameter_invalid_integer")
    if amount < LEAST:
        raise invalid("Amount must be at least $0.50 usd", name, "amount_too_small")
    if amount > MOST:
        raise invalid("Amount must be no more than $999,999.99", name, "amount_too_large")
    return amount


def _create(world: World, params: Params) -> Object:
    amount = amount_of(params)
    currency = params.required("currency").lower()
    if len(currency) != 3 or not currency.isalpha():
        raise invalid(f"Invalid currency: {currency[:20]}.", "currency")
    if params.choice("capture_method", "automatic", "automatic_async", "manual") == "manual":
        raise invalid("Manual capture is not simulated.", "capture_method")
    types = params.texts("payment_method_types")
    if types not in ([], ["card"]):
        raise invalid("Only cards are simulated.", "payment_method_types")
    automatic = params.group("automatic_payment_methods")
    automatic.accept(frozenset({"enabled", "allow_redirects"}))
    customer = params.text("customer")
    if customer is not None:
        world.get("customer", customer, "customer")
    metadata, confirms = params.metadata(), params.flag("confirm")
    usage = params.choice("setup_future_usage", "off_session", "on_session")
    method = _method(world, params)
    if confirms and method is None:
        raise invalid("You must provide a payment method when confirming.", "payment_method", "parameter_missing")
    intent = new_intent(
        world,
        amount,
        currency,
        customer,
        metadata=metadata,
        description=params.text("description"),
        receipt_email=params.text("receipt_email"),
        setup_future_usage=usage,
        method=method,
        automatic=not types,
    )
    if confirms and method is not None and (refusal := pay(world, intent, method)) is not None:
        raise refusal
    return intent


def _method(world: World, params: Params) -> Object | None:
    wanted = params.text("payment_method")
    if wanted is not None:
        return resolve(world, wanted)
    return from_data(world, params.group("payment_method_data")) if params.has("payment_method_data") else None


def _retrieve(world: World, params: Params, wanted: str) -> Object:
    intent = world.get("payment_intent", wanted)
    secret = params.text("client_secret")
    if secret is not None and secret != intent["client_secret"]:
        raise invalid("The client_secret provided does not match this PaymentIntent.", "client_secret")
    return intent


def _update(world: World, params: Params, wanted: str) -> Object:
    intent = world.get("payment_intent", wanted)
    fields: Object = {}
    if params.has("metadata"):
        fields["metadata"] = params.metadata(intent["metadata"])
    for name in ("description", "receipt_email"):
        if params.has(name):
            fields[name] = params.text(name)
    if params.has("customer"):
        fields["customer"] = world.get("customer", params.required("customer"), "customer")["id"]
    if params.has("amount"):
        fields["amount"] = amount_of(params)
    method = _method(world, params)
    is_open = intent["status"] in PAYABLE
    if not is_open and (method is not None or fields.keys() - {"metadata", "description", "receipt_email"}):
        raise conflict(
            f"This PaymentIntent's status is {intent['status']}: it cannot be changed so.",
            "payment_intent_unexpected_state",
            payment_intent=intent,
        )
    if method is not None:
        fields |= {"payment_method": method["id"], "status": "requires_confirmation"}
    intent.update(fields)
    return intent


def _confirm(world: World, params: Params, wanted: str) -> Object:
    intent = _retrieve(world, params, wanted)
    method = _method(world, params)
    if method is None and intent["payment_method"] is not None:
        method = world.get("payment_method", intent["payment_method"])
    if method is None and intent["status"] in PAYABLE:
        message = (
            "You cannot confirm this PaymentIntent because it's missing a payment method. You can either update the "
            "PaymentIntent with a payment method and then confirm it again, or confirm it again directly with a "
            "payment method or ConfirmationToken."
        )
        raise conflict(message, "payment_intent_unexpected_state", payment_intent=intent)
    if params.has("receipt_email"):
        intent["receipt_email"] = params.text("receipt_email")
    # A finished one refuses by itself, whatever the card.
    if (refusal := pay(world, intent, method or {"customer": None})) is not None:
        raise refusal
    return intent


def _cancel(world: World, params: Params, wanted: str) -> Object:
    intent = world.get("payment_intent", wanted)
    cancel(world, intent, params.choice("cancellation_reason", *REASONS))
    return intent


def _list(world: World, params: Params) -> Object:
    return page(world, "payment_intent", params, equal=("customer",))


def _search(world: World, params: Params) -> Object:
    fields = {"amount", "created", "currency", "customer", "metadata", "status"}
    return search(world, "payment_intent", params, frozenset(fields))


ENDPOINTS = (
    endpoint("POST", "/v1/payment_intents", _create, f"{CREATING} {CONFIRMING}"),
    endpoint("GET", "/v1/payment_intents", _list, f"{PAGED} customer created"),
    endpoint("GET", "/v1/payment_intents/search", _search, SEARCHED),
    endpoint("GET", "/v1/payment_intents/{intent}", _retrieve, "client_secret"),
    endpoint("POST", "/v1/payment_intents/{intent}", _update, FIELDS),
    endpoint("POST", "/v1/payment_intents/{intent}/confirm", _confirm, f"{CONFIRMING} client_secret"),
    endpoint("POST", "/v1/payment_intents/{intent}/cancel", _cancel, "cancellation_reason"),
)
