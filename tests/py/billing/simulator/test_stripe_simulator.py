"""The Stripe simulator through Stripe's own SDK: customers, prices, payments, refunds, disputes."""

from typing import Any

import pytest
import stripe

from tests.py.billing.simulator.simulated import SimulatedStripe

DECLINES = [
    ("4000000000000002", "card_declined", "generic_decline"),
    ("4000000000009995", "card_declined", "insufficient_funds"),
    ("4000000000000341", "card_declined", "generic_decline"),
    ("4000000000000069", "expired_card", "expired_card"),
    ("4242424242424241", "incorrect_number", None),
]


def typed(number: str) -> dict[str, object]:
    return {"type": "card", "card": {"number": number, "exp_month": 12, "exp_year": 2034, "cvc": "123"}}


async def test_a_customer_is_made_found_changed_and_deleted(simulated: SimulatedStripe) -> None:
    customers = simulated.api.customers
    made = await customers.create_async({"email": "one@example.com", "metadata": {"user_id": "u-1", "kept": "yes"}})
    await simulated.customer()
    assert made.id.startswith("cus_")
    assert made.livemode is False
    by_email = await customers.list_async({"email": "one@example.com"})
    by_metadata = await customers.search_async({"query": "metadata['user_id']:'u-1'"})
    assert [each.id for each in by_email.data] == [each.id for each in by_metadata.data] == [made.id]
    changed = await customers.update_async(made.id, {"name": "One", "metadata": {"user_id": ""}})
    assert (changed.name, changed.metadata.to_dict()) == ("One", {"kept": "yes"})
    await customers.delete_async(made.id)
    left = await customers.retrieve_async(made.id)
    assert left.deleted is True
    with pytest.raises(stripe.InvalidRequestError, match="No such customer") as refused:
        await simulated.api.payment_intents.create_async({"amount": 500, "currency": "usd", "customer": made.id})
    assert (refused.value.code, refused.value.param) == ("resource_missing", "customer")
    assert await simulated.types() == ["customer.created", "customer.created", "customer.updated", "customer.deleted"]


async def test_prices_are_made_by_the_api_or_with_an_id_of_ones_choice(simulated: SimulatedStripe) -> None:
    product = await simulated.api.products.create_async({"name": "Pack", "metadata": {"pack": "small"}})
    made = await simulated.api.prices.create_async(
        {"product": product.id, "currency": "usd", "unit_amount": 500, "metadata": {"credits": "100"}}
    )
    await simulated.direct("prices", [{"id": "price_fixed", "unit_amount": 300, "interval": "month"}])
    await simulated.direct("prices", {"id": "price_fixed", "unit_amount": 300, "interval": "month"})
    fixed = await simulated.api.prices.retrieve_async("price_fixed", {"expand": ["product"]})
    assert (made.type, fixed.type) == ("one_time", "recurring")
    assert (fixed.unit_amount, fixed.currency, fixed.recurring.interval) == (300, "usd", "month")
    assert isinstance(fixed.product, stripe.Product)
    listed = await simulated.api.prices.list_async({"type": "one_time"})
    assert [each.id for each in listed.data] == [made.id]


async def test_a_payment_goes_from_its_intent_to_a_charge_with_a_receipt(simulated: SimulatedStripe) -> None:
    intents, customer = simulated.api.payment_intents, await simulated.customer()
    intent = await intents.create_async(
        {"amount": 1500, "currency": "usd", "customer": customer.id, "metadata": {"purchase_id": "p-1"}}
    )
    assert (intent.status, intent.amount_received, intent.latest_charge) == ("requires_payment_method", 0, None)
    assert intent.client_secret.startswith(f"{intent.id}_secret_")
    await intents.update_async(intent.id, {"metadata": {"more": "x"}})
    method = await simulated.api.payment_methods.create_async(typed("4242424242424242"))
    paid = await intents.confirm_async(intent.id, {"payment_method": method.id, "expand": ["latest_charge"]})
    assert (paid.status, paid.amount_received) == ("succeeded", 1500)
    assert isinstance(paid.latest_charge, stripe.Charge)
    assert paid.latest_charge.metadata.to_dict() == {"purchase_id": "p-1", "more": "x"}
    async with simulated.session.get(str(paid.latest_charge.receipt_url)) as receipt:
        assert "$15.00" in await receipt.text()
    assert [each.id for each in (await intents.list_async({"customer": customer.id})).data] == [intent.id]
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await intents.confirm_async(intent.id, {"payment_method": "pm_card_visa"})
    assert refused.value.code == "payment_intent_unexpected_state"
    assert (await simulated.types())[1:] == ["payment_intent.created", "charge.succeeded", "payment_intent.succeeded"]


