"""What happens when a payment intent is paid with a card: at once, after a while, or not."""

from gateway.billing.simulator.cards import DECLINED, Card
from gateway.billing.simulator.errors import Refused, conflict
from gateway.billing.simulator.resources.charges import accept_charge, fail_charge, new_charge
from gateway.billing.simulator.resources.disputes import open_dispute
from gateway.billing.simulator.resources.payment_methods import attach
from gateway.billing.simulator.world import Object, World

__all__ = ["cancel", "new_intent", "pay", "settle"]

PAYABLE = ("requires_payment_method", "requires_confirmation", "requires_action")


def new_intent(
    world: World,
    amount: int,
    currency: str,
    customer: str | None,
    *,
    metadata: dict[str, str] | None = None,
    description: str | None = None,
    receipt_email: str | None = None,
    invoice: str | None = None,
    setup_future_usage: str | None = None,
    method: Object | None = None,
    automatic: bool = True,
) -> Object:
    intent_id = world.new_id("pi_3")
    intent = world.add(
        {
            "id": intent_id,
            "object": "payment_intent",
            "allowed_payment_method_types": None,
            "amount": amount,
            "amount_capturable": 0,
            "amount_details": {"tip": {}},
            "amount_received": 0,
            "application": None,
            "application_fee_amount": None,
            "automatic_payment_methods": {"allow_redirects": "always", "enabled": True} if automatic else None,
            "canceled_at": None,
            "cancellation_reason": None,
            "capture_method": "automatic_async",
            "client_secret": f"{intent_id}_secret_{world.new_id('', 25)}",
            "confirmation_method": "automatic",
            "created": world.now(),
            "currency": currency,
            "customer": customer,
            "customer_account": None,
            "description": description,
            "excluded_payment_method_types": None,
            "last_payment_error": None,
            "latest_charge": None,
            "livemode": world.switches.livemode,
            "metadata": metadata or {},
            "next_action": None,
            "on_behalf_of": None,
            "payment_method": method["id"] if method else None,
            "payment_method_configuration_details": None,
            "payment_method_options": {},
            "payment_method_types": ["card"],
            "processing": None,
            "receipt_email": receipt_email,
            "review": None,
            "setup_future_usage": setup_future_usage,
            "shipping": None,
            "source": None,
            "statement_descriptor": None,
            "statement_descriptor_suffix": None,
            "status": "requires_confirmation" if method else "requires_payment_method",
            "transfer_data": None,
            "transfer_group": None,
            "_invoice": invoice,
            # Called with the intent when money has come or was refused, before the intent's own event.
            "_on_settled": None,
        }
    )
    world.emit("payment_intent.created", intent)
    return intent


def pay(world: World, intent: Object, method: Object) -> Refused | None:
    """One attempt. Gives the refusal when the card declined; raises `Refused` when nothing may be attempted."""
    if intent["status"] not in PAYABLE:
        raise conflict(
            f"This PaymentIntent's status is {intent['status']}: it cannot be confirmed.",
            "payment_intent_unexpected_state",
            payment_intent=intent,
        )
    if method["customer"] not in (None, intent["customer"]):
        raise conflict("The payment method belongs to another customer.", param="payment_method")
    customer = world.find(intent["customer"]) if intent["customer"] else None
    charge = new_charge(world, intent, method)
    intent.update(payment_method=method["id"], latest_charge=charge["id"], last_payment_error=None)
    card: Card = method["_card"]
    if card.then.startswith("processing"):
        intent.update(status="processing", processing={"card": {"customer_notification": None}, "type": "card"})
        world.emit("charge.pending", charge)
        world.emit("payment_intent.processing", intent)
        world.at(world.now() + world.switches.processing_seconds, _settle_when_due, intent["id"])
        return None
    if card.code:
        return _refuse(world, intent, charge, method)
    if intent["setup_future_usage"] and customer is not None:
        attach(world, method, customer)
    _succeed(world, intent, charge)
    return None


def settle(world: World, intent: Object, *, succeeds: bool | None = None) -> None:
    """Ends the processing of a payment: as its card says, or as told."""
    if intent["status"] != "processing":
        raise conflict("This PaymentIntent is not processing.", "payment_intent_unexpected_state")
    charge, method = world.get("charge", intent["latest_charge"]), world.get("payment_method", intent["payment_method"])
    intent["processing"] = None
    if succeeds if succeeds is not None else method["_card"].then != "processing_fails":
        _succeed(world, intent, charge)
    else:
        _refuse(world, intent, charge, method)


def cancel(world: World, intent: Object, reason: str | None) -> None:
    if intent["status"] not in PAYABLE:
        raise conflict(
            f"You cannot cancel this PaymentIntent because it has a status of {intent['status']}.",
            "payment_intent_unexpected_state",
            payment_intent=intent,
        )
    intent.update(status="canceled", canceled_at=world.now(), cancellation_reason=reason)
    world.emit("payment_intent.canceled", intent)


def _settle_when_due(world: World, wanted: str) -> None:
    intent = world.get("payment_intent", wanted)
    if intent["status"] == "processing":
        settle(world, intent)


def _succeed(world: World, intent: Object, charge: Object) -> None:
    accept_charge(world, charge)
    intent.update(status="succeeded", amount_received=intent["amount"])
    if intent["_on_settled"] is not None:
        intent["_on_settled"](intent)
    world.emit("payment_intent.succeeded", intent)
    then = world.get("payment_method", charge["payment_method"])["_card"].then
    if then in ("dispute", "inquiry"):
        open_dispute(world, charge, is_inquiry=then == "inquiry")


def _refuse(world: World, intent: Object, charge: Object, method: Object) -> Refused:
    card: Card = method["_card"]
    if not card.code:
        # Declined because somebody said so, not because of the card.
        card = Card(card.number, code="card_declined", decline_code="generic_decline", message=DECLINED)
    fail_charge(world, charge, card)
    intent.update(
        status="requires_payment_method",
        payment_method=None,
        last_payment_error={
            "charge": charge["id"],
            "code": card.code,
            "decline_code": card.decline_code,
            "message": card.message,
            "payment_method": method,
            "type": "card_error",
        },
    )
    if intent["_on_settled"] is not None:
        intent["_on_settled"](intent)
    world.emit("payment_intent.payment_failed", intent)
    return card.decline(charge=charge["id"], payment_intent=intent, payment_method=method)
