"""kill -9 of PostgreSQL between any two steps of a purchase or a plan, and in the middle of an event of Stripe's.

The gateway lives on and answers 503 or what is right; nothing acknowledged is lost, and nothing counts twice.
"""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from scripts.setup.cluster import Cluster
from scripts.setup.migrate import bootstrap, migrate
from tests.py.billing.kills.conftest import StartGateway, opened, serving
from tests.py.billing.kills.events import WAITING, about_to_pay, is_credited_once, stopped_in_the_middle
from tests.py.billing.kills.points import Point, Scene
from tests.py.billing.kills.purchases import ANSWERED, MADE, PAGE_POINTS, brought, is_paid_once
from tests.py.billing.kills.subscriptions import PAGES_MADE, sells_one_month
from tests.py.billing.shop import PAGES, Shop, stock
from tests.py.endtoend.conftest import Service, linked
from tests.py.gateway.world import Person, Reply
from tests.py.support.clusters import private_cluster
from tests.py.support.database import Database, wait_until
from tests.py.support.proxy import DatabaseProxy


@dataclass
class Perishable:
    """A database on a cluster that a test may kill, and a gateway before it."""

    cluster: Cluster
    database: Database
    proxy_folder: Path
    service: Service


@pytest.fixture(scope="module")
def perishable(start_gateway: StartGateway, stripe_address: str) -> Iterator[Perishable]:
    """Durable, as in production: what was committed is there after the kill."""
    with private_cluster() as cluster, TemporaryDirectory(prefix="scrip-link-") as folder:
        bootstrap(cluster.url())
        migrate(cluster.url(), say=lambda text: None)
        database, proxy_folder = Database(cluster.url(), "scrip"), Path(folder) / "proxy"
        stock(database)
        service = serving(start_gateway, database, proxy_folder, stripe_address)
        yield Perishable(cluster, database, proxy_folder, service)


@pytest.fixture
async def proxy(perishable: Perishable) -> AsyncIterator[DatabaseProxy]:
    async with linked(perishable.database, perishable.proxy_folder) as proxy:
        yield proxy


@pytest.fixture
async def shop(perishable: Perishable, stripe_address: str, proxy: DatabaseProxy) -> AsyncIterator[Shop]:
    async with opened(perishable.service, stripe_address, perishable.database) as shop:
        yield shop


async def survives(perishable: Perishable, crowd: dict[Point, tuple[Person, Scene]]) -> dict[Point, Reply]:
    """The server dies under everybody and comes back; what each was answered: what is right, or 503."""
    perishable.cluster.kill()
    for _, scene in crowd.values():
        await scene.cut()
    perishable.cluster.start()
    replies: dict[Point, Reply] = {}
    for point, (_, scene) in crowd.items():
        reply = await scene.ended()
        assert isinstance(reply, Reply), (point, reply)
        assert reply.status in (200, 503), (point, reply.octets)
        if reply.status == 503:
            assert reply.error == "unavailable", point
        replies[point] = reply
    return replies


@pytest.mark.parametrize("keyed", [False, True], ids=["without a key", "with the same key"])
async def test_purchases_of_whoever_stood_anywhere_are_finished_by_the_next_try(
    keyed: bool, perishable: Perishable, shop: Shop, proxy: DatabaseProxy, key: str
) -> None:
    again = key if keyed else None
    # Without a key, the next try after an answer that was kept is another purchase.
    points = [point for point in MADE if keyed or point != ANSWERED]
    crowd = await brought(shop, proxy, points, lambda person: shop.buy(person, key=again))
    replies = await survives(perishable, crowd)
    for point, (person, _) in crowd.items():
        first = replies[point]
        bought = first if first.status == 200 and not keyed else await shop.buy(person, key=again)
        assert first.status == 503 or bought.octets == first.octets, point
        await is_paid_once(shop, person, bought)


async def test_pages_of_whoever_stood_anywhere_sell_once(
    perishable: Perishable, shop: Shop, proxy: DatabaseProxy, key: str
) -> None:
    crowd = await brought(shop, proxy, PAGE_POINTS, lambda person: shop.buy(person, key=key, **PAGES))
    await survives(perishable, crowd)
    for person, _ in crowd.values():
        await is_paid_once(shop, person, await shop.buy(person, key=key, **PAGES))


async def test_plans_of_whoever_stood_anywhere_are_taken_once(
    perishable: Perishable, shop: Shop, proxy: DatabaseProxy
) -> None:
    crowd = await brought(shop, proxy, PAGES_MADE, shop.subscribe)
    await survives(perishable, crowd)
    for person, _ in crowd.values():
        await sells_one_month(shop, person)


async def kill_the_server(perishable: Perishable) -> None:
    """kill -9 of the postmaster; then it is started again."""
    perishable.cluster.kill()
    perishable.cluster.start()


async def kill_the_process(perishable: Perishable) -> None:
    """kill -9 of the server's process that has the event: the server ends all sessions and recovers by itself."""
    pid = perishable.database.value(WAITING, role="postgres")
    os.kill(pid, signal.SIGKILL)
    await asyncio.to_thread(wait_until, lambda: not Path(f"/proc/{pid}").exists(), "its end")


@pytest.mark.parametrize("kill", [kill_the_server, kill_the_process])
async def test_an_event_stopped_in_its_middle_is_undone_and_then_done_once(
    kill: Callable[[Perishable], Awaitable[None]], perishable: Perishable, shop: Shop
) -> None:
    ann, reply = await about_to_pay(shop)
    async with stopped_in_the_middle(perishable.database, ann):
        await shop.pay(reply.json["clientSecret"])
        await asyncio.to_thread(perishable.database.wait_for_lock_waits)
        await kill(perishable)
    await is_credited_once(shop, ann)


async def test_what_stripe_was_told_is_received_outlives_a_kill(perishable: Perishable, shop: Shop) -> None:
    ben, reply = await about_to_pay(shop)
    await shop.pay(reply.json["clientSecret"])
    await shop.idle()
    await kill_the_server(perishable)
    told = await is_credited_once(shop, ben)
    await shop.control(f"resend/{told['event']}")
    await is_credited_once(shop, ben)
