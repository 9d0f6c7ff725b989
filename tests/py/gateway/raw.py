"""HTTP by hand, for what no client library would send."""

import asyncio
from urllib.parse import urlsplit


async def exchange(address: str, octets: bytes, *, then_close: bool = False) -> bytes:
    """Send these octets and read until the server closes. Fails when it never does."""
    parts = urlsplit(address)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    try:
        writer.write(octets)
        if then_close:
            writer.write_eof()
        async with asyncio.timeout(120):
            return await _read_all(reader)
    finally:
        writer.close()


async def _read_all(reader: asyncio.StreamReader) -> bytes:
    received = b""
    try:
        while chunk := await reader.read(65536):
            received += chunk
    except ConnectionResetError:
        # The server closed while more of a hostile request was on its way.
        return received
    return received


def status_of(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])
