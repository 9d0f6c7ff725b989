"""The simulator's pages as a person without JavaScript walks them: Checkout, a payment, the portal, the dashboard."""

from typing import Any

import pytest
import stripe

from tests.py.billing.simulator.simulated import Browser, Hook, Page, SimulatedStripe

CARD = "4242 4242 4242 4242"
DECLINED = "4000000000000002"
SUCCESS = "http://shop.example/done?session={CHECKOUT_SESSION_ID}"
BACK = "http://shop.example/back"


async def checkout(simulated: SimulatedStripe, **fields: Any) -> Any:
    """A session that sells one pack, unless the fields say otherwise."""
    price = {"currency": "usd", "unit_amount": 1200, "product_data": {"name": "Medium <pack>"}}
    return await simulated.api.checkout.sessions.create_async(
        {
            "mode": "payment",
            "line_items": [{"price_data": price, "quantity": 1}],
            "success_url": SUCCESS,
            "cancel_url": BACK,
            **fields,
        }
    )


async def subscribing(simulated: SimulatedStripe, **fields: Any) -> Any:
    items = [{"price": await simulated.monthly(), "quantity": 1}]
    return await checkout(simulated, mode="subscription", line_items=items, **fields)


def is_page(answer: Page | str) -> Page:
    assert isinstance(answer, Page), f"led away to {answer}"
    return answer


async def test_a_pack_is_paid_on_the_checkout_page(simulated: SimulatedStripe, browser: Browser) -> None:
    customer = await simulated.customer()
    session = await checkout(
        simulated,
        customer=customer.id,
        client_reference_id="user-1",
        metadata={"purchase_id": "p-1"},
        payment_intent_data={"metadata": {"purchase_id": "p-1"}},
    )
    assert session.id.startswith("cs_test_")
    assert (session.status, session.payment_status, session.payment_intent) == ("open", "unpaid", None)
    assert session.amount_total == 1200
    assert (await simulated.api.payment_intents.list_async({})).data == []
    page = await browser.open(session.url)
    assert "Simulated Stripe: no money moves" in page.text
    assert "Medium <pack>" in page.text
    assert "$12.00" in page.text
    assert "script" not in page.tags
    assert await browser.press(page, "pay", number=CARD) == f"http://shop.example/done?session={session.id}"
    done = await simulated.api.checkout.sessions.retrieve_async(
        session.id, {"expand": ["payment_intent.latest_charge", "line_items"]}
    )
    assert (done.status, done.payment_status, done.url) == ("complete", "paid", None)
    assert (done.client_reference_id, done.metadata.to_dict()) == ("user-1", {"purchase_id": "p-1"})
    intent = done.payment_intent
    assert (intent.status, intent.amount_received, intent.customer) == ("succeeded", 1200, customer.id)
    assert intent.metadata.to_dict() == {"purchase_id": "p-1"}
    assert done.line_items.data[0].amount_total == 1200
    types = await simulated.types()
    assert types[-2:] == ["payment_intent.succeeded", "checkout.session.completed"]
    again = await browser.open(session.url)
    assert "This is paid." in again.text
    assert again.forms == []


async def test_a_decline_is_shown_on_the_page_and_the_same_payment_tried_again(
    simulated: SimulatedStripe, browser: Browser
) -> None:
    session = await checkout(simulated)
    page = await browser.open(session.url)
    for number, words in [(DECLINED, "Your card was declined."), ("1234", "Your card number is incorrect.")]:
        page = is_page(await browser.press(page, "pay", number=number))
        assert words in page.text
        assert number not in page.source.replace("placeholder", "")
    assert (await simulated.api.checkout.sessions.retrieve_async(session.id)).status == "open"
    assert str(await browser.press(page, "pay", number=CARD)).startswith("http://shop.example/done")
    (intent,) = (await simulated.api.payment_intents.list_async({})).data
    charges = (await simulated.api.charges.list_async({"payment_intent": intent.id})).data
    assert [each.status for each in charges] == ["succeeded", "failed"]


