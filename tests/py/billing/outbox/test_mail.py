"""Mail servers by address, and messages that carry nothing but what they should."""

import asyncio
from datetime import UTC, datetime

import pytest

from gateway.billing.loops import NotDone
from gateway.billing.mail import Letter, Mailer
from gateway.billing.mail_server import MailServer, domain_of
from gateway.settings import SettingError, read_settings
from tests.py.billing.outbox.post_office import PostOffice

NOW = datetime(2031, 3, 3, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("smtp://mail.example", ("mail.example", None, False, None, None, None)),
        ("smtp://mail.example:2525?starttls=never", ("mail.example", 2525, False, False, None, None)),
        ("smtp://mail.example?starttls=required", ("mail.example", None, False, True, None, None)),
        # Rather no message than a password in clear.
        ("smtp://ann:p%40ss%2Fword@mail.example:587", ("mail.example", 587, False, True, "ann", "p@ss/word")),
        ("smtps://ann:secret@[::1]:465", ("::1", 465, True, False, "ann", "secret")),
    ],
)
def test_a_mail_server_is_told_by_its_address(url: str, expected: tuple) -> None:
    server = MailServer.from_url(url)
    assert (
        server.host, server.port, server.is_tls, server.start_tls, server.username, server.password
    ) == expected  # fmt: skip
    assert not {"p@ss/word", "secret"} & set(repr(server).split("'"))


@pytest.mark.parametrize(
    "url",
    [
        "http://mail.example",
        "smtp://",
        "smtp://:25",
        "smtp://mail.example:0",
        "smtp://mail.example:99999",
        "smtp://mail.example/inbox",
        "smtp://mail.example?starttls=maybe",
        "smtp://mail.example?tls=1",
        "smtp://mail.example#25",
    ],
)
def test_what_is_no_mail_server_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"mail server|[Pp]ort"):
        MailServer.from_url(url)
    environment = {"DATABASE_URL": "postgresql://nobody@/nothing", "JWT_SECRET": "s" * 32, "MAIL_FROM": "a@b.example"}
    with pytest.raises(SettingError, match="SMTP_URL"):
        read_settings(environment | {"SMTP_URL": url})


def test_the_domain_of_a_sender() -> None:
    assert domain_of("Scrip <scrip@post.example>") == domain_of("scrip@post.example") == "post.example"


@pytest.mark.parametrize(
    "sender",
    [
        "scrip",
        "scrip@",
        "<>",
        "Scrip <scrip>",
        "Scrip, Inc <scrip@post.example>",
        "a@b.example, c@d.example",
        "a@b.example\nBcc: c@d.example",
        "scrip@käse.example",
    ],
)
def test_who_cannot_be_a_sender_is_refused(sender: str) -> None:
    with pytest.raises(ValueError, match=r"e-mail address|linefeed"):
        domain_of(sender)
    environment = {"DATABASE_URL": "postgresql://nobody@/nothing", "JWT_SECRET": "s" * 32}
    with pytest.raises(SettingError, match="MAIL_FROM"):
        read_settings(environment | {"MAIL_FROM": sender})


def letter(to: str = "ann@scrip.example", subject: str = "A subject", text: str = "Text\n") -> Letter:
    return Letter("the-id", to, subject, text, NOW)


async def sent(office: PostOffice, message: Letter, sender: str = "Scrip <scrip@post.example>") -> None:
    await office.open()
    try:
        await Mailer(MailServer.from_url(f"smtp://127.0.0.1:{office.port}"), sender).send(message)
    finally:
        await office.close()


async def test_a_message_arrives_as_it_was_written() -> None:
    office = PostOffice()
    text = "Größe: 10 €\n.\n..\nFrom here on\n" + "long " * 300 + "\n"
    await sent(office, letter(text=text, subject="Käse"))
    (taken,) = office.taken
    assert taken.sender == "scrip@post.example"
    assert taken.recipients == ("ann@scrip.example",)
    assert taken.text == text
    assert taken.subject == "Käse"
    assert {name: str(value) for name, value in taken.message.items() if name != "Subject"} == {
        "From": "Scrip <scrip@post.example>",
        "To": "ann@scrip.example",
        "Date": "Mon, 03 Mar 2031 10:00:00 +0000",
        "Message-ID": "<the-id@post.example>",
        "Auto-Submitted": "auto-generated",
        "X-Auto-Response-Suppress": "All",
        "Content-Type": 'text/plain; charset="utf-8"',
        "Content-Transfer-Encoding": "quoted-printable",
        "MIME-Version": "1.0",
    }


