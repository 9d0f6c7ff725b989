"""Every setting of the gateway, read once from the environment; no other module looks there."""

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_network
from urllib.parse import urlsplit

from gateway.billing.alert_webhook import key_of
from gateway.billing.mail_server import MailServer, domain_of

WEAKEST_SECRET = 32
LOG_LEVELS = ("debug", "info", "warning", "error")


class SettingError(Exception):
    """A setting is missing or wrong; the message names it and never repeats a secret."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The gateway's settings. Times are seconds, sizes bytes. Secrets stay out of `repr`."""

    database_url: str = field(repr=False)
    jwt_secret: str = field(repr=False)
    jwt_secret_previous: str | None = field(default=None, repr=False)
    anthropic_api_key: str | None = field(default=None, repr=False)
    openai_api_key: str | None = field(default=None, repr=False)
    cron_token: str | None = field(default=None, repr=False)
    metrics_token: str | None = field(default=None, repr=False)
    stripe_secret_key: str | None = field(default=None, repr=False)
    smtp_url: str | None = field(default=None, repr=False)
    alert_webhook_url: str | None = field(default=None, repr=False)
    alert_webhook_secret: str | None = field(default=None, repr=False)
    demo: bool = False
    host: str = "127.0.0.1"
    port: int = 8080
    workers: int = 1
    anthropic_base_url: str | None = None
    openai_base_url: str | None = None
    stripe_base_url: str | None = None
    stripe_publishable_key: str | None = None
    stripe_timeout_seconds: float = 10.0
    frontend_url: str = "http://localhost:8080"
    redirect_origins: frozenset[str] = frozenset({"http://localhost:8080"})
    mail_from: str | None = None
    billing_poll_seconds: float = 5.0
    cors_origins: frozenset[str] = frozenset()
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = ()
    ai_evaluation_enabled: bool = True
    database_connections: int = 8
    database_wait_seconds: float = 2.0
    llm_first_byte_seconds: float = 30.0
    llm_idle_seconds: float = 20.0
    llm_max_retries: int = 2
    heartbeat_seconds: float = 15.0
    keepalive_seconds: float = 20.0
    body_seconds: float = 10.0
    drain_seconds: float = 60.0
    log_level: str = "info"


