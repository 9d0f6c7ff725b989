"""People who call a gateway, and what they get."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import aiohttp

from gateway.tokens import issue_access_token
from tests.py.endtoend.programs import SETTINGS

API = "/api/v1"
RUN = f"{API}/playground/run"
PACKAGE = "@scrip/plain-words"


@dataclass(frozen=True)
class Person:
    """Somebody registered."""

    id: str
    token: str

    @classmethod
    def known_as(cls, user_id: str) -> "Person":
        return cls(user_id, issue_access_token(SETTINGS, user_id))


@dataclass(frozen=True)
class Reply:
    """An answer that was read to its end. Dollars keep every digit."""

    status: int
    headers: Any
    octets: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.octets, parse_float=Decimal)

    @property
    def error(self) -> str | None:
        """The code of a refusal; None for an answer."""
        return self.json.get("error")


@dataclass(frozen=True)
class Event:
    name: str
    octets: bytes

    @property
    def data(self) -> Any:
        return json.loads(self.octets, parse_float=Decimal)


@dataclass(frozen=True)
class Streamed:
    """A stream as far as it came: all of it when the last event is `done` or `error`."""

    headers: Any
    events: list[Event]

    @property
    def names(self) -> list[str]:
        return [event.name for event in self.events]

    @property
    def text(self) -> str:
        """What was delivered."""
        return "".join(event.data["text"] for event in self.events if event.name == "delta")

    @property
    def last(self) -> Event:
        return self.events[-1]

    @property
    def is_whole(self) -> bool:
        return bool(self.events) and self.last.name in ("done", "error")


class StreamRefused(Exception):
    """A stream that never began, and the reply instead."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(f"{reply.status} {reply.octets.decode()}")
        self.reply = reply


class Caller:
    """One person at one gateway."""

    def __init__(self, address: str, person: Person, session: aiohttp.ClientSession) -> None:
        self.address = address
        self.person = person
        self._session = session

    def at(self, address: str) -> "Caller":
        """The same person at another gateway."""
        return Caller(address, self.person, self._session)

    async def get(self, path: str) -> Reply:
        async with self._session.get(f"{self.address}{API}{path}", headers=self._headers()) as response:
            return Reply(response.status, response.headers, await response.read())

    async def estimate(self, user_input: str, **fields: Any) -> Reply:
        where = f"{self.address}{API}/playground/estimate"
        async with self._session.post(where, json=run_body(user_input, **fields), headers=self._headers()) as response:
            return Reply(response.status, response.headers, await response.read())

    async def run(self, user_input: str = "hello", *, key: str | None = None, **fields: Any) -> Reply:
        """A plain run. Raises aiohttp.ClientError when the gateway hangs up."""
        body = run_body(user_input, **fields)
        async with self._session.post(self.address + RUN, json=body, headers=self._headers(key)) as response:
            return Reply(response.status, response.headers, await response.read())

    @asynccontextmanager
    async def streaming(
        self, user_input: str = "hello", *, key: str | None = None, **fields: Any
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """A run whose events are still to be read; leaving the block early is leaving for good."""
        body = run_body(user_input, stream=True, **fields)
        async with self._session.post(self.address + RUN, json=body, headers=self._headers(key)) as response:
            try:
                yield response
            finally:
                response.close()

    async def stream(
        self, user_input: str = "hello", *, key: str | None = None, into: list[Event] | None = None, **fields: Any
    ) -> Streamed:
        """A streamed run, read as far as it comes. Events are seen in `into` at once.

        Raises StreamRefused when it was refused before it began, aiohttp.ClientError when it was hung up on.
        """
        events = [] if into is None else into
        async with self.streaming(user_input, key=key, **fields) as response:
            if response.content_type != "text/event-stream":
                raise StreamRefused(Reply(response.status, response.headers, await response.read()))
            # Hung up on, what came is what there is.
            with suppress(aiohttp.ClientError):
                async for event in events_of(response):
                    events.append(event)
            return Streamed(response.headers, events)

    def _headers(self, key: str | None = None) -> dict[str, str]:
        headers = {"Authorization": f"Bearer {self.person.token}"}
        return headers if key is None else headers | {"Idempotency-Key": key}


def run_body(user_input: str, **fields: Any) -> dict[str, Any]:
    """A request to run; by default the demo package on a model of Anthropic's."""
    return {"packageId": PACKAGE, "userInput": user_input, "model": "sonnet", **fields}


async def events_of(response: aiohttp.ClientResponse) -> AsyncIterator[Event]:
    """The events of a stream as they come; comments are left out."""
    name = ""
    async for line in response.content:
        text = line.rstrip(b"\n")
        if text.startswith(b"event: "):
            name = text.removeprefix(b"event: ").decode()
        elif text.startswith(b"data: "):
            yield Event(name, text.removeprefix(b"data: "))
