"""The life of a subscription: begun, renewed period by period, tried again when declined, ended.

The order of a renewal: the period moves (`customer.subscription.updated`), an invoice is drawn up (`invoice.created`),
made final, and paid or not. Declined, the subscription is past due and tried again after the switched days.
"""

from functools import partial

from gateway.billing.simulator.clock import period_after
from gateway.billing.simulator.errors import Refused
from gateway.billing.simulator.resources.invoice_objects import new_invoice
from gateway.billing.simulator.resources.invoices import collect, finalize, payer_of, void
from gateway.billing.simulator.world import Object, World

__all__ = [
    "begin",
    "end",
    "make_enders",
    "move_period",
    "period_end_of",
    "set_cancel_at",
    "set_cancel_at_period_end",
]

INCOMPLETE_SECONDS = 23 * 3600
DAY = 86400


def period_end_of(subscription: Object) -> int:
    return subscription["items"]["data"][0]["current_period_end"]


def move_period(subscription: Object, number: int) -> None:
    """Puts all its items into that period; they share one interval. Period 0 of a trial is the trial."""
    recurring = subscription["items"]["data"][0]["price"]["recurring"]
    anchor, trial_end = subscription["billing_cycle_anchor"], subscription["trial_end"]
    if trial_end is not None:
        number -= 1
    bounds = [
        subscription["trial_start"]
        if count < 0
        else period_after(anchor, recurring["interval"], recurring["interval_count"], count)
        for count in (number, number + 1)
    ]
    subscription["_period"] = number if trial_end is None else number + 1
    for item in subscription["items"]["data"]:
        item.update(current_period_start=bounds[0], current_period_end=bounds[1])


def begin(world: World, subscription: Object, method: Object | None, *, collects: bool = True) -> Refused | None:
    """Draws up and collects the first invoice. Gives the refusal of the card; the subscription is incomplete then."""
    is_trial = subscription["status"] == "trialing"
    invoice = new_invoice(world, subscription, "subscription_create", is_free=is_trial)
    invoice["_on_settled"] = _when_first_settled
    world.emit("customer.subscription.created", subscription)
    world.emit("invoice.created", invoice)
    finalize(world, invoice)
    world.at(period_end_of(subscription), _renew, subscription["id"])
    if not is_trial:
        world.at(world.now() + INCOMPLETE_SECONDS, _expire, subscription["id"])
    return collect(world, invoice, method) if collects else None


def end(world: World, subscription: Object, reason: str | None = None) -> None:
    """For good: its id never comes back to life. Open invoices stay open, but nobody collects them."""
    now = world.now()
    subscription.update(status="canceled", ended_at=now, canceled_at=subscription["canceled_at"] or now)
    if reason is not None:
        subscription["cancellation_details"]["reason"] = reason
    for invoice in world.all("invoice"):
        if invoice["_subscription"] == subscription["id"] and invoice["status"] in ("draft", "open"):
            invoice.update(auto_advance=False, next_payment_attempt=None)
    world.emit("customer.subscription.deleted", subscription)


def set_cancel_at_period_end(world: World, subscription: Object, wanted: bool) -> None:
    """Without an event. Asking for what is so already changes nothing."""
    if subscription["cancel_at_period_end"] == wanted:
        return
    subscription["cancel_at_period_end"] = wanted
    set_cancel_at(world, subscription, period_end_of(subscription) if wanted else None)


def set_cancel_at(world: World, subscription: Object, instant: int | None) -> None:
    """Without an event."""
    subscription["cancel_at"] = instant
    subscription["canceled_at"] = None if instant is None else world.now()
    subscription["cancellation_details"]["reason"] = None if instant is None else "cancellation_requested"
    if instant is not None:
        world.at(instant, _end_when_due, subscription["id"])


def _end_when_due(world: World, wanted: str) -> None:
    subscription = world.get("subscription", wanted)
    if subscription["ended_at"] is None and (subscription["cancel_at"] or world.now() + 1) <= world.now():
        end(world, subscription)


