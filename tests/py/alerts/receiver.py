"""An endpoint of operators that really takes alerts by HTTP, and does what a test tells it: refuse, hang, be away."""

import asyncio
import base64
import hashlib
import hmac
import json
from collections import deque
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from tests.py.endtoend.waiting import until
from tests.py.support.ports import port_of_our_own

KEY = b"a key of these tests, 32 octets."
SECRET = "whsec_" + base64.b64encode(KEY).decode()


@dataclass(frozen=True)
class Arrived:
    """A message that came, whatever it was answered with."""

    id: str
    timestamp: int
    signature: str
    body: bytes

    @property
    def is_signed(self) -> bool:
        """Whether it verifies as the specification of Standard Webhooks says, computed from its text alone."""
        content = f"{self.id}.{self.timestamp}.".encode() + self.body
        return self.signature == "v1," + base64.b64encode(hmac.digest(KEY, content, hashlib.sha256)).decode()

    @property
    def json(self) -> dict[str, Any]:
        return json.loads(self.body)


class Receiver:
    """Listens on one port for as long as it is open; what has arrived outlives a closing."""

    def __init__(self) -> None:
        self.port = port_of_our_own()
        self.arrived: list[Arrived] = []
        self.elsewhere = 0
        self.answers: deque[int] = deque()
        self.hangs = False
        self.waiting = 0
        self._resumed = asyncio.Event()
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/alerts?for=ops"

    async def open(self) -> None:
        app = web.Application()
        app.router.add_post("/alerts", self._take)
        app.router.add_route("*", "/elsewhere", self._go_astray)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()

    async def close(self) -> None:
        self._resumed.set()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def has(self, count: int) -> None:
        await until(lambda: len(self.arrived) >= count, f"{count} messages")

    def of(self, kind: str) -> list[Arrived]:
        return [message for message in self.arrived if message.json["kind"] == kind]

    async def _take(self, request: web.Request) -> web.Response:
        headers = request.headers
        assert headers["Content-Type"] == "application/json"
        message = Arrived(
            headers["webhook-id"], int(headers["webhook-timestamp"]), headers["webhook-signature"], await request.read()
        )
        self.arrived.append(message)
        if self.hangs:
            self.waiting += 1
            await self._resumed.wait()
        status = self.answers.popleft() if self.answers else 204
        # What is said besides is nobody's business.
        return web.Response(status=status, text="secret of ours", headers={"Location": "/elsewhere"})

    async def _go_astray(self, _: web.Request) -> web.Response:
        self.elsewhere += 1
        return web.Response()
