"""Codes and gifts over HTTP: once each, whatever is repeated, and on to whoever they are for."""

import asyncio
import secrets

import pytest

from tests.py.billing.shop import Shop
from tests.py.gateway.world import Person, Reply

REDEEM, GIFT = "/playground/credits/redeem", "/playground/credits/gift"


def code(shop: Shop, credits: int = 50, redemptions: int = 10) -> str:
    made = f"CATS-{secrets.token_hex(4).upper()}"
    shop.value("select admin.create_promo_code(%s, %s, %s, null, 'tests')", made, credits, redemptions)
    return made


async def redeem(shop: Shop, person: Person, code: str, key: str | None = None, **headers: str) -> Reply:
    headers |= {"Idempotency-Key": key} if key else {}
    return await shop.post(REDEEM, {"code": code}, person, headers=headers)


async def test_a_code_is_redeemed_once_by_a_person(shop: Shop, key: str):
    ann, cats = shop.person(), code(shop)
    first = await redeem(shop, ann, f" {cats.lower()} ", key)
    assert (first.status, first.json) == (200, {"credits": 50, "balance": 55, "code": cats})
    again = await redeem(shop, ann, cats, key)
    assert (again.status, again.octets, again.headers["Idempotent-Replayed"]) == (200, first.octets, "true")
    assert "Idempotent-Replayed" not in first.headers
    other = await redeem(shop, ann, cats)
    assert (other.status, other.error) == (409, "code_already_redeemed")
    assert await shop.balance(ann) == 55


async def test_a_code_that_is_used_up_is_a_410_and_one_that_never_was_a_404(shop: Shop):
    cats = code(shop, redemptions=1)
    assert (await redeem(shop, shop.person(), cats)).status == 200
    late = await redeem(shop, shop.person(), cats)
    assert (late.status, late.error) == (410, "code_expired")
    wrong = await redeem(shop, shop.person(), "NO-SUCH-CODE")
    assert (wrong.status, wrong.error) == (404, "code_not_found")


async def test_the_last_redemption_goes_to_one(shop: Shop):
    cats = code(shop, redemptions=1)
    replies = await asyncio.gather(*(redeem(shop, shop.person(), cats) for _ in range(8)))
    assert sorted(reply.status for reply in replies) == [200] + [410] * 7


async def test_guesses_are_counted_by_person_and_by_address(shop: Shop):
    bob = shop.person()
    for _ in range(10):
        assert (await redeem(shop, bob, "GUESSED")).status == 404
    stopped = await redeem(shop, bob, "GUESSED")
    assert (stopped.status, stopped.error) == (429, "rate_limited")
    assert int(stopped.headers["Retry-After"]) > 0
    # Many people at one address are as many guesses; what they claim of others before them counts for nothing.
    for number in range(10):
        here = {"X-Forwarded-For": f"192.0.2.{number}, 198.51.100.7"}
        assert (await redeem(shop, shop.person(), "GUESSED", **here)).status == 404
    stopped = await redeem(shop, shop.person(), "GUESSED", **{"X-Forwarded-For": "198.51.100.7"})
    assert (stopped.status, stopped.error) == (429, "rate_limited")
    assert (await redeem(shop, shop.person(), code(shop), **{"X-Forwarded-For": "198.51.100.8"})).status == 200


@pytest.fixture
async def giver(shop: Shop) -> Person:
    """Somebody with 250 bought credits, in a shop that does not mind how old they are."""
    shop.value("select admin.set_setting('gift_age', '0', 'tests')")
    person = shop.person()
    bought = await shop.buy(person)
    await shop.pay(bought.json["clientSecret"])
    await shop.idle()
    return person


def email_of(shop: Shop, person: Person) -> str:
    return shop.value("select email from playground.users where user_id = %s", person.id)


async def arrived(shop: Shop, person: Person, balance: int) -> None:
    for _ in range(1000):
        if await shop.balance(person) == balance:
            return
        await asyncio.sleep(0.02)
    raise AssertionError("the gift never came")


async def test_a_gift_arrives_without_waiting_for_a_job(shop: Shop, giver: Person, key: str):
    cleo = shop.person()
    gift = {"toEmail": email_of(shop, cleo), "credits": 100, "message": "Happy birthday"}
    sent = await shop.post(GIFT, gift, giver, headers={"Idempotency-Key": key})
    assert sent.status == 200, sent.octets
    assert (sent.json["credits"], sent.json["balance"], sent.json["status"]) == (100, 155, "sent")
    again = await shop.post(GIFT, gift, giver, headers={"Idempotency-Key": key})
    assert (again.octets, again.headers["Idempotent-Replayed"]) == (sent.octets, "true")
    await arrived(shop, cleo, 105)
    assert await shop.balance(giver) == 155
    onward = await shop.post(GIFT, {"toEmail": email_of(shop, giver), "credits": 100}, cleo)
    assert (onward.status, onward.error) == (402, "not_enough_giftable_credits")
    assert (onward.json["giftable"], onward.json["credits"]) == (0, 100)


async def test_a_gift_waits_for_somebody_to_register(shop: Shop, giver: Person):
    email = f"{secrets.token_hex(6)}@example.com"
    sent = await shop.post(GIFT, {"toEmail": email, "credits": 20}, giver)
    assert (sent.json["status"], sent.json["balance"]) == ("waiting", 235)
    assert sent.json["expiresAt"]
    registered = await shop.post("/auth/register", {"email": email, "password": "long enough"})
    await arrived(shop, Person(registered.json["user"]["id"], registered.json["accessToken"]), 25)


async def test_nobody_gives_to_themselves(shop: Shop, giver: Person):
    reply = await shop.post(GIFT, {"toEmail": email_of(shop, giver).upper(), "credits": 1}, giver)
    assert (reply.status, list(reply.json["fields"])) == (422, ["toEmail"])
