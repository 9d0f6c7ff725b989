"""The steps of taking a plan, what there is at each of them, and how one ends well."""

from tests.py.billing.kills.points import after, asking, before, done
from tests.py.billing.kills.purchases import CUSTOMERS, SESSIONS
from tests.py.billing.kills.sides import at_stripe, lines
from tests.py.billing.shop import Shop
from tests.py.gateway.world import Person

# How many pages there are at Stripe then.
PAGES_MADE = {
    before("start_checkout"): 0,
    after("start_checkout"): 0,
    done(CUSTOMERS): 0,
    before("record_customer"): 0,
    after("record_customer"): 0,
    asking(SESSIONS): 0,
    done(SESSIONS): 1,
    before("record_checkout"): 1,
    after("record_checkout"): 1,
}


async def pages_made(shop: Shop, person: Person) -> int:
    return len(await at_stripe(shop, "checkout/sessions", person))


async def sells_one_month(shop: Shop, person: Person) -> None:
    """Two more tries lead to the only page; paid there, the plan is live, and its credits came once."""
    replies = [await shop.subscribe(person) for _ in range(2)]
    assert [reply.status for reply in replies] == [200, 200], replies[0].octets
    (page,) = await at_stripe(shop, "checkout/sessions", person)
    assert {reply.json["checkoutUrl"] for reply in replies} == {page["url"]}
    assert len(await at_stripe(shop, "customers", person)) == 1
    await shop.pay_page(page["url"])
    await shop.idle()
    assert (await shop.get("/playground/subscription", person)).json["isActive"]
    assert lines(shop, person, "monthly") == [100]
    assert len(await at_stripe(shop, "subscriptions", person)) == 1
    assert (await shop.subscribe(person)).error == "already_subscribed"
