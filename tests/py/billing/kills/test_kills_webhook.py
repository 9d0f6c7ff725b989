"""The gateway dies around an event of Stripe's, or loses its connection in the middle: told again, it counts once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.py.billing.kills.conftest import Kill, listen
from tests.py.billing.kills.points import Point, Scene, after, before
from tests.py.billing.kills.sides import lines
from tests.py.billing.shop import Shop
from tests.py.gateway.world import Person, Reply
from tests.py.support.database import Database
from tests.py.support.proxy import DatabaseProxy

PAID = "payment_intent.succeeded"
WAITING = """
    select pid from pg_stat_activity
    where datname = current_database() and application_name = 'scrip-gateway' and wait_event_type = 'Lock'
"""


async def bought(shop: Shop) -> tuple[Person, Reply]:
    """Somebody who is about to pay. Of all that Stripe tells, only that it was paid is of interest from now on."""
    person = shop.person()
    reply = await shop.buy(person)
    assert reply.status == 200, reply.octets
    await shop.idle()
    await listen(shop, PAID)
    return person, reply


async def delivery(shop: Shop) -> dict[str, Any]:
    """The newest delivery of a payment's success, as Stripe sees it."""
    return [each for each in await shop.state("deliveries") if each["type"] == PAID][-1]


async def is_credited_once(shop: Shop, person: Person) -> dict[str, Any]:
    """Once Stripe has nothing more to tell; the delivery."""
    await shop.idle()
    assert lines(shop, person, "purchase") == [250]
    assert await shop.balance(person) == 255
    told = await delivery(shop)
    assert (told["state"], told["last_status"]) == ("delivered", 200)
    statement = (
        "select count(*), count(*) filter (where state = 'handled') from playground.stripe_events where event_id = %s"
    )
    assert shop.database.rows(statement, [told["event"]]) == [(1, 1)]
    return told


@asynccontextmanager
async def account_locked(database: Database, person: Person) -> AsyncIterator[None]:
    """Somebody else's transaction holds the account's row, so that an event of theirs stands in its middle."""
    connection = await database.connect_async()
    try:
        async with connection.transaction():
            await connection.execute("select from playground.accounts where account_id = %s for update", [person.id])
            yield
    finally:
        await connection.close()


@pytest.mark.parametrize("only_the_worker", [False, True], ids=["all", "worker"])
@pytest.mark.parametrize(
    ("point", "credited"), [(before("record_stripe_event"), []), (after("record_stripe_event"), [250])], ids=str
)
async def test_an_event_that_a_killed_gateway_had_in_its_hands_is_told_again_and_counts_once(
    point: Point, credited: list[int], only_the_worker: bool, shop: Shop, proxy: DatabaseProxy, kill: Kill
) -> None:
    ann, reply = await bought(shop)
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
    """Its session notices nothing until it has committed; meanwhile Stripe tells of it again."""
    ben, reply = await bought(shop)
    async with account_locked(shop.database, ben):
        await shop.pay(reply.json["clientSecret"])
        await asyncio.to_thread(shop.database.wait_for_lock_waits)
        await kill()
        # The second delivery waits for the first to decide.
        await asyncio.to_thread(shop.database.wait_for_lock_waits, 2)
        assert lines(shop, ben, "purchase") == []
    told = await is_credited_once(shop, ben)
    assert told["attempts"] > 1


async def test_an_event_whose_session_is_terminated_in_its_middle_is_repeated_by_the_gateway(shop: Shop) -> None:
    """Undone as a whole, then done as a whole; Stripe need not even tell again."""
    cleo, reply = await bought(shop)
    async with account_locked(shop.database, cleo):
        await shop.pay(reply.json["clientSecret"])
        await asyncio.to_thread(shop.database.wait_for_lock_waits)
        first = shop.database.value(WAITING, role="postgres")
        shop.database.rows("select pg_terminate_backend(%s, 60000)", [first], role="postgres")
        statement = "select count(*) from playground.stripe_event_ids where event_id = %s"
        assert shop.database.value(statement, [(await delivery(shop))["event"]]) == 0
        await asyncio.to_thread(shop.database.wait_for_lock_waits)
        assert shop.database.value(WAITING, role="postgres") != first
    told = await is_credited_once(shop, cleo)
    assert told["attempts"] == 1


@pytest.mark.parametrize("point", [before("record_stripe_event"), after("record_stripe_event")], ids=str)
async def test_an_event_whose_connection_is_cut_is_repeated_by_the_gateway(
    point: Point, shop: Shop, proxy: DatabaseProxy
) -> None:
    dan, reply = await bought(shop)
    scene = Scene(shop, proxy, point)
    await scene.arm()
    await shop.pay(reply.json["clientSecret"])
    await scene.reached()
    await scene.cut()
    told = await is_credited_once(shop, dan)
    assert told["attempts"] == 1


async def test_a_refund_and_a_dispute_told_to_dying_gateways_revoke_once(
    shop: Shop, proxy: DatabaseProxy, kill: Kill
) -> None:
    """Each event of the life of a payment is in a gateway's hands when it dies, before or after the commit."""
    eve, reply = await bought(shop)
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
