"""Cards as payment methods: made from a test number, a token or a test name, and saved for a customer."""

from gateway.billing.simulator.api import endpoint
from gateway.billing.simulator.cards import BY_NAME, BY_TOKEN, Card, card_by_number
from gateway.billing.simulator.errors import conflict, invalid, missing
from gateway.billing.simulator.form import Params
from gateway.billing.simulator.lists import PAGED, page
from gateway.billing.simulator.world import Object, World

__all__ = ["ENDPOINTS", "attach", "billing_details", "check_attachable", "from_data", "new_payment_method", "resolve"]

DETAILS = ("email", "name", "phone")
EXPIRY = {"exp_month": 12, "exp_year": 2034}
FINGERPRINT = "Sim{}"


def billing_details(email: str | None = None, name: str | None = None, phone: str | None = None) -> Object:
    address = dict.fromkeys(("city", "country", "line1", "line2", "postal_code", "state"))
    return {"address": address, "email": email, "name": name, "phone": phone, "tax_id": None}


def new_payment_method(
    world: World, card: Card, *, expiry: Object = EXPIRY, details: Object | None = None, metadata: Object | None = None
) -> Object:
    """The number itself is never shown, only its last four."""
    return world.add(
        {
            "id": world.new_id("pm_1"),
            "object": "payment_method",
            "allow_redisplay": "unspecified",
            "billing_details": details or billing_details(),
            "card": {
                "brand": card.brand,
                "checks": {"address_line1_check": None, "address_postal_code_check": None, "cvc_check": "pass"},
                "country": "US",
                "display_brand": card.brand,
                **expiry,
                "fingerprint": FINGERPRINT.format(card.number[-4:]),
                "funding": "credit",
                "generated_from": None,
                "last4": card.number[-4:],
                "networks": {"available": [card.brand], "preferred": None},
                "regulated_status": "unregulated",
                "three_d_secure_usage": {"supported": True},
                "wallet": None,
            },
            "created": world.now(),
            "customer": None,
            "customer_account": None,
            "livemode": world.switches.livemode,
            "metadata": metadata or {},
            "type": "card",
            "_card": card,
        }
    )


def from_data(world: World, params: Params) -> Object:
    """From `type=card, card[number]=…` or `card[token]=…`."""
    params.accept(frozenset({"type", "card", "billing_details", "metadata", "allow_redisplay"}))
    if params.required("type") != "card":
        raise invalid("Only cards are simulated.", params.name("type"))
    details = params.group("billing_details")
    details.accept(frozenset({*DETAILS, "address"}))
    shown = billing_details(*(details.text(name) for name in DETAILS))
    given = params.group("card")
    given.accept(frozenset({"number", "exp_month", "exp_year", "cvc", "token"}))
    metadata = params.metadata()
    if (token := given.text("token")) is not None:
        if token not in BY_TOKEN:
            raise missing("token", token, given.name("token"))
        return new_payment_method(world, BY_TOKEN[token], details=shown, metadata=metadata)
    card = card_by_number(given.required("number"), given.name("number"))
    expiry = {
        "exp_month": given.required_integer("exp_month", 1, 12),
        "exp_year": given.required_integer("exp_year", 2000, 2100),
    }
    return new_payment_method(world, card, expiry=expiry, details=shown, metadata=metadata)


def resolve(world: World, wanted: str, param: str = "payment_method") -> Object:
    """The payment method of that id, or a new one for a test name such as `pm_card_visa`."""
    if wanted in BY_NAME:
        return new_payment_method(world, BY_NAME[wanted])
    return world.get("payment_method", wanted, param)


def check_attachable(method: Object) -> None:
    """Raises `Refused` for a card that is saved already, or declined when one tries."""
    if method["customer"] is not None:
        raise conflict("The payment method you provided has already been attached to a customer.")
    card: Card = method["_card"]
    if card.code and card.attach_fails:
        raise card.decline()


def attach(world: World, method: Object, customer: Object) -> None:
    """Saves the card for the customer. Raises `Refused` for a card that is declined already now."""
    if method["customer"] == customer["id"]:
        return
    check_attachable(method)
    method["customer"] = customer["id"]
    world.emit("payment_method.attached", method)


def _create(world: World, params: Params) -> Object:
    return from_data(world, params)


def _retrieve(world: World, params: Params, wanted: str) -> Object:
    return resolve(world, wanted)


def _update(world: World, params: Params, wanted: str) -> Object:
    method = world.get("payment_method", wanted)
    metadata = params.metadata(method["metadata"])
    with world.updating(method, "payment_method.updated"):
        method["metadata"] = metadata
    return method


def _attach(world: World, params: Params, wanted: str) -> Object:
    customer = world.get("customer", params.required("customer"), "customer")
    method = resolve(world, wanted)
    attach(world, method, customer)
    return method


def _detach(world: World, params: Params, wanted: str) -> Object:
    method = world.get("payment_method", wanted)
    if method["customer"] is None:
        raise conflict("The payment method you provided is not attached to a customer so detachment is impossible.")
    customer = world.find(method["customer"])
    with world.updating(method, "payment_method.detached"):
        method["customer"] = None
    if customer is not None and customer["invoice_settings"]["default_payment_method"] == wanted:
        with world.updating(customer, "customer.updated"):
            customer["invoice_settings"]["default_payment_method"] = None
    return method


def _list(world: World, params: Params) -> Object:
    params.required("customer")
    return page(world, "payment_method", params, equal=("customer", "type"))


def _list_of_customer(world: World, params: Params, customer: str) -> Object:
    world.get("customer", customer)
    return page(world, "payment_method", params, lambda method: method["customer"] == customer, equal=("type",))


ENDPOINTS = (
    endpoint("POST", "/v1/payment_methods", _create, "type card billing_details metadata allow_redisplay"),
    endpoint("GET", "/v1/payment_methods", _list, f"{PAGED} customer type"),
    endpoint("GET", "/v1/customers/{customer}/payment_methods", _list_of_customer, f"{PAGED} type"),
    endpoint("GET", "/v1/payment_methods/{method}", _retrieve),
    endpoint("POST", "/v1/payment_methods/{method}", _update, "metadata"),
    endpoint("POST", "/v1/payment_methods/{method}/attach", _attach, "customer"),
    endpoint("POST", "/v1/payment_methods/{method}/detach", _detach),
)
