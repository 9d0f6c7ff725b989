"""Charges: one attempt each to take money from a card."""

from gateway.billing.simulator.api import endpoint
from gateway.billing.simulator.cards import Card
from gateway.billing.simulator.form import Params
from gateway.billing.simulator.lists import PAGED, SEARCHED, page, search
from gateway.billing.simulator.resources.balance import fee_of, new_balance_transaction
from gateway.billing.simulator.world import Object, World

__all__ = ["ENDPOINTS", "accept_charge", "fail_charge", "new_charge"]

ACCEPTED = {"network_status": "approved_by_network", "reason": None, "risk_level": "normal", "risk_score": 20}
REFUSED = {
    "network_status": "declined_by_network",
    "risk_level": "normal",
    "risk_score": 20,
    "type": "issuer_declined",
}
NO_ADVICE = {"advice_code": None, "network_advice_code": None, "network_decline_code": None}


def new_charge(world: World, intent: Object, method: Object) -> Object:
    """An attempt that is under way, without an event yet."""
    charge_id = world.new_id("ch_3")
    return world.add(
        {
            "id": charge_id,
            "object": "charge",
            "amount": intent["amount"],
            "amount_captured": 0,
            "amount_refunded": 0,
            "application": None,
            "application_fee": None,
            "application_fee_amount": None,
            "balance_transaction": None,
            "billing_details": method["billing_details"],
            "calculated_statement_descriptor": "SIMULATED",
            "captured": False,
            "created": world.now(),
            "currency": intent["currency"],
            "customer": intent["customer"],
            "description": intent["description"],
            "disputed": False,
            "failure_balance_transaction": None,
            "failure_code": None,
            "failure_message": None,
            "fraud_details": {},
            "livemode": intent["livemode"],
            "metadata": dict(intent["metadata"]),
            "on_behalf_of": None,
            "outcome": None,
            "paid": False,
            "payment_intent": intent["id"],
            "payment_method": method["id"],
            "payment_method_details": {"card": _card_details(method), "type": "card"},
            "presentment_details": None,
            "radar_options": {},
            "receipt_email": intent["receipt_email"],
            "receipt_number": None,
            "receipt_url": None,
            "refunded": False,
            "review": None,
            "shipping": None,
            "source": None,
            "source_transfer": None,
            "statement_descriptor": None,
            "statement_descriptor_suffix": None,
            "status": "pending",
            "transfer_data": None,
            "transfer_group": None,
            "_invoice": intent["_invoice"],
            "_refunds": [],
            "_disputes": [],
        }
    )


def _card_details(method: Object) -> Object:
    card = method["card"]
    same = ("brand", "checks", "country", "exp_month", "exp_year", "fingerprint", "funding", "last4")
    return {
        **{name: card[name] for name in same},
        "authorization_code": None,
        "extended_authorization": {"status": "disabled"},
        "incremental_authorization": {"status": "unavailable"},
        "installments": None,
        "mandate": None,
        "multicapture": {"status": "unavailable"},
        "network": card["brand"],
        "network_token": {"used": False},
        "network_transaction_id": None,
        "regulated_status": card["regulated_status"],
        "three_d_secure": None,
        "wallet": None,
    }


def accept_charge(world: World, charge: Object) -> None:
    """The money is there."""
    charge.update(
        amount_captured=charge["amount"],
        captured=True,
        outcome={**ACCEPTED, **NO_ADVICE, "seller_message": "Payment complete.", "type": "authorized"},
        paid=True,
        receipt_url=f"{world.request.base_url or world.base_url}/_sim/receipts/{charge['id']}",
        status="succeeded",
    )
    transaction = new_balance_transaction(
        world, "charge", charge, charge["amount"], fee_of(charge["amount"]), charge["description"] or "Payment"
    )
    charge["balance_transaction"] = transaction["id"]
    world.emit("charge.succeeded", charge)


def fail_charge(world: World, charge: Object, card: Card) -> None:
    message = "The bank did not return any further details with this decline."
    charge.update(
        failure_code=card.code,
        failure_message=card.message,
        outcome={
            **REFUSED,
            **NO_ADVICE,
            "reason": card.decline_code,
            "seller_message": message,
            "type": "issuer_declined",
        },
        status="failed",
    )
    world.emit("charge.failed", charge)


def _update(world: World, params: Params, wanted: str) -> Object:
    charge = world.get("charge", wanted)
    metadata = params.metadata(charge["metadata"])
    with world.updating(charge, "charge.updated"):
        charge["metadata"] = metadata
        if params.has("description"):
            charge["description"] = params.text("description")
    return charge


def _list(world: World, params: Params) -> Object:
    return page(world, "charge", params, equal=("customer", "payment_intent"))


def _search(world: World, params: Params) -> Object:
    fields = {"amount", "created", "currency", "customer", "disputed", "metadata", "refunded", "status"}
    return search(world, "charge", params, frozenset(fields))


ENDPOINTS = (
    endpoint("GET", "/v1/charges", _list, f"{PAGED} customer payment_intent created"),
    endpoint("GET", "/v1/charges/search", _search, SEARCHED),
    endpoint("GET", "/v1/charges/{charge}", lambda world, params, wanted: world.get("charge", wanted)),
    endpoint("POST", "/v1/charges/{charge}", _update, "metadata description"),
)
