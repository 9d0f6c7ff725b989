"""Checkout sessions: what a person pays on the page that the session's `url` leads to (see `pages/`)."""

from gateway.billing.simulator.api import endpoint
from gateway.billing.simulator.errors import Refused, conflict, invalid
from gateway.billing.simulator.form import Params
from gateway.billing.simulator.lists import PAGED, page
from gateway.billing.simulator.resources.catalogue import price_from_data
from gateway.billing.simulator.resources.customers import new_customer
from gateway.billing.simulator.resources.invoices import collect
from gateway.billing.simulator.resources.paying import new_intent, pay
from gateway.billing.simulator.resources.payment_intents import LEAST, MOST
from gateway.billing.simulator.resources.renewals import begin
from gateway.billing.simulator.resources.subscriptions import Item, items_from, new_subscription
from gateway.billing.simulator.world import Object, World

__all__ = ["ENDPOINTS", "expire", "pay_session", "success_address"]

DAY = 86400
SHORTEST = 1800
PLACEHOLDER = "{CHECKOUT_SESSION_ID}"
CREATING = (
    "mode line_items success_url cancel_url customer customer_email customer_creation client_reference_id metadata "
    "payment_intent_data subscription_data expires_at payment_method_types ui_mode locale submit_type currency "
    "allow_promotion_codes billing_address_collection"
)


def success_address(session: Object) -> str | None:
    address = session["success_url"]
    return address and address.replace(PLACEHOLDER, session["id"])


def pay_session(world: World, session: Object, method: Object, email: str | None) -> Refused | None:
    """One attempt of the person on the page. Gives the refusal of the card; raises `Refused` for a closed session."""
    if session["status"] != "open":
        raise conflict("This Checkout Session is no longer open.", "checkout_session_not_open")
    _set_customer(world, session, email)
    attempt = _pay_once if session["mode"] == "payment" else _subscribe
    if (refusal := attempt(world, session, method)) is not None:
        return refusal
    intent = world.find(session["payment_intent"] or "")
    session["status"] = "complete"
    session["url"] = None
    session["payment_status"] = "unpaid" if intent is not None and intent["status"] == "processing" else "paid"
    world.emit("checkout.session.completed", session)
    return None


def _set_customer(world: World, session: Object, email: str | None) -> None:
    address = session["customer_email"] or email
    if session["customer"] is not None:
        address = world.get("customer", session["customer"])["email"] or address
    elif session["mode"] == "subscription" or session["customer_creation"] == "always":
        session["customer"] = new_customer(world, email=address)["id"]
    session["customer_details"] = {
        "address": None,
        "business_name": None,
        "email": address,
        "individual_name": None,
        "name": None,
        "phone": None,
        "tax_exempt": "none",
        "tax_ids": [],
    }


def _pay_once(world: World, session: Object, method: Object) -> Refused | None:
    intent = session["_intent"]
    if intent is None:
        data = session["_data"]
        intent = session["_intent"] = new_intent(
            world,
            session["amount_total"],
            session["currency"],
            session["customer"],
            metadata=dict(data["metadata"]),
            description=data["description"],
            receipt_email=data["receipt_email"],
            setup_future_usage=data["setup_future_usage"],
        )
        intent["_on_settled"] = lambda intent: _when_settled(world, session, intent)
    refusal = pay(world, intent, method)
    if refusal is None:
        session["payment_intent"] = intent["id"]
    return refusal


def _when_settled(world: World, session: Object, intent: Object) -> None:
    if session["status"] != "complete":
        return
    if intent["status"] == "succeeded":
        session["payment_status"] = "paid"
        world.emit("checkout.session.async_payment_succeeded", session)
    else:
        world.emit("checkout.session.async_payment_failed", session)


def _subscribe(world: World, session: Object, method: Object) -> Refused | None:
    subscription = session["_subscription"]
    if subscription is None:
        data = session["_data"]
        subscription = session["_subscription"] = new_subscription(
            world,
            session["customer"],
            session["_items"],
            metadata=dict(data["metadata"]),
            saves_method=True,
            trial_days=data["trial_days"],
            description=data["description"],
        )
        refusal = begin(world, subscription, method)
    else:
        refusal = collect(world, world.get("invoice", subscription["latest_invoice"]), method)
    if refusal is None:
        session["subscription"] = subscription["id"]
        session["invoice"] = subscription["latest_invoice"]
    return refusal


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
    session = _new_session(world, session_id, mode or "", items, due, expires_at)
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


def _line_item(world: World, item: Item) -> Object:
    price, quantity, _ = item
    product = world.find(price["product"])
    amount = price["unit_amount"] * quantity
    return {
        "id": world.new_id("li_1"),
        "object": "item",
        "adjustable_quantity": None,
        "amount_discount": 0,
        "amount_subtotal": amount,
        "amount_tax": 0,
        "amount_total": amount,
        "currency": price["currency"],
        "description": product["name"] if product else None,
        "metadata": {},
        "price": price,
        "quantity": quantity,
    }


def _new_session(world: World, session_id: str, mode: str, items: list[Item], total: int, expires_at: int) -> Object:
    off = {"enabled": False}
    return world.add(
        {
            "id": session_id,
            "object": "checkout.session",
            "adaptive_pricing": off,
            "after_expiration": None,
            "allow_promotion_codes": None,
            "amount_subtotal": total,
            "amount_total": total,
            "automatic_tax": {"enabled": False, "liability": None, "provider": None, "status": None},
            "billing_address_collection": None,
            "cancel_url": None,
            "client_reference_id": None,
            "client_secret": None,
            "collected_information": None,
            "consent": None,
            "consent_collection": None,
            "created": world.now(),
            "currency": items[0][0]["currency"],
            "currency_conversion": None,
            "custom_fields": [],
            "custom_text": dict.fromkeys(("after_submit", "shipping_address", "submit", "terms_of_service_acceptance")),
            "customer": None,
            "customer_account": None,
            "customer_creation": None,
            "customer_details": None,
            "customer_email": None,
            "discounts": [],
            "expires_at": expires_at,
            "invoice": None,
            "invoice_creation": None,
            "livemode": world.switches.livemode,
            "locale": None,
            "metadata": {},
            "mode": mode,
            "origin_context": None,
            "payment_intent": None,
            "payment_link": None,
            "payment_method_collection": "always" if mode == "subscription" else "if_required",
            "payment_method_configuration_details": None,
            "payment_method_options": {"card": {"request_three_d_secure": "automatic"}},
            "payment_method_types": ["card"],
            "payment_status": "unpaid",
            "permissions": None,
            "phone_number_collection": off,
            "recovered_from": None,
            "saved_payment_method_options": None,
            "setup_intent": None,
            "shipping_address_collection": None,
            "shipping_cost": None,
            "shipping_options": [],
            "status": "open",
            "submit_type": None,
            "subscription": None,
            "success_url": None,
            "total_details": {"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0},
            "ui_mode": "hosted_page",
            "url": f"{world.request.base_url or world.base_url}/c/pay/{session_id}",
            "wallet_options": None,
            "_line_items": [_line_item(world, item) for item in items],
            "_intent": None,
            "_subscription": None,
        }
    )


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