async def test_from_the_checkout_page_one_can_go_back_and_find_it_expired_later(
    simulated: SimulatedStripe, browser: Browser
) -> None:
    await simulated.direct("clock", {"now": 1_800_000_000})
    session = await checkout(simulated, expires_at=1_800_001_800)
    page = await browser.open(session.url)
    assert await browser.press(page, "cancel") == BACK
    await simulated.direct("clock", {"advance": 1800})
    assert (await simulated.types())[-1] == "checkout.session.expired"
    assert "expired" in is_page(await browser.press(page, "pay", number=CARD)).text
    assert (await simulated.api.payment_intents.list_async({})).data == []
    other = await checkout(simulated)
    assert (await simulated.api.checkout.sessions.expire_async(other.id)).status == "expired"
    with pytest.raises(stripe.InvalidRequestError):
        await simulated.api.checkout.sessions.expire_async(other.id)
    listed = await simulated.api.checkout.sessions.list_async({"status": "expired"})
    assert [each.id for each in listed.data] == [other.id, session.id]


async def test_a_subscription_is_bought_on_the_checkout_page(
    simulated: SimulatedStripe, browser: Browser, hook: Hook
) -> None:
    session = await subscribing(
        simulated, metadata={"user_id": "u-1"}, subscription_data={"metadata": {"user_id": "u-1"}}
    )
    page = await browser.open(session.url)
    assert "$6.00 every month" in page.text
    page = is_page(await browser.press(page, "pay", number=DECLINED, email="new@example.com"))
    assert "declined" in page.text
    await browser.press(page, "pay", number=CARD)
    done = await simulated.api.checkout.sessions.retrieve_async(
        session.id, {"expand": ["subscription.latest_invoice", "customer"]}
    )
    subscription = done.subscription
    assert (done.status, subscription.status, subscription.metadata["user_id"]) == ("complete", "active", "u-1")
    assert done.customer.email == "new@example.com"
    assert subscription.latest_invoice.billing_reason == "subscription_create"
    assert (subscription.latest_invoice.status, subscription.latest_invoice.amount_paid) == ("paid", 600)
    assert subscription.default_payment_method is not None
    await simulated.direct("idle")
    assert [kind for kind in hook.types if kind.startswith(("customer.sub", "invoice", "checkout"))] == [
        "customer.subscription.created",
        "invoice.created",
        "invoice.finalized",
        "invoice.payment_failed",
        "invoice.paid",
        "invoice.payment_succeeded",
        "invoice_payment.paid",
        "customer.subscription.updated",
        "checkout.session.completed",
    ]


async def test_a_slow_payment_completes_the_session_first_and_pays_it_later(
    simulated: SimulatedStripe, browser: Browser
) -> None:
    await simulated.direct("clock", {"now": 1_800_000_000})
    session = await checkout(simulated)
    await browser.press(await browser.open(session.url), "pay", number="4000000000005555")
    assert (await simulated.api.checkout.sessions.retrieve_async(session.id)).payment_status == "unpaid"
    await simulated.direct("clock", {"advance": 5})
    assert (await simulated.api.checkout.sessions.retrieve_async(session.id)).payment_status == "paid"
    assert "checkout.session.async_payment_succeeded" in await simulated.types()


async def test_a_bare_payment_intent_is_paid_on_a_page_by_whoever_has_its_secret(
    simulated: SimulatedStripe, browser: Browser
) -> None:
    intent = await simulated.api.payment_intents.create_async({"amount": 500, "currency": "usd", "description": "Pack"})
    address = f"{simulated.address}/_sim/pay/{intent.id}?client_secret="
    assert (await browser.open(f"{address}wrong")).status == 404
    page = await browser.open(address + intent.client_secret)
    page = is_page(await browser.press(page, "pay", number="4000000000009995"))
    assert "insufficient funds" in page.text
    page = is_page(await browser.press(page, "pay", number=CARD))
    assert "This is paid." in page.text
    assert (await simulated.api.payment_intents.retrieve_async(intent.id)).status == "succeeded"
    other = await simulated.api.payment_intents.create_async({"amount": 500, "currency": "usd"})
    page = await browser.open(
        f"{simulated.address}/_sim/pay/{other.id}?client_secret={other.client_secret}&return_url={BACK}"
    )
    assert await browser.press(page, "pay", number=CARD) == (
        f"{BACK}?payment_intent={other.id}&redirect_status=succeeded"
    )


