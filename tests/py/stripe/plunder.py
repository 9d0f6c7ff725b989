"""What somebody with the gateway's password could call: every function of `api`, with arguments that might work."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import psycopg
from psycopg import sql

from gateway.settings import Settings
from gateway.tokens import API_KEY_PREFIX, issue_access_token, name_owner
from tests.py.ledger.world import PACKAGE
from tests.py.stripe.shop import SECRET, Shop

# Catalogues are open to everybody: whoever is inside sees what there is to call.
SIGNATURES = """
    select p.proname, coalesce(p.proargnames[:p.pronargs], '{}'), array(
      select format('%I.%I', t.typnamespace::regnamespace, t.typname)
      from unnest(p.proargtypes) with ordinality as a (type, position)
      join pg_catalog.pg_type t on t.oid = a.type
      order by a.position)
    from pg_catalog.pg_proc p
    where p.pronamespace = 'api'::regnamespace
    order by p.proname
"""


# What a key that the thief made up ends with.
KEY_SECRET = "k" * 43


def forged(user_id: str) -> str:
    """An access token in all but its signature."""
    settings = Settings(database_url="", jwt_secret="a-secret-that-the-thief-has-made-up-for-it")
    return issue_access_token(settings, user_id)


def key_of(user_id: str) -> str:
    """An API key, were there one with the made-up secret."""
    return name_owner(API_KEY_PREFIX, user_id, KEY_SECRET)


@dataclass(frozen=True)
class Door:
    """A function of `api`: names of its arguments with their types."""

    name: str
    arguments: list[tuple[str, str]]


def doors(gateway: psycopg.Connection[Any]) -> list[Door]:
    rows = gateway.execute(SIGNATURES).fetchall()
    return [Door(name, list(zip(names, kinds, strict=True))) for name, names, kinds in rows]


class Loot:
    """Values worth trying, by the argument's name, then by its type."""

    def __init__(self, shop: Shop, ids: dict[str, list[str]], texts: list[str], emails: list[str]) -> None:
        all_ids = [value for values in ids.values() for value in values]
        self.by_name: dict[str, list[Any]] = {
            **{f"p_{name}": [*values, *values, *all_ids[:3]] for name, values in ids.items()},
            "p_package": [PACKAGE, PACKAGE, "x"],
            "p_pack": ["small", "medium", "large", "x"],
            "p_email": emails,
            "p_to_email": emails,
            "p_code": ["RIGHT-CODE", "wrong-code", "x"],
            "p_model": ["sonnet", "gpt-4o-mini", "opus"],
            "p_role": ["owner", "admin", "member"],
            "p_outcome": ["completed", "provider_refused", "timed_out", "client_gone", "x"],
            "p_signature": [f"t={int(shop.now().timestamp())},v1={'0' * 64}", "", None],
            "p_payload": [b"{}", b"", SECRET.encode()],
            "p_user_input": ["hello"],
            "p_custom_prompt": [None, "x"],
            "p_package_version": [None, "1.0.0"],
            "p_temperature": [None, 0.5],
            "p_api_key_hash": [None],
            "p_session_id": [None, *all_ids],
            "p_idempotency_key": [None, "one", "two"],
            # The form of a token is known, and a guess at what signs it costs nothing; so is that of a key.
            "p_token": [None, "x", *(forged(person) for person in ids["user_id"]), *map(key_of, ids["user_id"])],
            "p_secret_hash": [sha256(KEY_SECRET.encode()).digest()],
            "p_name": ["laptop"],
            "p_person_id": ids["user_id"],
            "p_reason": ["because"],
            "p_type": ["admin", "bonus", "purchase", None],
            "p_credits": [1, 1_000],
            "p_tier": ["free"],
            "p_class": ["writes", "login"],
            "p_refresh_token_hash": [bytes(32), bytes(range(32))],
            "p_organization_id": [None, *all_ids],
            "p_limit": [1, 10, 1000],
            "p_offset": [0, 1],
        }
        self.by_type: dict[str, list[Any]] = {
            "uuid": all_ids,
            "text": [*texts, None, "x"],
            "int8": [0, 1, 10, 1_000, 10**15, -1, -(10**6)],
            "int4": [0, 1, 10**6, -1],
            "bool": [True, False],
            "bytea": [b"", bytes(32)],
            "numeric": [0, 1],
            "timestamptz": [shop.now(), None],
        }

    def pick(self, chance: random.Random, name: str, kind: str) -> Any:
        return chance.choice(self.by_name.get(name) or self.by_type[kind.removeprefix("pg_catalog.").strip('"')])


def attempts(doors: list[Door], loot: Loot, rounds: int, seed: int) -> Iterator[tuple[str, sql.Composed, list[Any]]]:
    """Each function `rounds` times, in random order, each time with other arguments."""
    chance = random.Random(seed)
    order = doors * rounds
    chance.shuffle(order)
    for door in order:
        values = [loot.pick(chance, name, kind) for name, kind in door.arguments]
        named = sql.SQL(", ").join(
            sql.SQL("{} => %s::{}").format(sql.Identifier(name), sql.SQL(kind))  # type: ignore[arg-type]
            for name, kind in door.arguments
        )
        statement = sql.SQL("select * from api.{}({})").format(sql.Identifier(door.name), named)
        yield door.name, statement, values
