"""The secret that test gateways sign with and test databases know; tokens that are good whatever a clock shows."""

import os
from uuid import UUID

import jwt

from gateway.tokens import ALGORITHM, AUDIENCE, ISSUER
from tests.py.support.database import Database

TOKEN_SECRET = "a-secret-of-tests-with-enough-bytes-in-it"
FAR_AWAY = 99_999_999_999


def tell_token_secret(database: Database) -> None:
    """As a deploy does, but without a line in the audit log."""
    database.rows(
        "insert into playground.token_secrets (secret_id, secret, set_at) values (gen_random_uuid(), %s, engine.now())",
        [TOKEN_SECRET],
    )


def token_of(user_id: UUID | str) -> str:
    """An access token that has always been valid and will be for long."""
    claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": str(user_id), "iat": 0, "nbf": 0, "exp": FAR_AWAY}
    return jwt.encode({**claims, "jti": os.urandom(12).hex()}, TOKEN_SECRET, ALGORITHM)
