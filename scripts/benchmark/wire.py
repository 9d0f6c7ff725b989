"""The bench's own HTTP/1.1 caller: one connection, one request at a time, almost no work of its own.

A full client library would take as much of the machine as the gateway under test. The bytes of a request are made
before the clock runs, and of an answer only what the bench needs is read.
"""

import asyncio
import time
from typing import cast

FIRST_DELTA = b"event: delta"
LAST_CHUNK = b"\r\n0\r\n\r\n"


class Line(asyncio.Protocol):
    """A kept-alive connection to the gateway."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._received = bytearray()
        self._answer: asyncio.Future[bytes] | None = None
        self._waits_for_delta = False
        self.first_delta_ns = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # Uvloop's transports are none by descent.
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(ConnectionResetError("the gateway closed the connection"))

    def data_received(self, data: bytes) -> None:
        now = time.monotonic_ns() if self._waits_for_delta else 0
        self._received += data
        if now and FIRST_DELTA in self._received:
            self.first_delta_ns = now
            self._waits_for_delta = False
        if self._answer is not None and _is_whole(self._received):
            self._answer.set_result(bytes(self._received))
            self._answer = None

    async def ask(self, request: bytes, *, streams: bool = False) -> bytes:
        """The whole answer, headers included; of a stream, `first_delta_ns` (monotonic) is when the first delta came.

        Raises ConnectionError when the gateway hangs up.
        """
        assert self._transport is not None
        self._received.clear()
        self._waits_for_delta = streams
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._answer

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


def run_request(port: int, token: str, body: bytes) -> bytes:
    """The bytes of POST /playground/run."""
    head = (
        f"POST /api/v1/playground/run HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def _is_whole(received: bytearray) -> bool:
    head_ends = received.find(b"\r\n\r\n")
    if head_ends < 0:
        return False
    head = received[:head_ends].lower()
    at = head.find(b"content-length:")
    if at < 0:
        return received.endswith(LAST_CHUNK)
    return len(received) >= head_ends + 4 + int(head[at + 15 :].split(b"\r\n", 1)[0])
