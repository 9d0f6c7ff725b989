"""The simulator's subscriptions on its clock: begun, renewed, declined, tried again, cancelled, in both shapes."""

from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import pytest
import stripe

from gateway.billing.simulator.switches import OLD_VERSION
from tests.py.billing.simulator.simulated import Hook, SimulatedStripe

START = int(datetime(2027, 1, 31, 12, tzinfo=UTC).timestamp())
DAY = 86400
PAID = [
    "charge.succeeded",
    "invoice.paid",
    "invoice.payment_succeeded",
    "invoice_payment.paid",
    "payment_intent.succeeded",
]
RENEWED = [
    "customer.subscription.updated",
    "invoice.created",
    "payment_intent.created",
    "invoice.finalized",
    *PAID,
]


def at(month: int, day: int) -> int:
    return int(datetime(2027, month, day, 12, tzinfo=UTC).timestamp())


async def begun(simulated: SimulatedStripe, **fields: Any) -> Any:
    await simulated.direct("clock", {"now": START})
    return await simulated.subscribed(**fields)


async def fails_from_now_on(simulated: SimulatedStripe, subscription: Any) -> None:
    method = await simulated.api.payment_methods.attach_async(
        "pm_card_chargeCustomerFail", {"customer": subscription.customer}
    )
    await simulated.api.subscriptions.update_async(subscription.id, {"default_payment_method": method.id})


async def until_day(simulated: SimulatedStripe, month: int, day: int) -> None:
    await simulated.direct("clock", {"now": at(month, day)})


async def test_a_subscription_begins_with_a_paid_invoice_for_its_first_period(simulated: SimulatedStripe) -> None:
    subscription = await begun(simulated, metadata={"user_id": "u-1"})
    (item,) = subscription["items"].data
    assert (subscription.status, subscription.metadata["user_id"]) == ("active", "u-1")
    # The 31st is the last day of February, too.
    assert (item.current_period_start, item.current_period_end) == (START, at(2, 28))
    invoice = await simulated.api.invoices.retrieve_async(subscription.latest_invoice, {"expand": ["payments"]})
    assert (invoice.status, invoice.amount_paid, invoice.billing_reason) == ("paid", 600, "subscription_create")
    assert invoice.status_transitions.paid_at == START
    assert invoice.parent.subscription_details.subscription == subscription.id
    (line,) = invoice.lines.data
    assert (line.period.start, line.period.end) == (START, at(2, 28))
    assert (line.pricing.price_details.price, line.amount) == ("price_monthly", 600)
    intent = await simulated.api.payment_intents.retrieve_async(invoice.payments.data[0].payment.payment_intent)
    assert (intent.status, intent.amount_received) == ("succeeded", 600)


async def test_three_months_of_renewals_move_the_period_then_bill_it(simulated: SimulatedStripe, hook: Hook) -> None:
    subscription = await begun(simulated)
    await simulated.direct("idle")
    hook.received.clear()
    ends = [at(2, 28), at(3, 31), at(4, 30), at(5, 31)]
    for start, end in pairwise(ends):
        await simulated.direct("clock", {"now": start - 1})
        assert (await simulated.direct("idle"))["pending"] == 0
        assert hook.types == []
        await simulated.direct("clock", {"now": start})
        await simulated.direct("idle")
        assert hook.types == RENEWED
        moved, created = hook.received[0], hook.received[1]
        (item,) = moved.data.object["items"]["data"]
        assert (item["current_period_start"], item["current_period_end"]) == (start, end)
        before = (moved.data.previous_attributes or {})["items"]["data"][0]
        assert before["current_period_end"] == start
        assert (created.data.object["status"], created.data.object["billing_reason"]) == ("draft", "subscription_cycle")
        assert {event.created for event in hook.received} == {start}
        hook.received.clear()
    invoices = await simulated.api.invoices.list_async({"subscription": subscription.id, "status": "paid"})
    assert [each.lines.data[0].period.start for each in invoices.data] == [*ends[2::-1], START]
    payments = await simulated.api.invoice_payments.list_async({"invoice": invoices.data[0].id})
    assert [(each.status, each.amount_paid) for each in payments.data] == [("paid", 600)]


async def test_one_long_step_of_the_clock_does_all_that_fell_due_in_between(simulated: SimulatedStripe) -> None:
    subscription = await begun(simulated)
    await until_day(simulated, 6, 1)
    cycles = (await simulated.events("invoice.paid"))[1:]
    assert [event.created for event in cycles] == [at(2, 28), at(3, 31), at(4, 30), at(5, 31)]
    seen = await simulated.api.subscriptions.retrieve_async(subscription.id)
    assert seen["items"].data[0].current_period_end == at(6, 30)


