"""What is said of a wrong field: plain English, each wrong field at once, nothing of how it was checked."""

from typing import Any

import msgspec
import pytest

from gateway import schemas
from gateway.app import ROUTES
from gateway.complaints import MOST_FIELDS, complaints
from tests.py.gateway.world import API, World

REGISTERING = {"email": "ann@example.com", "password": "long enough"}


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"email": "ann"}, "is not an e-mail address"),
        ({"email": "a"}, "must have at least 3 characters"),
        ({"email": None}, "must be a text"),
        ({"email": ["a"]}, "must be a text"),
        ({"password": "short"}, "must have at least 8 characters"),
        ({"password": "x" * 129}, "must have at most 128 characters"),
        ({"username": ""}, "must not be empty"),
        ({"username": 5}, "must be a text"),
        ({"tier": "unlimited"}, "unknown field"),
    ],
    ids=str,
)
async def test_a_wrong_field_is_explained(lonely: World, fields: dict[str, Any], complaint: str):
    reply = await lonely.post(f"{API}/auth/register", REGISTERING | fields)
    assert reply.json["fields"] == {next(iter(fields)): complaint}


@pytest.mark.parametrize(
    ("query", "complaint"),
    [
        ("limit=0", "must be at least 1"),
        ("limit=101", "must be at most 100"),
        ("limit=x", "must be a whole number"),
        ("type=theft", "must be one of signup, monthly, purchase, spend, rollover, expire, refund, bonus, admin, gift"),
        ("x=1", "unknown parameter"),
    ],
)
async def test_a_wrong_parameter_is_explained(lonely: World, query: str, complaint: str):
    token = {"Authorization": f"Bearer {_token(lonely)}"}
    reply = await lonely.get(f"{API}/playground/credits/history?{query}", headers=token)
    assert list(reply.json["fields"].values()) == [complaint]


def _token(world: World) -> str:
    from gateway.tokens import issue_access_token

    return issue_access_token(world.settings, "00000000-0000-4000-8000-000000000000")


async def test_every_wrong_field_is_named_at_once(lonely: World):
    reply = await lonely.post(f"{API}/auth/register", {"email": "ann", "username": 1, "tier": "x"})
    assert reply.json["fields"] == {
        "email": "is not an e-mail address",
        "password": "is required",
        "username": "must be a text",
        "tier": "unknown field",
    }


async def test_no_more_fields_are_named_than_anybody_reads(lonely: World):
    reply = await lonely.post(f"{API}/auth/register", REGISTERING | {f"x{n}": n for n in range(1000)})
    assert len(reply.json["fields"]) == MOST_FIELDS


@pytest.mark.parametrize(
    ("start", "fields"),
    [
        (b'{"tier": ', {"tier": "unknown field"}),
        (b'{"email": ', {"email": "must be a text"}),
        (b'{"email": "ann", "password": ', {"email": "is not an e-mail address"}),
    ],
)
async def test_what_is_nested_too_deep_to_be_read_is_refused_for_its_first_field(
    lonely: World, start: bytes, fields: dict[str, str]
):
    body = start + b"[" * 5000 + b"]" * 5000 + b"}"
    headers = {"Content-Type": "application/json"}
    reply = await lonely.call("POST", f"{API}/auth/register", data=body, headers=headers)
    # A newer Python can read that deep, and then complains of the other fields as well.
    assert reply.status == 422
    assert fields.items() <= reply.json["fields"].items()


@pytest.mark.parametrize("body", [[], "text", 5, True])
async def test_what_is_no_object_is_said_of_the_body(lonely: World, body: Any):
    reply = await lonely.post(f"{API}/auth/register", body)
    assert (reply.status, reply.json["fields"]) == (422, {"body": "must be an object"})


def test_only_email_addresses_names_of_models_and_months_have_a_pattern():
    # Whatever else gets one needs words of its own.
    kinds = {kind for route in ROUTES for kind in (route.body, route.query) if kind is not None}
    fields = {field.encode_name: field.type for kind in kinds for field in msgspec.structs.fields(kind)}
    patterned = {name for name, kind in fields.items() if "pattern=" in repr(kind)}
    assert patterned == {"email", "toEmail", "multipliers", "prices", "month"}
    assert all(schemas.Email is fields[name] for name in ("email", "toEmail"))
    for name in ("multipliers", "prices"):
        said = complaints(
            schemas.Reprice, {name: b'{"a b": 1}'}, lambda raw, kind: msgspec.json.decode(raw, type=kind), ""
        )
        assert said == {name: "has a name that no model can have"}
    said = complaints(schemas.MarginQuery, {"month": "2026-13"}, msgspec.convert, "")
    assert said == {"month": "must be a month, such as 2026-11"}