@pytest.mark.parametrize(("number", "code", "decline_code"), DECLINES)
async def test_a_declined_card_leaves_the_reason_and_an_intent_to_try_again(
    simulated: SimulatedStripe, number: str, code: str, decline_code: str | None
) -> None:
    intent = await simulated.api.payment_intents.create_async({"amount": 500, "currency": "usd"})
    with pytest.raises(stripe.CardError) as declined:
        await simulated.api.payment_intents.confirm_async(
            intent.id,
            {"payment_method_data": typed(number)},
        )
    assert (declined.value.http_status, declined.value.code) == (402, code)
    body: Any = declined.value.json_body
    assert body["error"].get("decline_code") == decline_code
    left = await simulated.api.payment_intents.retrieve_async(intent.id)
    assert left.status == "requires_payment_method"
    if code != "incorrect_number":
        assert (left.last_payment_error.code, left.last_payment_error.decline_code) == (code, decline_code)
        charge = await simulated.api.charges.retrieve_async(str(left.latest_charge))
        assert (charge.status, charge.paid, charge.failure_code) == ("failed", False, code)
        assert (await simulated.types())[1:] == ["charge.failed", "payment_intent.payment_failed"]
    again = await simulated.api.payment_intents.confirm_async(intent.id, {"payment_method": "pm_card_visa"})
    assert (again.status, again.last_payment_error) == ("succeeded", None)


async def test_some_cards_are_declined_when_saved_and_one_only_when_charged(simulated: SimulatedStripe) -> None:
    customer, methods = await simulated.customer(), simulated.api.payment_methods
    with pytest.raises(stripe.CardError):
        await methods.attach_async("pm_card_chargeDeclined", {"customer": customer.id})
    saved = await methods.attach_async("pm_card_chargeCustomerFail", {"customer": customer.id})
    listed = await methods.list_async({"customer": customer.id, "type": "card"})
    assert [each.id for each in listed.data] == [saved.id]
    with pytest.raises(stripe.CardError):
        await simulated.paid(card=saved.id, customer=customer.id)


@pytest.mark.parametrize(
    ("card", "status"), [("processing", "succeeded"), ("processingFail", "requires_payment_method")]
)
async def test_a_payment_may_be_processing_until_the_clock_moves_on(
    simulated: SimulatedStripe, card: str, status: str
) -> None:
    await simulated.direct("clock", {"now": 1_800_000_000})
    intent = await simulated.paid(card=f"pm_card_{card}")
    assert (intent.status, intent.amount_received) == ("processing", 0)
    await simulated.direct("clock", {"advance": 4})
    assert (await simulated.api.payment_intents.retrieve_async(intent.id)).status == "processing"
    await simulated.direct("clock", {"advance": 1})
    assert (await simulated.api.payment_intents.retrieve_async(intent.id)).status == status
    ending = "succeeded" if status == "succeeded" else "payment_failed"
    assert (await simulated.types())[-1] == f"payment_intent.{ending}"


async def test_an_intent_is_cancelled_once_and_then_paid_no_more(simulated: SimulatedStripe) -> None:
    intent = await simulated.api.payment_intents.create_async({"amount": 500, "currency": "usd"})
    cancelled = await simulated.api.payment_intents.cancel_async(intent.id, {"cancellation_reason": "abandoned"})
    assert (cancelled.status, cancelled.cancellation_reason) == ("canceled", "abandoned")
    with pytest.raises(stripe.InvalidRequestError):
        await simulated.api.payment_intents.confirm_async(intent.id, {"payment_method": "pm_card_visa"})
    assert (await simulated.types())[-1] == "payment_intent.canceled"


