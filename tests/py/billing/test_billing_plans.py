"""Plans of people and organisations: sold on Stripe's pages, ended and resumed there, told to us by its events."""

import asyncio
from typing import Any

from tests.py.billing.shop import FRONTEND, PAGES, Shop
from tests.py.gateway.world import Person

PLAN = "/playground/subscription"
NONE = {"isActive": False, "status": None, "plan": None, "cancelAtPeriodEnd": False, "currentPeriodEnd": None}


async def plan(shop: Shop, person: Person, path: str = PLAN) -> dict[str, Any]:
    reply = await shop.get(path, person)
    assert reply.status == 200, reply.octets
    return reply.json


async def organization(shop: Shop, owner: Person) -> str:
    """One that is just founded; where it lives."""
    made = await shop.post("/organizations", {"name": "Cats & Co"}, owner)
    assert made.status == 201, made.octets
    return f"/organizations/{made.json['id']}"


def email_of(shop: Shop, person: Person) -> str:
    return shop.value("select email from playground.users where user_id = %s", person.id)


async def test_a_plan_is_taken_cancelled_resumed_and_looked_after(shop: Shop):
    ann = shop.person()
    pricing = (await shop.get("/playground/pricing", ann)).json
    assert (pricing["price"], pricing["credits"], pricing["isOrgMember"]) == (600, 100, False)
    assert await plan(shop, ann) == NONE
    await shop.subscribed(ann)
    assert await shop.balance(ann) == 105
    shown = await plan(shop, ann)
    assert (shown["isActive"], shown["status"], shown["cancelAtPeriodEnd"]) == (True, "active", False)

    second = await shop.subscribe(ann)
    assert (second.status, second.error) == (409, "already_subscribed")

    await shop.later()
    cancelled = await shop.post(f"{PLAN}/cancel", {}, ann)
    assert (cancelled.status, cancelled.json) == (200, shown | {"cancelAtPeriodEnd": True})
    await shop.idle()
    assert await plan(shop, ann) == shown | {"cancelAtPeriodEnd": True}
    await shop.later()
    resumed = await shop.post(f"{PLAN}/resume", {}, ann)
    assert (resumed.status, resumed.json) == (200, shown)
    await shop.idle()
    assert await plan(shop, ann) == shown
    assert await shop.balance(ann) == 105

    portal = await shop.post(f"{PLAN}/portal", {"returnUrl": f"{FRONTEND}/account"}, ann)
    assert portal.status == 200, portal.octets
    status, page = await shop.click(portal.json["portalUrl"])
    assert status == 200
    assert f"{FRONTEND}/account" in page


async def test_without_a_plan_there_is_nothing_to_end(shop: Shop):
    bob = shop.person()
    for what, body in (("cancel", {}), ("resume", {}), ("portal", {"returnUrl": f"{FRONTEND}/"})):
        reply = await shop.post(f"{PLAN}/{what}", body, bob)
        assert (reply.status, reply.error) == (404, "no_subscription"), what
    # A customer of packs has no plan to end, but cards and receipts to look after.
    await shop.buy(bob)
    reply = await shop.post(f"{PLAN}/cancel", {}, bob)
    assert (reply.status, reply.error) == (404, "no_subscription")
    reply = await shop.post(f"{PLAN}/portal", {"returnUrl": f"{FRONTEND}/"}, bob)
    assert reply.status == 200


async def test_a_plan_set_by_hand_is_not_stripes_to_end(shop: Shop):
    cleo = shop.person()
    shop.value("select admin.set_plan(%s, 'prpm_plus_individual', null, 'tests')", cleo.id)
    for what in ("cancel", "resume"):
        reply = await shop.post(f"{PLAN}/{what}", {}, cleo)
        assert (reply.status, reply.error) == (409, "not_billed")
    reply = await shop.subscribe(cleo)
    assert (reply.status, reply.error) == (409, "already_subscribed")


async def test_quick_clicks_lead_to_one_page(shop: Shop):
    dan = shop.person()
    replies = await asyncio.gather(*(shop.subscribe(dan) for _ in range(16)))
    assert {reply.status for reply in replies} == {200}
    assert len({reply.json["checkoutUrl"] for reply in replies}) == 1
    assert len(await shop.customers_of(dan)) == 1
    assert (await shop.subscribe(dan)).json == replies[0].json


async def test_a_page_that_stripe_did_not_answer_for_is_asked_for_again(shop: Shop):
    eve = shop.person()
    path = "/v1/checkout/sessions"
    await shop.control("faults", {"action": "drop_after", "path": path, "method": "POST", "times": 3})
    first = await shop.subscribe(eve)
    assert (first.status, first.error) == (503, "billing_unavailable")
    second = await shop.subscribe(eve)
    assert second.status == 200
    await shop.pay_page(second.json["checkoutUrl"])
    await shop.idle()
    assert (await plan(shop, eve))["isActive"]
    sessions = (await shop.api("GET", "checkout/sessions", limit="100"))["data"]
    assert len([each for each in sessions if each["metadata"].get("account_id") == eve.id]) == 1


