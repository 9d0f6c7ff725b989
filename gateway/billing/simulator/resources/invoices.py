"""Invoices of subscriptions: draft, open, paid or void; and the payments that belong to them."""

from gateway.billing.simulator.api import endpoint
from gateway.billing.simulator.errors import Refused, conflict
from gateway.billing.simulator.form import Params
from gateway.billing.simulator.lists import PAGED, page
from gateway.billing.simulator.resources.paying import PAYABLE, cancel, new_intent, pay
from gateway.billing.simulator.resources.payment_methods import resolve
from gateway.billing.simulator.world import Object, World

__all__ = ["ENDPOINTS", "NO_CARD", "collect", "finalize", "new_invoice", "payer_of", "void"]

NO_CARD = "This customer has no attached payment source or default payment method."


def new_invoice(world: World, subscription: Object, reason: str, *, is_free: bool = False) -> Object:
    """A draft for the period that the subscription is in; without an event."""
    customer = world.get("customer", subscription["customer"])
    now, invoice_id = world.now(), world.new_id("in_1")
    lines = [_line(world, subscription, item, invoice_id, is_free) for item in subscription["items"]["data"]]
    total = sum(line["amount"] for line in lines)
    invoice = world.add(
        {
            "id": invoice_id,
            "object": "invoice",
            "account_country": "US",
            "account_name": "Simulated",
            "account_tax_ids": None,
            "amount_due": total,
            "amount_overpaid": 0,
            "amount_paid": 0,
            "amount_paid_off_stripe": 0,
            "amount_remaining": total,
            "amount_shipping": 0,
            "application": None,
            "attempt_count": 0,
            "attempted": False,
            "auto_advance": True,
            "automatic_tax": {
                "disabled_reason": None,
                "enabled": False,
                "liability": None,
                "provider": None,
                "status": None,
            },
            "automatically_finalizes_at": now + world.switches.draft_seconds,
            "billing_reason": reason,
            "collection_method": "charge_automatically",
            "created": now,
            "currency": subscription["currency"],
            "custom_fields": None,
            "customer": customer["id"],
            "customer_account": None,
            "customer_address": customer["address"],
            "customer_email": customer["email"],
            "customer_name": customer["name"],
            "customer_phone": customer["phone"],
            "customer_shipping": None,
            "customer_tax_exempt": "none",
            "customer_tax_ids": [],
            "default_payment_method": None,
            "default_source": None,
            "default_tax_rates": [],
            "description": None,
            "discounts": [],
            "due_date": None,
            "effective_at": None,
            "ending_balance": None,
            "footer": None,
            "from_invoice": None,
            "hosted_invoice_url": None,
            "invoice_pdf": None,
            "issuer": {"type": "self"},
            "last_finalization_error": None,
            "latest_revision": None,
            "lines": {"object": "list", "data": lines, "has_more": False, "url": f"/v1/invoices/{invoice_id}/lines"},
            "livemode": subscription["livemode"],
            "metadata": {},
            "next_payment_attempt": None,
            "number": None,
            "on_behalf_of": None,
            "parent": {
                "quote_details": None,
                "subscription_details": {
                    "metadata": dict(subscription["metadata"]),
                    "subscription": subscription["id"],
                },
                "type": "subscription_details",
            },
            "payment_settings": {
                "default_mandate": None,
                "payment_method_options": None,
                "payment_method_types": None,
            },
            # What the line items cover is in their own periods; these lie in the past, as at Stripe.
            "period_end": now,
            "period_start": subscription["_period_before"],
            "post_payment_credit_notes_amount": 0,
            "pre_payment_credit_notes_amount": 0,
            "receipt_number": None,
            "rendering": None,
            "shipping_cost": None,
            "shipping_details": None,
            "starting_balance": 0,
            "statement_descriptor": None,
            "status": "draft",
            "status_transitions": {
                "finalized_at": None,
                "marked_uncollectible_at": None,
                "paid_at": None,
                "voided_at": None,
            },
            "subtotal": total,
            "subtotal_excluding_tax": total,
            "test_clock": None,
            "total": total,
            "total_discount_amounts": [],
            "total_excluding_tax": total,
            "total_pretax_credit_amounts": [],
            "total_taxes": [],
            "webhooks_delivered_at": None,
            "_subscription": subscription["id"],
            "_payment_intent": None,
            "_payment": None,
            "_charge": None,
            # Called with the world and the invoice when its payment has come, or failed.
            "_on_settled": None,
        }
    )
    subscription["latest_invoice"] = invoice_id
    return invoice


def _line(world: World, subscription: Object, item: Object, invoice_id: str, is_free: bool) -> Object:
    price, quantity = item["price"], item["quantity"]
    amount = 0 if is_free else price["unit_amount"] * quantity
    product = world.find(price["product"]) or {"name": price["product"]}
    return {
        "id": world.new_id("il_1"),
        "object": "line_item",
        "amount": amount,
        "currency": price["currency"],
        "description": f"{quantity} × {product['name']}",
        "discount_amounts": [],
        "discountable": True,
        "discounts": [],
        "invoice": invoice_id,
        "livemode": subscription["livemode"],
        "metadata": dict(subscription["metadata"]),
        "parent": {
            "invoice_item_details": None,
            "subscription_item_details": {
                "invoice_item": None,
                "proration": False,
                "proration_details": {"credited_items": None},
                "subscription": subscription["id"],
                "subscription_item": item["id"],
            },
            "type": "subscription_item_details",
        },
        "period": {"end": item["current_period_end"], "start": item["current_period_start"]},
        "pretax_credit_amounts": [],
        "pricing": {
            "price_details": {"price": price["id"], "product": price["product"]},
            "type": "price_details",
            "unit_amount_decimal": "0" if is_free else price["unit_amount_decimal"],
        },
        "quantity": quantity,
        "quantity_decimal": str(quantity),
        "subscription": subscription["id"],
        "subtotal": amount,
        "taxes": [],
        "_price": price,
        "_plan": item["plan"],
    }


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
    intent["_on_settled"] = lambda intent: _when_settled(world, invoice, intent)
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
