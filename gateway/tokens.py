"""The secrets that callers carry: short-lived signed access tokens, and opaque refresh tokens and API keys.

An opaque secret is `<prefix>_<user id in hex>_<43 characters>`: the id in clear says whom a call acts for, so that no
look-up across accounts is needed; only the SHA-256 of the last part reaches the database.
"""

import hashlib
import os
import re
import secrets
import time
import uuid
from typing import Any, NamedTuple

import jwt

from gateway.settings import Settings

ALGORITHM = "HS256"
ISSUER = "scrip"
AUDIENCE = "scrip-api"
LIFETIME_SECONDS = 15 * 60
LEEWAY_SECONDS = 5
REQUIRED = ["iss", "aud", "sub", "exp", "nbf", "iat", "jti"]
LONGEST_TOKEN = 2048
MOST_KNOWN = 4096

API_KEY_PREFIX = "scrip"
REFRESH_PREFIX = "scr_rt"
_OPAQUE = re.compile(r"(scrip|scr_rt)_([0-9a-f]{32})_([A-Za-z0-9_-]{43})")
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


class Opaque(NamedTuple):
    """Whom an opaque secret belongs to, as it says itself, and what the database may compare."""

    user_id: str
    secret_hash: bytes


def issue_access_token(settings: Settings, user_id: str) -> str:
    """A token that names `user_id` for LIFETIME_SECONDS. It holds no roles: those are the database's to know."""
    now = int(time.time())
    claims = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": user_id,
        "iat": now,
        "nbf": now,
        "exp": now + LIFETIME_SECONDS,
        "jti": os.urandom(12).hex(),
    }
    return jwt.encode(claims, settings.jwt_secret, ALGORITHM)


class AccessTokens:
    """Reads access tokens. A token's meaning never changes while it is valid, so whole tokens are remembered."""

    def __init__(self, settings: Settings) -> None:
        self._secrets = [secret for secret in (settings.jwt_secret, settings.jwt_secret_previous) if secret]
        self._known: dict[str, tuple[str, int]] = {}

    def read(self, token: str) -> str | None:
        """The user's id, or None for anything but a valid token of ours."""
        known = self._known.get(token)
        if known is not None and time.time() < known[1]:
            return known[0]
        claims = self._verify(token) if len(token) <= LONGEST_TOKEN else None
        if claims is None or not isinstance(claims["sub"], str) or not _UUID.fullmatch(claims["sub"]):
            return None
        if len(self._known) >= MOST_KNOWN:
            self._known.clear()
        self._known[token] = (claims["sub"], int(claims["exp"]))
        return claims["sub"]

    def _verify(self, token: str) -> dict[str, Any] | None:
        for secret in self._secrets:
            try:
                return jwt.decode(
                    token,
                    secret,
                    algorithms=[ALGORITHM],
                    issuer=ISSUER,
                    audience=AUDIENCE,
                    leeway=LEEWAY_SECONDS,
                    options={"require": REQUIRED},
                )
            except jwt.InvalidSignatureError:
                continue
            except (jwt.InvalidTokenError, ValueError, RecursionError):
                # The last two: JSON inside the token that is none, or is nested without end.
                return None
        return None


def make_secret() -> tuple[str, bytes]:
    """A new secret, to be shown once, and its hash, to be kept."""
    secret = secrets.token_urlsafe(32)
    return secret, hashlib.sha256(secret.encode()).digest()


def name_owner(prefix: str, user_id: str, secret: str) -> str:
    """The form in which a secret is handed out."""
    return f"{prefix}_{uuid.UUID(user_id).hex}_{secret}"


def read_opaque(prefix: str, token: str) -> Opaque | None:
    """The parts of an opaque secret of that kind, or None when it is not shaped like one."""
    match = _OPAQUE.fullmatch(token)
    if match is None or match[1] != prefix:
        return None
    return Opaque(str(uuid.UUID(match[2])), hashlib.sha256(match[3].encode()).digest())