async def test_a_subscription_that_is_gone_at_stripe_is_not_there(shop: Shop):
    finn = shop.person()
    await shop.subscribed(finn)
    await shop.control("switches", {"paused": True})
    try:
        (subscription,) = (await shop.api("GET", "subscriptions", customer=(await shop.customers_of(finn))[0]["id"]))[
            "data"
        ]
        await shop.api("DELETE", f"subscriptions/{subscription['id']}")
        # Our side does not know yet.
        assert (await plan(shop, finn))["isActive"]
        reply = await shop.post(f"{PLAN}/cancel", {}, finn)
        assert (reply.status, reply.error) == (404, "no_subscription")
    finally:
        await shop.control("switches", {"paused": False})
    await shop.idle()
    assert not (await plan(shop, finn))["isActive"]


async def test_nobody_is_sent_elsewhere(shop: Shop):
    gus = shop.person()
    for path, body in (
        ("/playground/subscribe", PAGES | {"cancelUrl": "https://evil.example"}),
        (f"{PLAN}/portal", {"returnUrl": f"{FRONTEND}.evil.example"}),
        (f"{await organization(shop, gus)}/subscribe", PAGES | {"successUrl": "//evil.example"}),
    ):
        reply = await shop.post(path, body, gus)
        assert (reply.status, reply.error) == (422, "validation_failed")
    assert await shop.customers_of(gus) == []


async def test_a_member_of_an_organisation_that_pays_is_offered_three_dollars(shop: Shop):
    owner, member, admin, stranger = (shop.person() for _ in range(4))
    home = await organization(shop, owner)
    added = await shop.post(f"{home}/members", {"email": email_of(shop, member)}, owner)
    assert added.status == 200, added.octets
    await shop.post(f"{home}/members", {"email": email_of(shop, admin), "role": "admin"}, owner)
    assert (await shop.get("/playground/pricing", member)).json["price"] == 600

    refused = await shop.subscribe(member, home)
    assert (refused.status, refused.error) == (403, "forbidden")
    unseen = await shop.subscribe(stranger, home)
    assert (unseen.status, unseen.error) == (404, "organization_not_found")

    await shop.subscribed(admin, home)
    shown = await plan(shop, owner, f"{home}/subscription")
    assert (shown["isActive"], shown["plan"]) == (True, "verified")
    assert (await shop.get(home, member)).json["isVerified"]
    pricing = (await shop.get("/playground/pricing", member)).json
    assert (pricing["price"], pricing["isOrgMember"], pricing["orgName"]) == (300, True, "Cats & Co")

    await shop.subscribed(member)
    (paid,) = await invoices(shop, member)
    assert paid["amount_paid"] == 300

    await shop.later()
    ended = await shop.post(f"{home}/cancel", {}, owner)
    assert (ended.status, ended.json["cancelAtPeriodEnd"]) == (200, True)
    await shop.idle()
    resumed = await shop.post(f"{home}/resume", {}, admin)
    assert (resumed.status, resumed.json["cancelAtPeriodEnd"]) == (200, False)
    portal = await shop.post(f"{home}/portal", {"returnUrl": f"{FRONTEND}/"}, owner)
    assert portal.status == 200
    for what, body in (("cancel", {}), ("resume", {}), ("portal", {"returnUrl": f"{FRONTEND}/"})):
        assert (await shop.post(f"{home}/{what}", body, member)).status == 403
        assert (await shop.post(f"{home}/{what}", body, stranger)).status == 404


async def invoices(shop: Shop, person: Person) -> list[dict[str, Any]]:
    (customer,) = await shop.customers_of(person)
    return (await shop.api("GET", "invoices", customer=customer["id"]))["data"]


async def test_two_who_look_after_an_organisation_make_one_customer(shop: Shop):
    owner, admin = shop.person(), shop.person()
    home = await organization(shop, owner)
    await shop.post(f"{home}/members", {"email": email_of(shop, admin), "role": "admin"}, owner)
    replies = await asyncio.gather(*(shop.subscribe(person, home) for person in (owner, admin) * 8))
    assert {reply.status for reply in replies} == {200}
    assert len({reply.json["checkoutUrl"] for reply in replies}) == 1


async def test_members_come_and_go(shop: Shop):
    owner, member, stranger = (shop.person() for _ in range(3))
    home = await organization(shop, owner)
    added = await shop.post(f"{home}/members", {"email": email_of(shop, member)}, owner)
    assert {each["userId"] for each in added.json["members"]} == {owner.id, member.id}
    nobody = await shop.post(f"{home}/members", {"email": "nobody@example.net"}, owner)
    assert (nobody.status, nobody.error) == (404, "person_not_found")
    assert (await shop.get(home, stranger)).error == "organization_not_found"
    last = await shop.call("DELETE", f"{home}/members/{owner.id}", owner)
    assert (last.status, last.error) == (409, "last_owner")
    left = await shop.call("DELETE", f"{home}/members/{member.id}", member)
    assert (left.status, left.octets) == (204, b"")
    gone = await shop.call("DELETE", f"{home}/members/{member.id}", owner)
    assert (gone.status, gone.error) == (404, "person_not_found")
    none = await shop.call("DELETE", f"{home}/members/somebody", owner)
    assert (none.status, none.error) == (404, "person_not_found")
