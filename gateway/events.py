"""Server-Sent Events to one client: each event leaves at once, silence is filled, a lost client is noticed at once."""

import asyncio
import contextlib
from collections.abc import Iterator
from typing import Any

import msgspec
from aiohttp import web

from gateway.edge import Connection
from gateway.errors import Refusal
from gateway.metrics import STREAMS, count_refusal

HEADERS = {
    "Content-Type": "text/event-stream; charset=utf-8",
    "Cache-Control": "no-store, no-transform",
    # Asks a reverse proxy in front not to collect events before passing them on.
    "X-Accel-Buffering": "no",
}
SILENCE = b": still here\n\n"
_encode = msgspec.json.encode


def frame(event: str, data: bytes) -> bytes:
    """One event; `data` is JSON, so it holds no line break."""
    return b"event: %b\ndata: %b\n\n" % (event.encode(), data)


class EventStream:
    """An open event stream. Sending raises ConnectionError once the client has gone."""

    def __init__(self, request: web.Request, heartbeat_seconds: float, headers: dict[str, str] | None = None) -> None:
        self._request = request
        self._response = web.StreamResponse(headers=HEADERS | (headers or {}))
        self._heartbeat_seconds = heartbeat_seconds
        self._clock = asyncio.get_running_loop().time
        self._last_sent = self._clock()
        self._heartbeat: asyncio.Task[None] | None = None
        self.client_has_gone = False

    async def __aenter__(self) -> "EventStream":
        await self._response.prepare(self._request)
        self._heartbeat = asyncio.create_task(self._fill_silence())
        STREAMS.inc()
        return self

    async def __aexit__(self, *_: object) -> None:
        STREAMS.dec()
        if self._heartbeat is not None:
            self._heartbeat.cancel()

    async def send(self, event: str, fields: dict[str, Any]) -> None:
        await self.send_json(event, _encode(fields))

    async def send_json(self, event: str, data: bytes) -> None:
        """Write one event; waits while the client is slower than we are."""
        self._last_sent = self._clock()
        await self._response.write(frame(event, data))

    async def send_error(self, refusal: Refusal) -> None:
        """The last event of a stream that fails, if there is still somebody to read it."""
        count_refusal(refusal.kind.error, refusal.details)
        with contextlib.suppress(ConnectionError):
            await self.send("error", refusal.body)

    async def finish(self) -> web.StreamResponse:
        """End the answer in good order, if there is still somebody to end it for."""
        with contextlib.suppress(ConnectionError):
            await self._response.write_eof()
        return self._response

    @contextlib.contextmanager
    def cancelled_when_client_goes(self) -> Iterator[None]:
        """While inside, the client's leaving cancels the current task and sets `client_has_gone`."""
        connection = self._request.protocol
        task = asyncio.current_task()
        if not isinstance(connection, Connection) or task is None:
            raise TypeError("an event stream needs a connection of this gateway's server, inside a task")

        def leave() -> None:
            self.client_has_gone = True
            task.cancel()

        if connection.transport is None:
            raise ConnectionResetError("the client has gone")
        connection.on_lost = leave
        try:
            yield
        except asyncio.CancelledError:
            if self.client_has_gone:
                # The cancellation was ours and ends here; one that came from outside goes on.
                task.uncancel()
                raise ConnectionResetError("the client has gone") from None
            raise
        finally:
            connection.on_lost = None

    async def _fill_silence(self) -> None:
        pause = self._heartbeat_seconds
        while True:
            await asyncio.sleep(pause)
            silence = self._clock() - self._last_sent
            pause = self._heartbeat_seconds - silence
            if pause <= 0:
                pause = self._heartbeat_seconds
                self._last_sent = self._clock()
                try:
                    await self._response.write(SILENCE)
                except ConnectionError:
                    return
