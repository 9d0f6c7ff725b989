"""How objects look: by default in the current version, for older callers as they looked before 2025-03-31.

Objects are kept in the current shape. What moved in that version, and is moved back here:
the period of a subscription from itself to its items; the subscription of an invoice to `parent`; the price of an
invoice's line to `pricing`; the links between invoice, payment intent and charge to invoice payments.
"""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

__all__ = ["has_invoice_payments", "render"]

NEW_SINCE = "2025-03-31"

Json = dict[str, Any]


def is_old(version: str) -> bool:
    return version[:10] < NEW_SINCE


def has_invoice_payments(version: str) -> bool:
    """Whether there are `invoice_payment.*` events."""
    return not is_old(version)


def render(obj: Any, version: str) -> Any:
    """A copy for the wire: without what stays inside, in the shape of that version."""
    if isinstance(obj, list):
        return [render(element, version) for element in obj]
    if not isinstance(obj, dict):
        return obj
    if obj.get("object") == "event":
        # Events keep for ever the shape in which they happened.
        return {name: deepcopy(value) for name, value in obj.items() if not name.startswith("_")}
    shown = {
        # Anything may be in metadata, but no object of ours.
        name: dict(value) if name == "metadata" and value is not None else render(value, version)
        for name, value in obj.items()
        if not name.startswith("_")
    }
    if is_old(version) and (reshape := OLD_SHAPES.get(obj.get("object", ""))) is not None:
        reshape(obj, shown)
    return shown


def _old_subscription(obj: Json, shown: Json) -> None:
    if obj["items"]["data"]:
        first = obj["items"]["data"][0]
        shown["current_period_start"] = first["current_period_start"]
        shown["current_period_end"] = first["current_period_end"]
        shown["plan"] = shown["items"]["data"][0]["plan"]
        shown["quantity"] = first["quantity"]
    for name in ("billing_mode", "billing_schedules"):
        shown.pop(name, None)
    shown["discount"] = None


def _old_item(obj: Json, shown: Json) -> None:
    for name in ("current_period_start", "current_period_end", "billed_until", "current_trial"):
        shown.pop(name, None)


def _old_invoice(obj: Json, shown: Json) -> None:
    details = (shown.pop("parent") or {}).get("subscription_details") or {}
    shown["subscription"] = details.get("subscription")
    shown["subscription_details"] = {"metadata": details.get("metadata")}
    shown["payment_intent"] = obj["_payment_intent"]
    shown["charge"] = obj["_charge"]
    shown["paid"] = obj["status"] == "paid"
    shown["paid_out_of_band"] = False
    shown["tax"] = None
    shown["quote"] = None
    shown["discount"] = None
    shown["total_tax_amounts"] = shown.pop("total_taxes")
    for name in ("amount_overpaid", "status_details", "total_pretax_credit_amounts"):
        shown.pop(name, None)


def _old_line(obj: Json, shown: Json) -> None:
    pricing, parent = shown.pop("pricing"), shown.pop("parent")
    details = parent["subscription_item_details"]
    shown["price"] = render(obj["_price"], "")
    shown["plan"] = render(obj["_plan"], "")
    shown["type"] = "subscription"
    shown["proration"] = details["proration"]
    shown["proration_details"] = details["proration_details"]
    shown["subscription_item"] = details["subscription_item"]
    shown["amount_excluding_tax"] = obj["amount"]
    shown["unit_amount_excluding_tax"] = pricing["unit_amount_decimal"]
    shown["tax_amounts"] = shown.pop("taxes")
    shown["tax_rates"] = []
    for name in ("subtotal", "quantity_decimal"):
        shown.pop(name, None)


def _old_link_to_invoice(obj: Json, shown: Json) -> None:
    shown["invoice"] = obj.get("_invoice")


OLD_SHAPES: dict[str, Callable[[Json, Json], None]] = {
    "subscription": _old_subscription,
    "subscription_item": _old_item,
    "invoice": _old_invoice,
    "line_item": _old_line,
    "charge": _old_link_to_invoice,
    "payment_intent": _old_link_to_invoice,
}
