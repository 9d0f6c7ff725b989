"""Fixtures of kills: a gateway that is started again at its old address, behind a proxy that stops at named points."""

from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import aiohttp
import pytest

from tests.py.billing.kills.points import Point, Scene
from tests.py.billing.kills.sides import assert_sides_agree
from tests.py.billing.shop import STRIPE, WEBHOOK_SECRET, Shop, stock
from tests.py.endtoend.conftest import Service, linked, proxied
from tests.py.endtoend.programs import Gateway
from tests.py.endtoend.waiting import PATIENCE_SECONDS
from tests.py.gateway.world import Reply
from tests.py.support.database import Database
from tests.py.support.ports import port_of_our_own
from tests.py.support.proxy import DatabaseProxy

StartGateway = Callable[..., Awaitable[Gateway]]
Kill = Callable[..., Awaitable[None]]
KillAt = Callable[..., Awaitable[None]]
NO_MODELS = "http://127.0.0.1:1"
# Somebody stands at Stripe for as long as a test wants.
STRIPE_PATIENCE_SECONDS = 60
POLL_SECONDS = 0.05


@pytest.fixture(scope="module")
def start_gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartGateway]:
    """Starts gateways; those that still run at the end of the module are ended."""
    folder: Path = tmp_path_factory.mktemp("gateways")
    started: list[Gateway] = []

    async def start(database_url: str, **settings: object) -> Gateway:
        gateway = await Gateway.start(folder, database_url, NO_MODELS, **settings)
        started.append(gateway)
        return gateway

    yield start
    for gateway in started:
        gateway.kill()


def serving(start: StartGateway, database: Database, folder: Path, stripe_address: str) -> Service:
    """A gateway that, started again, is where Stripe knows it to be."""
    settings = STRIPE | {
        "stripe_base_url": stripe_address,
        "stripe_timeout_seconds": STRIPE_PATIENCE_SECONDS,
        "billing_poll_seconds": POLL_SECONDS,
        "database_wait_seconds": 2,
        # One for each who stands at a point, and some for the others.
        "database_connections": 16,
        "port": port_of_our_own(),
    }
    return Service(start, proxied(database, folder), **settings)


@asynccontextmanager
async def opened(service: Service, stripe_address: str, database: Database) -> AsyncIterator[Shop]:
    """Gateway and Stripe, each telling the other; whatever a test did, both sides know the same after it."""
    connector, timeout = aiohttp.TCPConnector(limit=0), aiohttp.ClientTimeout(total=PATIENCE_SECONDS)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
        shop = Shop(await service.gateway(), stripe_address, database, session)
        await listen(shop, "*")
        # A gateway may take a while to start.
        await shop.control("switches", {"retry_seconds": 0.05, "attempts": 12})
        yield shop
        await shop.idle()
        database.assert_ledger_holds()
        await assert_sides_agree(shop)


async def listen(shop: Shop, *events: str) -> None:
    """Stripe tells the gateway of events of these types."""
    url = f"{shop.gateway.address}/api/v1/webhooks/stripe/credits"
    await shop.control("webhook", {"clear": True, "url": url, "secret": WEBHOOK_SECRET, "events": events})


@pytest.fixture(scope="module")
def proxy_folder() -> Iterator[Path]:
    """Where gateways of this module find a database proxy: a link to the folder of the test's own."""
    with TemporaryDirectory(prefix="scrip-link-") as folder:
        yield Path(folder) / "proxy"


@pytest.fixture(scope="module")
def service(start_gateway: StartGateway, database: Database, proxy_folder: Path, stripe_address: str) -> Service:
    stock(database)
    return serving(start_gateway, database, proxy_folder, stripe_address)


@pytest.fixture
async def proxy(database: Database, proxy_folder: Path) -> AsyncIterator[DatabaseProxy]:
    """A proxy in front of the module's database that stops at named points."""
    async with linked(database, proxy_folder) as proxy:
        yield proxy


@pytest.fixture
async def shop(service: Service, stripe_address: str, database: Database, proxy: DatabaseProxy) -> AsyncIterator[Shop]:
    async with opened(service, stripe_address, database) as shop:
        yield shop


@pytest.fixture
def kill(service: Service, shop: Shop) -> Kill:
    """kill -9 of the gateway, or of its only worker, which its parent replaces; returns when another one serves."""

    async def kill(only_the_worker: bool = False) -> None:
        if only_the_worker:
            await shop.gateway.kill_worker()
        else:
            shop.gateway.kill()
        shop.gateway = await service.gateway()

    return kill


@pytest.fixture
def kill_at(shop: Shop, proxy: DatabaseProxy, kill: Kill) -> KillAt:
    """Kills the gateway when a request stands at a point; its client hears nothing."""

    async def kill_at(point: Point, request: Coroutine[Any, Any, Reply], only_the_worker: bool = False) -> None:
        scene = Scene(shop, proxy, point)
        await scene.bring(request)
        await kill(only_the_worker)
        await scene.left()
        assert isinstance(await scene.ended(), aiohttp.ClientError)

    return kill_at
