"""The simulator inside the test's own event loop. Nothing here needs a database."""

from asyncio import AbstractEventLoop
from collections.abc import AsyncIterator, Callable, Mapping

import pytest
import uvloop

from gateway.llm.simulator import running
from tests.py.llm.models import Models


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], AbstractEventLoop]]:
    """The loop that the gateway runs on: lost connections show themselves differently there."""
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture
async def models() -> AsyncIterator[Models]:
    """A fresh simulator, and providers before it; no call may be open at the end."""
    async with running() as (simulator, address):
        models = Models(simulator, address)
        yield models
        await models.at_rest()
        await models.close()


@pytest.fixture(params=["anthropic", "openai"])
def provider(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(params=[False, True], ids=["plain", "stream"])
def stream(request: pytest.FixtureRequest) -> bool:
    return request.param