async def test_refunds_add_up_on_the_charge_and_never_exceed_it(simulated: SimulatedStripe) -> None:
    intent = await simulated.paid(1000)
    refunds = simulated.api.refunds
    part = await refunds.create_async({"payment_intent": intent.id, "amount": 300, "reason": "requested_by_customer"})
    assert (part.status, part.amount, part.charge) == ("succeeded", 300, intent.latest_charge)
    with pytest.raises(stripe.InvalidRequestError, match="greater than unrefunded amount"):
        await refunds.create_async({"payment_intent": intent.id, "amount": 701})
    rest = await refunds.create_async({"charge": str(intent.latest_charge)})
    assert rest.amount == 700
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await refunds.create_async({"payment_intent": intent.id})
    assert refused.value.code == "charge_already_refunded"
    charge = await simulated.api.charges.retrieve_async(str(intent.latest_charge), {"expand": ["refunds"]})
    assert (charge.amount_refunded, charge.refunded) == (1000, True)
    listed = await refunds.list_async({"payment_intent": intent.id})
    assert [each.id for each in listed.data] == [each.id for each in charge.refunds.data] == [rest.id, part.id]
    told = [event.data for event in await simulated.events("charge.refunded")]
    assert [each.object["amount_refunded"] for each in told] == [300, 1000]
    assert [(each.previous_attributes or {})["amount_refunded"] for each in told] == [0, 300]


async def test_a_refund_that_fails_later_or_is_cancelled_no_longer_counts(simulated: SimulatedStripe) -> None:
    await simulated.direct("clock", {"now": 1_800_000_000})
    charge_id = str((await simulated.paid(1000)).latest_charge)
    refunds, ids = simulated.api.refunds, {}
    for outcome in ("fails", "pending"):
        made = await refunds.create_async({"charge": charge_id, "amount": 300, "metadata": {"simulate": outcome}})
        ids[outcome] = made.id
    pending = await refunds.retrieve_async(ids["pending"])
    assert (pending.status, pending.pending_reason) == ("pending", "processing")
    assert (await refunds.cancel_async(ids["pending"])).status == "canceled"
    before = len(await simulated.events())
    await simulated.direct("clock", {"advance": 5})
    failed = await refunds.retrieve_async(ids["fails"])
    assert (failed.status, failed.failure_reason) == ("failed", "lost_or_stolen_card")
    assert await simulated.types(before) == ["refund.failed", "refund.updated", "charge.refund.updated"]
    charge = await simulated.api.charges.retrieve_async(charge_id)
    assert (charge.amount_refunded, charge.refunded) == (0, False)
    by_hand = await refunds.create_async({"charge": charge_id})
    assert (await simulated.direct(f"refunds/{by_hand.id}/fail"))["status"] == "failed"


@pytest.mark.parametrize(("ending", "funds"), [("won", ["charge.dispute.funds_reinstated"]), ("lost", [])])
async def test_a_dispute_takes_the_money_and_ends_won_or_lost(
    simulated: SimulatedStripe, ending: str, funds: list[str]
) -> None:
    intent = await simulated.paid(1000, "pm_card_createDispute")
    (dispute,) = (await simulated.api.disputes.list_async({"payment_intent": intent.id})).data
    assert (dispute.status, dispute.amount, dispute.charge) == ("needs_response", 1000, intent.latest_charge)
    assert (await simulated.types())[-2:] == ["charge.dispute.created", "charge.dispute.funds_withdrawn"]
    assert (await simulated.api.charges.retrieve_async(str(intent.latest_charge))).disputed is True
    with pytest.raises(stripe.InvalidRequestError, match="charged back"):
        await simulated.api.refunds.create_async({"payment_intent": intent.id})
    before = len(await simulated.events())
    await simulated.direct(f"disputes/{dispute.id}/{ending}")
    assert (await simulated.api.disputes.retrieve_async(dispute.id)).status == ending
    assert await simulated.types(before) == [*funds, "charge.dispute.closed"]
    await simulated.direct(f"disputes/{dispute.id}/won", status=400)


async def test_an_inquiry_takes_nothing_and_a_part_can_be_disputed(simulated: SimulatedStripe) -> None:
    inquiry = await simulated.paid(1000, "pm_card_createDisputeInquiry")
    (opened,) = (await simulated.api.disputes.list_async({"payment_intent": inquiry.id})).data
    assert opened.status == "warning_needs_response"
    assert "charge.dispute.funds_withdrawn" not in await simulated.types()
    assert (await simulated.direct(f"disputes/{opened.id}/warning_closed"))["status"] == "warning_closed"
    part = await simulated.paid(1000)
    made = await simulated.direct("disputes", {"payment_intent": part.id, "amount": 400})
    assert (made["amount"], made["status"]) == (400, "needs_response")
    lost = await simulated.api.disputes.close_async(made["id"])
    assert lost.status == "lost"
