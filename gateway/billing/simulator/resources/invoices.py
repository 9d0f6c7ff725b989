"""Invoices of subscriptions: draft, open, paid or void; and the payments that belong to them."""

from functools import partial

from gateway.billing.simulator.api import endpoint
from gateway.billing.simulator.errors import Refused, conflict
from gateway.billing.simulator.form import Params
from gateway.billing.simulator.lists import PAGED, page
from gateway.billing.simulator.resources.paying import PAYABLE, cancel, new_intent, pay
from gateway.billing.simulator.resources.payment_methods import resolve
from gateway.billing.simulator.world import Object, World

__all__ = ["ENDPOINTS", "NO_CARD", "collect", "finalize", "payer_of", "void"]

NO_CARD = "This customer has no attached payment source or default payment method."


def finalize(world: World, invoice: Object) -> None:
    """From draft to open, with a payment to be made; one over nothing is paid at once."""
    customer = world.get_even_deleted("customer", invoice["customer"])
    if not customer.get("deleted"):
        invoice["number"] = f"{customer['invoice_prefix']}-{customer['next_invoice_sequence']:04}"
        customer["next_invoice_sequence"] += 1
    now = world.now()
    invoice.update(status="open", effective_at=now, automatically_finalizes_at=None, ending_balance=0)
    invoice["status_transitions"]["finalized_at"] = now
    if invoice["amount_due"] == 0:
        world.emit("invoice.finalized", invoice)
        _mark_paid(world, invoice)
        return
    is_first = invoice["billing_reason"] == "subscription_create"
    intent = new_intent(
        world,
        invoice["amount_due"],
        invoice["currency"],
        invoice["customer"],
        description="Subscription creation" if is_first else "Subscription update",
        invoice=invoice["id"],
        setup_future_usage="off_session",
    )
    intent["_on_settled"] = partial(_when_settled, world, invoice)
    payment = world.add(
        {
            "id": world.new_id("inpay_1"),
            "object": "invoice_payment",
            "amount_paid": None,
            "amount_requested": invoice["amount_due"],
            "created": now,
            "currency": invoice["currency"],
            "invoice": invoice["id"],
            "is_default": True,
            "livemode": invoice["livemode"],
            "payment": {"payment_intent": intent["id"], "type": "payment_intent"},
            "status": "open",
            "status_transitions": {"canceled_at": None, "paid_at": None},
        }
    )
    invoice.update(_payment_intent=intent["id"], _payment=payment["id"])
    world.emit("invoice.finalized", invoice)


def collect(world: World, invoice: Object, method: Object | None) -> Refused | None:
    """One attempt to have an open invoice paid. Gives the refusal of the card."""
    if invoice["status"] != "open":
        return None
    if method is None:
        _mark_failed(world, invoice)
        return conflict(NO_CARD, "resource_missing")
    intent = world.get("payment_intent", invoice["_payment_intent"])
    # One that is processing already is not paid a second time.
    return pay(world, intent, method) if intent["status"] in PAYABLE else None


def void(world: World, invoice: Object) -> None:
    """Nobody needs to pay it any more."""
    if invoice["status"] not in ("open", "uncollectible"):
        raise conflict("You can only void open or uncollectible invoices.", "invoice_not_editable")
    invoice.update(status="void", auto_advance=False, next_payment_attempt=None)
    invoice["status_transitions"]["voided_at"] = world.now()
    world.emit("invoice.voided", invoice)
    payment = world.get("invoice_payment", invoice["_payment"])
    payment["status"] = "canceled"
    payment["status_transitions"]["canceled_at"] = world.now()
    intent = world.get("payment_intent", invoice["_payment_intent"])
    if intent["status"] in PAYABLE:
        cancel(world, intent, "void_invoice")


def _when_settled(world: World, invoice: Object, intent: Object) -> None:
    invoice["_charge"] = intent["latest_charge"]
    if intent["status"] == "succeeded":
        _mark_paid(world, invoice)
    else:
        _mark_failed(world, invoice)