def _expire(world: World, wanted: str) -> None:
    subscription = world.get("subscription", wanted)
    if subscription["status"] != "incomplete":
        return
    with world.updating(subscription, "customer.subscription.updated"):
        subscription.update(status="incomplete_expired", ended_at=world.now())
    invoice = world.get("invoice", subscription["latest_invoice"])
    if invoice["status"] == "open":
        void(world, invoice)


def _renew(world: World, wanted: str) -> None:
    subscription = world.get("subscription", wanted)
    status = subscription["status"]
    if status not in ("active", "past_due", "trialing", "unpaid") or period_end_of(subscription) > world.now():
        return
    if subscription["cancel_at"] is not None and subscription["cancel_at"] <= world.now():
        end(world, subscription)
        return
    with world.updating(subscription, "customer.subscription.updated"):
        subscription["_period_before"] = subscription["items"]["data"][0]["current_period_start"]
        move_period(subscription, subscription["_period"] + 1)
        if status == "trialing":
            subscription["status"] = "active"
        invoice = new_invoice(world, subscription, "subscription_cycle")
    invoice["_on_settled"] = _when_renewal_settled
    world.at(period_end_of(subscription), _renew, wanted)
    if status == "unpaid":
        # At Stripe too such invoices wait as drafts until somebody acts.
        invoice["auto_advance"] = False
        world.emit("invoice.created", invoice)
        return
    world.emit("invoice.created", invoice)
    if world.switches.draft_seconds == 0:
        _finalize_and_collect(world, invoice["id"])
    else:
        world.at(world.now() + world.switches.draft_seconds, _finalize_and_collect, invoice["id"])


def _finalize_and_collect(world: World, wanted: str) -> None:
    invoice = world.get("invoice", wanted)
    if invoice["status"] == "draft" and invoice["auto_advance"]:
        finalize(world, invoice)
        collect(world, invoice, payer_of(world, invoice))


def _collect_again(world: World, wanted: str) -> None:
    invoice = world.get("invoice", wanted)
    if invoice["status"] == "open" and invoice["next_payment_attempt"] == world.now():
        collect(world, invoice, payer_of(world, invoice))


def _when_first_settled(world: World, invoice: Object) -> None:
    if invoice["status"] != "paid":
        world.emit("invoice.payment_failed", invoice)
        return
    _when_paid(world, invoice)


def _when_renewal_settled(world: World, invoice: Object) -> None:
    if invoice["status"] == "paid":
        _when_paid(world, invoice)
        return
    subscription = world.get("subscription", invoice["_subscription"])
    pauses, tried = world.switches.retry_days, invoice["attempt_count"]
    may_retry = subscription["ended_at"] is None and tried <= len(pauses)
    if may_retry:
        invoice["next_payment_attempt"] = world.now() + pauses[tried - 1] * DAY
        world.at(invoice["next_payment_attempt"], _collect_again, invoice["id"])
    world.emit("invoice.payment_failed", invoice)
    if subscription["ended_at"] is not None:
        return
    if not may_retry and world.switches.after_retries == "canceled":
        end(world, subscription, "payment_failed")
        return
    status = "past_due" if may_retry else world.switches.after_retries
    if subscription["status"] not in (status, "unpaid"):
        with world.updating(subscription, "customer.subscription.updated"):
            subscription["status"] = status


def _when_paid(world: World, invoice: Object) -> None:
    subscription = world.get("subscription", invoice["_subscription"])
    is_latest = subscription["latest_invoice"] == invoice["id"]
    intent = world.find(invoice["_payment_intent"] or "")
    saves = subscription["payment_settings"]["save_default_payment_method"] == "on_subscription"
    if intent is not None and saves and subscription["default_payment_method"] is None:
        subscription["default_payment_method"] = intent["payment_method"]
    if is_latest and subscription["status"] in ("incomplete", "past_due", "unpaid"):
        with world.updating(subscription, "customer.subscription.updated"):
            subscription["status"] = "active"


def make_enders(world: World, subscription: Object) -> None:
    """What a deleted customer does to its subscriptions."""
    subscription["_end"] = partial(end, world, subscription)
