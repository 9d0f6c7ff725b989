"""Products and prices."""

from gateway.billing.simulator.api import endpoint
from gateway.billing.simulator.errors import conflict, invalid
from gateway.billing.simulator.form import Params
from gateway.billing.simulator.lists import PAGED, page
from gateway.billing.simulator.world import Object, World

__all__ = ["ENDPOINTS", "new_price", "new_product", "plan_of", "price_from_data"]

INTERVALS = ("day", "week", "month", "year")
DEAREST = 99_999_999
PRODUCT = "name description active metadata images url unit_label statement_descriptor"
PRICE = "currency unit_amount product product_data recurring metadata nickname active lookup_key tax_behavior"


def new_product(world: World, name: str, *, wanted: str | None = None, metadata: Object | None = None) -> Object:
    now = world.now()
    product = world.add(
        {
            "id": wanted or world.new_id("prod_", 14),
            "object": "product",
            "active": True,
            "created": now,
            "default_price": None,
            "description": None,
            "images": [],
            "livemode": world.switches.livemode,
            "marketing_features": [],
            "metadata": metadata or {},
            "name": name,
            "package_dimensions": None,
            "shippable": None,
            "statement_descriptor": None,
            "tax_code": None,
            "type": "service",
            "unit_label": None,
            "updated": now,
            "url": None,
        }
    )
    world.emit("product.created", product)
    return product


def new_price(
    world: World,
    product: Object,
    unit_amount: int,
    currency: str,
    *,
    interval: str | None = None,
    interval_count: int = 1,
    wanted: str | None = None,
    metadata: Object | None = None,
    announce: bool = True,
) -> Object:
    """`unit_amount` in the currency's smallest unit. Without an interval the price is paid once."""
    recurring = {
        "interval": interval,
        "interval_count": interval_count,
        "meter": None,
        "trial_period_days": None,
        "usage_type": "licensed",
    }
    price = world.add(
        {
            "id": wanted or world.new_id("price_1"),
            "object": "price",
            "active": True,
            "billing_scheme": "per_unit",
            "created": world.now(),
            "currency": currency,
            "custom_unit_amount": None,
            "livemode": world.switches.livemode,
            "lookup_key": None,
            "metadata": metadata or {},
            "nickname": None,
            "product": product["id"],
            "recurring": recurring if interval else None,
            "tax_behavior": "unspecified",
            "tiers_mode": None,
            "transform_quantity": None,
            "type": "recurring" if interval else "one_time",
            "unit_amount": unit_amount,
            "unit_amount_decimal": str(unit_amount),
        }
    )
    if announce:
        world.emit("price.created", price)
    return price


def plan_of(price: Object) -> Object:
    """A recurring price as the older kind of object that still accompanies it."""
    return {
        "id": price["id"],
        "object": "plan",
        "active": price["active"],
        "amount": price["unit_amount"],
        "amount_decimal": price["unit_amount_decimal"],
        "billing_scheme": price["billing_scheme"],
        "created": price["created"],
        "currency": price["currency"],
        "interval": price["recurring"]["interval"],
        "interval_count": price["recurring"]["interval_count"],
        "livemode": price["livemode"],
        "metadata": price["metadata"],
        "meter": None,
        "nickname": price["nickname"],
        "product": price["product"],
        "tiers_mode": None,
        "transform_usage": None,
        "trial_period_days": None,
        "usage_type": "licensed",
    }


def _currency(params: Params) -> str:
    currency = params.required("currency").lower()
    if len(currency) != 3 or not currency.isalpha():
        raise invalid(f"Invalid currency: {currency[:20]}.", params.name("currency"))
    return currency


def _recurrence(params: Params) -> tuple[str | None, int]:
    if not params.has("recurring"):
        return None, 1
    recurring = params.group("recurring")
    recurring.accept(frozenset({"interval", "interval_count", "usage_type"}))
    interval = recurring.choice("interval", *INTERVALS)
    if interval is None:
        recurring.required("interval")
    return interval, recurring.integer("interval_count", 1, 36) or 1