class _Reader:
    """Reads one environment; each complaint says which setting and what would be right."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment

    def text(self, name: str, default: str | None = None) -> str | None:
        return self._environment.get(name, "").strip() or default

    def flag(self, name: str, default: bool) -> bool:
        value = (self.text(name) or str(default)).lower()
        if value not in {"true", "false", "1", "0", "yes", "no"}:
            raise SettingError(f"{name} must be true or false")
        return value in {"true", "1", "yes"}

    def seconds(self, name: str, default: float, low: float, high: float) -> float:
        value = self.text(name)
        try:
            number = default if value is None else float(value)
        except ValueError:
            raise SettingError(f"{name} must be a number of seconds") from None
        if not low <= number <= high:
            raise SettingError(f"{name} must be from {low:g} to {high:g} seconds")
        return number

    def whole(self, name: str, default: int, low: int, high: int) -> int:
        value = self.text(name)
        if value is not None and not (value.isascii() and value.isdigit() and len(value) < 10):
            raise SettingError(f"{name} must be a whole number")
        number = default if value is None else int(value)
        if not low <= number <= high:
            raise SettingError(f"{name} must be from {low} to {high}")
        return number

    def token(self, name: str) -> str | None:
        value = self.text(name)
        if value is not None and len(value) < WEAKEST_SECRET:
            raise SettingError(f"{name} must have at least {WEAKEST_SECRET} characters, or be left out")
        return value

    def url(self, name: str) -> str | None:
        value = self.text(name)
        if value is not None and not _is_web_address(value):
            raise SettingError(f"{name} must be an http or https address")
        return value

    def origins(self, name: str) -> frozenset[str]:
        origins = frozenset(filter(None, map(str.strip, (self.text(name) or "").split(","))))
        for origin in origins:
            if not _is_web_address(origin) or origin.count("/") != 2 or set(origin) & set("?#@\\"):
                raise SettingError(f"{name} must list origins such as https://example.com, without a path")
        return origins

    def networks(self, name: str) -> tuple[IPv4Network | IPv6Network, ...]:
        listed = filter(None, map(str.strip, (self.text(name) or "").split(",")))
        try:
            return tuple(ip_network(network, strict=False) for network in listed)
        except ValueError:
            raise SettingError(f"{name} must list addresses or networks such as 127.0.0.1, 10.0.0.0/8") from None

    def stripe_keys(self, secret: str, publishable: str) -> tuple[str | None, str | None]:
        """Both keys, of one mode. A secret key in the public one's place would be handed to every buyer."""
        keys = self.text(secret), self.text(publishable)
        for name, value, kinds in zip((secret, publishable), keys, (("sk", "rk"), ("pk",)), strict=True):
            if value is not None and _stripe_mode(value, kinds) is None:
                raise SettingError(
                    f"{name} must begin with {' or '.join(f'{kind}_test_' for kind in kinds)} or the same with live"
                )
        if None not in keys and len({_stripe_mode(value, ("sk", "rk", "pk")) for value in keys if value}) > 1:
            raise SettingError(f"{secret} and {publishable} must both be test keys or both be live ones")
        return keys

    def mail(self, server: str, sender: str) -> tuple[str | None, str | None]:
        """The mail server's address and who its messages are from."""
        url, address = self.text(server), self.text(sender)
        try:
            if url is not None:
                MailServer.from_url(url)
        except ValueError:
            raise SettingError(
                f"{server} must be an address such as smtp://mail.example.com:587, or the same with ?starttls=never"
            ) from None
        try:
            if address is not None:
                domain_of(address)
        except ValueError:
            raise SettingError(
                f"{sender} must be an e-mail address such as scrip@example.com, or Scrip <scrip@example.com>"
            ) from None
        if url is not None and address is None:
            raise SettingError(f"{sender} is missing: who the messages sent by {server} are from")
        return url, address

    def alert_webhook(self, address: str, signing: str) -> tuple[str | None, str | None]:
        """Where operators hear of alerts, and what those messages are signed with."""
        url, secret = self.url(address), self.text(signing)
        try:
            if secret is not None:
                key_of(secret)
        except ValueError:
            raise SettingError(f"{signing} must be whsec_ and 24 to 64 bytes in base64") from None
        if url is not None and secret is None:
            raise SettingError(f"{signing} is missing: what the messages to {address} are signed with")
        return url, secret

    def redirects(self, name: str, frontend_url: str, demo: bool, port: int) -> frozenset[str]:
        """Where people may be sent back to: what is set, else where the pages live (and this machine, in a demo)."""
        listed = self.origins(name)
        if listed:
            return frozenset(map(origin_of, listed))
        own = {f"http://127.0.0.1:{port}", f"http://localhost:{port}"} if demo else set()
        return frozenset({origin_of(frontend_url), *own})

    def database(self, name: str) -> str:
        value = self.text(name)
        if value is None:
            raise SettingError(f"{name} is missing: the address of the database, as role scrip_gateway")
        if not value.startswith(("postgresql://", "postgres://")):
            raise SettingError(f"{name} must begin with postgresql://")
        return value

    def signing_secret(self, name: str, demo: bool) -> str:
        value = self.text(name)
        if value is not None and len(value.encode()) >= WEAKEST_SECRET:
            return value
        if not demo:
            raise SettingError(f"{name} must have at least {WEAKEST_SECRET} bytes (only DEMO=true runs without it)")
        # Lives as long as the process: a demo's tokens end with it.
        return secrets.token_urlsafe(WEAKEST_SECRET)

    def previous_secret(self, name: str) -> str | None:
        value = self.text(name)
        if value is not None and len(value.encode()) < WEAKEST_SECRET:
            raise SettingError(f"{name} must have at least {WEAKEST_SECRET} bytes, or be left out")
        return value


def _is_web_address(value: str) -> bool:
    return _is_address(value, {"http", "https"})


def _is_address(value: str, schemes: set[str]) -> bool:
    try:
        parts = urlsplit(value)
        return parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def origin_of(address: str) -> str:
    """Scheme, host and port of an http or https address, as browsers write them."""
    parts = urlsplit(address)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    usual = {"http": 80, "https": 443}[parts.scheme]
    return f"{parts.scheme}://{host}" + ("" if parts.port in {None, usual} else f":{parts.port}")


