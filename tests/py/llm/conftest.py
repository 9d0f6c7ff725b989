"""The simulator inside the test's own event loop. Nothing here needs a database."""

from collections.abc import AsyncIterator

import pytest

from gateway.llm.simulator import running
from tests.py.llm.models import Models


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
