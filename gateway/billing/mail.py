"""Hands plain-text messages to a mail server. What the server says of them is told by code: its words quote people."""

import asyncio
import contextlib
import re
from dataclasses import dataclass, field
from datetime import datetime
from email.errors import HeaderParseError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP as WIRE

import aiosmtplib

from gateway.billing.loops import NotDone
from gateway.billing.mail_server import MailServer, domain_of

# A step of the conversation, and the whole of it: far below the lease of a claim, so that nobody else sends meanwhile.
STEP_SECONDS = 20.0
DELIVERY_SECONDS = 60.0
LEAVING_SECONDS = 2.0
_ENHANCED_STATUS = re.compile(r"[245]\.\d{1,3}\.\d{1,3}\b")


@dataclass(frozen=True)
class Letter:
    """What is sent. letter_id: the same in each try, so that mailboxes keep one of two copies."""

    letter_id: str
    to: str = field(repr=False)
    subject: str
    text: str = field(repr=False)
    written_at: datetime


class Mailer:
    """Sends letters from one address through one server, each on a connection of its own."""

    def __init__(self, server: MailServer, sender: str) -> None:
        self._server = server
        self._sender = sender

    async def send(self, letter: Letter) -> None:
        """Returns once the server answers for the letter. Raises NotDone."""
        message = _compose(letter, self._sender)
        connection = aiosmtplib.SMTP(
            hostname=self._server.host,
            port=self._server.port,
            username=self._server.username,
            password=self._server.password,
            use_tls=self._server.is_tls,
            start_tls=self._server.start_tls,
            # Encryption that is only taken when offered proves nothing, and many a local server signs its own.
            validate_certs=self._server.is_tls or self._server.start_tls is True,
            timeout=STEP_SECONDS,
        )
        try:
            async with asyncio.timeout(DELIVERY_SECONDS):
                await connection.connect()
                await connection.send_message(message)
        except aiosmtplib.SMTPRecipientsRefused as refusal:
            first = refusal.recipients[0]
            raise _refused("recipient", first.code, first.message) from None
        except aiosmtplib.SMTPDataError as refusal:
            raise _refused("data", refusal.code, refusal.message) from None
        except aiosmtplib.SMTPResponseException as refusal:
            # Our greeting, our password, our own address: nothing that this message is to blame for.
            raise NotDone(f"{refusal.code} {type(refusal).__name__}", is_outage=True) from None
        except (aiosmtplib.SMTPException, OSError) as trouble:
            raise NotDone(type(trouble).__name__, is_outage=True) from None
        else:
            await _take_leave(connection)
        finally:
            # In the middle of a message this makes the server forget it.
            connection.close()


def _compose(letter: Letter, sender: str) -> EmailMessage:
    message = EmailMessage(policy=WIRE)
    message["From"] = sender
    if not letter.to.isascii():
        # Nobody registers with such an address, and not every server could reach it.
        raise NotDone("not an e-mail address", is_final=True)
    try:
        # These refuse line breaks, and with them headers of somebody else's making.
        message["To"] = Address(addr_spec=letter.to)
        message["Subject"] = letter.subject
    except (ValueError, IndexError, HeaderParseError):
        raise NotDone("not an e-mail address", is_final=True) from None
    message["Date"] = letter.written_at
    message["Message-ID"] = f"<{letter.letter_id}@{domain_of(sender)}>"
    message["Auto-Submitted"] = "auto-generated"
    message["X-Auto-Response-Suppress"] = "All"
    message.set_content(letter.text, cte="quoted-printable")
    return message


async def _take_leave(connection: aiosmtplib.SMTP) -> None:
    """The letter is with the server already, whatever it says to this."""
    with contextlib.suppress(aiosmtplib.SMTPException, OSError):
        await connection.quit(timeout=LEAVING_SECONDS)


def _refused(step: str, code: int, words: str) -> NotDone:
    status = _ENHANCED_STATUS.match(words)
    reason = " ".join(filter(None, (str(code), status and status.group(), step)))
    # 421 says that the server is about to leave, whatever it was asked.
    return NotDone(reason, is_final=code >= 500, is_outage=code == 421)
