"""The connection to the database breaks around each statement: the right answer or 503, and nothing twice.

What may be repeated is, so that the caller notices nothing; of the rest nobody knows whether it was done, so the caller
is told to try again, and that try goes on with what was done.
"""

from collections.abc import Coroutine
from typing import Any

import pytest

from tests.py.billing.kills.points import Point, Scene, after, before
from tests.py.billing.kills.purchases import is_paid_once
from tests.py.billing.kills.subscriptions import sells_one_month
from tests.py.billing.shop import Shop
from tests.py.gateway.world import Reply
from tests.py.support.proxy import DatabaseProxy

UNREPEATABLE = {"start_purchase", "start_checkout"}


def around(*functions: str) -> list[Point]:
    return [point(function) for function in functions for point in (before, after)]


async def cut_at(point: Point, shop: Shop, proxy: DatabaseProxy, request: Coroutine[Any, Any, Reply]) -> Reply | None:
    """What the client gets when the connection is cut there; None for 503."""
    scene = Scene(shop, proxy, point)
    await scene.bring(request)
    await scene.cut()
    reply = await scene.ended()
    assert isinstance(reply, Reply), reply
    if reply.status == 503:
        assert reply.error == "unavailable", point
        assert int(reply.headers["Retry-After"]) > 0
        return None
    assert point.what not in UNREPEATABLE
    assert reply.status == 200, (point, reply.octets)
    return reply


@pytest.mark.parametrize("point", around("start_purchase", "record_customer", "record_purchase"), ids=str)
async def test_a_purchase_survives_a_cut(point: Point, shop: Shop, proxy: DatabaseProxy, key: str) -> None:
    ann = shop.person()
    first = await cut_at(point, shop, proxy, shop.buy(ann, key=key))
    second = await shop.buy(ann, key=key)
    assert first is None or first.octets == second.octets
    await is_paid_once(shop, ann, second)


@pytest.mark.parametrize("point", around("start_checkout", "record_customer", "record_checkout"), ids=str)
async def test_a_subscription_survives_a_cut(point: Point, shop: Shop, proxy: DatabaseProxy) -> None:
    ben = shop.person()
    first = await cut_at(point, shop, proxy, shop.subscribe(ben))
    second = await shop.subscribe(ben)
    assert first is None or first.octets == second.octets
    await sells_one_month(shop, ben)


@pytest.mark.parametrize("point", around("find_subscription", "get_subscription"), ids=str)
async def test_ending_and_resuming_a_plan_survives_a_cut(point: Point, shop: Shop, proxy: DatabaseProxy) -> None:
    cleo = shop.person()
    await shop.subscribed(cleo)
    for what in ("cancel", "resume"):
        await shop.later()
        changing = shop.post(f"/playground/subscription/{what}", {}, cleo)
        reply = await cut_at(point, shop, proxy, changing)
        reply = reply or await shop.post(f"/playground/subscription/{what}", {}, cleo)
        assert reply.json["cancelAtPeriodEnd"] is (what == "cancel")
        await shop.idle()
        shown = (await shop.get("/playground/subscription", cleo)).json
        assert (shown["isActive"], shown["cancelAtPeriodEnd"]) == (True, what == "cancel")
    assert await shop.balance(cleo) == 105
