"""Limits as callers see them: an own cap, exact to the digit, and what a refused run is told."""

from decimal import Decimal

from tests.py.gateway.world import API, PACKAGE, Person, Reply, World

COST_CAP = f"{API}/playground/cost-cap"
JSON = {"Content-Type": "application/json"}
KEPT = {"0.3": "0.3", "0.123456": "0.123456", "2.5e-1": "0.25", "0.4000000000": "0.4", "0": "0", "-0.0": "0"}
TOO_LONG = ("0." + "1" * 60, "9" * 60)
NOT_NUMBERS = ('"0.3"', "true", "[]", '"NaN"', '"\\u0000"')
NO_CAPS = ("-0.000001", "0.1234567", "0.5", "1e40", "1e99", "1e999", "-1e-99", *NOT_NUMBERS, *TOO_LONG)


async def put(world: World, body: str, person: Person | None = None) -> Reply:
    return await world.call("PUT", COST_CAP, person, data=body, headers=JSON)


async def test_a_cap_is_kept_as_it_was_written(world: World):
    person = world.person(unlimited=False)
    for written, kept in KEPT.items():
        reply = await put(world, f'{{"monthlyUsd": {written}}}', person)
        assert reply.status == 200, reply.json
        assert reply.json.keys() == {"monthlyUsd", "tierMonthlyUsd", "monthUsedUsd", "resetsAt"}
        # As it was sent: a float would show what it made of it.
        assert f'"monthlyUsd" : {kept},'.encode() in reply.octets
        stored = world.value("select cost_cap_usd from playground.users where user_id = %s", person.id)
        assert stored == Decimal(kept)


async def test_a_cap_holds_for_the_next_run_until_it_is_removed(world: World):
    person = world.person(unlimited=False)
    assert (await put(world, '{"monthlyUsd": 0.000001}', person)).status == 200
    refused = await world.run(person)
    assert (refused.status, refused.error) == (429, "throttled")
    assert refused.json["limitSource"] == "own_cap"
    assert (refused.json["limit"], refused.json["used"]) == (0.000001, 0)
    assert refused.json["hint"] == "Raise or remove the cap you set yourself."
    assert int(refused.headers["Retry-After"]) == refused.json["retryAfter"] > 0
    assert (await put(world, '{"monthlyUsd": null}', person)).json["monthlyUsd"] is None
    assert (await world.run(person)).status == 200


async def test_what_is_no_cap_is_refused_by_its_field(world: World):
    person = world.person(unlimited=False)
    bodies = {f'{{"monthlyUsd": {written}}}': "monthlyUsd" for written in NO_CAPS}
    bodies |= {"{}": "monthlyUsd", '{"monthlyUsd": 0.1, "dailyUsd": 0.1}': "dailyUsd"}
    for body, field in bodies.items():
        reply = await put(world, body, person)
        assert (reply.status, reply.error) == (422, "validation_failed"), body
        assert reply.json["fields"].keys() == {field}
    assert world.value("select cost_cap_usd from playground.users where user_id = %s", person.id) is None


async def test_nobody_caps_without_being_somebody(lonely: World):
    assert (await put(lonely, '{"monthlyUsd": 0.1}')).status == 401


async def test_one_run_too_many_at_once_is_asked_to_come_back_soon(world: World):
    person = world.person(unlimited=False)
    world.value("select count(admin.set_user_limit(%s, 'tests', p_concurrent_runs => 1))", person.id)
    begun = "select refusal from api.reserve_run(%s, %s, null, 'Hi', null, null, false, null, null, null, null)"
    assert world.value(begun, person.id, PACKAGE) is None
    refused = await world.run(person)
    assert (refused.status, refused.error) == (429, "throttled")
    assert refused.json["limitSource"] == "runs_concurrent"
    assert (refused.json["limit"], refused.json["used"]) == (1, 1)
    assert refused.headers["Retry-After"] == "2"


async def test_who_may_have_no_run_at_once_is_not_told_to_wait_for_one_to_end(world: World):
    person = world.person(unlimited=False)
    world.value("select count(admin.set_user_limit(%s, 'tests', p_concurrent_runs => 0))", person.id)
    refused = await world.run(person)
    assert (refused.status, refused.json["limitSource"]) == (429, "runs_concurrent")
    assert (refused.json["limit"], refused.json["used"], refused.json["resetsAt"]) == (0, 0, None)
    assert refused.headers["Retry-After"] == "3600"


async def test_a_provider_that_is_stopped_is_told_with_the_reason(world: World):
    person = world.person()
    world.value("select count(admin.set_provider_enabled('anthropic', false, 'tests'))")
    try:
        refused = await world.run(person)
        assert (refused.status, refused.error) == (503, "model_unavailable")
        assert refused.json["reason"] == "provider_disabled"
        assert refused.json["model"] == "sonnet"
        assert "Retry-After" not in refused.headers
    finally:
        world.value("select count(admin.set_provider_enabled('anthropic', true, 'tests'))")
    world.value("select count(admin.set_provider_ceiling('anthropic', 0, true, 'tests'))")
    try:
        refused = await world.run(person)
        assert (refused.status, refused.error) == (503, "model_unavailable")
        assert refused.json["reason"] == "spend_ceiling"
        assert refused.json["resetsAt"].endswith("T00:00:00.000000Z")
        assert int(refused.headers["Retry-After"]) == refused.json["retryAfter"] <= 24 * 3600
    finally:
        world.value("select count(admin.set_provider_ceiling('anthropic', 100, false, 'tests'))")
    assert (await world.run(person)).status == 200
