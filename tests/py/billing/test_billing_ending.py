"""A gateway that is told to end finishes what it began; tests/py/billing/kills has those that are not asked."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import aiohttp
import pytest

from tests.py.billing.shop import STRIPE, WEBHOOK_SECRET, Shop, stock
from tests.py.endtoend.programs import Gateway
from tests.py.endtoend.waiting import PATIENCE_SECONDS
from tests.py.support.database import Database
from tests.py.support.proxy import DatabaseProxy

WEBHOOK = "/api/v1/webhooks/stripe/credits"


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
