"""`expand[]`: ids replaced by their objects, and parts that are only shown when asked for."""

from collections.abc import Callable
from typing import Any

from gateway.billing.simulator.errors import invalid
from gateway.billing.simulator.shapes import render
from gateway.billing.simulator.world import Object, World

__all__ = ["expand", "list_of"]

DEEPEST = 4


def list_of(objects: list[Object], url: str) -> Object:
    """A list inside an object, whole."""
    return {"object": "list", "data": objects, "has_more": False, "url": url}


def expand(world: World, shown: Any, paths: list[str], version: str) -> None:
    """Changes what will be shown. Raises `Refused` for a path that leads nowhere."""
    for path in paths:
        steps = path.split(".")
        if len(steps) > DEEPEST + (steps[0] == "data"):
            raise invalid("You cannot expand more than 4 levels of a property.", "expand")
        if not _follow(world, shown, steps, version):
            raise invalid(f"This property cannot be expanded ({path}).", "expand")


def _follow(world: World, node: Any, steps: list[str], version: str) -> bool:
    """Whether the path exists here. Nothing at the end of it is no mistake."""
    if isinstance(node, list):
        return all(_follow(world, element, steps, version) for element in node)
    if not isinstance(node, dict):
        return False
    step = steps[0]
    if step not in node and (include := ONLY_WHEN_ASKED.get((node.get("object", ""), step))) is not None:
        node[step] = render(include(world, node["id"]), version)
    if step not in node:
        return False
    value = node[step]
    if isinstance(value, str) and (found := world.find(value)) is not None:
        target = world.stub(found) if found.get("deleted") else found
        value = node[step] = render(target, version)
    if value is None or len(steps) == 1:
        return value is None or isinstance(value, dict | list)
    return _follow(world, value, steps[1:], version)


def _refunds(world: World, charge: str) -> Object:
    return list_of([each for each in world.all("refund") if each["charge"] == charge], f"/v1/charges/{charge}/refunds")


def _payments(world: World, invoice: str) -> Object:
    found = [each for each in world.all("invoice_payment") if each["invoice"] == invoice]
    return list_of(found, f"/v1/invoice_payments?invoice={invoice}")


def _line_items(world: World, session: str) -> Object:
    found = world.get("checkout.session", session)
    return list_of(found["_line_items"], f"/v1/checkout/sessions/{session}/line_items")


def _subscriptions(world: World, customer: str) -> Object:
    found = [each for each in world.all("subscription") if each["customer"] == customer and each["ended_at"] is None]
    return list_of(found, f"/v1/customers/{customer}/subscriptions")


def _confirmation_secret(world: World, invoice: str) -> Object | None:
    intent = world.get("invoice", invoice)["_payment_intent"]
    if intent is None:
        return None
    return {"client_secret": world.get("payment_intent", intent)["client_secret"], "type": "payment_intent"}


ONLY_WHEN_ASKED: dict[tuple[str, str], Callable[[World, str], Object | None]] = {
    ("charge", "refunds"): _refunds,
    ("checkout.session", "line_items"): _line_items,
    ("customer", "subscriptions"): _subscriptions,
    ("invoice", "confirmation_secret"): _confirmation_secret,
    ("invoice", "payments"): _payments,
}
