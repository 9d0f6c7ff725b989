"""What Stripe's SDK documents of each object of its API version, read from its source, and a check against it."""

import ast
from functools import cache
from pathlib import Path
from typing import Any

import stripe

__all__ = ["problems_of"]

FOLDER = Path(stripe.__file__).parent
# The value of `object` → the file and the class that document it.
DOCUMENTED = {
    "balance_transaction": ("_balance_transaction.py", "BalanceTransaction"),
    "billing_portal.session": ("billing_portal/_session.py", "Session"),
    "charge": ("_charge.py", "Charge"),
    "checkout.session": ("checkout/_session.py", "Session"),
    "customer": ("_customer.py", "Customer"),
    "dispute": ("_dispute.py", "Dispute"),
    "event": ("_event.py", "Event"),
    "invoice": ("_invoice.py", "Invoice"),
    "invoice_payment": ("_invoice_payment.py", "InvoicePayment"),
    "item": ("_line_item.py", "LineItem"),
    "line_item": ("_invoice_line_item.py", "InvoiceLineItem"),
    "payment_intent": ("_payment_intent.py", "PaymentIntent"),
    "payment_method": ("_payment_method.py", "PaymentMethod"),
    "plan": ("_plan.py", "Plan"),
    "price": ("_price.py", "Price"),
    "product": ("_product.py", "Product"),
    "refund": ("_refund.py", "Refund"),
    "subscription": ("_subscription.py", "Subscription"),
    "subscription_item": ("_subscription_item.py", "SubscriptionItem"),
}
SIMPLE: dict[str, type] = {"bool": bool, "dict": dict, "float": float, "int": int, "str": str}

Scopes = tuple[ast.ClassDef, ...]


def problems_of(obj: dict[str, Any]) -> list[str]:
    """Fields that are not documented, that are missing, or that hold something else than documented."""
    return _check_class(obj, (_class_of(obj["object"]),), obj["object"])


@cache
def _class_of(kind: str) -> ast.ClassDef:
    file, name = DOCUMENTED[kind]
    found = _nested(ast.parse((FOLDER / file).read_text()), name)
    assert found is not None
    return found


def _nested(node: ast.Module | ast.ClassDef, name: str) -> ast.ClassDef | None:
    return next((each for each in node.body if isinstance(each, ast.ClassDef) and each.name == name), None)


def _check_class(obj: dict[str, Any], scopes: Scopes, path: str) -> list[str]:
    fields = {
        each.target.id: each.annotation
        for each in scopes[-1].body
        if isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name) and each.target.id.islower()
    }
    problems = [f"{path}.{name} is not documented" for name in obj if name not in fields]
    for name, annotation in fields.items():
        if name in obj:
            problems += _check(obj[name], annotation, scopes, f"{path}.{name}")
        elif _outer(annotation) != "Optional":
            problems.append(f"{path}.{name} is missing")
    return problems


def _outer(annotation: ast.expr) -> str:
    return ast.unparse(annotation).split("[")[0]


def _check(value: Any, annotation: ast.expr, scopes: Scopes, path: str) -> list[str]:
    wrong = [f"{path} is {value!r}, not {ast.unparse(annotation)[:80]}"]
    if isinstance(annotation, ast.Constant):
        # A resource named in quotes; itself checked by its own `object`.
        if not isinstance(value, dict) or value.get("object") not in DOCUMENTED:
            return wrong
        return _check_class(value, (_class_of(value["object"]),), path)
    if isinstance(annotation, ast.Name):
        return _check_name(value, annotation.id, scopes, path, wrong)
    assert isinstance(annotation, ast.Subscript), ast.unparse(annotation)
    inner = annotation.slice
    parts = inner.elts if isinstance(inner, ast.Tuple) else [inner]
    match _outer(annotation):
        case "Optional":
            return [] if value is None else _check(value, inner, scopes, path)
        case "Union":
            found = [_check(value, part, scopes, path) for part in parts]
            return [] if any(not each for each in found) else found[0]
        case "Literal":
            return [] if value in [part.value for part in parts if isinstance(part, ast.Constant)] else wrong
        case "ExpandableField":
            return [] if isinstance(value, str) else _check(value, inner, scopes, path)
        case "UntypedStripeObject":
            return [] if isinstance(value, dict) else wrong
        case "List":
            return _check_all(value, inner, scopes, path) if isinstance(value, list) else wrong
        case "ListObject":
            is_list = isinstance(value, dict) and value.keys() == {"object", "data", "has_more", "url"}
            return _check_all(value["data"], inner, scopes, path) if is_list else wrong
    raise AssertionError(ast.unparse(annotation))


def _check_all(values: list[Any], annotation: ast.expr, scopes: Scopes, path: str) -> list[str]:
    return [problem for value in values for problem in _check(value, annotation, scopes, path)]


def _check_name(value: Any, name: str, scopes: Scopes, path: str, wrong: list[str]) -> list[str]:
    if name == "Decimal":
        # A text on the wire.
        return [] if isinstance(value, str) else wrong
    if name in SIMPLE:
        fits = isinstance(value, SIMPLE[name]) and isinstance(value, bool) == (name == "bool")
        return [] if fits else wrong
    for depth in range(len(scopes), 0, -1):
        if (found := _nested(scopes[depth - 1], name)) is not None:
            return _check_class(value, (*scopes[:depth], found), path) if isinstance(value, dict) else wrong
    raise AssertionError(f"{path}: no class {name}")
