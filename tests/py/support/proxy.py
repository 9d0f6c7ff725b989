"""A proxy between a client and PostgreSQL that stops at named points, so that a kill falls where the test says.

    async with DatabaseProxy(database.url("scrip_gateway")) as proxy:
        settled = proxy.stop_after("settle_run")     # committed, but the client does not know it yet
        ...                                          # a client at proxy.url runs into it
        await settled.reached()
        settled.cut()

It reads message frames only as far as it must: which function a statement calls (the first `schema.name(` of its text),
and when its answer is complete.
"""

import asyncio
import re
import shutil
import struct
import tempfile
from collections import Counter, deque
from contextlib import suppress
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict, make_conninfo

from scripts.setup import address
from tests.py.support.database import PATIENCE_SECONDS

_SOCKET_NAME = ".s.PGSQL."
_PORT = 5432
_SSL_REQUEST = 80877103
_GSS_REQUEST = 80877104
_CANCEL_REQUEST = 80877102
_CALL = re.compile(rb"\b[a-z_]+\.([a-z_]+)\s*\(")
_PARTS_OF_A_CALL = (b"P", b"B", b"D", b"E", b"C")  # Parse, Bind, Describe, Execute, Close
_ENDS_OF_A_CALL = (b"S", b"Q")  # Sync, simple query
_READY = b"Z"


