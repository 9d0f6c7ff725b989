"""The simulated Stripe by itself: a process started once, emptied for each test. Nothing here needs a database."""

from collections.abc import AsyncIterator, Iterator

import aiohttp
import pytest

from tests.py.billing.simulator.simulated import SECRET, Browser, Hook, SimulatedStripe, listening, simulator_process


@pytest.fixture(scope="package")
def own_stripe_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where the simulator of these tests answers."""
    with simulator_process(tmp_path_factory.mktemp("stripe")) as (_, address):
        yield address


@pytest.fixture
async def simulated(own_stripe_address: str) -> AsyncIterator[SimulatedStripe]:
    """An empty account without a webhook."""
    async with aiohttp.ClientSession() as session:
        simulated = SimulatedStripe(own_stripe_address, session)
        await simulated.direct("webhook", {"clear": True})
        await simulated.direct("reset")
        yield simulated
        await simulated.close()


@pytest.fixture
async def browser(simulated: SimulatedStripe) -> Browser:
    return Browser(simulated.session)


@pytest.fixture
async def hook(simulated: SimulatedStripe) -> AsyncIterator[Hook]:
    """A webhook to which all events of the account go."""
    async with listening() as hook:
        await simulated.direct("webhook", {"url": hook.url, "secret": SECRET})
        yield hook
        await simulated.direct("webhook", {"clear": True})
