"""A database that goes away at the worst moment: what is retried, what is refused, what is never done twice."""

import asyncio
from dataclasses import replace

import pytest

from gateway.keys import CODE_VERSION, POOL
from gateway.llm.simulator.behaviour import Pause
from gateway.tokens import issue_access_token
from tests.py.gateway.conftest import MakeWorld
from tests.py.gateway.world import API, SETTINGS, World, serving, until
from tests.py.support.proxy import DatabaseProxy


@pytest.fixture
async def proxied(make_world: MakeWorld, database_proxy: DatabaseProxy):
    async with make_world(database_url=database_proxy.url) as world:
        yield world


async def test_a_run_is_two_round_trips(proxied: World, database_proxy: DatabaseProxy):
    person = proxied.person()
    await proxied.run(person)
    before = dict(database_proxy.calls)
    for stream in (False, True):
        assert (await proxied.run(person, stream=stream)).status == 200
    made = {name: count - before.get(name, 0) for name, count in database_proxy.calls.items()}
    assert {name: count for name, count in made.items() if count} == {"reserve_run": 2, "settle_run": 2}


async def test_an_api_key_costs_a_run_no_further_round_trip(proxied: World, database_proxy: DatabaseProxy):
    person = proxied.person()
    key = (await proxied.post(f"{API}/auth/keys", {"name": "k"}, person)).json["key"]
    await proxied.run(replace(person, token=key))
    assert database_proxy.calls["authenticate_api_key"] == 0
    assert database_proxy.calls["reserve_run"] == 1


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("point", ["stop_before", "stop_after"])
async def test_a_connection_lost_around_settling_is_settled_once(
    proxied: World, database_proxy: DatabaseProxy, point: str, stream: bool
):
    person = proxied.person(100)
    stop = getattr(database_proxy, point)("settle_run")
    run = asyncio.ensure_future(proxied.run(person, stream=stream))
    await stop.reached()
    stop.cut()
    reply = await run
    assert reply.status == 200
    assert proxied.usage(person) == ["completed"]
    spent = proxied.value(
        "select array_agg(amount) from playground.transactions where account_id = %s and type = 'spend'", person.id
    )
    assert spent == [-1]
    assert proxied.open_holds(person) == 0
    if stream:
        assert b"event: done" in reply.octets


async def test_done_is_said_only_after_settling(proxied: World, database_proxy: DatabaseProxy):
    person = proxied.person(100)
    stop = database_proxy.stop_after("settle_run")
    async with proxied.stream(person) as response:
        await stop.reached()
        received = response.content.read_nowait()
        assert b"event: delta" in received
        assert b"event: done" not in received
        assert proxied.usage(person) == ["completed"]
        stop.resume()
        received += await response.content.read()
    assert b"event: done" in received


async def test_a_reservation_whose_reply_is_lost_is_not_made_again(proxied: World, database_proxy: DatabaseProxy):
    person = proxied.person(100)
    stop = database_proxy.stop_after("reserve_run")
    run = asyncio.ensure_future(proxied.run(person))
    await stop.reached()
    stop.cut()
    reply = await run
    assert (reply.status, reply.error) == (503, "unavailable")
    assert int(reply.headers["Retry-After"]) >= 1
    assert await proxied.calls_made() == 0
    # It ends by itself, within its limit.
    assert proxied.open_holds(person) == 1


async def test_connections_that_died_while_idle_are_noticed_before_use(proxied: World, database_proxy: DatabaseProxy):
    person = proxied.person(100)
    await asyncio.gather(*(proxied.run(person) for _ in range(6)))
    database_proxy.cut_all()
    replies = await asyncio.gather(*(proxied.run(person) for _ in range(6)))
    assert [reply.status for reply in replies] == [200] * 6


async def test_the_servers_farewell_is_noticed_before_use(world: World):
    person = world.person(100)
    await world.run(person)
    assert world.database is not None
    world.database.rows(
        "select pg_terminate_backend(pid, 60000) from pg_stat_activity "
        "where application_name = 'scrip-gateway' and datname = current_database()",
        role="postgres",
    )
    assert (await world.run(person)).status == 200


async def test_a_database_away_is_a_503_and_readiness_says_so(proxied: World, database_proxy: DatabaseProxy):
    person = proxied.person(100)
    assert (await proxied.get("/readyz")).json["checks"]["database"] is True
    database_proxy.refuse()
    database_proxy.cut_all()
    ready = await proxied.get("/readyz")
    assert (ready.status, ready.json) == (503, {"ready": False, "checks": {"database": False}})
    for reply in (await proxied.run(person), await proxied.get(f"{API}/playground/credits", person)):
        assert (reply.status, reply.error) == (503, "unavailable")
        assert int(reply.headers["Retry-After"]) >= 1
    assert (await proxied.get("/healthz")).status == 200
    database_proxy.accept()
    async with asyncio.timeout(120):
        while not (await proxied.get("/readyz")).json["checks"]["database"]:
            pass
    assert (await proxied.run(person)).status == 200


