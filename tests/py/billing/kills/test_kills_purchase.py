"""kill -9 of the gateway between any two steps of a purchase, then another gateway, and the person's next try.

Whatever the point: one customer, one PaymentIntent and one row, credited once when it is paid.
"""

from datetime import timedelta

import aiohttp
import pytest

from tests.py.billing.kills.conftest import Kill, KillAt
from tests.py.billing.kills.points import Point, Scene
from tests.py.billing.kills.purchases import (
    ANSWERED,
    MADE,
    PAGE_POINTS,
    UNANSWERED,
    brought,
    is_paid_once,
    made,
)
from tests.py.billing.kills.sides import lines, purchase_rows
from tests.py.billing.shop import PAGES, Shop
from tests.py.gateway.world import Person
from tests.py.support.proxy import DatabaseProxy

A_DAY = timedelta(hours=25)


async def nobody_heard(crowd: dict[Point, tuple[Person, Scene]]) -> None:
    for _, scene in crowd.values():
        await scene.left()
        assert isinstance(await scene.ended(), aiohttp.ClientError)


async def test_the_next_try_with_the_same_key_finishes_the_purchase_of_whoever_stood_anywhere(
    shop: Shop, proxy: DatabaseProxy, kill: Kill, key: str
) -> None:
    crowd = await brought(shop, proxy, MADE, lambda person: shop.buy(person, key=key))
    await kill()
    await nobody_heard(crowd)
    for point, (person, _) in crowd.items():
        assert await made(shop, person) == MADE[point], point
    for point, (person, _) in crowd.items():
        second = await shop.buy(person, key=key)
        # What was kept is the answer, whether or not anybody heard it.
        assert second.headers.get("Idempotent-Replayed") == ("true" if point == ANSWERED else None), point
        third = await shop.buy(person, key=key)
        assert (third.octets, third.headers["Idempotent-Replayed"]) == (second.octets, "true"), point
        await is_paid_once(shop, person, second)


async def test_the_next_try_without_a_key_finishes_the_purchase_of_whoever_stood_anywhere(
    shop: Shop, proxy: DatabaseProxy, kill: Kill
) -> None:
    crowd = await brought(shop, proxy, UNANSWERED, shop.buy)
    await kill(only_the_worker=True)
    await nobody_heard(crowd)
    for point, (person, _) in crowd.items():
        assert await made(shop, person) == MADE[point], point
    for person, _ in crowd.values():
        await is_paid_once(shop, person, await shop.buy(person))


async def test_without_a_key_what_was_kept_is_answered_and_the_next_try_is_another_purchase(
    shop: Shop, kill_at: KillAt
) -> None:
    """Nothing tells the two apart from two purchases: each has its payment, and only what is paid brings credits."""
    cleo = shop.person()
    await kill_at(ANSWERED, shop.buy(cleo), only_the_worker=True)
    assert await made(shop, cleo) == MADE[ANSWERED]
    second = await shop.buy(cleo)
    assert second.status == 200, second.octets
    assert await made(shop, cleo) == (["pending", "pending"], 1, 2)
    await shop.pay(second.json["clientSecret"])
    await shop.idle()
    assert purchase_rows(shop, cleo) == ["pending", "succeeded"]
    assert lines(shop, cleo, "purchase") == [250]


@pytest.mark.parametrize("keyed", [False, True], ids=["without a key", "with the same key"])
async def test_a_purchase_on_a_page_is_finished_with_one_page(
    keyed: bool, shop: Shop, proxy: DatabaseProxy, kill: Kill, key: str
) -> None:
    options = PAGES | ({"key": key} if keyed else {})
    crowd = await brought(shop, proxy, PAGE_POINTS, lambda person: shop.buy(person, **options))
    await kill()
    await nobody_heard(crowd)
    for person, _ in crowd.values():
        await is_paid_once(shop, person, await shop.buy(person, **options))


async def test_the_next_try_after_a_day_finds_at_stripe_what_its_keys_no_longer_know(
    shop: Shop, proxy: DatabaseProxy, kill: Kill
) -> None:
    crowd = await brought(shop, proxy, UNANSWERED, shop.buy)
    await kill()
    await nobody_heard(crowd)
    await a_day_passes(shop)
    for person, _ in crowd.values():
        await is_paid_once(shop, person, await shop.buy(person))


async def a_day_passes(shop: Shop) -> None:
    """Stripe forgets its idempotency keys, and what we asked it for lies so far back."""
    await shop.control("clock", {"advance": int(A_DAY.total_seconds())})
    for table in ("purchases", "customers"):
        shop.database.rows(f"update playground.{table} set requested_at = requested_at - %s", [A_DAY])