def price_from_data(world: World, params: Params) -> Object:
    """The `price_data` of a line: a price that exists only for it. Nothing is made before all is understood."""
    params.accept(frozenset({"currency", "unit_amount", "product", "product_data", "recurring", "tax_behavior"}))
    currency, (interval, every) = _currency(params), _recurrence(params)
    amount = params.required_integer("unit_amount", 0, DEAREST)
    return new_price(
        world, _product(world, params), amount, currency, interval=interval, interval_count=every, announce=False
    )


def _product(world: World, params: Params) -> Object:
    if (wanted := params.text("product")) is not None:
        return world.get("product", wanted, params.name("product"))
    data = params.group("product_data")
    data.accept(frozenset({"name", "description", "metadata", "images", "id", "active"}))
    return new_product(world, data.required("name"), wanted=data.text("id"), metadata=data.metadata())


def _create_product(world: World, params: Params) -> Object:
    wanted = params.text("id")
    if wanted is not None and world.find(wanted) is not None:
        raise conflict("Product already exists.", "resource_already_exists", "id")
    name, metadata = params.required("name"), params.metadata()
    product = new_product(world, name, wanted=wanted, metadata=metadata)
    product["description"] = params.text("description")
    return product


def _update_product(world: World, params: Params, wanted: str) -> Object:
    product = world.get("product", wanted)
    metadata, active = params.metadata(product["metadata"]), params.flag("active")
    with world.updating(product, "product.updated"):
        product["metadata"] = metadata
        product["name"] = params.text("name") or product["name"]
        product["active"] = product["active"] if active is None else active
        product["updated"] = world.now()
    return product


def _create_price(world: World, params: Params) -> Object:
    currency, (interval, every), metadata = _currency(params), _recurrence(params), params.metadata()
    amount = params.required_integer("unit_amount", 0, DEAREST)
    price = new_price(
        world,
        _product(world, params),
        amount,
        currency,
        interval=interval,
        interval_count=every,
        metadata=metadata,
        announce=False,
    )
    price["nickname"], price["lookup_key"] = params.text("nickname"), params.text("lookup_key")
    world.emit("price.created", price)
    return price


def _update_price(world: World, params: Params, wanted: str) -> Object:
    price = world.get("price", wanted)
    metadata, active = params.metadata(price["metadata"]), params.flag("active")
    with world.updating(price, "price.updated"):
        price["metadata"] = metadata
        price["nickname"] = params.text("nickname") or price["nickname"]
        price["active"] = price["active"] if active is None else active
    return price


def _list_prices(world: World, params: Params) -> Object:
    active, keys = params.flag("active"), params.texts("lookup_keys")
    return page(
        world,
        "price",
        params,
        lambda price: active in (None, price["active"]) and (not keys or price["lookup_key"] in keys),
        equal=("product", "type", "currency"),
    )


def _list_products(world: World, params: Params) -> Object:
    active, ids = params.flag("active"), params.texts("ids")
    return page(
        world, "product", params, lambda each: active in (None, each["active"]) and (not ids or each["id"] in ids)
    )


ENDPOINTS = (
    endpoint("POST", "/v1/products", _create_product, f"{PRODUCT} id"),
    endpoint("GET", "/v1/products", _list_products, f"{PAGED} active ids created"),
    endpoint("GET", "/v1/products/{product}", lambda world, params, wanted: world.get("product", wanted)),
    endpoint("POST", "/v1/products/{product}", _update_product, "name active metadata"),
    endpoint("POST", "/v1/prices", _create_price, PRICE),
    endpoint("GET", "/v1/prices", _list_prices, f"{PAGED} active product type currency lookup_keys created"),
    endpoint("GET", "/v1/prices/{price}", lambda world, params, wanted: world.get("price", wanted)),
    endpoint("POST", "/v1/prices/{price}", _update_price, "active metadata nickname"),
)
