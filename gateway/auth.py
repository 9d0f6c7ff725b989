"""Who is calling, and the endpoints by which people become somebody: register, log in, refresh, keys."""

import hmac
from typing import Any

import msgspec
from aiohttp import web

from gateway import db
from gateway.errors import (
    API_KEY_NOT_FOUND,
    INVALID_CREDENTIALS,
    INVALID_REFRESH_TOKEN,
    NOT_FOUND,
    UNAUTHORIZED,
    Refusal,
)
from gateway.keys import ACCESS_TOKENS, API_KEY_HASH, BEARER, PASSWORDS, POOL, SETTINGS, USER_ID
from gateway.reading import read_body, read_id
from gateway.routes import SMALL_BODY, Access
from gateway.schemas import Login, NewApiKey, Refresh, Register
from gateway.tokens import (
    API_KEY_PREFIX,
    LIFETIME_SECONDS,
    REFRESH_PREFIX,
    issue_access_token,
    make_secret,
    name_owner,
    read_opaque,
)

HINT_LENGTH = 4


async def identify(request: web.Request, access: Access) -> None:
    """Set USER_ID and BEARER, and API_KEY_HASH where the key is still to be checked.

    Raises Refusal 401, or 404 for cron.
    """
    token = _bearer(request)
    if access is Access.CRON:
        _check_cron_token(request, token)
    elif token is not None:
        await _identify_by(request, access, token)
    elif access is not Access.OPTIONAL or "Authorization" in request.headers:
        raise Refusal(UNAUTHORIZED)


async def _identify_by(request: web.Request, access: Access, token: str) -> None:
    request[BEARER] = token
    if not token.startswith(f"{API_KEY_PREFIX}_"):
        user_id = request.app[ACCESS_TOKENS].read(token)
        if user_id is None:
            raise Refusal(UNAUTHORIZED)
        request[USER_ID] = user_id
        return
    key = read_opaque(API_KEY_PREFIX, token)
    if key is None:
        raise Refusal(UNAUTHORIZED)
    if access is Access.USER_KEY_UNCHECKED:
        request[API_KEY_HASH] = key.secret_hash
    else:
        await db.call(request.app[POOL], "authenticate_api_key", user_id=key.user_id, secret_hash=key.secret_hash)
    request[USER_ID] = key.user_id


def _bearer(request: web.Request) -> str | None:
    values = request.headers.getall("Authorization", ())
    if len(values) != 1:
        return None
    scheme, _, token = values[0].partition(" ")
    return token.strip() if scheme.lower() == "bearer" and token.strip() else None


def _check_cron_token(request: web.Request, token: str | None) -> None:
    expected = request.app[SETTINGS].cron_token
    if expected is None:
        # Without a token nobody may call, and there is nothing to find out.
        raise Refusal(NOT_FOUND)
    if token is None or not hmac.compare_digest(token.encode("utf-8", "surrogateescape"), expected.encode()):
        raise Refusal(UNAUTHORIZED)


class _Identified(msgspec.Struct):
    """The one field of a user's document that the gateway reads."""

    id: str


async def register(request: web.Request) -> web.Response:
    """A new person: account, signup credits and the first pair of tokens."""
    body = await read_body(request, Register, SMALL_BODY)
    secret, secret_hash = make_secret()
    user = await db.document(
        request.app[POOL],
        "register_user",
        email=body.email,
        username=body.username,
        password_hash=await request.app[PASSWORDS].hash(body.password),
        refresh_token_hash=secret_hash,
    )
    return _logged_in(request, user, secret, status=201)


async def login(request: web.Request) -> web.Response:
    """Tokens for an e-mail address and its password; an unknown address costs the same time and says the same."""
    body = await read_body(request, Login, SMALL_BODY)
    pool = request.app[POOL]
    known = await db.call(pool, "get_credentials", email=body.email)
    matches = await request.app[PASSWORDS].verify(known.password_hash, body.password)
    if not matches or known.user_id is None:
        raise Refusal(INVALID_CREDENTIALS)
    secret, secret_hash = make_secret()
    # Made before, so that the database sees that whoever signs this person in may make such tokens.
    token = issue_access_token(request.app[SETTINGS], known.user_id)
    user = await db.document(pool, "record_login", user_id=known.user_id, refresh_token_hash=secret_hash, token=token)
    return _logged_in(request, user, secret)


async def refresh(request: web.Request) -> web.Response:
    """A new pair of tokens for a refresh token, which ends with that."""
    body = await read_body(request, Refresh, SMALL_BODY)
    token = read_opaque(REFRESH_PREFIX, body.refresh_token)
    if token is None:
        raise Refusal(INVALID_REFRESH_TOKEN)
    secret, secret_hash = make_secret()
    row = await db.call(
        request.app[POOL],
        "refresh_login",
        user_id=token.user_id,
        token_hash=token.secret_hash,
        new_token_hash=secret_hash,
    )
    return _logged_in(request, row.user, secret)


async def logout(request: web.Request) -> web.Response:
    """End the refresh token's family. What is no token of ours needs no ending."""
    body = await read_body(request, Refresh, SMALL_BODY)
    token = read_opaque(REFRESH_PREFIX, body.refresh_token)
    if token is not None:
        await db.call(request.app[POOL], "record_logout", user_id=token.user_id, token_hash=token.secret_hash)
    return web.Response(status=204)


async def create_api_key(request: web.Request) -> web.Response:
    """A key of the caller's, shown this once."""
    body = await read_body(request, NewApiKey, SMALL_BODY)
    user_id = request[USER_ID]
    secret, secret_hash = make_secret()
    key = name_owner(API_KEY_PREFIX, user_id, secret)
    made = await db.document(
        request.app[POOL],
        "create_api_key",
        user_id=user_id,
        name=body.name,
        secret_hash=secret_hash,
        hint=key[-HINT_LENGTH:],
        token=request[BEARER],
    )
    return _answer({**msgspec.json.decode(made, type=dict[str, msgspec.Raw]), "key": key}, status=201)


async def delete_api_key(request: web.Request) -> web.Response:
    """End a key of the caller's; what it authorised so far stays."""
    key_id = read_id(request, API_KEY_NOT_FOUND)
    await db.call(request.app[POOL], "delete_api_key", user_id=request[USER_ID], key_id=key_id)
    return web.Response(status=204)


def _logged_in(request: web.Request, user: bytes, secret: str, status: int = 200) -> web.Response:
    user_id = msgspec.json.decode(user, type=_Identified).id
    body = {
        "user": msgspec.Raw(user),
        "accessToken": issue_access_token(request.app[SETTINGS], user_id),
        "refreshToken": name_owner(REFRESH_PREFIX, user_id, secret),
        "expiresIn": LIFETIME_SECONDS,
    }
    return _answer(body, status)


def _answer(body: dict[str, Any], status: int) -> web.Response:
    return web.Response(status=status, body=msgspec.json.encode(body), content_type="application/json")
