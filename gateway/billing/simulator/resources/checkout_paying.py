"""What happens when a person pays on the page of a Checkout session: only then is there something to be paid."""

from functools import partial

from gateway.billing.simulator.errors import Refused, conflict
from gateway.billing.simulator.resources.customers import new_customer
from gateway.billing.simulator.resources.invoices import collect
from gateway.billing.simulator.resources.paying import new_intent, pay
from gateway.billing.simulator.resources.renewals import begin
from gateway.billing.simulator.resources.subscription_objects import new_subscription
from gateway.billing.simulator.world import Object, World

__all__ = ["pay_session", "success_address"]

PLACEHOLDER = "{CHECKOUT_SESSION_ID}"


def success_address(session: Object) -> str | None:
    address = session["success_url"]
    return address and address.replace(PLACEHOLDER, session["id"])


def pay_session(world: World, session: Object, method: Object, email: str | None) -> Refused | None:
    """One attempt of the person on the page. Gives the refusal of the card; raises `Refused` for a closed session."""
    if session["status"] != "open":
        raise conflict("This Checkout Session is no longer open.", "checkout_session_not_open")
    _set_customer(world, session, email)
    attempt = _pay_once if session["mode"] == "payment" else _subscribe
    if (refusal := attempt(world, session, method)) is not None:
        return refusal
    intent = world.find(session["payment_intent"] or "")
    session["status"] = "complete"
    session["url"] = None
    session["payment_status"] = "unpaid" if intent is not None and intent["status"] == "processing" else "paid"
    world.emit("checkout.session.completed", session)
    return None


def _set_customer(world: World, session: Object, email: str | None) -> None:
    address = session["customer_email"] or email
    if session["customer"] is not None:
        address = world.get("customer", session["customer"])["email"] or address
    elif session["mode"] == "subscription" or session["customer_creation"] == "always":
        session["customer"] = new_customer(world, email=address)["id"]
    session["customer_details"] = {
        "address": None,
        "business_name": None,
        "email": address,
        "individual_name": None,
        "name": None,
        "phone": None,
        "tax_exempt": "none",
        "tax_ids": [],
    }


def _pay_once(world: World, session: Object, method: Object) -> Refused | None:
    intent = session["_intent"]
    if intent is None:
        data = session["_data"]
        intent = session["_intent"] = new_intent(
            world,
            session["amount_total"],
            session["currency"],
            session["customer"],
            metadata=dict(data["metadata"]),
            description=data["description"],
            receipt_email=data["receipt_email"],
            setup_future_usage=data["setup_future_usage"],
        )
        intent["_on_settled"] = partial(_when_settled, world, session)
    refusal = pay(world, intent, method)
    if refusal is None:
        session["payment_intent"] = intent["id"]
    return refusal


def _when_settled(world: World, session: Object, intent: Object) -> None:
    if session["status"] != "complete":
        return
    if intent["status"] == "succeeded":
        session["payment_status"] = "paid"
        world.emit("checkout.session.async_payment_succeeded", session)
    else:
        world.emit("checkout.session.async_payment_failed", session)


def _subscribe(world: World, session: Object, method: Object) -> Refused | None:
    subscription = session["_subscription"]
    if subscription is None:
        data = session["_data"]
        subscription = session["_subscription"] = new_subscription(
            world,
            session["customer"],
            session["_items"],
            metadata=dict(data["metadata"]),
            saves_method=True,
            trial_days=data["trial_days"],
            description=data["description"],
        )
        refusal = begin(world, subscription, method)
    else:
        refusal = collect(world, world.get("invoice", subscription["latest_invoice"]), method)
    if refusal is None:
        session["subscription"] = subscription["id"]
        session["invoice"] = subscription["latest_invoice"]
    return refusal
