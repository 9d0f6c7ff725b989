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

# With no file left to open there is no use in trying again at once.
PAUSE_SECONDS = 0.1

log = structlog.get_logger()


class Door:
    """Takes connections from the shared socket, one for each turn of the event loop.

    A server of the event loop's own takes all that wait, so that the first worker to wake would serve a whole burst
    while the others idle. One a turn leaves the next to whoever has less to do.
    """

    def __init__(self, listener: socket.socket, server: web.Server) -> None:
        self._listener = listener
        self._server = server
        self._loop = asyncio.get_running_loop()
        self._arriving: set[asyncio.Task[object]] = set()
        self._pause: asyncio.TimerHandle | None = None

    def open(self) -> None:
        self._loop.add_reader(self._listener, self._take_one)

    def close(self) -> None:
        self._loop.remove_reader(self._listener)
        if self._pause is not None:
            self._pause.cancel()

    def _take_one(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            # Another worker was quicker, or the client has gone already.
            return
        except OSError as error:
            log.error("cannot accept", reason=type(error).__name__, errno=error.errno)
            self.close()
            self._pause = self._loop.call_later(PAUSE_SECONDS, self.open)
            return
        connection.setblocking(False)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        task = self._loop.create_task(self._loop.connect_accepted_socket(self._server, connection))
        self._arriving.add(task)
        task.add_done_callback(self._arriving.discard)


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
    if runner.server is None:
        raise RuntimeError("the application has no server")
    door = Door(listener, runner.server)
    try:
        door.open()
        await told_to_end.wait()
        log.info("draining", pid=os.getpid())
    finally:
        door.close()
        listener.close()
        await runner.cleanup()
    log.info("drained", pid=os.getpid())
