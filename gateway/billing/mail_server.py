"""The address of a mail server, how it wants to be spoken to, and whose name messages bear there."""

from dataclasses import dataclass, field
from email.errors import HeaderParseError
from email.message import EmailMessage
from email.policy import SMTP as WIRE
from urllib.parse import parse_qsl, unquote, urlsplit

_TLS_WISHES = {"required": True, "auto": None, "never": False}


@dataclass(frozen=True)
class MailServer:
    """Where and how to log in. start_tls: None means if the server offers it."""

    host: str
    port: int | None
    is_tls: bool
    start_tls: bool | None
    username: str | None = field(repr=False)
    password: str | None = field(repr=False)

    @classmethod
    def from_url(cls, url: str) -> "MailServer":
        """From `smtp[s]://user:password@host:port?starttls=required|auto|never`. Raises ValueError.

        Without `starttls` it is required where there is a password, which would else travel in clear.
        """
        parts = urlsplit(url)
        options = dict(parse_qsl(parts.query, keep_blank_values=True))
        wish = options.pop("starttls", "auto" if parts.password is None else "required")
        if (
            parts.scheme not in {"smtp", "smtps"}
            or not parts.hostname
            or parts.port == 0
            or parts.path not in {"", "/"}
        ):
            raise ValueError("not the address of a mail server")
        if options or parts.fragment or wish not in _TLS_WISHES:
            raise ValueError("the only option of a mail server is starttls: required, auto or never")
        is_tls = parts.scheme == "smtps"
        return cls(
            host=parts.hostname,
            port=parts.port,
            is_tls=is_tls,
            start_tls=False if is_tls else _TLS_WISHES[wish],
            username=None if parts.username is None else unquote(parts.username),
            password=None if parts.password is None else unquote(parts.password),
        )


def domain_of(sender: str) -> str:
    """The domain of an address such as `Scrip <scrip@example.com>`. Raises ValueError unless it is one."""
    message = EmailMessage(policy=WIRE)
    try:
        message["From"] = sender
    except (IndexError, HeaderParseError):
        # The parser loses its way where an address ends too early.
        raise ValueError("not one e-mail address") from None
    header = message["From"]
    if header.defects or len(header.addresses) != 1 or not header.addresses[0].domain or not sender.isascii():
        raise ValueError("not one e-mail address")
    return header.addresses[0].domain
