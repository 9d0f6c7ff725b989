"""Subscriptions as the API offers them."""

from gateway.billing.simulator.api import endpoint
from gateway.billing.simulator.errors import Refused, conflict, invalid, missing
from gateway.billing.simulator.form import Params
from gateway.billing.simulator.lists import PAGED, SEARCHED, page, search
from gateway.billing.simulator.resources.catalogue import plan_of, price_from_data
from gateway.billing.simulator.resources.invoices import NO_CARD
from gateway.billing.simulator.resources.payment_methods import resolve
from gateway.billing.simulator.resources.renewals import begin, end, set_cancel_at, set_cancel_at_period_end
from gateway.billing.simulator.resources.subscription_objects import Item, new_subscription
from gateway.billing.simulator.world import Object, World

__all__ = ["ENDPOINTS", "items_from"]

MOST_ITEMS = 20
CREATING = (
    "customer items metadata payment_behavior default_payment_method off_session cancel_at_period_end cancel_at "
    "trial_period_days payment_settings description collection_method proration_behavior billing_mode"
)
UPDATING = (
    "metadata cancel_at_period_end cancel_at default_payment_method description proration_behavior items "
    "cancellation_details"
)
STATUSES = ("active", "canceled", "incomplete", "incomplete_expired", "past_due", "paused", "trialing", "unpaid")


def items_from(world: World, rows: list[Params], name: str) -> list[Item]:
    """What a subscription is to contain. All prices recur alike, in one currency."""
    if not 0 < len(rows) <= MOST_ITEMS:
        raise invalid(f"Missing required param: {name}.", name, "parameter_missing")
    items: list[Item] = []
    for row in rows:
        row.accept(frozenset({"price", "price_data", "quantity", "metadata"}))
        quantity, metadata = row.integer("quantity", 1, 999_999) or 1, row.metadata()
        if row.has("price_data"):
            price = price_from_data(world, row.group("price_data"))
        else:
            price = world.get("price", row.required("price"), row.name("price"))
        if price["recurring"] is None:
            raise invalid(
                "The price specified is set to `type=one_time` but this field only accepts recurring prices.",
                row.name("price"),
            )
        if not price["active"]:
            raise invalid("The price specified is inactive. This field only accepts active prices.", row.name("price"))
        items.append((price, quantity, metadata))
    if len({(each[0]["currency"], each[0]["recurring"]["interval"]) for each in items}) > 1:
        raise invalid("All prices of a subscription must have the same currency and interval.", name)
    return items


def _create(world: World, params: Params) -> Object:
    customer = world.get("customer", params.required("customer"), "customer")
    _refuse_unsimulated(params)
    behavior = params.choice(
        "payment_behavior", "allow_incomplete", "default_incomplete", "error_if_incomplete", "pending_if_incomplete"
    )
    settings = params.group("payment_settings")
    settings.accept(frozenset({"save_default_payment_method", "payment_method_types"}))
    saves = settings.choice("save_default_payment_method", "off", "on_subscription") == "on_subscription"
    name, metadata = params.text("default_payment_method"), params.metadata()
    days, cancels = params.integer("trial_period_days", 0, 730) or 0, params.flag("cancel_at_period_end")
    cancel_at = params.integer("cancel_at", world.now() + 1)
    items = items_from(world, params.rows("items"), "items")
    method = _payable_by(world, customer, name)
    collects = behavior != "default_incomplete"
    payer = method or world.find(customer["invoice_settings"]["default_payment_method"] or "")
    if collects and not days:
        if payer is None:
            raise invalid(f"{NO_CARD} Please consider adding a default payment method.", code="resource_missing")
        if behavior == "error_if_incomplete" and payer["_card"].code:
            raise payer["_card"].decline()
    subscription = new_subscription(
        world,
        customer["id"],
        items,
        metadata=metadata,
        method=method,
        saves_method=saves,
        trial_days=days,
        description=params.text("description"),
    )
    if cancels:
        set_cancel_at_period_end(world, subscription, True)
    elif cancel_at is not None:
        set_cancel_at(world, subscription, cancel_at)
    begin(world, subscription, payer, collects=collects)
    return subscription


def _refuse_unsimulated(params: Params) -> None:
    if params.text("collection_method") not in (None, "charge_automatically"):
        raise invalid("Only collection_method=charge_automatically is simulated.", "collection_method")
    if params.text("proration_behavior") not in (None, "none"):
        raise invalid("Only proration_behavior=none is simulated.", "proration_behavior")
    mode = params.group("billing_mode")
    mode.accept(frozenset({"type"}))
    if mode.text("type") not in (None, "classic"):
        raise invalid("Only classic billing is simulated.", "billing_mode[type]")


