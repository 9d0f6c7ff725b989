"""The gateway dies around an event of Stripe's, or loses its connection in the middle: told again, it counts once."""

import asyncio
from typing import Any

import pytest

from tests.py.billing.kills.conftest import Kill, listen
from tests.py.billing.kills.events import WAITING, about_to_pay, is_credited_once, stopped_in_the_middle
from tests.py.billing.kills.points import Point, Scene, after, before
from tests.py.billing.kills.sides import lines
from tests.py.billing.shop import Shop
from tests.py.endtoend.waiting import until
from tests.py.support.proxy import DatabaseProxy


@pytest.mark.parametrize("only_the_worker", [False, True], ids=["all", "worker"])
@pytest.mark.parametrize(
    ("point", "credited"), [(before("record_stripe_event"), []), (after("record_stripe_event"), [250])], ids=str
)
async def test_an_event_that_a_killed_gateway_had_in_its_hands_is_told_again_and_counts_once(
    point: Point, credited: list[int], only_the_worker: bool, shop: Shop, proxy: DatabaseProxy, kill: Kill
) -> None:
    ann, reply = await about_to_pay(shop)
    scene = Scene(shop, proxy, point)
    await scene.arm()
    await shop.pay(reply.json["clientSecret"])
    await scene.reached()
    assert lines(shop, ann, "purchase") == credited
    await kill(only_the_worker)
    await scene.cut()
    told = await is_credited_once(shop, ann)
    assert told["attempts"] > 1


async def test_an_event_whose_gateway_is_killed_in_its_middle_is_finished_by_the_database(
    shop: Shop, kill: Kill
) -> None:
    """Its session notices nothing until it has committed; then Stripe tells of it again."""
    ben, reply = await about_to_pay(shop)
    async with stopped_in_the_middle(shop.database, ben):
        await shop.pay(reply.json["clientSecret"])
        await asyncio.to_thread(shop.database.wait_for_lock_waits)
        shop.gateway.kill()
        assert lines(shop, ben, "purchase") == []
    await until(lambda: lines(shop, ben, "purchase") == [250], "the database to finish it")
    await kill()
    told = await is_credited_once(shop, ben)
    assert told["attempts"] > 1


async def test_an_event_whose_session_is_terminated_in_its_middle_is_undone_and_done_again(shop: Shop) -> None:
    """By the gateway itself, or when Stripe tells again."""
    cleo, reply = await about_to_pay(shop)
    async with stopped_in_the_middle(shop.database, cleo):
        await shop.pay(reply.json["clientSecret"])
        await asyncio.to_thread(shop.database.wait_for_lock_waits)
        first = shop.database.value(WAITING, role="postgres")
        shop.database.rows("select pg_terminate_backend(%s, 60000)", [first], role="postgres")
        await asyncio.to_thread(shop.database.wait_for_lock_waits)
        assert shop.database.value(WAITING, role="postgres") != first
        assert lines(shop, cleo, "purchase") == []
    await is_credited_once(shop, cleo)


@pytest.mark.parametrize("point", [before("record_stripe_event"), after("record_stripe_event")], ids=str)
async def test_an_event_whose_connection_is_cut_is_done_again(point: Point, shop: Shop, proxy: DatabaseProxy) -> None:
    dan, reply = await about_to_pay(shop)
    scene = Scene(shop, proxy, point)
    await scene.arm()
    await shop.pay(reply.json["clientSecret"])
    await scene.reached()
    await scene.cut()
    await is_credited_once(shop, dan)


async def test_a_refund_and_a_dispute_told_to_dying_gateways_revoke_once(
    shop: Shop, proxy: DatabaseProxy, kill: Kill
) -> None:
    """Each event of the life of a payment is in a gateway's hands when it dies, before or after the commit."""
    eve, reply = await about_to_pay(shop)
    await shop.pay(reply.json["clientSecret"])
    await shop.idle()
    payment = (await shop.purchases(eve))[0]
    intent = shop.value("select payment_intent_id from playground.purchases where purchase_id = %s", payment["id"])
    await listen(shop, "charge.refunded", "charge.dispute.created", "charge.dispute.closed")

    committed, unseen = after("record_stripe_event"), before("record_stripe_event")

    async def told_to_a_dying_gateway(point: Point, path: str, **fields: str | int) -> dict[str, Any]:
        scene = Scene(shop, proxy, point)
        await scene.arm()
        if path == "refunds":
            made = await shop.api("POST", path, **{name: str(value) for name, value in fields.items()})
        else:
            made = await shop.control(path, fields)
        await scene.reached()
        await kill(only_the_worker=True)
        await scene.cut()
        await shop.idle()
        return made

    await told_to_a_dying_gateway(committed, "refunds", payment_intent=intent, amount=400)
    assert lines(shop, eve, "refund") == [-100]
    dispute = await told_to_a_dying_gateway(unseen, "disputes", payment_intent=intent, amount=600)
    assert lines(shop, eve, "refund") == [-100]
    await told_to_a_dying_gateway(committed, f"disputes/{dispute['id']}/lost")
    assert lines(shop, eve, "refund") == [-100, -150]
    assert await shop.balance(eve) == 5