async def test_a_renewals_invoice_may_stay_a_draft_for_an_hour(simulated: SimulatedStripe) -> None:
    subscription = await begun(simulated)
    await simulated.switch(draft_seconds=3600)
    await until_day(simulated, 2, 28)
    seen = await simulated.api.subscriptions.retrieve_async(subscription.id, {"expand": ["latest_invoice"]})
    assert (seen.status, seen.latest_invoice.status) == ("active", "draft")
    await simulated.direct("clock", {"advance": 3600})
    assert (await simulated.api.invoices.retrieve_async(seen.latest_invoice.id)).status == "paid"


async def test_a_declined_renewal_is_past_due_until_a_retry_is_paid(simulated: SimulatedStripe, hook: Hook) -> None:
    subscription = await begun(simulated)
    await fails_from_now_on(simulated, subscription)
    await simulated.direct("idle")
    hook.received.clear()
    await until_day(simulated, 2, 28)
    await simulated.direct("idle")
    assert hook.types[4:] == [
        "charge.failed",
        "invoice.payment_failed",
        "customer.subscription.updated",
        "payment_intent.payment_failed",
    ]
    failed, updated = hook.received[5], hook.received[6]
    assert failed.data.object["next_payment_attempt"] == at(3, 3)
    assert updated.data.object["status"] == "past_due"
    assert (updated.data.previous_attributes or {})["status"] == "active"
    good = await simulated.api.payment_methods.attach_async("pm_card_visa", {"customer": subscription.customer})
    await simulated.api.subscriptions.update_async(subscription.id, {"default_payment_method": good.id})
    await simulated.direct("idle")
    hook.received.clear()
    await until_day(simulated, 3, 3)
    await simulated.direct("idle")
    assert hook.types == [*PAID[:4], "customer.subscription.updated", *PAID[4:]]
    assert (await simulated.api.subscriptions.retrieve_async(subscription.id)).status == "active"


@pytest.mark.parametrize("outcome", ["canceled", "unpaid", "past_due"])
async def test_after_the_last_retry_a_switch_decides_what_becomes_of_it(
    simulated: SimulatedStripe, outcome: str
) -> None:
    subscription = await begun(simulated)
    await simulated.switch(after_retries=outcome, retry_days=[3, 5])
    await fails_from_now_on(simulated, subscription)
    await until_day(simulated, 3, 7)
    assert (await simulated.api.subscriptions.retrieve_async(subscription.id)).status == "past_due"
    await until_day(simulated, 3, 8)
    seen = await simulated.api.subscriptions.retrieve_async(subscription.id)
    assert seen.status == outcome
    attempts = [event.data.object["attempt_count"] for event in await simulated.events("invoice.payment_failed")]
    assert attempts == [1, 2, 3]
    ended = [event.data.object["id"] for event in await simulated.events("customer.subscription.deleted")]
    assert ended == ([subscription.id] if outcome == "canceled" else [])
    invoice = await simulated.api.invoices.retrieve_async(seen.latest_invoice)
    assert (invoice.status, invoice.next_payment_attempt) == ("open", None)


async def test_one_cancelled_at_period_end_ends_then_unless_resumed(simulated: SimulatedStripe, hook: Hook) -> None:
    subscription = await begun(simulated)
    update = simulated.api.subscriptions.update_async
    for wanted in (True, False, True):
        changed = await update(subscription.id, {"cancel_at_period_end": wanted})
        assert changed.cancel_at == (at(2, 28) if wanted else None)
    assert changed.cancellation_details.reason == "cancellation_requested"
    await simulated.direct("idle")
    hook.received.clear()
    await until_day(simulated, 5, 1)
    await simulated.direct("idle")
    assert hook.types == ["customer.subscription.deleted"]
    ended = hook.received[0].data.object
    assert (ended["status"], ended["ended_at"], ended["canceled_at"]) == ("canceled", at(2, 28), START)
    with pytest.raises(stripe.InvalidRequestError, match="canceled subscription"):
        await update(subscription.id, {"cancel_at_period_end": False})
    listed = simulated.api.subscriptions.list_async
    assert (await listed({"customer": subscription.customer})).data == []
    assert len((await listed({"customer": subscription.customer, "status": "all"})).data) == 1


async def test_one_cancelled_at_once_is_gone_and_is_not_cancelled_twice(simulated: SimulatedStripe) -> None:
    subscription = await begun(simulated)
    ended = await simulated.api.subscriptions.cancel_async(subscription.id)
    assert (ended.status, ended.ended_at) == ("canceled", START)
    assert (await simulated.types())[-1] == "customer.subscription.deleted"
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await simulated.api.subscriptions.cancel_async(subscription.id)
    assert refused.value.code == "resource_missing"
    before = len(await simulated.events())
    await until_day(simulated, 4, 1)
    assert await simulated.types(before) == []


async def test_a_deleted_customer_takes_the_subscription_along(simulated: SimulatedStripe) -> None:
    subscription = await begun(simulated)
    await simulated.api.customers.delete_async(subscription.customer)
    assert (await simulated.types())[-2:] == ["customer.subscription.deleted", "customer.deleted"]


