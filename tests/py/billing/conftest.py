"""Fixtures of billing: the Stripe simulator and a gateway as processes, over a real database."""

import asyncio
import secrets
from asyncio import AbstractEventLoop
from collections.abc import AsyncIterator, Callable, Iterator, Mapping

import aiohttp
import pytest
import uvloop

from tests.py.billing.shop import STRIPE, WEBHOOK_SECRET, Shop, start_stripe, stock
from tests.py.endtoend.programs import Gateway
from tests.py.endtoend.waiting import PATIENCE_SECONDS
from tests.py.support.database import Database


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], AbstractEventLoop]]:
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture(scope="module")
def stripe_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Stripe of this module's own."""
    child, address = start_stripe(tmp_path_factory.mktemp("stripe"))
    yield address
    child.stop(wait=5)


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory, database: Database, stripe_address: str) -> Iterator[Gateway]:
    """The module's gateway; no model stands behind it."""
    stock(database)
    folder = tmp_path_factory.mktemp("gateway")
    settings = STRIPE | {
        "stripe_base_url": stripe_address,
        "stripe_timeout_seconds": 3,
        "billing_poll_seconds": 0.2,
        # The tests speak for a proxy of ours.
        "trusted_proxies": "127.0.0.1",
    }
    url = database.url("scrip_gateway")
    gateway = asyncio.run(Gateway.start(folder, url, "http://127.0.0.1:1", **settings))
    yield gateway
    gateway.stop()


@pytest.fixture
async def shop(gateway: Gateway, stripe_address: str, database: Database) -> AsyncIterator[Shop]:
    """Gateway and Stripe, each telling the other; whatever a test did, the books hold after it."""
    connector, timeout = aiohttp.TCPConnector(limit=0), aiohttp.ClientTimeout(total=PATIENCE_SECONDS)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
        shop = Shop(gateway, stripe_address, database, session)
        await shop.control(
            "webhook",
            {
                "clear": True,
                "url": f"{gateway.address}/api/v1/webhooks/stripe/credits",
                "secret": WEBHOOK_SECRET,
            },
        )
        await shop.control("switches", {"retry_seconds": 0.05})
        yield shop
        await shop.idle()
    database.assert_ledger_holds()


@pytest.fixture
def key() -> str:
    """An Idempotency-Key of the test's own."""
    return secrets.token_hex(8)
