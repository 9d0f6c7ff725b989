"""Customers."""

from typing import Any

from gateway.billing.simulator.api import endpoint
from gateway.billing.simulator.form import Params
from gateway.billing.simulator.lists import PAGED, SEARCHED, page, search
from gateway.billing.simulator.resources.payment_methods import attach, check_attachable, resolve
from gateway.billing.simulator.world import Object, World

__all__ = ["ENDPOINTS", "new_customer"]

FIELDS = "email name phone description metadata preferred_locales invoice_settings address shipping"
ADDRESS = ("city", "country", "line1", "line2", "postal_code", "state")


def new_customer(world: World, **given: Any) -> Object:
    customer = world.add(
        {
            "id": world.new_id("cus_", 14),
            "object": "customer",
            "address": None,
            "balance": 0,
            "created": world.now(),
            "currency": None,
            "default_source": None,
            "delinquent": False,
            "description": None,
            "discount": None,
            "email": None,
            "invoice_prefix": world.new_id("", 8).upper(),
            "invoice_settings": {
                "custom_fields": None,
                "default_payment_method": None,
                "footer": None,
                "rendering_options": None,
            },
            "livemode": world.switches.livemode,
            "metadata": {},
            "name": None,
            "next_invoice_sequence": 1,
            "phone": None,
            "preferred_locales": [],
            "shipping": None,
            "tax_exempt": "none",
            "test_clock": None,
            **given,
        }
    )
    world.emit("customer.created", customer)
    return customer


def _create(world: World, params: Params) -> Object:
    fields = _read(world, params, {"metadata": {}})
    method = resolve(world, params.required("payment_method")) if params.text("payment_method") else None
    default = params.group("invoice_settings").text("default_payment_method")
    if method is not None:
        check_attachable(method)
    customer = new_customer(world, **fields)
    if method is not None:
        attach(world, method, customer)
    if default is not None:
        customer["invoice_settings"]["default_payment_method"] = method["id"] if method else default
    return customer


def _update(world: World, params: Params, wanted: str) -> Object:
    customer = world.get("customer", wanted)
    fields = _read(world, params, customer)
    default = params.group("invoice_settings").text("default_payment_method")
    if default is not None:
        world.get("payment_method", default, "invoice_settings[default_payment_method]")
    with world.updating(customer, "customer.updated"):
        customer.update(fields)
        if default is not None:
            customer["invoice_settings"]["default_payment_method"] = default
    return customer


def _read(world: World, params: Params, old: Object) -> Object:
    params.group("invoice_settings").accept(frozenset({"default_payment_method"}))
    fields: Object = {name: params.text(name) for name in ("email", "name", "phone", "description") if params.has(name)}
    if params.has("metadata"):
        fields["metadata"] = params.metadata(old["metadata"])
    if params.has("preferred_locales"):
        fields["preferred_locales"] = params.texts("preferred_locales")
    if params.has("address"):
        address = params.group("address")
        fields["address"] = None if params.unsets("address") else {name: address.text(name) for name in ADDRESS}
    return fields


def _retrieve(world: World, params: Params, wanted: str) -> Object:
    return world.get_even_deleted("customer", wanted)


def _delete(world: World, params: Params, wanted: str) -> Object:
    customer = world.get("customer", wanted)
    # Their subscriptions end with them.
    for subscription in world.all("subscription"):
        if subscription["customer"] == wanted and subscription["ended_at"] is None:
            subscription["_end"]()
    left = world.remove(customer)
    world.emit("customer.deleted", customer)
    return left


def _list(world: World, params: Params) -> Object:
    return page(world, "customer", params, equal=("email",))


def _search(world: World, params: Params) -> Object:
    return search(world, "customer", params, frozenset({"created", "email", "metadata", "name", "phone"}))


ENDPOINTS = (
    endpoint("POST", "/v1/customers", _create, f"{FIELDS} payment_method"),
    endpoint("GET", "/v1/customers", _list, f"{PAGED} email created"),
    endpoint("GET", "/v1/customers/search", _search, SEARCHED),
    endpoint("GET", "/v1/customers/{customer}", _retrieve),
    endpoint("POST", "/v1/customers/{customer}", _update, FIELDS),
    endpoint("DELETE", "/v1/customers/{customer}", _delete),
)