@pytest.mark.parametrize(
    "fields",
    [
        {"to": "ann@scrip.example\r\nBcc: eve@scrip.example"},
        {"to": "ann@scrip.example\nBcc: eve@scrip.example"},
        {"to": "ann@scrip.example, eve@scrip.example"},
        {"to": "ann@scrip.example> SIZE=1 <eve@scrip.example"},
        {"to": "änn@scrip.example"},
        {"to": "ann"},
        {"to": "@"},
        {"to": ""},
        {"subject": "Hello\r\nBcc: eve@scrip.example"},
        {"subject": "Hello\nX: y"},
    ],
)
async def test_no_header_or_recipient_is_smuggled_in(fields: dict[str, str]) -> None:
    office = PostOffice()
    with pytest.raises(NotDone) as caught:
        await sent(office, letter(**fields))
    assert caught.value.is_final
    assert (office.taken, office.visits) == ([], 0)


@pytest.mark.parametrize(
    ("command", "reply", "is_final", "is_outage", "reason"),
    [
        ("RCPT", "550 5.1.1 <ann@scrip.example> is unknown", True, False, "550 5.1.1 recipient"),
        ("RCPT", "450 4.2.0 greylisted", False, False, "450 4.2.0 recipient"),
        ("RCPT", "421 closing", False, True, "421 recipient"),
        ("CONTENT", "554 5.7.1 no", True, False, "554 5.7.1 data"),
        ("CONTENT", "451 later", False, False, "451 data"),
    ],
)
async def test_a_refusal_is_told_by_code_and_without_the_server_s_words(
    command: str, reply: str, is_final: bool, is_outage: bool, reason: str
) -> None:
    office = PostOffice()
    office.answer(command, reply)
    with pytest.raises(NotDone) as caught:
        await sent(office, letter())
    assert (caught.value.is_final, caught.value.is_outage, caught.value.reason) == (is_final, is_outage, reason)
    assert office.taken == []


async def test_a_server_that_hangs_up_after_its_answer_has_taken_the_message() -> None:
    office = PostOffice()
    office.answer("QUIT", "by hanging up")
    await sent(office, letter())
    assert len(office.taken) == 1


async def test_a_server_that_is_away_is_an_outage() -> None:
    mailer = Mailer(MailServer.from_url(f"smtp://127.0.0.1:{PostOffice().port}"), "scrip@post.example")
    with pytest.raises(NotDone) as caught:
        await mailer.send(letter())
    assert caught.value.is_outage
    assert not caught.value.is_final


async def test_who_logs_in_does_so_with_the_password_of_the_address() -> None:
    office = PostOffice(asks_for_password=True)
    await office.open()
    try:
        for password, is_taken in (("the pass/word", True), ("wrong", False)):
            address = f"smtp://ann:{password.replace('/', '%2F').replace(' ', '%20')}@127.0.0.1:{office.port}"
            mailer = Mailer(MailServer.from_url(f"{address}?starttls=never"), "scrip@post.example")
            if is_taken:
                await mailer.send(letter())
            else:
                with pytest.raises(NotDone) as caught:
                    await mailer.send(letter())
                assert caught.value.is_outage
                assert "wrong" not in caught.value.reason
        # The same server without a word about TLS: it offers none, so the password stays at home.
        logins = len(office.logins)
        with pytest.raises(NotDone):
            await Mailer(MailServer.from_url(address), "scrip@post.example").send(letter())
        assert len(office.logins) == logins
    finally:
        await office.close()
    assert len(office.taken) == 1


async def test_giving_up_in_the_middle_leaves_no_message() -> None:
    office = PostOffice()
    hold = office.hold("DATA")
    await office.open()
    mailer = Mailer(MailServer.from_url(f"smtp://127.0.0.1:{office.port}"), "scrip@post.example")
    sending = asyncio.create_task(mailer.send(letter()))
    await hold.reached()
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    hold.resume()
    await office.close()
    assert office.taken == []
