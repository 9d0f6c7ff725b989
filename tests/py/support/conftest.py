"""The proxy is used under the gateway's event loop, and tried under both."""

from asyncio import AbstractEventLoop, new_event_loop
from collections.abc import Callable, Mapping

import uvloop


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], AbstractEventLoop]]:
    return {"asyncio": new_event_loop, "uvloop": uvloop.new_event_loop}
