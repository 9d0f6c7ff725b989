"""The connection to the database breaks around each statement: the right answer or 503, and nothing twice.

What may be repeated is, so that the caller notices nothing; of the rest nobody knows whether it was done, so the caller
is told to try again, and that try goes on with what was done.
"""

import pytest

from tests.py.billing.kills.points import Point, Scene, after, before
from tests.py.billing.kills.purchases import brought, is_paid_once
from tests.py.billing.kills.subscriptions import sells_one_month
from tests.py.billing.shop import Shop
from tests.py.gateway.world import Reply
from tests.py.support.proxy import DatabaseProxy

UNREPEATABLE = {"start_purchase", "start_checkout"}


def around(*functions: str) -> list[Point]:
    return [point(function) for function in functions for point in (before, after)]


async def answered(scene: Scene) -> Reply:
    """What the client gets when the connection is cut there."""
    await scene.cut()
    reply = await scene.ended()
    assert isinstance(reply, Reply), reply
    if scene.point.what in UNREPEATABLE:
        assert (reply.status, reply.error) == (503, "unavailable"), scene.point
        assert int(reply.headers["Retry-After"]) > 0
    else:
        assert reply.status == 200, (scene.point, reply.octets)
    return reply


async def test_a_purchase_survives_a_cut_around_each_statement(shop: Shop, proxy: DatabaseProxy, key: str) -> None:
    points = around("start_purchase", "record_customer", "record_purchase")
    crowd = await brought(shop, proxy, points, lambda person: shop.buy(person, key=key))
    for person, scene in crowd.values():
        first = await answered(scene)
        second = await shop.buy(person, key=key)
        assert first.status == 503 or first.octets == second.octets
        await is_paid_once(shop, person, second)


async def test_a_subscription_survives_a_cut_around_each_statement(shop: Shop, proxy: DatabaseProxy) -> None:
    points = around("start_checkout", "record_customer", "record_checkout")
    crowd = await brought(shop, proxy, points, shop.subscribe)
    for person, scene in crowd.values():
        first = await answered(scene)
        second = await shop.subscribe(person)
        assert first.status == 503 or first.octets == second.octets
        await sells_one_month(shop, person)


@pytest.mark.parametrize("function", ["find_subscription", "get_subscription"])
async def test_ending_and_resuming_a_plan_survives_a_cut(function: str, shop: Shop, proxy: DatabaseProxy) -> None:
    ann = shop.person()
    await shop.subscribed(ann)
    for point in around(function):
        for what in ("cancel", "resume"):
            await shop.later()
            scene = Scene(shop, proxy, point)
            await scene.bring(shop.post(f"/playground/subscription/{what}", {}, ann))
            assert (await answered(scene)).json["cancelAtPeriodEnd"] is (what == "cancel")
            await shop.idle()
            shown = (await shop.get("/playground/subscription", ann)).json
            assert (shown["isActive"], shown["cancelAtPeriodEnd"]) == (True, what == "cancel")
    assert await shop.balance(ann) == 105
