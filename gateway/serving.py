"""One worker: an event loop that answers from the shared socket until it is told to end, then drains."""

import asyncio
import os
import signal
import socket

import structlog
import uvloop
from aiohttp import web

from gateway.app import make_app
from gateway.edge import Runner
from gateway.settings import Settings

BACKLOG = 1024

log = structlog.get_logger()


def work(settings: Settings, listener: socket.socket, lifeline: int) -> None:
    """Answer until SIGTERM, SIGINT or the end of `lifeline`, then drain."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(settings, listener, lifeline))


async def _serve(settings: Settings, listener: socket.socket, lifeline: int) -> None:
    told_to_end = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told_to_end.set)

    def orphaned() -> None:
        loop.remove_reader(lifeline)
        told_to_end.set()

    loop.add_reader(lifeline, orphaned)
    runner = Runner(make_app(settings), drain_seconds=settings.drain_seconds)
    await runner.setup()
    try:
        await web.SockSite(runner, listener, backlog=BACKLOG).start()
        await told_to_end.wait()
        log.info("draining", pid=os.getpid())
    finally:
        await runner.cleanup()
    log.info("drained", pid=os.getpid())