async def test_one_that_is_not_paid_at_once_is_incomplete_until_paid_or_expired(simulated: SimulatedStripe) -> None:
    waiting = [
        await begun(simulated, payment_behavior="default_incomplete", expand=["latest_invoice.confirmation_secret"])
        for _ in range(2)
    ]
    assert [each.status for each in waiting] == ["incomplete", "incomplete"]
    secret = waiting[0].latest_invoice.confirmation_secret.client_secret
    await simulated.api.payment_intents.confirm_async(secret.split("_secret_")[0], {"payment_method": "pm_card_visa"})
    await simulated.direct("clock", {"advance": 23 * 3600})
    seen = [await simulated.api.subscriptions.retrieve_async(each.id) for each in waiting]
    assert [each.status for each in seen] == ["active", "incomplete_expired"]
    assert (await simulated.api.invoices.retrieve_async(waiting[1].latest_invoice.id)).status == "void"


async def test_a_declined_first_payment_leaves_it_incomplete_or_refuses_it(simulated: SimulatedStripe) -> None:
    subscription = await begun(simulated, card="pm_card_chargeCustomerFail")
    assert subscription.status == "incomplete"
    assert "invoice.payment_failed" in await simulated.types()
    with pytest.raises(stripe.CardError):
        await begun(simulated, card="pm_card_chargeCustomerFail", payment_behavior="error_if_incomplete")
    customer = await simulated.customer()
    with pytest.raises(stripe.InvalidRequestError, match="no attached payment source"):
        await simulated.api.subscriptions.create_async({"customer": customer.id, "items": [{"price": "price_monthly"}]})
    assert len((await simulated.api.subscriptions.list_async({"status": "all"})).data) == 1


async def test_a_trial_is_free_and_is_billed_when_it_ends(simulated: SimulatedStripe) -> None:
    subscription = await begun(simulated, trial_period_days=14)
    assert (subscription.status, subscription["items"].data[0].current_period_end) == ("trialing", START + 14 * DAY)
    await simulated.direct("clock", {"now": START + 14 * DAY})
    seen = await simulated.api.subscriptions.retrieve_async(subscription.id)
    assert (seen.status, seen["items"].data[0].current_period_end) == ("active", at(3, 14))
    paid = [event.data.object["amount_paid"] for event in await simulated.events("invoice.paid")]
    assert paid == [0, 600]


async def test_another_price_counts_from_the_next_period(simulated: SimulatedStripe) -> None:
    subscription = await begun(simulated)
    other = await simulated.monthly("price_other", 300)
    item = subscription["items"].data[0]
    await simulated.api.subscriptions.update_async(
        subscription.id, {"items": [{"id": item.id, "price": other}], "proration_behavior": "none"}
    )
    await until_day(simulated, 2, 28)
    paid = [event.data.object["amount_paid"] for event in await simulated.events("invoice.paid")]
    assert paid == [600, 300]


async def test_older_callers_see_the_older_shape(simulated: SimulatedStripe) -> None:
    subscription = await begun(simulated)
    old: Any = simulated.client_of(OLD_VERSION).v1
    seen = (await old.subscriptions.retrieve_async(subscription.id)).to_dict()
    assert (seen["current_period_start"], seen["current_period_end"]) == (START, at(2, 28))
    assert "current_period_end" not in seen["items"]["data"][0]
    invoice = (await old.invoices.retrieve_async(seen["latest_invoice"], {"expand": ["payment_intent"]})).to_dict()
    assert (invoice["subscription"], invoice["paid"]) == (subscription.id, True)
    assert not invoice.keys() & {"parent", "payments"}
    assert invoice["lines"]["data"][0]["price"]["id"] == "price_monthly"
    assert invoice["payment_intent"]["invoice"] == invoice["id"]
    charge = (await old.charges.retrieve_async(invoice["charge"])).to_dict()
    assert charge["invoice"] == invoice["id"]
    new = (await simulated.api.invoices.retrieve_async(invoice["id"])).to_dict()
    assert not new.keys() & {"subscription", "payment_intent", "charge", "paid"}
    assert "invoice" not in (await simulated.api.charges.retrieve_async(charge["id"])).to_dict()


async def test_events_take_the_shape_that_is_switched_on(simulated: SimulatedStripe, hook: Hook) -> None:
    await simulated.switch(api_version=OLD_VERSION)
    subscription = await begun(simulated)
    await simulated.direct("idle")
    hook.received.clear()
    await until_day(simulated, 2, 28)
    await simulated.direct("idle")
    assert hook.types == [kind for kind in RENEWED if kind != "invoice_payment.paid"]
    assert {event.api_version for event in hook.received} == {OLD_VERSION}
    moved, invoice = hook.received[0].data, hook.received[5].data.object
    assert (moved.object["current_period_start"], moved.object["current_period_end"]) == (at(2, 28), at(3, 31))
    assert (moved.previous_attributes or {})["current_period_end"] == at(2, 28)
    assert invoice["subscription"] == subscription.id
    intent = hook.received[-1].data.object
    assert (intent["id"], intent["invoice"]) == (invoice["payment_intent"], invoice["id"])
