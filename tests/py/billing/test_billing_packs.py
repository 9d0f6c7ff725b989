"""Packs, as a person buys them: over HTTP, paid on Stripe's pages, credited by Stripe's word alone."""

import asyncio
from datetime import timedelta

import pytest

from tests.py.billing.shop import CARD, DECLINED_CARD, FRONTEND, PAGES, Shop
from tests.py.gateway.world import Person
from tests.py.support.database import Clock

PURCHASE = "/playground/credits/purchase"


async def test_a_pack_is_bought_paid_credited_and_refunded(shop: Shop):
    registered = await shop.post("/auth/register", {"email": "ann@example.com", "password": "long enough"})
    ann = Person(registered.json["user"]["id"], registered.json["accessToken"])
    bought = await shop.buy(ann, "medium")
    assert bought.status == 200, bought.octets
    assert bought.json | {"clientSecret": "", "purchaseId": ""} == {
        "clientSecret": "",
        "publishableKey": "pk_test_simulator",
        "credits": 250,
        "price": 1000,
        "currency": "usd",
        "purchaseId": "",
    }
    assert await shop.balance(ann) == 5
    assert await shop.pay(bought.json["clientSecret"], CARD) == 200
    await shop.idle()
    assert await shop.balance(ann) == 255
    (purchase,) = await shop.purchases(ann)
    assert (purchase["id"], purchase["status"], purchase["credits"]) == (bought.json["purchaseId"], "succeeded", 250)
    assert purchase["receiptUrl"].startswith("http")

    (payment,) = await shop.payments_of(ann)
    await shop.api("POST", "refunds", payment_intent=payment["id"])
    await shop.idle()
    assert await shop.balance(ann) == 5
    (purchase,) = await shop.purchases(ann)
    assert (purchase["refunded"], purchase["creditsRevoked"], purchase["shortfall"]) == (1000, 250, 0)


async def test_a_declined_card_leaves_a_failed_purchase_that_says_why(shop: Shop):
    bob = shop.person()
    bought = await shop.buy(bob)
    assert await shop.pay(bought.json["clientSecret"], DECLINED_CARD) == 402
    await shop.idle()
    (purchase,) = await shop.purchases(bob)
    assert purchase["status"] == "failed"
    assert purchase["failure"]["code"] == "generic_decline"
    assert purchase["failure"]["message"]
    assert await shop.balance(bob) == 5
    # Another card pays it after all.
    assert await shop.pay(bought.json["clientSecret"], CARD) == 200
    await shop.idle()
    assert await shop.balance(bob) == 255


async def test_a_pack_is_also_sold_on_a_page(shop: Shop):
    cleo = shop.person()
    bought = await shop.buy(cleo, "small", **PAGES)
    assert bought.status == 200, bought.octets
    assert await shop.pay_page(bought.json["checkoutUrl"]) == 303
    await shop.idle()
    assert await shop.balance(cleo) == 105
    (purchase,) = await shop.purchases(cleo)
    assert (purchase["id"], purchase["status"]) == (bought.json["purchaseId"], "succeeded")


async def test_what_is_sold_is_ours_to_say(shop: Shop):
    dan = shop.person()
    await shop.buy(dan, "large")
    (payment,) = await shop.payments_of(dan)
    assert (payment["amount"], payment["currency"]) == (2000, "usd")
    assert "600 credits" in payment["description"]
    (customer,) = await shop.customers_of(dan)
    assert payment["customer"] == customer["id"]


async def test_a_pack_that_is_not_sold_is_a_404(shop: Shop):
    reply = await shop.buy(shop.person(), "huge")
    assert (reply.status, reply.error) == (404, "pack_not_found")


async def test_quick_clicks_make_one_customer_and_one_payment(shop: Shop):
    eve = shop.person()
    replies = await asyncio.gather(*(shop.buy(eve) for _ in range(16)))
    taken = [reply.json for reply in replies if reply.status == 200]
    assert taken
    assert all(reply.status in {200, 429} for reply in replies)
    assert len(await shop.customers_of(eve)) == 1
    # What was begun after an answer is another purchase, of which there are three a minute.
    secrets = {answer["clientSecret"] for answer in taken}
    assert len(await shop.payments_of(eve)) == len(secrets) == len(await shop.purchases(eve)) <= 3


async def test_different_packs_at_once_make_one_customer(shop: Shop):
    people = [shop.person() for _ in range(8)]
    packs = ["small", "medium", "large"]
    replies = await asyncio.gather(*(shop.buy(person, pack) for person in people for pack in packs))
    assert {reply.status for reply in replies} == {200}
    for person in people:
        assert len(await shop.customers_of(person)) == 1
        assert len(await shop.payments_of(person)) == 3


async def test_one_key_is_one_purchase(shop: Shop, key: str):
    finn = shop.person()
    first = await shop.buy(finn, key=key, **PAGES)
    again = await shop.buy(finn, key=key, **PAGES)
    assert (first.status, again.status) == (200, 200)
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.octets == first.octets
    assert len(await shop.payments_of(finn)) == 1
    other = await shop.buy(finn, "small", key=key, **PAGES)
    assert (other.status, other.error) == (422, "idempotency_key_reused")


async def test_sixteen_with_one_key_get_one_answer(shop: Shop, key: str):
    gus = shop.person()
    replies = await asyncio.gather(*(shop.buy(gus, key=key) for _ in range(16)))
    assert {reply.octets for reply in replies} == {replies[0].octets}
    assert replies[0].status == 200
    assert len(await shop.payments_of(gus)) == 1
    assert len(await shop.purchases(gus)) == 1