def _payable_by(world: World, customer: Object, wanted: str | None) -> Object | None:
    if wanted is None:
        return None
    method = resolve(world, wanted, "default_payment_method")
    if method["customer"] != customer["id"]:
        raise invalid(
            f"The customer does not have a payment method with the ID {method['id']}.", "default_payment_method"
        )
    return method


def _update(world: World, params: Params, wanted: str) -> Object:
    subscription = world.get("subscription", wanted)
    _refuse_unsimulated(params)
    if subscription["ended_at"] is not None and params.values.keys() - {"metadata", "cancellation_details", "expand"}:
        raise conflict("A canceled subscription can only update its cancellation_details and metadata.")
    metadata, cancels = params.metadata(subscription["metadata"]), params.flag("cancel_at_period_end")
    cancel_at = params.integer("cancel_at", world.now() + 1)
    customer = world.get_even_deleted("customer", subscription["customer"])
    method = _payable_by(world, customer, params.text("default_payment_method"))
    changes = [_item_change(world, subscription, row) for row in params.rows("items")]
    with world.updating(subscription, "customer.subscription.updated"):
        subscription["metadata"] = metadata
        _read_reasons(subscription, params)
        if params.has("description"):
            subscription["description"] = params.text("description")
        if method is not None:
            subscription["default_payment_method"] = method["id"]
        for item, price, quantity in changes:
            item.update(price=price, plan=plan_of(price), quantity=quantity)
        if params.has("cancel_at"):
            set_cancel_at(world, subscription, cancel_at)
        elif cancels is not None:
            set_cancel_at_period_end(world, subscription, cancels)
    return subscription


def _item_change(world: World, subscription: Object, row: Params) -> tuple[Object, Object, int]:
    """Another price or quantity from the next period on; nothing is prorated here."""
    row.accept(frozenset({"id", "price", "quantity"}))
    for item in subscription["items"]["data"]:
        if item["id"] == row.required("id"):
            price = world.get("price", row.text("price") or item["price"]["id"], row.name("price"))
            if price["recurring"] is None or price["currency"] != subscription["currency"]:
                raise invalid("The price must be recurring, in the subscription's currency.", row.name("price"))
            return item, price, row.integer("quantity", 1) or item["quantity"]
    raise missing("subscription_item", row.required("id"), row.name("id"))


def _read_reasons(subscription: Object, params: Params) -> None:
    details = params.group("cancellation_details")
    details.accept(frozenset({"comment", "feedback"}))
    for name in details.values:
        subscription["cancellation_details"][name] = details.text(name)


def _cancel(world: World, params: Params, wanted: str) -> Object:
    subscription = world.get("subscription", wanted)
    if subscription["ended_at"] is not None:
        raise missing("subscription", wanted)
    if params.flag("prorate") or params.flag("invoice_now"):
        raise Refused(400, "Proration is not simulated.", param="prorate")
    _read_reasons(subscription, params)
    end(world, subscription, "cancellation_requested")
    return subscription


def _list(world: World, params: Params) -> Object:
    status = params.choice("status", "all", "ended", *STATUSES)
    price = params.text("price")

    def selects(subscription: Object) -> bool:
        if price is not None and all(item["price"]["id"] != price for item in subscription["items"]["data"]):
            return False
        if status is None:
            # Those that were canceled are only listed on demand.
            return subscription["status"] != "canceled"
        if status == "ended":
            return subscription["status"] in ("canceled", "incomplete_expired")
        return status in ("all", subscription["status"])

    return page(world, "subscription", params, selects, equal=("customer",))


def _search(world: World, params: Params) -> Object:
    return search(world, "subscription", params, frozenset({"created", "metadata", "status"}))


def _list_items(world: World, params: Params) -> Object:
    world.get("subscription", params.required("subscription"), "subscription")
    return page(world, "subscription_item", params, equal=("subscription",))


ENDPOINTS = (
    endpoint("POST", "/v1/subscriptions", _create, CREATING),
    endpoint("GET", "/v1/subscriptions", _list, f"{PAGED} customer price status created"),
    endpoint("GET", "/v1/subscriptions/search", _search, SEARCHED),
    endpoint("GET", "/v1/subscriptions/{id}", lambda world, params, wanted: world.get("subscription", wanted)),
    endpoint("POST", "/v1/subscriptions/{id}", _update, UPDATING),
    endpoint("DELETE", "/v1/subscriptions/{id}", _cancel, "prorate invoice_now cancellation_details"),
    endpoint("GET", "/v1/subscription_items", _list_items, f"{PAGED} subscription"),
)
