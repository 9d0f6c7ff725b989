"""Refunds: whole, in parts, pending, failing later, cancelled."""

from gateway.billing.simulator.api import endpoint
from gateway.billing.simulator.errors import conflict, invalid
from gateway.billing.simulator.form import Params
from gateway.billing.simulator.lists import PAGED, page
from gateway.billing.simulator.resources.balance import new_balance_transaction
from gateway.billing.simulator.world import Object, World

__all__ = ["ENDPOINTS", "cancel_refund", "fail_refund", "new_refund", "succeed_refund"]

REASONS = ("duplicate", "fraudulent", "requested_by_customer")
OUTCOMES = {"refund_pending": "pending", "refund_fails": "fails"}
UNDONE = ("failed", "canceled")


def new_refund(
    world: World,
    charge: Object,
    *,
    amount: int | None = None,
    reason: str | None = None,
    metadata: Object | None = None,
) -> Object:
    """`amount` in the smallest unit; without one all that is left. Raises `Refused`."""
    left = int(charge["amount"] - charge["amount_refunded"])
    if charge["status"] != "succeeded":
        raise conflict(f"Charge {charge['id']} has not succeeded and cannot be refunded.", param="charge")
    if left == 0:
        raise conflict(f"Charge {charge['id']} has already been refunded.", "charge_already_refunded")
    if _is_charged_back(charge):
        raise conflict(f"Charge {charge['id']} has been charged back; cannot issue a refund.", "charge_disputed")
    if amount is None:
        amount = left
    if amount > left:
        message = f"Refund amount ({_dollars(amount)}) is greater than unrefunded amount on charge ({_dollars(left)})"
        raise conflict(message, param="amount")
    metadata = metadata or {}
    then = world.get("payment_method", charge["payment_method"])["_card"].then
    outcome = metadata.get("simulate") or OUTCOMES.get(then) or world.switches.refund_outcome
    refund = world.add(
        {
            "id": world.new_id("re_3"),
            "object": "refund",
            "amount": amount,
            "balance_transaction": None,
            "charge": charge["id"],
            "created": world.now(),
            "currency": charge["currency"],
            "customer": charge["customer"],
            "customer_account": None,
            "destination_details": {
                "card": {
                    "reference_status": "pending",
                    "reference_type": "acquirer_reference_number",
                    "type": "refund",
                },
                "type": "card",
            },
            "metadata": metadata,
            "payment_intent": charge["payment_intent"],
            "payment_method": charge["payment_method"],
            "reason": reason,
            "receipt_number": None,
            "source_transfer_reversal": None,
            "status": "pending" if outcome == "pending" else "succeeded",
            "transfer_reversal": None,
        }
    )
    charge["_refunds"].append(refund)
    if refund["status"] == "pending":
        refund["pending_reason"] = "processing"
    moved = new_balance_transaction(world, "refund", refund, -amount, 0, "REFUND FOR CHARGE")
    refund["balance_transaction"] = moved["id"]
    world.emit("refund.created", refund)
    with world.updating(charge, "charge.refunded"):
        _count_refunds(charge)
    if outcome in ("pending", "fails"):
        action = _succeed_when_due if outcome == "pending" else _fail_when_due
        world.at(world.now() + world.switches.refund_seconds, action, refund["id"])
    return refund


def succeed_refund(world: World, refund: Object) -> None:
    _must_be(refund, "pending")
    with world.updating(refund, "refund.updated", "charge.refund.updated"):
        refund["status"] = "succeeded"
        refund.pop("pending_reason", None)


def fail_refund(world: World, refund: Object, reason: str = "lost_or_stolen_card") -> None:
    """The bank sends the money back."""
    _must_be(refund, "pending", "succeeded")
    with world.updating(refund, "refund.failed", "refund.updated", "charge.refund.updated"):
        refund["failure_reason"] = reason
        _undo(world, refund, "failed")


def cancel_refund(world: World, refund: Object) -> None:
    _must_be(refund, "pending")
    with world.updating(refund, "refund.updated", "charge.refund.updated"):
        _undo(world, refund, "canceled")


def _undo(world: World, refund: Object, status: str) -> None:
    refund["status"] = status
    refund.pop("pending_reason", None)
    moved = new_balance_transaction(world, "refund_failure", refund, refund["amount"], 0, "REFUND FAILURE")
    refund["failure_balance_transaction"] = moved["id"]
    _count_refunds(world.get("charge", refund["charge"]))


def _must_be(refund: Object, *statuses: str) -> None:
    if refund["status"] not in statuses:
        raise conflict(f"Refund {refund['id']} is {refund['status']}.", "refund_unexpected_state")


def _succeed_when_due(world: World, wanted: str) -> None:
    refund = world.get("refund", wanted)
    if refund["status"] == "pending":
        succeed_refund(world, refund)


def _fail_when_due(world: World, wanted: str) -> None:
    refund = world.get("refund", wanted)
    if refund["status"] not in UNDONE:
        fail_refund(world, refund)


def _count_refunds(charge: Object) -> None:
    """What was refunded in all; a refund that failed or was cancelled no longer counts."""
    charge["amount_refunded"] = sum(each["amount"] for each in charge["_refunds"] if each["status"] not in UNDONE)
    charge["refunded"] = charge["amount_refunded"] == charge["amount"]


def _is_charged_back(charge: Object) -> bool:
    return any(
        not each["is_charge_refundable"] and each["status"] not in ("won", "warning_closed")
        for each in charge["_disputes"]
    )


def _dollars(cents: int) -> str:
    return f"${cents // 100}.{cents % 100:02}"


def _create(world: World, params: Params) -> Object:
    amount, metadata = params.integer("amount", 1), params.metadata()
    reason = params.choice("reason", *REASONS)
    wanted, intent_id = params.text("charge"), params.text("payment_intent")
    if (wanted is None) == (intent_id is None):
        raise invalid("One of the following params should be provided for this request: payment_intent or charge.")
    if intent_id is not None:
        intent = world.get("payment_intent", intent_id, "payment_intent")
        if intent["status"] != "succeeded":
            raise conflict(f"This PaymentIntent ({intent_id}) does not have a successful charge to refund.")
        wanted = intent["latest_charge"]
    charge = world.get("charge", wanted or "", "charge")
    return new_refund(world, charge, amount=amount, reason=reason, metadata=metadata)


def _update(world: World, params: Params, wanted: str) -> Object:
    refund = world.get("refund", wanted)
    metadata = params.metadata(refund["metadata"])
    with world.updating(refund, "refund.updated", "charge.refund.updated"):
        refund["metadata"] = metadata
    return refund


def _cancel(world: World, params: Params, wanted: str) -> Object:
    refund = world.get("refund", wanted)
    cancel_refund(world, refund)
    return refund


def _list(world: World, params: Params) -> Object:
    return page(world, "refund", params, equal=("charge", "payment_intent"))


def _list_of_charge(world: World, params: Params, charge: str) -> Object:
    world.get("charge", charge)
    return page(world, "refund", params, lambda refund: refund["charge"] == charge)


ENDPOINTS = (
    endpoint("POST", "/v1/refunds", _create, "charge payment_intent amount reason metadata"),
    endpoint("GET", "/v1/refunds", _list, f"{PAGED} charge payment_intent created"),
    endpoint("GET", "/v1/charges/{charge}/refunds", _list_of_charge, PAGED),
    endpoint("GET", "/v1/refunds/{refund}", lambda world, params, wanted: world.get("refund", wanted)),
    endpoint("POST", "/v1/refunds/{refund}", _update, "metadata"),
    endpoint("POST", "/v1/refunds/{refund}/cancel", _cancel),
)
