"""How many requests somebody may send: who is counted, what an answer says of it, and who cannot get around it."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from typing import Any

import pytest

from gateway.app import ROUTES
from tests.py.gateway.conftest import MakeWorld
from tests.py.gateway.world import API, METRICS_TOKEN, Person, Reply, World, run_body
from tests.py.support.database import Clock, Database
from tests.py.support.proxy import DatabaseProxy

ESTIMATE = f"{API}/playground/estimate"
KEYS = f"{API}/auth/keys"
LOGIN = f"{API}/auth/login"
MODELS = f"{API}/playground/models"
NOBODY = {"email": "nobody@example.com", "password": "not a password"}
NOON = datetime(2027, 1, 1, 12, tzinfo=UTC)
HEADERS = ("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset")
LIMITS = [
    ("writes", "user", 3, "1 minute"),
    ("writes", "address", 5, "5 minutes"),
    ("login", "address", 2, "1 minute"),
    ("public_reads", "address", 2, "1 minute"),
]
# Counted by others: runs with their own limit; Stripe and schedulers by nobody.
COUNTED_ELSEWHERE = {
    "POST /api/v1/playground/run",
    "POST /api/v1/playground/webhooks/stripe/credits",
    "POST /api/v1/webhooks/stripe/credits",
    "POST /api/v1/playground/credits/cron/reset",
    "POST /api/v1/playground/credits/cron/expire",
}


@pytest.fixture(autouse=True)
def limited(database: Database, clock: Clock) -> None:
    """Small limits, nothing used of them, and a clock that stands still."""
    for limit in LIMITS:
        database.rows("select admin.set_request_limit(%s, %s, %s, %s, 'tests')", limit)
    database.rows("truncate playground.request_counters")
    clock.freeze(NOON)


@pytest.fixture
async def behind_proxy(make_world: MakeWorld) -> AsyncIterator[World]:
    """A gateway that takes callers on this machine for proxies of ours."""
    async with make_world(trusted_proxies=(ip_network("127.0.0.1"),)) as world:
        yield world


async def write(world: World, person: Person, address: str | None = None, user_input: Any = "hello") -> Reply:
    """Something that is counted as a write, whatever it answers."""
    return await world.post(ESTIMATE, run_body(user_input), person, headers=forwarded(address))


async def read(world: World, *addresses: str) -> int:
    return (await world.get(MODELS, headers=forwarded(*addresses))).status


def forwarded(*addresses: str | None) -> dict[str, str]:
    named = [address for address in addresses if address is not None]
    return {"X-Forwarded-For": ", ".join(named)} if named else {}


def told(reply: Reply) -> tuple[str | None, ...]:
    return tuple(reply.headers.get(name) for name in HEADERS)


async def test_an_answer_says_what_is_left_refused_or_not(world: World):
    person = world.person(0)
    made = await write(world, person)
    assert (made.status, *told(made)) == (200, "3", "2", "20")
    wrong = await write(world, person, user_input=7)
    assert (wrong.status, *told(wrong)) == (422, "3", "1", "40")
    missing = await world.call("DELETE", f"{KEYS}/00000000-0000-4000-8000-000000000000", person)
    assert (missing.status, *told(missing)) == (404, "3", "0", "60")
    refused = await write(world, person)
    assert (refused.status, refused.error, *told(refused)) == (429, "rate_limited", "3", "0", "20")
    assert refused.headers["Retry-After"] == "20"
    body = refused.json
    assert "your sessions and API keys" in body.pop("hint")
    assert body.pop("message")
    assert body == {
        "error": "rate_limited",
        "limitSource": "requests_user",
        "limit": 3,
        "used": 3,
        "resetsAt": "2027-01-01T12:00:20.000000Z",
        "retryAfter": 20,
    }


async def test_at_no_instant_twice_as_many_pass(world: World, clock: Clock):
    person = world.person(0)
    clock.freeze(NOON - timedelta(microseconds=1))
    assert [(await write(world, person)).status for _ in range(4)] == [200, 200, 200, 429]
    clock.freeze(NOON)
    assert (await write(world, person)).status == 429
    clock.freeze(NOON + timedelta(seconds=20))
    assert [(await write(world, person)).status for _ in range(2)] == [200, 429]
    clock.freeze(NOON + timedelta(hours=1))
    assert [(await write(world, person)).status for _ in range(4)] == [200, 200, 200, 429]


async def test_what_is_refused_has_done_nothing(world: World):
    person = world.person(0)
    for _ in range(3):
        await write(world, person)
    refused = await world.post(f"{API}/organizations", {"name": "Cats"}, person)
    assert refused.status == 429
    assert world.value("select count(*) from playground.organization_members where user_id = %s", person.id) == 0


async def test_browsers_of_listed_origins_may_read_what_is_left(world: World):
    reply = await world.post(ESTIMATE, {}, world.person(0), headers={"Origin": "https://app.example.com"})
    exposed = reply.headers["Access-Control-Expose-Headers"].split(", ")
    assert set(HEADERS) <= set(exposed)


async def test_what_is_not_counted_says_nothing(behind_proxy: World):
    person = behind_proxy.person(10)
    here = forwarded("192.0.2.1")
    replies = [
        await behind_proxy.get("/healthz", headers=here),
        await behind_proxy.get("/metrics", headers=here | {"Authorization": f"Bearer {METRICS_TOKEN}"}),
        await behind_proxy.get("/openapi.json", headers=here),
        await behind_proxy.get(f"{API}/playground/credits", person, headers=here),
        await behind_proxy.get(f"{API}/packages", person, headers=here),
        await behind_proxy.post(f"{API}/webhooks/stripe/credits", {}, headers=here),
        await behind_proxy.post(KEYS, {"name": "k"}, headers=here),
        await behind_proxy.run(person),
    ]
    assert [told(reply) for reply in replies] == [(None, None, None)] * len(replies)
    assert behind_proxy.value("select count(*) from playground.request_counters") == 0


async def test_repeats_with_an_idempotency_key_count_like_any_other(world: World, clock: Clock):
    # The database looks at the token too, which is of now.
    clock.release()
    world.value("select admin.set_request_limit('writes', 'user', 3, '1 day', 'tests')")
    person = world.person(0)
    world.value("select admin.create_promo_code('once-again', 5, 10, null, 'tests')")
    path, key = f"{API}/playground/credits/redeem", {"Idempotency-Key": "a"}
    replies = [await world.post(path, {"code": "once-again"}, person, headers=key) for _ in range(4)]
    assert [reply.status for reply in replies] == [200, 200, 200, 429]
    assert [reply.headers.get("Idempotent-Replayed") for reply in replies[:3]] == [None, "true", "true"]


class TestAddress:
    async def test_all_who_call_from_one_are_counted_together(self, behind_proxy: World):
        people = [behind_proxy.person(0) for _ in range(6)]
        replies = [await write(behind_proxy, person, "192.0.2.1") for person in people]
        assert [reply.status for reply in replies] == [200] * 5 + [429]
        assert replies[5].json["limitSource"] == "requests_address"
        assert told(replies[5]) == ("5", "0", "60")
        assert (await write(behind_proxy, people[5], "192.0.2.2")).status == 200

    async def test_who_is_not_known_is_counted_by_it(self, behind_proxy: World):
        assert [await read(behind_proxy, "192.0.2.1") for _ in range(3)] == [200, 200, 429]
        assert await read(behind_proxy, "192.0.2.2") == 200
        logins = [await behind_proxy.post(LOGIN, NOBODY, headers=forwarded("192.0.2.1")) for _ in range(3)]
        assert [reply.error for reply in logins] == ["invalid_credentials"] * 2 + ["rate_limited"]

    async def test_a_network_of_ipv6_is_one(self, behind_proxy: World):
        addresses = [f"2001:db8:1:2::{number}" for number in range(1, 4)]
        assert [await read(behind_proxy, address) for address in addresses] == [200, 200, 429]
        assert await read(behind_proxy, "2001:db8:1:3::1") == 200

    async def test_what_a_caller_puts_before_a_proxys_word_changes_nothing(self, behind_proxy: World):
        forged = [f"198.51.100.{number}" for number in range(3)]
        assert [await read(behind_proxy, address, "192.0.2.1") for address in forged] == [200, 200, 429]

    async def test_without_trusted_proxies_a_header_names_nobody(self, world: World):
        # The caller is on this machine, so there is no address: neither the forged one nor another is counted.
        assert [await read(world, "192.0.2.1") for _ in range(4)] == [200] * 4
        person = world.person(0)
        statuses = [(await write(world, person, f"192.0.2.{number}")).status for number in range(4)]
        assert statuses == [200, 200, 200, 429]
        assert world.value("select count(*) from playground.request_counters") == 1


async def test_no_database_lets_nobody_in(make_world: MakeWorld, database_proxy: DatabaseProxy):
    async with make_world(database_url=database_proxy.url, database_wait_seconds=0.2) as world:
        person = world.person(0)
        await write(world, person)
        database_proxy.refuse()
        database_proxy.cut_all()
        reply = await write(world, person)
        assert (reply.status, reply.error) == (503, "unavailable")
        assert told(reply) == (None, None, None)
        database_proxy.accept()


async def test_a_count_whose_reply_is_lost_is_not_counted_again(make_world: MakeWorld, database_proxy: DatabaseProxy):
    async with make_world(database_url=database_proxy.url) as world:
        person = world.person(0)
        stop = database_proxy.stop_after("count_request")
        writing = asyncio.ensure_future(write(world, person))
        await stop.reached()
        stop.cut()
        assert (await writing).status == 503
        assert told(await write(world, person))[1] == "1"


class TestRoutes:
    def test_classes_are_those_that_have_limits(self, database: Database):
        classes = {name for (name,) in database.rows("select distinct class from playground.request_limits")}
        assert {route.limited for route in ROUTES if route.limited is not None} == classes

    def test_whatever_changes_something_is_counted(self):
        uncounted = {f"{route.method} {route.shown_path}" for route in ROUTES if route.limited is None}
        assert {name for name in uncounted if not name.startswith("GET ")} == COUNTED_ELSEWHERE

    def test_what_is_open_to_all_and_reads_the_database_is_counted(self):
        for route in ROUTES:
            if route.method == "GET" and route.access.name in {"OPEN", "OPTIONAL"} and route.reads_database:
                assert route.limited == "public_reads", route.path