class Stop:
    """A point at which one statement waits. Ends by `resume`, or with the connection: `cut`."""

    def __init__(self, function: str, *, before: bool) -> None:
        self.function = function
        self.before = before
        self._reached = asyncio.Event()
        self._resumed = asyncio.Event()
        self._link: _Link | None = None

    async def reached(self) -> None:
        """Returns when a statement has come to this point. Raises TimeoutError when none ever does."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            await self._reached.wait()

    def resume(self) -> None:
        """Lets the statement, or its answer, go on."""
        self._resumed.set()

    def cut(self) -> None:
        """Ends the connection on both sides: the client hears nothing more, the server finds its client gone."""
        assert self._link is not None, "nothing has come to this point"
        self._link.cut()
        self._resumed.set()

    async def wait(self, link: "_Link") -> None:
        self._link = link
        self._reached.set()
        await self._resumed.wait()
        if link.is_cut:
            raise ConnectionAbortedError("cut here")


class DatabaseProxy:
    """Listens on a unix socket of its own and passes everything on to the server of `url`."""

    def __init__(self, url: str) -> None:
        self._target = conninfo_to_dict(url)
        self._folder = Path(tempfile.mkdtemp(prefix="scrip-proxy-"))
        self.url = address.as_url(make_conninfo(url, host=str(self._folder), port=_PORT))
        self.calls: Counter[str] = Counter()
        self._stops: list[Stop] = []
        self._links: set[_Link] = set()
        self._is_refusing = False
        self._listener: asyncio.Server | None = None

    async def __aenter__(self) -> "DatabaseProxy":
        self._listener = await asyncio.start_unix_server(self._accept, self._folder / f"{_SOCKET_NAME}{_PORT}")
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._listener is not None:
            self._listener.close()
        for stop in self._stops:
            stop.resume()
        self.cut_all()
        if self._listener is not None:
            await self._listener.wait_closed()
        shutil.rmtree(self._folder, ignore_errors=True)

    def stop_before(self, function: str) -> Stop:
        """The next call of `function` waits here, before the server sees it."""
        return self._add(Stop(function, before=True))

    def stop_after(self, function: str) -> Stop:
        """The next call of `function` is carried out and committed; its answer waits here."""
        return self._add(Stop(function, before=False))

    def cut_all(self) -> None:
        """Ends every connection, now."""
        for link in list(self._links):
            link.cut()

    def refuse(self) -> None:
        """Hangs up on whoever connects from now on: the database is away."""
        self._is_refusing = True

    def accept(self) -> None:
        self._is_refusing = False

    def _add(self, stop: Stop) -> Stop:
        self._stops.append(stop)
        return stop

    def take_stop(self, functions: list[str], *, before: bool) -> Stop | None:
        """The first stop that waits for one of these functions; each stops one statement only."""
        for stop in self._stops:
            if stop.before is before and stop.function in functions:
                self._stops.remove(stop)
                return stop
        return None

    def awaits_answer_of(self, functions: list[str]) -> bool:
        return any(not stop.before and stop.function in functions for stop in self._stops)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._is_refusing:
            writer.transport.abort()
            return
        host = str(self._target.get("host") or "localhost")
        port = int(self._target.get("port") or _PORT)
        try:
            if host.startswith("/"):
                server = await asyncio.open_unix_connection(f"{host}/{_SOCKET_NAME}{port}")
            else:
                server = await asyncio.open_connection(host, port)
        except OSError:
            writer.transport.abort()
            return
        link = _Link(self, (reader, writer), server)
        self._links.add(link)
        try:
            await link.run()
        finally:
            self._links.discard(link)


_Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class _Link:
    """One client connection and its server connection."""

    def __init__(self, proxy: DatabaseProxy, client: _Streams, server: _Streams) -> None:
        self._proxy = proxy
        self._client = client
        self._server = server
        self._functions_by_statement: dict[bytes, list[str]] = {}
        # What each answer still to come belongs to: the functions called up to a Sync or in a simple query.
        self._expected: deque[list[str]] = deque()
        self._called: list[str] = []
        self.is_cut = False

    async def run(self) -> None:
        try:
            if not await self._pass_startup():
                return
            # Authentication ends with a ReadyForQuery that nobody asked for by a query.
            self._expected.append([])
            async with asyncio.TaskGroup() as group:
                group.create_task(self._pass_requests())
                group.create_task(self._pass_answers())
        except* (OSError, EOFError):
            pass  # one side hung up: so do we on the other
        finally:
            self.cut()

    def cut(self) -> None:
        self.is_cut = True
        for _, writer in (self._client, self._server):
            writer.transport.abort()

    async def _pass_startup(self) -> bool:
        """Passes the start-up packet on; a wish for encryption is answered no. False when no session follows."""
        reader, writer = self._client
        while True:
            head = await reader.readexactly(8)
            length, code = struct.unpack("!II", head)
            body = await reader.readexactly(length - 8)
            if code in (_SSL_REQUEST, _GSS_REQUEST):
                writer.write(b"N")
                continue
            self._server[1].write(head + body)
            await self._server[1].drain()
            if code == _CANCEL_REQUEST:
                with suppress(OSError):
                    await self._server[0].read()
                return False
            return True

    async def _pass_requests(self) -> None:
        reader, writer = self._client[0], self._server[1]
        pending = bytearray()
        while True:
            kind, message = await _read_message(reader)
            pending += message
            self._note_request(kind, message[5:])
            if kind in _PARTS_OF_A_CALL:
                # Held back until the call is complete, so that nothing of it reaches the server before the point.
                continue
            if kind in _ENDS_OF_A_CALL:
                functions, self._called = self._called, []
                self._proxy.calls.update(functions)
                stop = self._proxy.take_stop(functions, before=True)
                if stop is not None:
                    await stop.wait(self)
                self._expected.append(functions)
            writer.write(bytes(pending))
            pending.clear()
            await writer.drain()

    def _note_request(self, kind: bytes, body: bytes) -> None:
        if kind == b"P":
            name, text, _ = body.split(b"\0", 2)
            self._functions_by_statement[name] = _functions_of(text)
        elif kind == b"B":
            _, statement, _ = body.split(b"\0", 2)
            self._called += self._functions_by_statement.get(statement, [])
        elif kind == b"Q":
            self._called += _functions_of(body)

    async def _pass_answers(self) -> None:
        reader, writer = self._server[0], self._client[1]
        held = bytearray()
        while True:
            kind, message = await _read_message(reader)
            held += message
            functions = self._expected[0] if self._expected else []
            if kind != _READY:
                # Nothing of an answer that is to be stopped may slip out before it is complete.
                if self._proxy.awaits_answer_of(functions):
                    continue
            elif self._expected:
                self._expected.popleft()
                stop = self._proxy.take_stop(functions, before=False)
                if stop is not None:
                    await stop.wait(self)
            writer.write(bytes(held))
            held.clear()
            await writer.drain()


async def _read_message(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """One message: its type, and all of its octets, type and length included."""
    head = await reader.readexactly(5)
    (length,) = struct.unpack("!I", head[1:])
    return head[:1], head + await reader.readexactly(length - 4)


def _functions_of(text: bytes) -> list[str]:
    """The function that a statement calls; none for any other statement."""
    match = _CALL.search(text)
    return [match.group(1).decode()] if match else []
