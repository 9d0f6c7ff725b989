"""kill -9 of the gateway between any two steps of a subscription: the next try leads to one page, and it sells once."""

import aiohttp

from tests.py.billing.kills.conftest import Kill
from tests.py.billing.kills.points import Scene, before
from tests.py.billing.kills.purchases import brought
from tests.py.billing.kills.sides import at_stripe, lines
from tests.py.billing.kills.subscriptions import PAGES_MADE, pages_made, sells_one_month
from tests.py.billing.shop import Shop
from tests.py.support.proxy import DatabaseProxy


async def test_whoever_stood_anywhere_gets_one_page_and_one_month(shop: Shop, proxy: DatabaseProxy, kill: Kill) -> None:
    crowd = await brought(shop, proxy, PAGES_MADE, shop.subscribe)
    await kill()
    for point, (person, scene) in crowd.items():
        await scene.left()
        assert isinstance(await scene.ended(), aiohttp.ClientError)
        assert await pages_made(shop, person) == PAGES_MADE[point], point
    for person, _ in crowd.values():
        await sells_one_month(shop, person)


async def test_a_page_paid_while_the_gateway_is_dead_is_a_plan_when_it_is_back(
    shop: Shop, proxy: DatabaseProxy, kill: Kill
) -> None:
    """The answer with its address was lost; Stripe has it all the same, and whoever finds it may pay it."""
    ann = shop.person()
    scene = Scene(shop, proxy, before("record_checkout"))
    await scene.bring(shop.subscribe(ann))
    (page,) = await at_stripe(shop, "checkout/sessions", ann)
    shop.gateway.kill()
    await scene.left()
    await scene.ended()
    await shop.pay_page(page["url"])
    await kill()
    await shop.idle()
    assert lines(shop, ann, "monthly") == [100]
    assert (await shop.subscribe(ann)).error == "already_subscribed"
