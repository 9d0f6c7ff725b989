"""Access tokens and opaque secrets: what is ours is read, everything else is nobody."""

import base64
import json
import time
import uuid
from dataclasses import replace
from typing import Any

import jwt
import pytest

from gateway.tokens import (
    ALGORITHM,
    API_KEY_PREFIX,
    AUDIENCE,
    ISSUER,
    LEEWAY_SECONDS,
    MOST_KNOWN,
    REFRESH_PREFIX,
    REQUIRED,
    AccessTokens,
    issue_access_token,
    make_secret,
    name_owner,
    read_opaque,
)
from tests.py.gateway.world import SECRET, SETTINGS

USER = str(uuid.uuid4())


def read(token: str, **settings: Any) -> str | None:
    return AccessTokens(replace(SETTINGS, **settings)).read(token)


def token_with(secret: str = SECRET, algorithm: str = ALGORITHM, without: str = "", **changes: Any) -> str:
    now = int(time.time())
    claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": USER, "iat": now, "nbf": now, "exp": now + 60, "jti": "1"}
    claims |= changes
    claims.pop(without, None)
    return jwt.encode(claims, secret, algorithm)


def segment(value: Any) -> str:
    octets = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def signature_of(token: str) -> bytes:
    text = token.split(".")[-1]
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def test_a_token_of_ours_names_its_user():
    assert read(issue_access_token(SETTINGS, USER)) == USER
    assert read(token_with()) == USER


@pytest.mark.parametrize("claim", REQUIRED)
def test_each_claim_is_required(claim: str):
    assert read(token_with(without=claim)) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": int(time.time()) - LEEWAY_SECONDS - 60},
        # Written down when the tests are collected, long before some of them run.
        {"nbf": int(time.time()) + 86_400},
        {"iss": "someone"},
        {"aud": "another-api"},
        {"aud": [AUDIENCE + "x"]},
        {"sub": "admin"},
        {"sub": USER.upper()},
        {"sub": ""},
        {"sub": USER + "\n"},
        {"exp": "never"},
        {"exp": None},
        {"nbf": [1]},
    ],
    ids=lambda changes: next(iter(changes)),  # the values differ from process to process
)
def test_a_wrong_claim_is_refused(changes: dict[str, Any]):
    assert read(token_with(**changes)) is None


def test_another_secret_or_algorithm_is_refused():
    assert read(token_with(secret="x" * 64)) is None
    assert read(token_with(secret=SECRET.ljust(64, "x"), algorithm="HS512")) is None
    assert read(token_with(secret=SECRET.ljust(64, "x"), algorithm="HS384")) is None


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "", None])
def test_a_token_without_signature_is_refused(algorithm: str | None):
    claims = jwt.decode(token_with(), options={"verify_signature": False})
    header = {"typ": "JWT", "alg": algorithm}
    assert read(f"{segment(header)}.{segment(claims)}.") is None
    assert read(f"{segment(header)}.{segment(claims)}.{segment(b'x' * 32)}") is None


def test_every_truncation_and_every_changed_character_is_refused():
    token = token_with()
    for end in range(len(token)):
        assert read(token[:end]) is None
    for place in range(len(token)):
        changed = token[:place] + ("A" if token[place] != "A" else "Q") + token[place + 1 :]
        # The very last character holds bits that decode to nothing; all others must count.
        is_the_same = place == len(token) - 1 and signature_of(changed) == signature_of(token)
        assert is_the_same or read(changed) is None


@pytest.mark.parametrize(
    "token",
    [
        "",
        ".",
        "..",
        "a.b.c",
        "x" * 100_000,
        "\u00e9.\u00e9.\u00e9",
        f"{segment(b'[' * 1000)}.{segment(b'{}')}.x",
        f"{segment({'alg': 'HS256', 'crit': ['x']})}.e30.x",
        f"{segment({'alg': 'HS256'})}.{segment(b'NaN')}.x",
        f"{segment({'alg': 'HS256'})}.{segment(b'%')}.x",
    ],
    ids=lambda token: token[:20],
)
def test_nonsense_is_nobody(token: str):
    assert read(token) is None


def test_the_previous_secret_still_reads_but_does_not_sign():
    old = "an-older-secret-of-tests-with-enough-bytes"
    token = token_with(secret=old)
    assert read(token) is None
    assert read(token, jwt_secret_previous=old) == USER
    assert read(issue_access_token(replace(SETTINGS, jwt_secret_previous=old), USER)) == USER


def test_a_remembered_token_ends_with_its_time(monkeypatch: pytest.MonkeyPatch):
    tokens = AccessTokens(SETTINGS)
    token = token_with()
    assert tokens.read(token) == USER
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 59)
    assert tokens.read(token) == USER
    monkeypatch.setattr("jwt.api_jwt.datetime", _later(now + 66))
    monkeypatch.setattr(time, "time", lambda: now + 66)
    assert tokens.read(token) is None


def _later(instant: float) -> Any:
    from datetime import datetime

    class Later(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:
            return datetime.fromtimestamp(instant, tz)

    return Later


def test_what_is_remembered_is_bounded():
    tokens = AccessTokens(SETTINGS)
    for number in range(MOST_KNOWN + 10):
        tokens.read(token_with(jti=str(number)))
    assert len(tokens._known) <= MOST_KNOWN


def test_opaque_secrets_name_their_owner_and_keep_their_kind():
    secret, secret_hash = make_secret()
    key = name_owner(API_KEY_PREFIX, USER, secret)
    assert read_opaque(API_KEY_PREFIX, key) == (USER, secret_hash)
    assert read_opaque(REFRESH_PREFIX, key) is None
    assert read_opaque(REFRESH_PREFIX, name_owner(REFRESH_PREFIX, USER, secret)) == (USER, secret_hash)


@pytest.mark.parametrize("change", [lambda key: key[:-1], lambda key: key + "A", str.upper, lambda key: f" {key}"])
def test_a_misshapen_secret_is_nobody(change: Any):
    secret, _ = make_secret()
    assert read_opaque(API_KEY_PREFIX, change(name_owner(API_KEY_PREFIX, USER, secret))) is None
