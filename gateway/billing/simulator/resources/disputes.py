"""Disputes: opened by a card or by hand, closed as won, lost or, when they were only inquiries, as closed."""

from gateway.billing.simulator.api import endpoint
from gateway.billing.simulator.errors import conflict, invalid
from gateway.billing.simulator.form import Params
from gateway.billing.simulator.lists import PAGED, page
from gateway.billing.simulator.resources.balance import DISPUTE_FEE, new_balance_transaction
from gateway.billing.simulator.world import Object, World

__all__ = ["ENDPOINTS", "close_dispute", "open_dispute"]

FINAL = ("won", "lost", "warning_closed")
DAYS_TO_ANSWER = 9
EVIDENCE = (
    "access_activity_log",
    "appeal",
    "billing_address",
    "cancellation_policy",
    "cancellation_policy_disclosure",
    "cancellation_rebuttal",
    "customer_communication",
    "customer_email_address",
    "customer_name",
    "customer_purchase_ip",
    "customer_signature",
    "duplicate_charge_documentation",
    "duplicate_charge_explanation",
    "duplicate_charge_id",
    "product_description",
    "receipt",
    "refund_policy",
    "refund_policy_disclosure",
    "refund_refusal_explanation",
    "service_date",
    "service_documentation",
    "shipping_address",
    "shipping_carrier",
    "shipping_date",
    "shipping_documentation",
    "shipping_tracking_number",
    "uncategorized_file",
    "uncategorized_text",
)


def open_dispute(
    world: World, charge: Object, *, amount: int | None = None, is_inquiry: bool = False, reason: str = "fraudulent"
) -> Object:
    """A dispute takes the money away at once; an inquiry (`warning_…`) takes nothing. Raises `Refused`."""
    if amount is None:
        amount = int(charge["amount"] - charge["amount_refunded"])
    if charge["status"] != "succeeded" or not 0 < amount <= charge["amount"]:
        raise conflict("This charge cannot be disputed for that amount.", param="amount")
    if charge["disputed"]:
        raise conflict("This charge is disputed already.", param="charge")
    dispute = world.add(_new_dispute(world, charge, amount, is_inquiry, reason))
    charge["disputed"] = True
    charge["_disputes"].append(dispute)
    if not is_inquiry:
        _move_money(world, dispute, -amount, DISPUTE_FEE, "Chargeback withdrawal")
    world.emit("charge.dispute.created", dispute)
    if not is_inquiry:
        world.emit("charge.dispute.funds_withdrawn", dispute)
    return dispute


def _new_dispute(world: World, charge: Object, amount: int, is_inquiry: bool, reason: str) -> Object:
    brand = charge["payment_method_details"]["card"]["brand"]
    return {
        "id": world.new_id("dp_1"),
        "object": "dispute",
        "amount": amount,
        "balance_transactions": [],
        "charge": charge["id"],
        "created": world.now(),
        "currency": charge["currency"],
        "enhanced_eligibility_types": [],
        "evidence": {**dict.fromkeys(EVIDENCE), "enhanced_evidence": {}},
        "evidence_details": {
            "due_by": world.now() + DAYS_TO_ANSWER * 86400,
            "enhanced_eligibility": {},
            "has_evidence": False,
            "past_due": False,
            "submission_count": 0,
            "submission_method": "not_submitted",
        },
        "intended_submission_method": None,
        "is_charge_refundable": is_inquiry,
        "livemode": charge["livemode"],
        "metadata": {},
        "network_reason_code": "10.4",
        "payment_intent": charge["payment_intent"],
        "payment_method_details": {
            "card": {
                "brand": brand,
                "case_type": "inquiry" if is_inquiry else "chargeback",
                "network": brand,
                "network_reason_code": "10.4",
            },
            "type": "card",
        },
        "reason": reason,
        "status": "warning_needs_response" if is_inquiry else "needs_response",
    }


def _move_money(world: World, dispute: Object, amount: int, fee: int, description: str) -> None:
    moved = new_balance_transaction(world, "adjustment", dispute, amount, fee, description)
    dispute["balance_transactions"].append(moved)


def close_dispute(world: World, dispute: Object, status: str) -> None:
    """`status` is won, lost or warning_closed; the last only for an inquiry, the others only for a dispute."""
    if dispute["status"] in FINAL:
        raise conflict("This dispute is already closed.")
    was_inquiry = dispute["status"].startswith("warning")
    if status not in FINAL or was_inquiry != (status == "warning_closed"):
        raise conflict(f"A dispute that is {dispute['status']} cannot become {status}.")
    dispute["status"] = status
    dispute["is_charge_refundable"] = False
    if status == "won":
        _move_money(world, dispute, dispute["amount"], 0, "Chargeback reversal")
        world.emit("charge.dispute.funds_reinstated", dispute)
    world.emit("charge.dispute.closed", dispute)


def _close(world: World, params: Params, wanted: str) -> Object:
    """By the API one can only give in."""
    dispute = world.get("dispute", wanted)
    close_dispute(world, dispute, "warning_closed" if dispute["status"].startswith("warning") else "lost")
    return dispute


def _update(world: World, params: Params, wanted: str) -> Object:
    """As in Stripe's test mode, the texts `winning_evidence` and `losing_evidence` decide at once."""
    dispute = world.get("dispute", wanted)
    metadata, submits = params.metadata(dispute["metadata"]), params.flag("submit")
    evidence = params.group("evidence")
    evidence.accept(frozenset(EVIDENCE))
    given = {name: evidence.text(name) for name in evidence.values}
    if given and dispute["status"] in FINAL:
        raise invalid("This dispute is already closed.", "evidence")
    outcomes = {"winning_evidence": "won", "losing_evidence": "lost"}
    with world.updating(dispute, "charge.dispute.updated"):
        dispute["metadata"] = metadata
        dispute["evidence"].update(given)
        if given and submits is not False:
            dispute["evidence_details"].update(has_evidence=True, submission_count=1, submission_method="manual")
            dispute["status"] = dispute["status"].replace("needs_response", "under_review")
    if submits is not False and (outcome := outcomes.get(given.get("uncategorized_text") or "")) is not None:
        close_dispute(world, dispute, "warning_closed" if dispute["status"].startswith("warning") else outcome)
    return dispute


def _list(world: World, params: Params) -> Object:
    return page(world, "dispute", params, equal=("charge", "payment_intent"))


ENDPOINTS = (
    endpoint("GET", "/v1/disputes", _list, f"{PAGED} charge payment_intent created"),
    endpoint("GET", "/v1/disputes/{dispute}", lambda world, params, wanted: world.get("dispute", wanted)),
    endpoint("POST", "/v1/disputes/{dispute}", _update, "metadata evidence submit"),
    endpoint("POST", "/v1/disputes/{dispute}/close", _close),
)
