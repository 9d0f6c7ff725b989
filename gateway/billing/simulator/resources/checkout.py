"""Checkout sessions: what a person pays on the page that the session's `url` leads to (see `pages/`)."""

from gateway.billing.simulator.api import endpoint
from gateway.billing.simulator.errors import conflict, invalid
from gateway.billing.simulator.form import Params
from gateway.billing.simulator.lists import PAGED, page
from gateway.billing.simulator.resources.catalogue import price_from_data
from gateway.billing.simulator.resources.checkout_objects import new_session
from gateway.billing.simulator.resources.payment_intents import LEAST, MOST
from gateway.billing.simulator.resources.subscriptions import Item, items_from
from gateway.billing.simulator.world import Object, World

__all__ = ["ENDPOINTS", "expire"]

DAY = 86400
SHORTEST = 1800
CREATING = (
    "mode line_items success_url cancel_url customer customer_email customer_creation client_reference_id metadata "
    "payment_intent_data subscription_data expires_at payment_method_types ui_mode locale submit_type currency "
    "allow_promotion_codes billing_address_collection"
)


def expire(world: World, session: Object) -> None:
    if session["status"] != "open":
        message = f'Only Checkout Sessions with a status in ["open"] can be expired. This one is {session["status"]}.'
        raise conflict(message)
    session.update(status="expired", url=None)
    world.emit("checkout.session.expired", session)


def _expire_when_due(world: World, wanted: str) -> None:
    session = world.get("checkout.session", wanted)
    if session["status"] == "open":
        expire(world, session)


def _create(world: World, params: Params) -> Object:
    mode = params.choice("mode", "payment", "subscription")
    if mode is None:
        params.required("mode")
    if params.text("ui_mode") not in (None, "hosted_page", "hosted"):
        raise invalid("Only the hosted page is simulated.", "ui_mode")
    if params.texts("payment_method_types") not in ([], ["card"]):
        raise invalid("Only cards are simulated.", "payment_method_types")
    success, cancelled = params.required("success_url"), params.text("cancel_url")
    for name, address in (("success_url", success), ("cancel_url", cancelled)):
        if address is not None and not address.startswith(("http://", "https://")):
            raise invalid("Not a valid URL", name, "url_invalid")
    customer, email = params.text("customer"), params.text("customer_email")
    if customer is not None:
        world.get("customer", customer, "customer")
        if email is not None:
            raise invalid("You may only specify one of these parameters: customer, customer_email.", "customer_email")
    creation = params.choice("customer_creation", "always", "if_required")
    now = world.now()
    expires_at = params.integer("expires_at", now + SHORTEST, now + DAY) or now + DAY
    metadata, data = params.metadata(), _data(params, mode or "")
    items = _items(world, params, mode or "")
    total = sum(price["unit_amount"] * quantity for price, quantity, _ in items)
    if mode == "payment" and not LEAST <= total <= MOST:
        raise invalid(
            "The Checkout Session's total amount must be between $0.50 and $999,999.99.",
            "line_items",
            "amount_too_small",
        )
    due = 0 if data["trial_days"] else total
    session_id = world.new_id("cs_live_" if world.switches.livemode else "cs_test_", 58)
    session = new_session(world, session_id, mode or "", items, due, expires_at)
    session.update(
        cancel_url=cancelled,
        client_reference_id=params.text("client_reference_id", 200),
        customer=customer,
        customer_creation=None if customer or mode == "subscription" else creation or "if_required",
        customer_email=email,
        metadata=metadata,
        success_url=success,
        _data=data,
        _items=items,
    )
    for name in ("locale", "submit_type", "billing_address_collection"):
        session[name] = params.text(name)
    session["allow_promotion_codes"] = params.flag("allow_promotion_codes")
    world.at(expires_at, _expire_when_due, session_id)
    return session


def _data(params: Params, mode: str) -> Object:
    """What the payment intent or the subscription will be made with."""
    name, other = "payment_intent_data", "subscription_data"
    if mode == "subscription":
        name, other = other, name
    if params.has(other):
        raise invalid(f"You can not pass `{other}` in `{mode}` mode.", other)
    data = params.group(name)
    fields = {"metadata", "description"}
    own = {"trial_period_days"} if mode == "subscription" else {"receipt_email", "setup_future_usage"}
    data.accept(frozenset(fields | own))
    return {
        "metadata": data.metadata(),
        "description": data.text("description"),
        "receipt_email": data.text("receipt_email"),
        "setup_future_usage": data.choice("setup_future_usage", "off_session", "on_session"),
        "trial_days": data.integer("trial_period_days", 1, 730) or 0,
    }


def _items(world: World, params: Params, mode: str) -> list[Item]:
    rows = params.rows("line_items")
    if mode == "subscription":
        return items_from(world, rows, "line_items")
    if not rows:
        raise invalid("Missing required param: line_items.", "line_items", "parameter_missing")
    items: list[Item] = []
    for row in rows:
        row.accept(frozenset({"price", "price_data", "quantity"}))
        quantity = row.required_integer("quantity", 1, 999_999)
        if row.has("price_data"):
            price = price_from_data(world, row.group("price_data"))
        else:
            price = world.get("price", row.required("price"), row.name("price"))
        if price["recurring"] is not None:
            message = (
                "You specified `payment` mode but passed a recurring price. "
                "Either switch to `subscription` mode or use only one-time prices."
            )
            raise invalid(message, "line_items")
        if not price["active"]:
            raise invalid("The price specified is inactive. This field only accepts active prices.", row.name("price"))
        items.append((price, quantity, {}))
    if len({price["currency"] for price, _, _ in items}) > 1:
        raise invalid("All prices of a session must have the same currency.", "line_items")
    return items


def _expire(world: World, params: Params, wanted: str) -> Object:
    session = world.get("checkout.session", wanted)
    expire(world, session)
    return session


def _list(world: World, params: Params) -> Object:
    return page(world, "checkout.session", params, equal=("customer", "payment_intent", "subscription", "status"))


def _lines(world: World, params: Params, wanted: str) -> Object:
    lines = world.get("checkout.session", wanted)["_line_items"]
    return {"object": "list", "data": lines, "has_more": False, "url": world.request.path}


def _update(world: World, params: Params, wanted: str) -> Object:
    session = world.get("checkout.session", wanted)
    session["metadata"] = params.metadata(session["metadata"])
    return session


ENDPOINTS = (
    endpoint("POST", "/v1/checkout/sessions", _create, CREATING),
    endpoint("GET", "/v1/checkout/sessions", _list, f"{PAGED} customer payment_intent subscription status created"),
    endpoint("GET", "/v1/checkout/sessions/{id}", lambda world, params, wanted: world.get("checkout.session", wanted)),
    endpoint("POST", "/v1/checkout/sessions/{id}", _update, "metadata"),
    endpoint("POST", "/v1/checkout/sessions/{id}/expire", _expire),
    endpoint("GET", "/v1/checkout/sessions/{id}/line_items", _lines, PAGED),
)