def _mark_paid(world: World, invoice: Object) -> None:
    now, amount = world.now(), invoice["amount_due"]
    invoice.update(
        status="paid",
        amount_paid=amount,
        amount_remaining=0,
        attempted=True,
        attempt_count=invoice["attempt_count"] + (amount > 0),
        auto_advance=False,
        next_payment_attempt=None,
    )
    invoice["status_transitions"]["paid_at"] = now
    world.emit("invoice.paid", invoice)
    world.emit("invoice.payment_succeeded", invoice)
    if invoice["_payment"] is not None:
        payment = world.get("invoice_payment", invoice["_payment"])
        payment.update(amount_paid=amount, status="paid")
        payment["status_transitions"]["paid_at"] = now
        world.emit("invoice_payment.paid", payment)
    if invoice["_on_settled"] is not None:
        invoice["_on_settled"](world, invoice)


def _mark_failed(world: World, invoice: Object) -> None:
    invoice.update(attempted=True, attempt_count=invoice["attempt_count"] + 1, next_payment_attempt=None)
    if invoice["_on_settled"] is not None:
        invoice["_on_settled"](world, invoice)


def _pay(world: World, params: Params, wanted: str) -> Object:
    invoice = world.get("invoice", wanted)
    if invoice["status"] == "paid":
        raise conflict("Invoice is already paid", "invoice_already_paid")
    if invoice["status"] == "draft":
        finalize(world, invoice)
    if invoice["status"] not in ("open", "paid"):
        raise conflict(f"This invoice is {invoice['status']}.", "invoice_not_editable")
    name = params.text("payment_method")
    method = resolve(world, name) if name else payer_of(world, invoice)
    if (refusal := collect(world, invoice, method)) is not None:
        raise refusal
    return invoice


def payer_of(world: World, invoice: Object) -> Object | None:
    """The card that an invoice is taken from without anybody present."""
    subscription = world.get("subscription", invoice["_subscription"])
    customer = world.get_even_deleted("customer", invoice["customer"])
    wanted = subscription["default_payment_method"]
    if wanted is None and not customer.get("deleted"):
        wanted = customer["invoice_settings"]["default_payment_method"]
    return None if wanted is None else world.get("payment_method", wanted)


def _void(world: World, params: Params, wanted: str) -> Object:
    invoice = world.get("invoice", wanted)
    void(world, invoice)
    return invoice


def _finalize(world: World, params: Params, wanted: str) -> Object:
    invoice = world.get("invoice", wanted)
    if invoice["status"] != "draft":
        raise conflict("This invoice is already finalized.", "invoice_not_editable")
    finalize(world, invoice)
    return invoice


def _update(world: World, params: Params, wanted: str) -> Object:
    invoice = world.get("invoice", wanted)
    metadata = params.metadata(invoice["metadata"])
    with world.updating(invoice, "invoice.updated"):
        invoice["metadata"] = metadata
    return invoice


def _list(world: World, params: Params) -> Object:
    subscription = params.text("subscription")
    return page(
        world,
        "invoice",
        params,
        lambda invoice: subscription in (None, invoice["_subscription"]),
        equal=("customer", "status", "collection_method"),
    )


def _lines(world: World, params: Params, wanted: str) -> Object:
    return world.get("invoice", wanted)["lines"]


def _list_payments(world: World, params: Params) -> Object:
    payment = params.group("payment")
    payment.accept(frozenset({"type", "payment_intent"}))
    intent = payment.text("payment_intent")
    return page(
        world,
        "invoice_payment",
        params,
        lambda each: intent in (None, each["payment"]["payment_intent"]),
        equal=("invoice", "status"),
    )


ENDPOINTS = (
    endpoint("GET", "/v1/invoices", _list, f"{PAGED} customer status subscription collection_method created"),
    endpoint("GET", "/v1/invoices/{invoice}", lambda world, params, wanted: world.get("invoice", wanted)),
    endpoint("POST", "/v1/invoices/{invoice}", _update, "metadata"),
    endpoint("GET", "/v1/invoices/{invoice}/lines", _lines, PAGED),
    endpoint("POST", "/v1/invoices/{invoice}/pay", _pay, "payment_method off_session"),
    endpoint("POST", "/v1/invoices/{invoice}/void", _void),
    endpoint("POST", "/v1/invoices/{invoice}/finalize", _finalize, "auto_advance"),
    endpoint("GET", "/v1/invoice_payments", _list_payments, f"{PAGED} invoice payment status created"),
    endpoint(
        "GET", "/v1/invoice_payments/{payment}", lambda world, params, wanted: world.get("invoice_payment", wanted)
    ),
)
