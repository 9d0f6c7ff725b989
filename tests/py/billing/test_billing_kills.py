"""The gateway dies between any two steps of a purchase: the next try finishes it, with one of everything."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.py.billing.shop import PAGES, STRIPE, WEBHOOK_SECRET, Shop, stock
from tests.py.endtoend.programs import Gateway
from tests.py.endtoend.waiting import PATIENCE_SECONDS
from tests.py.gateway.world import Person
from tests.py.support.database import Database
from tests.py.support.proxy import DatabaseProxy, Stop

WEBHOOK = "/api/v1/webhooks/stripe/credits"
WHEN = ["before", "after"]


class MortalShop(Shop):
    """A shop whose gateway reaches its database through a proxy, and can be killed and started on the same port."""

    proxy: DatabaseProxy
    folder: Path

    async def start(self, **more: object) -> None:
        settings = STRIPE | {"stripe_base_url": self.stripe, "billing_poll_seconds": 0.2, "port": self.gateway.port}
        settings |= more
        self.gateway = await Gateway.start(self.folder, self.proxy.url, "http://127.0.0.1:1", **settings)


@pytest.fixture
async def shop(database: Database, stripe_address: str, tmp_path: Path) -> AsyncIterator[MortalShop]:
    stock(database)
    timeout = aiohttp.ClientTimeout(total=PATIENCE_SECONDS)
    async with (
        DatabaseProxy(database.url("scrip_gateway")) as proxy,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True), timeout=timeout) as session,
    ):
        # No gateway yet: `start` makes one, on any port.
        shop = MortalShop(_NoGateway(), stripe_address, database, session)  # pyright: ignore[reportArgumentType]
        shop.proxy, shop.folder = proxy, tmp_path
        await shop.start()
        endpoint = {"clear": True, "url": shop.gateway.address + WEBHOOK, "secret": WEBHOOK_SECRET}
        await shop.control("webhook", endpoint)
        await shop.control("switches", {"retry_seconds": 0.05, "attempts": 30})
        yield shop
        await shop.idle()
        shop.gateway.kill()
    database.assert_ledger_holds()


class _NoGateway:
    port = 0


async def dies_buying(shop: MortalShop, person: Person, key: str | None, reached: Any) -> None:
    """Somebody begins to buy with a page; once `reached` returns, the gateway is no more."""
    buying = asyncio.create_task(shop.buy(person, key=key, **PAGES))
    await reached
    shop.gateway.kill()
    with suppress(aiohttp.ClientError):
        await buying
        raise AssertionError("a dead gateway answered")


async def finishes(shop: MortalShop, person: Person, key: str | None) -> None:
    """The next try ends with one of everything, and credits once."""
    bought = await shop.buy(person, key=key, **PAGES)
    assert bought.status == 200, bought.octets
    assert len(await shop.customers_of(person)) == 1
    assert len(await shop.payments_of(person)) == 1
    (purchase,) = await shop.purchases(person)
    assert purchase["id"] == bought.json["purchaseId"]
    await shop.pay(bought.json["clientSecret"])
    await shop.idle()
    assert await shop.balance(person) == 255


AROUND = [(function, when) for function in ("start_purchase", "record_customer", "record_purchase") for when in WHEN]


@pytest.mark.parametrize(("function", "when"), AROUND)
async def test_killed_around_a_call_of_the_database(shop: MortalShop, key: str, function: str, when: str):
    ann = shop.person()
    stop: Stop = getattr(shop.proxy, f"stop_{when}")(function)
    await dies_buying(shop, ann, key, stop.reached())
    stop.cut()
    await shop.start()
    await finishes(shop, ann, key)


@pytest.mark.parametrize(("function", "when"), [("record_customer", "after"), ("record_purchase", "before")])
async def test_killed_around_a_call_of_the_database_without_a_key(shop: MortalShop, function: str, when: str):
    bob = shop.person()
    stop: Stop = getattr(shop.proxy, f"stop_{when}")(function)
    await dies_buying(shop, bob, None, stop.reached())
    stop.cut()
    await shop.start()
    await finishes(shop, bob, None)


async def test_without_a_key_what_comes_after_an_answer_was_kept_is_another_purchase(shop: MortalShop):
    cleo = shop.person()
    stop = shop.proxy.stop_after("record_purchase")
    await dies_buying(shop, cleo, None, stop.reached())
    stop.cut()
    await shop.start()
    assert (await shop.buy(cleo)).status == 200
    assert len(await shop.customers_of(cleo)) == 1
    assert len(await shop.payments_of(cleo)) == len(await shop.purchases(cleo)) == 2


@pytest.mark.parametrize(
    ("path", "has_key"),
    [
        ("/v1/customers", True),
        ("/v1/payment_intents", True),
        ("/v1/payment_intents", False),
        ("/v1/checkout/sessions", True),
    ],
)
async def test_killed_while_stripe_has_done_it_and_not_answered(shop: MortalShop, key: str, path: str, has_key: bool):
    dan = shop.person()
    await shop.control("faults", {"action": "timeout", "path": path, "method": "POST"})
    given = key if has_key else None
    await dies_buying(shop, dan, given, stripe_waits(shop))
    await shop.control("release")
    await shop.start()
    await finishes(shop, dan, given)


async def stripe_waits(shop: Shop) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not (await shop.state("state"))["waiting"]:
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("when", WHEN)
async def test_killed_while_an_event_comes_in(shop: MortalShop, when: str):
    eve = shop.person()
    bought = await shop.buy(eve)
    stop: Stop = getattr(shop.proxy, f"stop_{when}")("record_stripe_event")
    await shop.pay(bought.json["clientSecret"])
    await stop.reached()
    shop.gateway.kill()
    stop.cut()
    await shop.start()
    # Stripe sends it again.
    await shop.idle()
    assert await shop.balance(eve) == 255


async def test_told_to_end_it_finishes_what_is_begun_though_nobody_waits_for_it(shop: MortalShop, key: str):
    finn = shop.person()
    shop.gateway.kill()
    await shop.start(drain_seconds=0)
    stop = shop.proxy.stop_before("record_purchase")
    buying = asyncio.create_task(shop.buy(finn, key=key))
    await stop.reached()
    ending = asyncio.create_task(asyncio.to_thread(shop.gateway.stop))
    with suppress(aiohttp.ClientError):
        await buying
        raise AssertionError("somebody waited for it")
    stop.resume()
    await ending
    await shop.start()
    again = await shop.buy(finn, key=key)
    assert (again.status, again.headers["Idempotent-Replayed"]) == (200, "true")