async def test_a_run_whose_settling_finds_no_database_waits_for_it(proxied: World, database_proxy: DatabaseProxy):
    person = proxied.person(100)
    proxied.pause(Pause("before_first_byte"))
    run = asyncio.ensure_future(proxied.run(person))
    await proxied.waiting("before_first_byte")
    database_proxy.refuse()
    database_proxy.cut_all()
    pool = proxied.app[POOL]
    failed = pool.get_stats().get("connections_errors", 0)
    proxied.resume()
    await until(lambda: pool.get_stats().get("connections_errors", 0) > failed, "a connection that is refused")
    database_proxy.accept()
    reply = await run
    assert reply.status == 200
    assert proxied.usage(person) == ["completed"]


async def test_no_connection_is_held_while_a_model_answers(make_world: MakeWorld):
    async with make_world(database_connections=1) as world:
        person = world.person(100)
        world.pause(Pause("before_first_byte", times=5))
        runs = [asyncio.ensure_future(world.run(person)) for _ in range(5)]
        assert world.simulator is not None
        stage = world.simulator.stage
        await until(lambda: stage.waiting["before_first_byte"] == 5, "five calls under way")
        assert (await world.get(f"{API}/playground/credits", person)).status == 200
        world.resume()
        assert [reply.status for reply in await asyncio.gather(*runs)] == [200] * 5


async def test_a_pool_that_is_used_up_refuses_with_a_word_when_to_come_back(
    make_world: MakeWorld, database_proxy: DatabaseProxy
):
    async with make_world(database_url=database_proxy.url, database_connections=1, database_wait_seconds=0.5) as world:
        person = world.person()
        # A connection takes its time to come, and the gateway's own work has the first turn.
        await world.at_rest()
        stop = database_proxy.stop_before("get_balance")
        held = asyncio.ensure_future(world.get(f"{API}/playground/credits", person))
        await stop.reached()
        reply = await world.get(f"{API}/auth/me", person)
        assert (reply.status, reply.error, reply.headers["Retry-After"]) == (503, "unavailable", "1")
        stop.resume()
        assert (await held).status == 200


async def test_a_bug_in_the_database_is_a_500_that_says_nothing(world: World, capfd: pytest.CaptureFixture[str]):
    assert world.database is not None
    source = world.value("select pg_get_functiondef('api.list_packs()'::regprocedure)")
    world.database.rows(
        "create or replace function api.list_packs() returns json language plpgsql stable security definer "
        "set search_path = '' as $$ begin raise 'secret words of the database'; end $$"
    )
    try:
        reply = await world.get(f"{API}/playground/credits/packages")
    finally:
        world.database.rows(source)
    assert (reply.status, reply.error) == (500, "internal_error")
    assert set(reply.json) == {"error", "message"}
    written = "".join(capfd.readouterr())
    assert "secret words" not in written + reply.octets.decode()
    assert "P0001" in written


async def test_the_database_is_asked_nothing_but_functions_of_the_api(proxied: World, database_proxy: DatabaseProxy):
    person = proxied.person()
    await proxied.run(person)
    await proxied.get(f"{API}/playground/credits/history.csv", person)
    names = set(database_proxy.calls)
    known = proxied.value("select array_agg(proname::text) from pg_proc where pronamespace = 'api'::regnamespace")
    assert names <= set(known)


async def test_a_gateway_that_never_reached_its_database_still_answers():
    async with serving(replace(SETTINGS, database_wait_seconds=0.2)) as lonely:
        assert (await lonely.get("/healthz")).status == 200
        assert (await lonely.get("/readyz")).status == 503
        token = issue_access_token(lonely.settings, "00000000-0000-4000-8000-000000000000")
        reply = await lonely.get(f"{API}/auth/me", headers={"Authorization": f"Bearer {token}"})
        assert (reply.status, reply.error) == (503, "unavailable")


async def test_code_of_another_version_is_not_ready(world: World):
    loaded = world.value("select code_version from playground.platform_state")
    try:
        for version, status in (("another", 503), (world.app[CODE_VERSION], 200)):
            world.value("update playground.platform_state set code_version = %s returning 1", version)
            reply = await world.get("/readyz")
            assert (reply.status, reply.json["checks"]["codeVersion"]) == (status, status == 200)
    finally:
        world.value("update playground.platform_state set code_version = %s returning 1", loaded)


async def test_a_ledger_found_wrong_is_not_ready(world: World):
    world.value("update playground.platform_state set ledger_violations = 1, ledger_verified_at = now() returning 1")
    try:
        reply = await world.get("/readyz")
        assert (reply.status, reply.json["checks"]["ledger"]) == (503, False)
    finally:
        world.value("update playground.platform_state set ledger_violations = 0 returning 1")
