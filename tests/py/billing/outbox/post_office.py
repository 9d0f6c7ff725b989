"""A mail server that really speaks SMTP, and does what a test tells it: refuse, wait at a point, be away."""

import asyncio
from collections import defaultdict, deque
from dataclasses import dataclass
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP as WIRE
from typing import Any, cast

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

from tests.py.endtoend.waiting import until
from tests.py.support.ports import port_of_our_own


@dataclass(frozen=True)
class Taken:
    """A message that the server answered for with 250."""

    sender: str
    recipients: tuple[str, ...]
    message: EmailMessage

    @property
    def message_id(self) -> str:
        return self.message["Message-ID"]

    @property
    def subject(self) -> str:
        return self.message["Subject"]

    @property
    def text(self) -> str:
        return self.message.get_content().replace("\r\n", "\n")


class Hold:
    """Whoever comes to this point waits there until it is resumed."""

    def __init__(self) -> None:
        self.resumed = asyncio.Event()
        self.waiting = 0

    async def reached(self, times: int = 1) -> None:
        await until(lambda: self.waiting >= times, f"{times} at this point")

    def resume(self) -> None:
        self.resumed.set()


class PostOffice:
    """Listens on one port for as long as it is open; what it has taken outlives a closing."""

    def __init__(self, *, asks_for_password: bool = False) -> None:
        self.port = port_of_our_own()
        self.taken: list[Taken] = []
        self.logins: list[tuple[str, str]] = []
        self.visits = 0
        self._features = {"auth_require_tls": False, "authenticator": self._authenticate} if asks_for_password else {}
        self._answers: defaultdict[str, deque[str]] = defaultdict(deque)
        self._holds: dict[str, Hold] = {}
        self._server: asyncio.Server | None = None
        self._guests: list[_Counter] = []

    async def open(self) -> None:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: _Counter(self, loop=loop, hostname="post.example", **self._features), "127.0.0.1", self.port
        )

    async def close(self) -> None:
        """Nobody is let in any more, and whoever is inside is put out."""
        for hold in self._holds.values():
            hold.resume()
        if self._server is not None:
            self._server.close()
            for guest in self._guests:
                guest.hang_up()
            await self._server.wait_closed()
            self._server = None

    def answer(self, command: str, *replies: str) -> None:
        """The next of these commands (RCPT, DATA, CONTENT) are answered so, one after the other."""
        self._answers[command].extend(replies)

    def hold(self, command: str) -> Hold:
        """These commands wait to be carried out: DATA before a word of it is sent, CONTENT with all of it."""
        hold = self._holds[command] = Hold()
        return hold

    async def comes_to(self, command: str) -> str | None:
        """What to answer instead of carrying the command out."""
        if (hold := self._holds.get(command)) is not None:
            hold.waiting += 1
            await hold.resumed.wait()
        replies = self._answers[command]
        return replies.popleft() if replies else None

    async def has_taken(self, count: int) -> None:
        await until(lambda: len(self.taken) >= count, f"{count} messages")

    @property
    def mailbox(self) -> dict[str, Taken]:
        """What people see: mail systems keep one message of each id."""
        return {taken.message_id: taken for taken in self.taken}

    def enter(self, guest: "_Counter") -> None:
        self.visits += 1
        self._guests.append(guest)

    def leave(self, guest: "_Counter") -> None:
        self._guests.remove(guest)

    # What aiosmtpd asks of a handler.

    async def handle_RCPT(self, _: SMTP, __: Session, envelope: Envelope, address: str, options: list[str]) -> str:
        refusal = await self.comes_to("RCPT")
        if refusal is None:
            envelope.rcpt_tos.append(address)
            envelope.rcpt_options.extend(options)
        return refusal or "250 OK"

    async def handle_DATA(self, _: SMTP, __: Session, envelope: Envelope) -> str:
        refusal = await self.comes_to("CONTENT")
        if refusal is None:
            message = cast(EmailMessage, message_from_bytes(cast(bytes, envelope.content), policy=WIRE))
            self.taken.append(Taken(envelope.mail_from or "", tuple(envelope.rcpt_tos), message))
        return refusal or "250 OK"

    def _authenticate(self, _: SMTP, __: Session, ___: Envelope, mechanism: str, login: Any) -> AuthResult:
        self.logins.append((login.login.decode(), login.password.decode()))
        return AuthResult(success=login.password == b"the pass/word", handled=False)


class _Counter(SMTP):
    """One conversation."""

    def __init__(self, office: PostOffice, **features: Any) -> None:
        super().__init__(office, **features)
        self._office = office
        self._line: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._line = cast(asyncio.Transport, transport)
        self._office.enter(self)
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        if self._line is not None:
            self._line = None
            self._office.leave(self)
        super().connection_lost(error)

    def hang_up(self) -> None:
        if self._line is not None:
            self._line.abort()

    async def smtp_QUIT(self, arg: str) -> None:
        if await self._office.comes_to("QUIT") is not None:
            self.hang_up()
            return
        await super().smtp_QUIT(arg)

    async def smtp_DATA(self, arg: str) -> None:
        refusal = await self._office.comes_to("DATA")
        if refusal is not None:
            await self.push(refusal)
            return
        await super().smtp_DATA(arg)