async def test_in_the_portal_a_subscription_is_cancelled_and_resumed(
    simulated: SimulatedStripe, browser: Browser
) -> None:
    subscription = await simulated.subscribed()
    period_end = subscription["items"].data[0].current_period_end
    portal = await simulated.api.billing_portal.sessions.create_async(
        {"customer": subscription.customer, "return_url": BACK}
    )
    page = await browser.open(portal.url)
    assert "$6.00 every month" in page.text
    assert BACK in page.links
    page = is_page(await browser.press(page, "cancel"))
    seen = await simulated.api.subscriptions.retrieve_async(subscription.id)
    assert (seen.cancel_at_period_end, seen.cancel_at, seen.status) == (True, period_end, "active")
    page = is_page(await browser.press(page, "resume"))
    seen = await simulated.api.subscriptions.retrieve_async(subscription.id)
    assert (seen.cancel_at_period_end, seen.cancel_at, seen.canceled_at) == (False, None, None)
    await simulated.switch(portal_cancels_with="cancel_at")
    await browser.press(page, "cancel")
    seen = await simulated.api.subscriptions.retrieve_async(subscription.id)
    assert (seen.cancel_at_period_end, seen.cancel_at) == (False, period_end)


async def test_in_the_portal_a_new_card_pays_what_is_owed(simulated: SimulatedStripe, browser: Browser) -> None:
    await simulated.direct("clock", {"now": 1_800_000_000})
    subscription = await simulated.subscribed()
    method = await simulated.api.payment_methods.attach_async(
        "pm_card_chargeCustomerFail", {"customer": subscription.customer}
    )
    await simulated.api.subscriptions.update_async(subscription.id, {"default_payment_method": method.id})
    await simulated.direct("clock", {"advance": 32 * 86400})
    assert (await simulated.api.subscriptions.retrieve_async(subscription.id)).status == "past_due"
    portal = await simulated.api.billing_portal.sessions.create_async({"customer": subscription.customer})
    page = await browser.open(portal.url)
    assert "past due" in page.text
    page = is_page(await browser.press(page, "card", number=DECLINED))
    assert "declined" in page.text
    await browser.press(page, "card", number=CARD)
    assert (await simulated.api.subscriptions.retrieve_async(subscription.id)).status == "active"


async def test_on_the_dashboard_payments_are_refunded_and_disputed_and_time_moves(
    simulated: SimulatedStripe, browser: Browser
) -> None:
    customer = await simulated.customer(email="<b>@example.com")
    intent = await simulated.paid(1200, customer=customer.id)
    page = await browser.open(f"{simulated.address}/")
    assert "<b>@example.com" in page.text
    assert "b" not in page.tags
    page = is_page(await browser.press(page, "refund", dollars="2.50"))
    assert "$2.50 refunded" in page.text
    page = is_page(await browser.press(page, "refund", dollars="99"))
    assert "greater than unrefunded" in page.text
    page = await browser.open(f"{simulated.address}/")
    page = is_page(await browser.press(page, "dispute"))
    page = is_page(await browser.press(page, "won"))
    page = is_page(await browser.press(page, "refund"))
    charge = await simulated.api.charges.retrieve_async(intent.latest_charge)
    assert (charge.amount_refunded, charge.refunded, charge.disputed) == (1200, True, True)
    before = (await simulated.shown("state"))["now"]
    await browser.press(page, "advance", days="31")
    assert (await simulated.shown("state"))["now"] - before >= 31 * 86400


async def test_checkout_refuses_what_the_real_one_refuses(simulated: SimulatedStripe) -> None:
    price = await simulated.monthly()
    wrong: list[dict[str, Any]] = [
        {"success_url": "javascript:alert(1)"},
        {"mode": "setup"},
        {"mode": "subscription"},
        {"line_items": []},
        {"line_items": [{"price": price, "quantity": 1}]},
        {"line_items": [{"price": "price_nobody", "quantity": 1}]},
        {"customer": "cus_nobody"},
        {"subscription_data": {"metadata": {"a": "b"}}},
        {"expires_at": 1},
    ]
    for fields in wrong:
        with pytest.raises(stripe.InvalidRequestError):
            await checkout(simulated, **fields)
