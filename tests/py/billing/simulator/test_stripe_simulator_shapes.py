"""Every object of the simulator has the fields that Stripe's SDK documents for its API version, and no others."""

from typing import Any

import pytest
import stripe

from gateway.billing.simulator.switches import CURRENT_VERSION
from tests.py.billing.simulator.documented import problems_of
from tests.py.billing.simulator.simulated import Browser, SimulatedStripe

SHOWN = [
    "/v1/balance_transactions",
    "/v1/charges?expand[]=data.refunds&expand[]=data.balance_transaction",
    "/v1/checkout/sessions?expand[]=data.line_items",
    "/v1/customers?expand[]=data.subscriptions",
    "/v1/disputes",
    "/v1/events?limit=100",
    "/v1/invoice_payments",
    "/v1/invoices?expand[]=data.payments&expand[]=data.confirmation_secret",
    "/v1/payment_intents",
    "/v1/prices",
    "/v1/products",
    "/v1/refunds",
    "/v1/subscriptions?status=all",
]


async def busy_account(simulated: SimulatedStripe, browser: Browser) -> dict[str, Any]:
    """Something of everything, and in every state that adds or changes fields; gives what no list shows."""
    api = simulated.api
    await simulated.direct("clock", {"now": 1_800_000_000})
    subscription = await simulated.subscribed()
    await simulated.subscribed(trial_period_days=7)
    await simulated.subscribed(payment_behavior="default_incomplete")
    failing = await simulated.subscribed("pm_card_chargeCustomerFail")
    cancelled = await simulated.subscribed()
    await api.subscriptions.update_async(cancelled.id, {"cancel_at_period_end": True})
    for card in ("visa", "createDispute", "createDisputeInquiry", "processing", "refundFail", "pendingRefund"):
        intent = await simulated.paid(1000, f"pm_card_{card}", customer=failing.customer)
        if card in ("visa", "refundFail", "pendingRefund"):
            await api.refunds.create_async({"payment_intent": intent.id, "amount": 400})
    with pytest.raises(stripe.CardError):
        await simulated.paid(1000, "pm_card_chargeDeclined")
    price = {"currency": "usd", "unit_amount": 500, "product_data": {"name": "Pack"}}
    for _ in range(2):
        session = await api.checkout.sessions.create_async(
            {
                "mode": "payment",
                "line_items": [{"price_data": price, "quantity": 1}],
                "success_url": "http://shop.example/done",
            }
        )
    await browser.press(await browser.open(session.url), "pay", number="4242424242424242")
    portal = await api.billing_portal.sessions.create_async({"customer": subscription.customer})
    await simulated.direct("clock", {"advance": 32 * 86400})
    for dispute in (await api.disputes.list_async({})).data:
        await simulated.direct(
            f"disputes/{dispute.id}/{'lost' if dispute.status == 'needs_response' else 'warning_closed'}"
        )
    methods = (await api.payment_methods.list_async({"customer": subscription.customer})).data
    return {"portal": portal.to_dict(), "method": methods[0].to_dict()}


async def test_every_object_is_as_the_sdk_documents_it(simulated: SimulatedStripe, browser: Browser) -> None:
    asked = (await simulated.customer()).last_response
    assert asked is not None
    # The simulator names the version that the SDK asked for.
    assert asked.headers["Stripe-Version"] == CURRENT_VERSION
    problems = {problem for each in (await busy_account(simulated, browser)).values() for problem in problems_of(each)}
    seen = set()
    for path in SHOWN:
        _, listed, _ = await simulated.raw("GET", path)
        assert listed["data"], path
        for obj in listed["data"]:
            problems.update(problems_of(obj))
            seen.add(obj["object"])
            if obj["object"] == "event":
                problems.update(f"{obj['type']}: {problem}" for problem in problems_of(obj["data"]["object"]))
    assert sorted(problems) == []
    assert len(seen) == len(SHOWN)


async def test_the_check_of_shapes_sees_what_is_wrong(simulated: SimulatedStripe) -> None:
    charge = (await simulated.raw("GET", f"/v1/charges/{(await simulated.paid()).latest_charge}"))[1]
    assert problems_of(charge) == []
    outcome = charge["outcome"]
    wrong = {
        "charge.invoice is not documented": {**charge, "invoice": None},
        "charge.paid is missing": {name: value for name, value in charge.items() if name != "paid"},
        "charge.amount is '500', not int": {**charge, "amount": "500"},
        "charge.amount is True, not int": {**charge, "amount": True},
        "charge.outcome.type is missing": {
            **charge,
            "outcome": {name: value for name, value in outcome.items() if name != "type"},
        },
    }
    for problem, obj in wrong.items():
        assert problems_of(obj) == [problem]