async def test_three_purchases_a_minute_are_enough(shop: Shop):
    hal = shop.person()
    for pack in ("small", "medium", "large"):
        assert (await shop.buy(hal, pack)).status == 200
    reply = await shop.buy(hal, "small")
    assert (reply.status, reply.error) == (429, "rate_limited")
    assert 1 <= int(reply.headers["Retry-After"]) <= 60


@pytest.mark.parametrize("pages", [PAGES, {}], ids=["with a page", "without"])
@pytest.mark.parametrize(
    "fault",
    [
        {"action": "drop_after", "path": "/v1/payment_intents", "times": 3},
        {"action": "drop_before", "path": "/v1/payment_intents", "times": 3},
        {"action": "drop_after", "path": "/v1/customers", "times": 3},
        {"action": "429", "path": "/v1/customers"},
        {"action": "429", "path": "/v1/payment_intents"},
        {"action": "500", "path": "/v1/payment_intents"},
        {"action": "500_after", "path": "/v1/payment_intents"},
        {"action": "500", "path": "/v1/customers"},
        {"action": "500_after", "path": "/v1/customers"},
    ],
    ids=lambda fault: f"{fault['action']} {fault['path']}",
)
async def test_what_stripe_did_not_answer_the_next_try_finishes(
    shop: Shop, fault: dict[str, object], pages: dict[str, str]
):
    ida = shop.person()
    await shop.control("faults", {"method": "POST", **fault})
    first = await shop.buy(ida, **pages)
    if first.status != 200:
        assert (first.status, first.error) == (503, "billing_unavailable")
        assert first.headers["Retry-After"]
    second = first if first.status == 200 else await shop.buy(ida, **pages)
    assert second.status == 200, second.octets
    assert len(await shop.customers_of(ida)) == 1
    assert len(await shop.payments_of(ida)) == 1
    assert len(await shop.purchases(ida)) == 1
    await shop.pay(second.json["clientSecret"])
    await shop.idle()
    assert await shop.balance(ida) == 255


async def test_a_stripe_that_never_answers_is_waited_for_only_so_long(shop: Shop):
    jon = shop.person()
    await shop.control("faults", {"action": "timeout", "path": "/v1/payment_intents", "method": "POST", "times": 3})
    first = await shop.buy(jon)
    assert (first.status, first.error) == (503, "billing_unavailable")
    await shop.control("release")
    second = await shop.buy(jon)
    assert second.status == 200
    assert len(await shop.payments_of(jon)) == 1
    assert len(await shop.purchases(jon)) == 1


@pytest.mark.parametrize("action", ["drop_after", "drop_before"])
@pytest.mark.parametrize("path", ["/v1/customers", "/v1/payment_intents"])
async def test_what_stripe_has_forgotten_the_key_of_is_searched_there_first(
    shop: Shop, clock: Clock, path: str, action: str
):
    jim = shop.person()
    await shop.control("faults", {"action": action, "path": path, "method": "POST", "times": 3})
    assert (await shop.buy(jim)).error == "billing_unavailable"
    # Stripe keeps keys for 24 hours.
    await shop.control("clock", {"advance": 25 * 3600})
    clock.advance(timedelta(hours=25))
    try:
        second = await shop.buy(jim)
    finally:
        clock.release()
        await shop.control("clock", {"release": True})
    assert second.status == 200
    assert len(await shop.customers_of(jim)) == 1
    assert len(await shop.payments_of(jim)) == 1
    (purchase,) = await shop.purchases(jim)
    assert purchase["id"] == second.json["purchaseId"]


async def test_one_address_alone_is_refused(shop: Shop):
    kit = shop.person()
    reply = await shop.buy(kit, successUrl=PAGES["successUrl"])
    assert (reply.status, reply.json["fields"]) == (422, {"cancelUrl": "is required with successUrl"})
    reply = await shop.buy(kit, cancelUrl=PAGES["cancelUrl"])
    assert (reply.status, reply.json["fields"]) == (422, {"successUrl": "is required with cancelUrl"})


async def test_nobody_is_sent_elsewhere(shop: Shop):
    lea = shop.person()
    reply = await shop.buy(lea, successUrl="https://evil.example.net", cancelUrl=f"{FRONTEND}@evil.example.net")
    assert (reply.status, reply.json["fields"].keys()) == (422, {"successUrl", "cancelUrl"})
    assert await shop.purchases(lea) == []


async def test_somebody_elses_purchases_are_not_shown(shop: Shop):
    mia, ned = shop.person(), shop.person()
    await shop.buy(mia)
    assert await shop.purchases(ned) == []


async def test_nothing_secret_or_personal_is_logged(shop: Shop):
    olga = shop.person()
    bought = await shop.buy(olga, **PAGES)
    await shop.control("faults", {"action": "500", "path": "/v1/payment_intents", "method": "POST"})
    await shop.buy(olga, "large")
    email = shop.value("select email from playground.users where user_id = %s", olga.id)
    log = shop.gateway._child.log.read_text()
    assert "stripe refused" in log
    for secret in (
        email,
        bought.json["clientSecret"],
        bought.json["checkoutUrl"],
        "sk_test",
        "example.com",
        olga.token,
    ):
        assert secret not in log
