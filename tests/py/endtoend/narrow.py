"""A client whose connection takes very little at a time, so that its slowness is felt at the other end."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from tests.py.endtoend.callers import RUN, Event, Person, run_body

RECEIVE_BUFFER = 4096
# The kernel sizes the sender's buffer by this; a loopback's own segments are 64 KiB.
SEGMENT = 88


class NarrowStream:
    """A streamed run over a bare socket: nothing is read that nobody asked for."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._received = b""

    async def first_event(self) -> None:
        """Reads until the first event has begun to come."""
        while b"event: start" not in self._received:
            await self._receive()

    async def all_events(self) -> list[Event]:
        """Reads to the end."""
        while await self._receive():
            pass
        _, _, body = self._received.partition(b"\r\n\r\n")
        blocks = [block.split(b"\n") for block in body.split(b"\n\n") if block.startswith(b"event: ")]
        return [Event(name.removeprefix(b"event: ").decode(), data.removeprefix(b"data: ")) for name, data in blocks]

    async def _receive(self) -> bytes:
        octets = await asyncio.get_running_loop().sock_recv(self._connection, RECEIVE_BUFFER)
        self._received += octets
        return octets


@asynccontextmanager
async def narrow_stream(address: str, person: Person, user_input: str) -> AsyncIterator[NarrowStream]:
    """A streamed run that has been asked for. Leaving the block is leaving for good."""
    where = urlsplit(address)
    body = json.dumps(run_body(user_input, stream=True)).encode()
    head = (
        # HTTP/1.0: the events come as they are, without chunks around them.
        f"POST {RUN} HTTP/1.0\r\nHost: {where.netloc}\r\nAuthorization: Bearer {person.token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, SEGMENT)
        connection.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(connection, (where.hostname, where.port))
        await loop.sock_sendall(connection, head.encode() + body)
        yield NarrowStream(connection)