def _stripe_mode(key: str, kinds: tuple[str, ...]) -> str | None:
    kind, _, rest = key.partition("_")
    mode, separator, _ = rest.partition("_")
    return mode if kind in kinds and mode in {"test", "live"} and separator else None


def read_settings(environment: Mapping[str, str] = os.environ) -> Settings:
    """The settings in `environment`. Raises SettingError for the first that is missing or wrong."""
    read = _Reader(environment)
    demo = read.flag("DEMO", False)
    log_level = read.text("LOG_LEVEL", "info")
    if log_level not in LOG_LEVELS:
        raise SettingError(f"LOG_LEVEL must be one of {', '.join(LOG_LEVELS)}")
    stripe_secret_key, stripe_publishable_key = read.stripe_keys("STRIPE_SECRET_KEY", "STRIPE_PUBLISHABLE_KEY")
    smtp_url, mail_from = read.mail("SMTP_URL", "MAIL_FROM")
    alert_webhook_url, alert_webhook_secret = read.alert_webhook("ALERT_WEBHOOK_URL", "ALERT_WEBHOOK_SECRET")
    frontend_url = read.url("FRONTEND_URL") or Settings.frontend_url
    port = read.whole("PORT", Settings.port, 0, 65535)
    return Settings(
        database_url=read.database("DATABASE_URL"),
        jwt_secret=read.signing_secret("JWT_SECRET", demo),
        jwt_secret_previous=read.previous_secret("JWT_SECRET_PREVIOUS"),
        anthropic_api_key=read.text("ANTHROPIC_API_KEY"),
        openai_api_key=read.text("OPENAI_API_KEY"),
        cron_token=read.token("CRON_TOKEN"),
        metrics_token=read.token("METRICS_TOKEN"),
        demo=demo,
        host=read.text("HOST") or Settings.host,
        port=port,
        workers=read.whole("WORKERS", os.cpu_count() or 1, 1, 64),
        anthropic_base_url=read.url("ANTHROPIC_BASE_URL"),
        openai_base_url=read.url("OPENAI_BASE_URL"),
        stripe_secret_key=stripe_secret_key,
        stripe_publishable_key=stripe_publishable_key,
        stripe_base_url=read.url("STRIPE_BASE_URL"),
        stripe_timeout_seconds=read.seconds("STRIPE_TIMEOUT_SECONDS", Settings.stripe_timeout_seconds, 0.1, 60),
        frontend_url=frontend_url,
        redirect_origins=read.redirects("REDIRECT_ORIGINS", frontend_url, demo, port),
        smtp_url=smtp_url,
        mail_from=mail_from,
        alert_webhook_url=alert_webhook_url,
        alert_webhook_secret=alert_webhook_secret,
        billing_poll_seconds=read.seconds("BILLING_POLL_SECONDS", Settings.billing_poll_seconds, 0.01, 3600),
        cors_origins=read.origins("CORS_ORIGINS"),
        trusted_proxies=read.networks("TRUSTED_PROXIES"),
        ai_evaluation_enabled=read.flag("AI_EVALUATION_ENABLED", True),
        database_connections=read.whole("DATABASE_CONNECTIONS", Settings.database_connections, 1, 100),
        database_wait_seconds=read.seconds("DATABASE_WAIT_SECONDS", Settings.database_wait_seconds, 0.1, 30),
        llm_first_byte_seconds=read.seconds("LLM_FIRST_BYTE_SECONDS", Settings.llm_first_byte_seconds, 0.1, 600),
        llm_idle_seconds=read.seconds("LLM_IDLE_SECONDS", Settings.llm_idle_seconds, 0.1, 600),
        llm_max_retries=read.whole("LLM_MAX_RETRIES", Settings.llm_max_retries, 0, 10),
        heartbeat_seconds=read.seconds("HEARTBEAT_SECONDS", Settings.heartbeat_seconds, 0.1, 300),
        keepalive_seconds=read.seconds("KEEPALIVE_SECONDS", Settings.keepalive_seconds, 1, 3600),
        body_seconds=read.seconds("BODY_SECONDS", Settings.body_seconds, 0.1, 300),
        drain_seconds=read.seconds("DRAIN_SECONDS", Settings.drain_seconds, 0, 600),
        log_level=log_level,
    )
