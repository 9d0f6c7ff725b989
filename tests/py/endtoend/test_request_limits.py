"""Several gateways share one limit: of many at once exactly as many pass as it says, and no two block each other."""

import asyncio
from collections import Counter

import aiohttp
import pytest

from gateway.tokens import issue_access_token
from tests.py.endtoend.conftest import Service, StartGateway
from tests.py.endtoend.programs import SETTINGS, Gateway
from tests.py.support.database import Database

API = "/api/v1"
CALLERS = 64
PASS = 10
# The first thing a counted request does is to be counted; this one then finds no such key.
DELETE = f"{API}/auth/keys/00000000-0000-4000-8000-000000000000"


@pytest.fixture(scope="module")
def services(start_gateway: StartGateway, database: Database) -> list[Service]:
    """Two gateways that take callers on this machine for proxies of ours."""
    # Nothing comes back while the tests last, nor does it matter which of many calls looked at the clock first.
    database.clock.freeze(database.clock.now())
    for kind in ("user", "address"):
        database.rows("select admin.set_request_limit('writes', %s, %s, '1 day', 'tests')", [kind, PASS])
    url = database.url("scrip_gateway")
    return [Service(start_gateway, url, trusted_proxies="127.0.0.1") for _ in range(2)]


@pytest.fixture
async def gateways(services: list[Service]) -> list[Gateway]:
    return [await service.gateway() for service in services]


def people(database: Database, count: int) -> list[dict[str, str]]:
    """Headers of new people."""
    made = database.rows(
        """
        select api.register_user(gen_random_uuid() || '@scrip.example', null, 'no hash', sha256(n::text::bytea))
          ->> 'id'
        from generate_series(1, %s) as n
        """,
        [count],
    )
    return [{"Authorization": f"Bearer {issue_access_token(SETTINGS, user_id)}"} for (user_id,) in made]


async def answers(
    session: aiohttp.ClientSession, gateways: list[Gateway], headers: list[dict[str, str]]
) -> tuple[Counter[int], list[int]]:
    """Statuses of calls with these headers, all at once and at both gateways; what was left to those that passed."""

    async def call(number: int) -> tuple[int, int]:
        gateway = gateways[number % len(gateways)]
        async with session.delete(gateway.address + DELETE, headers=headers[number]) as answer:
            assert answer.headers["RateLimit-Limit"] == str(PASS)
            return answer.status, int(answer.headers["RateLimit-Remaining"])

    found = await asyncio.gather(*(call(number) for number in range(len(headers))))
    return Counter(status for status, _ in found), sorted(left for status, left in found if status != 429)


async def test_of_many_calls_of_a_person_at_two_gateways_exactly_as_many_pass_as_the_limit_says(
    session: aiohttp.ClientSession, gateways: list[Gateway], database: Database
):
    statuses, left = await answers(session, gateways, people(database, 1) * CALLERS)
    assert statuses == {404: PASS, 429: CALLERS - PASS}
    assert left == list(range(PASS))


async def test_of_many_people_at_one_address_exactly_as_many_pass_as_the_limit_says(
    session: aiohttp.ClientSession, gateways: list[Gateway], database: Database
):
    callers = [who | {"X-Forwarded-For": "192.0.2.1"} for who in people(database, CALLERS)]
    statuses, left = await answers(session, gateways, callers)
    assert statuses == {404: PASS, 429: CALLERS - PASS}
    assert left == list(range(PASS))


async def test_people_and_addresses_in_any_mixture_block_nobody_and_lose_no_count(
    session: aiohttp.ClientSession, gateways: list[Gateway], database: Database
):
    addresses = [f"198.51.100.{number}" for number in range(8)]
    # Every person from every address, three times.
    callers = [who | {"X-Forwarded-For": address} for who in people(database, 8) for address in addresses] * 3
    statuses, _ = await answers(session, gateways, callers)
    assert set(statuses) == {404, 429}
    used = """
        select round(sum(extract(epoch from resets_at - engine.now()) / extract(epoch from per / requests)))::integer
        from playground.request_counters
        join playground.request_limits using (class)
        where subject_kind = 'address'
          and subject = any (select sha256(address::bytea) from unnest(%s::text[]) as address)
    """
    # What the people's limits refused was given back to the addresses.
    assert database.value(used, [addresses]) == statuses[404]
