"""Fixtures of work that gateways do by themselves: gateways as processes, a mail server, the outbox of a database."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import aiohttp
import pytest

from tests.py.billing.outbox.notices import MAIL_FROM, Outbox
from tests.py.billing.outbox.post_office import PostOffice
from tests.py.billing.simulator.simulated import SimulatedStripe, simulator_process
from tests.py.endtoend.conftest import linked, proxied
from tests.py.endtoend.programs import Gateway
from tests.py.support.database import Database
from tests.py.support.proxy import DatabaseProxy

# No model is asked anything here.
NO_MODELS = "http://127.0.0.1:1"
POLL_SECONDS = 0.05

StartGateway = Callable[..., Awaitable[Gateway]]


@pytest.fixture
def start_gateway(tmp_path: Path, database: Database) -> Iterator[StartGateway]:
    """Starts gateways on the module's database; those that still run at the end of the test are ended."""
    started: list[Gateway] = []

    async def start(database_url: str | None = None, **settings: object) -> Gateway:
        settings = {"billing_poll_seconds": POLL_SECONDS} | settings
        gateway = await Gateway.start(tmp_path, database_url or database.url("scrip_gateway"), NO_MODELS, **settings)
        started.append(gateway)
        return gateway

    yield start
    for gateway in started:
        gateway.kill()


@pytest.fixture
async def office() -> AsyncIterator[PostOffice]:
    """A mail server that is open."""
    office = PostOffice()
    await office.open()
    yield office
    await office.close()


@pytest.fixture
def start_posting(start_gateway: StartGateway, office: PostOffice) -> StartGateway:
    """Starts gateways that hand their messages to the mail server."""

    async def start(database_url: str | None = None, **settings: object) -> Gateway:
        server = {"smtp_url": f"smtp://127.0.0.1:{office.port}", "mail_from": MAIL_FROM}
        return await start_gateway(database_url, **server, **settings)

    return start


@pytest.fixture
def outbox(database: Database) -> Iterator[Outbox]:
    """The module's outbox, empty at first. The clock stands still until the end of the test."""
    outbox = Outbox(database)
    outbox.empty()
    database.clock.freeze(database.clock.now())
    yield outbox
    database.clock.release()


@pytest.fixture
async def proxy(database: Database, tmp_path: Path) -> AsyncIterator[tuple[DatabaseProxy, str]]:
    """A proxy in front of the module's database, and where gateways reach the database through it."""
    folder = tmp_path / "proxy"
    async with linked(database, folder) as proxy:
        yield proxy, proxied(database, folder)


@pytest.fixture(scope="module")
def stripe_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Stripe of this module's own."""
    with simulator_process(tmp_path_factory.mktemp("stripe")) as (_, address):
        yield address


@pytest.fixture
async def simulated(stripe_address: str) -> AsyncIterator[SimulatedStripe]:
    """The module's Stripe with an empty account."""
    async with aiohttp.ClientSession() as session:
        simulated = SimulatedStripe(stripe_address, session)
        await simulated.direct("reset")
        yield simulated
        await simulated.close()
