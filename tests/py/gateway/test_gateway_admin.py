"""Admins over HTTP: who gets in and who does not, what each change leaves behind, lists while rows come in."""

import asyncio
import secrets
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import jwt
import psycopg
import pytest

from gateway.admin_endpoints import ADMIN
from gateway.endpoints import ROUTES
from gateway.tokens import ALGORITHM, issue_access_token
from tests.py.gateway.conftest import MakeWorld
from tests.py.gateway.world import API, SECRET, Person, Reply, World
from tests.py.support.database import Database

REASON = {"reason": "because of a test"}
OTHER_SECRET = "another-secret-of-tests-with-enough-bytes"
NOBODY = "00000000-0000-4000-8000-000000000000"


@dataclass(frozen=True)
class Example:
    """A call that an admin may make; `leaves` is the action that the audit log keeps of it."""

    body: dict[str, Any] | None = None
    leaves: str | None = None
    needs_reason: bool = True


EXAMPLES = {
    "GET /summary": Example(),
    "GET /margin": Example(),
    "GET /users": Example(),
    "GET /users/{id}": Example(),
    "GET /user/{id}": Example(),
    "POST /users/{id}/throttle": Example(REASON, "throttle"),
    "POST /users/{id}/unthrottle": Example(REASON, "unthrottle"),
    "PUT /users/{id}/limits": Example({**REASON, "dailyUsd": 5, "until": "2099-01-01T00:00:00Z"}, "set_user_limit"),
    "DELETE /users/{id}/limits": Example(REASON, "end_user_limit"),
    "POST /users/{id}/credits": Example({**REASON, "credits": 3}, "grant_credits"),
    "GET /alerts": Example(),
    "POST /alerts/{id}/acknowledge": Example(REASON, "acknowledge_alert"),
    "GET /limits": Example(),
    "PATCH /limits/{tier}": Example({**REASON, "runsPerHour": 11}, "set_limits"),
    "POST /reprice": Example({"multipliers": {"opus": 4}, "prices": {"opus": {"input": 12.5}}}),
    "POST /refresh": Example(None, "refresh_analytics", needs_reason=False),
    "GET /audit": Example(),
}
ADDING = {
    "audit": "engine.write_audit('walk', null, n::text, null, null, 'x')",
    "alerts": "engine.alert_once(gen_random_uuid(), engine.now(), 'walk', '{}', engine.now())",
    "users": "api.register_user(gen_random_uuid() || '@a.example', null, 'x', sha256(random()::text::bytea))",
}
CHANGES = [name for name, example in EXAMPLES.items() if example.leaves]


class Office:
    """A gateway with an admin, and somebody to be looked at."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.admin = self.admin_of_its_own()
        self.person = world.person(unlimited=False)

    def admin_of_its_own(self) -> Person:
        person = self.world.person()
        self.world.value("select admin.set_admin(%s, true, 'tests')", person.id)
        return person

    def alert(self) -> str:
        """A new one about the person."""
        kind = secrets.token_hex(6)
        self.world.value("select engine.alert_once(%s, engine.now(), %s, '{}', engine.now())", self.person.id, kind)
        return self.world.value("select alert_id::text from playground.alerts where kind = %s", kind)

    def limited(self) -> Person:
        """Somebody new with a limit of their own, to be ended."""
        person = self.world.person(unlimited=False)
        self.world.value("select admin.set_user_limit(%s, 'tests', p_daily_usd => 1)", person.id)
        return person

    def path(self, name: str) -> str:
        path = ADMIN + name.split(" ")[1]
        if "/alerts/{id}" in path:
            return path.replace("{id}", self.alert())
        if name == "DELETE /users/{id}/limits":
            return path.replace("{id}", self.limited().id)
        return path.replace("{id}", self.person.id).replace("{tier}", "free")

    async def call(self, name: str, caller: Person | None, body: Any = None, **headers: str) -> Reply:
        body = EXAMPLES[name].body if body is None else body
        options: dict[str, Any] = {} if body is None else {"json": body}
        return await self.world.call(name.split(" ")[0], self.path(name), caller, headers=headers, **options)

    def audit(self, request_id: str) -> list[tuple]:
        assert self.world.database is not None
        return self.world.database.rows(
            "select action, acting_user_id::text, actor, reason from playground.audit_log where request_id = %s",
            [request_id],
        )


@pytest.fixture
async def office(world: World) -> Office:
    assert world.database is not None
    # A limit on how many changes come in a minute is another matter.
    world.value("select admin.set_request_limit('writes', 'user', 100000, interval '1 minute', 'tests')")
    return Office(world)


def test_every_route_of_admins_has_an_example() -> None:
    routes = {f"{route.method} {route.shown_path.removeprefix(ADMIN)}" for route in ROUTES if "/admin/" in route.path}
    assert routes == set(EXAMPLES)


async def callers(office: Office) -> dict[str, tuple[Person | None, int]]:
    """Everybody who might try, and the status they get."""
    world = office.world
    author, demoted, deleted = world.person(), office.admin_of_its_own(), office.admin_of_its_own()
    world.value("select admin.verify_author(%s, true, 'tests')", author.id)
    world.value("select admin.set_admin(%s, false, 'tests')", demoted.id)
    assert world.database is not None
    world.database.rows(
        "update playground.users set deleted_at = engine.now(), email = null where user_id = %s", [deleted.id]
    )
    claims = jwt.decode(author.token, options={"verify_signature": False})
    boasting = jwt.encode({**claims, "isAdmin": True, "is_admin": True, "role": "admin"}, SECRET, ALGORITHM)
    key = (await world.post(f"{API}/auth/keys", {"name": "admin's"}, office.admin)).json["key"]
    user_key = (await world.post(f"{API}/auth/keys", {"name": "user's"}, author)).json["key"]
    return {
        "anonymous": (None, 401),
        "user": (world.person(), 403),
        "author": (author, 403),
        "admin": (office.admin, 200),
        "demoted admin, with a token of before": (demoted, 403),
        "user who signs nothing but claims": (Person(author.id, boasting), 403),
        "admin by a token of another secret": (
            Person(
                office.admin.id, issue_access_token(replace(world.settings, jwt_secret=OTHER_SECRET), office.admin.id)
            ),
            401,
        ),
        "admin by API key": (Person(office.admin.id, key), 200),
        "user by API key": (Person(author.id, user_key), 403),
        "deleted admin": (deleted, 403),
    }


async def test_each_route_lets_in_admins_and_nobody_else(office: Office) -> None:
    found, expected = {}, {}
    lines = office.world.value("select count(*) from playground.audit_log where acting_user_id is not null")
    for who, (caller, status) in (await callers(office)).items():
        replies = await asyncio.gather(*(office.call(name, caller) for name in EXAMPLES))
        found |= {(who, name): reply.status for name, reply in zip(EXAMPLES, replies, strict=True)}
        expected |= {(who, name): status for name in EXAMPLES}
    assert found == expected
    more = office.world.value("select count(*) from playground.audit_log where acting_user_id is not null") - lines
    # Two of them were admins; the limit that both set was new to the first only.
    assert more == 2 * len(CHANGES) - 1


async def test_the_doors_themselves_refuse_whoever_holds_only_the_gateway_s_password(office: Office) -> None:
    """Called as the gateway calls them, for an admin, with any token but the admin's own."""
    world = office.world
    assert world.database is not None
    doors = world.database.rows("""
        select p.proname, p.proargnames[:p.pronargs] from pg_proc p
        where p.pronamespace = 'api'::regnamespace and 'p_request_id' = any (p.proargnames)
    """)
    assert len(doors) >= 16
    tokens = [None, "", "x", world.person().token, jwt.encode({"sub": office.admin.id}, SECRET, ALGORITHM)]
    tokens.append(issue_access_token(replace(world.settings, jwt_secret=OTHER_SECRET), office.admin.id))
    lines = world.value("select count(*) from playground.audit_log")
    with world.database.connect("scrip_gateway") as connection:
        # What a thief says of who acts is not what counts.
        connection.execute("select set_config('scrip.acting_user', %s, false)", [office.admin.id])
        for name, arguments in doors:
            assert arguments[:3] == ["p_user_id", "p_token", "p_request_id"], name
            rest = ", ".join(f"{argument} => null" for argument in arguments[3:])
            call = f"select api.{name}(%s, %s, 'r'{', ' if rest else ''}{rest})"
            for token in tokens:
                with pytest.raises(psycopg.DatabaseError) as refused:
                    connection.execute(call, [office.admin.id, token])  # type: ignore[arg-type]
                assert refused.value.sqlstate == "SCA01", (name, token)
    assert world.value("select count(*) from playground.audit_log") == lines


async def test_a_change_leaves_one_line_with_who_and_why_and_which_request(office: Office) -> None:
    office.world.value("select admin.set_limits('free', null, null, 10, 'as it was')")
    found, expected = {}, {}
    for name in CHANGES:
        request_id = f"request-{secrets.token_hex(4)}"
        reply = await office.call(name, office.admin, **{"X-Request-Id": request_id})
        assert (reply.status, reply.headers["X-Request-Id"]) == (200, request_id)
        reason = REASON["reason"] if EXAMPLES[name].needs_reason else "asked for over HTTP"
        found[name] = office.audit(request_id)
        expected[name] = [(EXAMPLES[name].leaves, office.admin.id, "scrip_gateway", reason)]
    assert found == expected


async def test_a_change_without_a_reason_is_refused_by_the_field_s_name(office: Office) -> None:
    for name in (name for name in CHANGES if EXAMPLES[name].needs_reason):
        body = {field: value for field, value in (EXAMPLES[name].body or {}).items() if field != "reason"}
        for reason in ({}, {"reason": "  \n"}, {"reason": None}):
            reply = await office.call(name, office.admin, {**body, **reason})
            assert (reply.status, list(reply.json["fields"])) == (422, ["reason"]), (name, reason)


async def test_what_is_not_there_is_not_found(office: Office) -> None:
    calls = {
        f"GET /users/{NOBODY}": "person_not_found",
        "GET /users/ann": "person_not_found",
        f"POST /users/{NOBODY}/throttle": "person_not_found",
        f"POST /users/{NOBODY}/unthrottle": "person_not_found",
        f"POST /users/{NOBODY}/credits": "person_not_found",
        f"PUT /users/{NOBODY}/limits": "person_not_found",
        f"DELETE /users/{NOBODY}/limits": "person_not_found",
        f"POST /alerts/{NOBODY}/acknowledge": "not_found",
        "PATCH /limits/nothing": "not_found",
        "PATCH /limits/%00": "not_found",
    }
    for call, error in calls.items():
        method, path = call.split(" ")
        body = {} if method == "GET" else {"json": {**REASON, **({"credits": 1} if "credits" in path else {})}}
        if method in ("PATCH", "PUT"):
            body["json"]["runsPerHour"] = 5
        reply = await office.world.call(method, ADMIN + path, office.admin, **body)
        assert (reply.status, reply.error) == (404, error), call


async def test_a_person_is_throttled_and_let_go_in_two_calls(office: Office) -> None:
    until = "2099-01-01T00:00:00Z"
    body = {**REASON, "until": until}
    shown = (await office.call("POST /users/{id}/throttle", office.admin, body)).json
    assert (shown["isThrottled"], shown["throttledUntil"]) == (True, "2099-01-01T00:00:00.000000Z")
    assert (await office.world.run(office.person)).error == "throttled"
    assert (await office.call("GET /user/{id}", office.admin)).json["alerts"][0]["kind"] == "throttled"
    assert not (await office.call("POST /users/{id}/unthrottle", office.admin)).json["isThrottled"]
    assert (await office.world.run(office.person)).status == 200


async def test_amounts_arrive_as_they_were_written(office: Office) -> None:
    """More digits than a float has."""
    written = "12345678.123456789012"
    body = f'{{"monthlyUsd": {written}, "reason": "exact"}}'
    headers = {"Content-Type": "application/json"}
    reply = await office.world.call("PATCH", f"{ADMIN}/limits/free", office.admin, data=body, headers=headers)
    assert f'"monthlyUsd": {written}' in reply.octets.decode()
    assert office.world.value("select monthly_cost_limit_usd from playground.tiers where tier = 'free'") == Decimal(
        written
    )
    office.world.value("select admin.set_limits('free', 0.5, null, null, 'as it was')")
    own = await office.world.call(
        "PUT", office.path("PUT /users/{id}/limits"), office.admin, data=body, headers=headers
    )
    assert written in own.octets.decode()
    kept = "select monthly_cost_limit_usd from playground.user_limits where user_id = %s"
    assert office.world.value(kept, office.person.id) == Decimal(written)


async def test_odd_limits_and_months_are_refused_by_the_field_s_name(office: Office) -> None:
    bodies = [
        ({}, "body"),
        ({"monthlyUsd": None, "dailyUsd": None}, "body"),
        ({"monthlyUsd": -1}, "monthlyUsd"),
        ({"monthlyUsd": "5"}, "monthlyUsd"),
        ({"dailyUsd": 0.0000000000001}, "dailyUsd"),
        ({"dailyUsd": 100_000_000}, "dailyUsd"),
        ({"runsPerHour": 1.5}, "runsPerHour"),
        ({"runsPerHour": -1}, "runsPerHour"),
        ({"concurrentRuns": 2_147_483_648}, "concurrentRuns"),
        ({"runsPerHour": 5, "until": "2020-01-01T00:00:00Z"}, "until"),
        ({"runsPerHour": 5, "until": "2099-01-01T00:00:00"}, "until"),
        ({"runsPerHour": 5, "until": "tomorrow"}, "until"),
        ({"runsPerDay": 5}, "runsPerDay"),
    ]
    for body, field in bodies:
        reply = await office.call("PUT /users/{id}/limits", office.admin, {**REASON, **body})
        assert (reply.status, list(reply.json["fields"])) == (422, [field]), body
    assert (await office.call("GET /users/{id}", office.admin)).json["overrides"] == []
    for month in ("", "2026", "2026-13", "2026-1", "0000-01", "2026-11%0A", "2026-11-01"):
        reply = await office.world.get(f"{ADMIN}/margin?month={month}", office.admin)
        assert (reply.status, reply.json["fields"]) == (422, {"month": "must be a month, such as 2026-11"}), month
    reply = await office.call("POST /reprice", office.admin, {"multipliers": {"opus": "four"}})
    assert (reply.status, reply.json["fields"]) == (422, {"multipliers": "must be a number, or null"})


async def test_raises_of_one_person_at_once_leave_the_last_and_a_line_each(office: Office) -> None:
    """While the person runs and others look: nobody waits for somebody who waits for them."""
    calls = [
        office.call("PUT /users/{id}/limits", office.admin, {**REASON, "runsPerHour": 1000 + number})
        for number in range(8)
    ]
    calls += [office.call("POST /users/{id}/throttle", office.admin, {**REASON, "until": "2099-01-01T00:00:00Z"})]
    calls += [office.call("POST /users/{id}/unthrottle", office.admin) for _ in range(2)]
    calls += [office.call("GET /users/{id}", office.admin) for _ in range(4)]
    calls += [office.world.run(office.person) for _ in range(4)]
    replies = await asyncio.gather(*calls)
    assert {reply.status for reply in replies[:15]} == {200}
    assert {reply.status for reply in replies[15:]} <= {200, 429}
    lines = "select after #>> '{standing,runsPerHour}' from playground.audit_log where user_id = %s and action = %s"
    assert office.world.database is not None
    kept = office.world.database.rows(f"{lines} order by audit_id", [office.person.id, "set_user_limit"])
    assert sorted(int(runs) for (runs,) in kept) == list(range(1000, 1008))
    shown = (await office.call("GET /users/{id}", office.admin)).json
    assert shown["hourly"]["limit"] == shown["overrides"][0]["runsPerHour"] == int(kept[-1][0])
    assert shown["overrides"][0]["setBy"] == office.admin.id


async def test_the_whole_path_of_somebody_who_runs_into_a_limit(off_the_hour: None, office: Office) -> None:
    """Registered, run up to a threshold, told, explained, raised for a day, run again; the month and another price."""
    world, admin = office.world, office.admin
    world.value("select admin.set_limits('free', null, null, 4, 'as it was')")
    email = f"{secrets.token_hex(8)}@example.com"
    registered = await world.post(f"{API}/auth/register", {"email": email, "password": "a long enough one"})
    person = Person(registered.json["user"]["id"], registered.json["accessToken"])
    user = f"{ADMIN}/users/{person.id}"
    outcomes = [await world.run(person, model="gpt-4o-mini") for _ in range(4)]
    assert [run.status for run in outcomes] == [200] * 4
    assert (await world.get(user, admin)).json["hourly"]["percentUsed"] == 100

    # Told.
    refused = await world.run(person, model="gpt-4o-mini")
    assert (refused.status, refused.json["limitSource"]) == (429, "runs_hour")
    alerts = (await world.get(f"{ADMIN}/alerts?userId={person.id}&acknowledged=false", admin)).json["alerts"]
    assert {(alert["kind"], alert["email"]) for alert in alerts} >= {("limit_exceeded_runs_hour", email)}
    seen = await world.post(f"{ADMIN}/alerts/{alerts[0]['id']}/acknowledge", REASON, admin)
    assert seen.json["acknowledgedBy"] == admin.id

    # Explained, in one call, with the call that helps.
    refusal = (await world.get(user, admin)).json["refusal"]
    assert (refusal["limitSource"], refusal["used"], refusal["limit"]) == ("runs_hour", 4, 4)
    assert refusal["resetsAt"] == refused.json["resetsAt"]
    assert refusal["reason"] == "as it was"
    method, path, *_ = refusal["hint"].split(" ")
    assert (method, path) == ("PUT", f"{user}/limits")
    assert "runsPerHour" in refusal["hint"]

    # Raised for a day, audited with its request.
    until = world.value("select engine.iso(engine.now() + interval '1 day')")
    request_id = f"request-{secrets.token_hex(4)}"
    raised = await world.call(
        method,
        path,
        admin,
        json={"runsPerHour": 50, "until": until, "reason": "a launch"},
        headers={"X-Request-Id": request_id},
    )
    assert raised.status == 200
    assert (raised.json["hourly"]["limit"], raised.json["refusal"]) == (50, None)
    assert [(own["until"], own["setBy"]) for own in raised.json["overrides"]] == [(until, admin.id)]
    assert (await world.run(person, model="gpt-4o-mini")).status == 200
    lines = (await world.get(f"{ADMIN}/audit?userId={person.id}&action=set_user_limit", admin)).json["audit"]
    assert [(line["requestId"], line["actingUserId"], line["reason"]) for line in lines] == [
        (request_id, admin.id, "a launch")
    ]
    assert lines[0]["after"]["temporary"]["runsPerHour"] == 50

    # The month by model is what was used.
    assert (await world.post(f"{ADMIN}/refresh", None, admin)).status == 200
    month = (await world.get(f"{ADMIN}/margin", admin)).json
    used = world.value("""
        select jsonb_object_agg(model, jsonb_build_array(runs, input, output, cost))
        from (
          select model, count(*) as runs, sum(input_tokens) as input, sum(output_tokens) as output,
            trim_scale(sum(cost_usd + budget_usd)) as cost
          from playground.usage
          where reserved_at >= date_trunc('month', engine.now(), 'UTC')
          group by model
        ) as counted
    """)
    figures = ("runs", "inputTokens", "outputTokens", "costUsd")
    assert {line["model"]: [line[name] for name in figures] for line in month["models"]} == used
    assert used["gpt-4o-mini"][0] >= 5
    assert month == (await world.get(f"{ADMIN}/margin?month={month['month']}", admin)).json

    # Another price, tried before it is set.
    since = f"{month['month']}-01T00:00:00Z"
    body = {"multipliers": {"gpt-4o-mini": 7}, "from": since, "to": world.value("select engine.iso(engine.now())")}
    preview = (await world.post(f"{ADMIN}/reprice", body, admin)).json
    assert preview["credits"] == month["total"]["credits"] < preview["newCredits"]

    # And the raise is ended.
    ended = await world.call("DELETE", f"{user}/limits", admin, json=REASON)
    assert (ended.status, ended.json["overrides"], ended.json["hourly"]["limit"]) == (200, [], 4)
    assert (await world.run(person, model="gpt-4o-mini")).status == 429
    world.value("select admin.set_limits('free', null, null, 10, 'as it was')")


async def test_sixteen_repeats_at_once_grant_once(office: Office) -> None:
    before = office.world.balance(office.person)["balance"]
    key = {"Idempotency-Key": secrets.token_hex(8)}
    calls = (office.call("POST /users/{id}/credits", office.admin, **key) for _ in range(16))
    replies = await asyncio.gather(*calls)
    assert {(reply.status, reply.octets) for reply in replies} == {(200, replies[0].octets)}
    assert [reply.headers.get("Idempotent-Replayed") for reply in replies].count(None) == 1
    assert replies[0].json["balance"] == before + 3 == office.world.balance(office.person)["balance"]


async def test_one_key_for_two_people_at_once_grants_to_one(office: Office) -> None:
    people = [office.world.person(0) for _ in range(8)]
    key = {"Idempotency-Key": secrets.token_hex(8)}
    body = {**REASON, "credits": 9}
    replies = await asyncio.gather(
        *(office.world.post(f"{ADMIN}/users/{person.id}/credits", body, office.admin, headers=key) for person in people)
    )
    assert sorted(reply.status for reply in replies) == [200] + [422] * 7
    assert {reply.error for reply in replies if reply.status == 422} == {"idempotency_key_reused"}
    assert sum(office.world.balance(person)["balance"] - 5 for person in people) == 9


@pytest.mark.parametrize("items", ADDING)
async def test_a_walk_shows_each_row_of_its_beginning_once_while_others_come_in(office: Office, items: str) -> None:
    def add(count: int) -> None:
        office.world.value(f"select count({ADDING[items]}) from generate_series(1, %s) n", count)
        if items == "users":
            office.world.value("select admin.refresh_analytics('tests')")

    add(120)
    listed = {
        "audit": "select audit_id::text from playground.audit_log",
        "alerts": "select alert_id::text from playground.alerts",
        "users": "select user_id::text from rollup.user_cost_analytics",
    }[items]
    assert office.world.database is not None
    there = {row for (row,) in office.world.database.rows(listed)}
    id_of = "userId" if items == "users" else "id"
    seen: list[str] = []
    cursor = ""
    while True:
        page = (await office.world.get(f"{ADMIN}/{items}?limit=40{cursor}", office.admin)).json
        seen += [row[id_of] for row in page[items]]
        if page["nextCursor"] is None:
            break
        cursor = f"&cursor={page['nextCursor']}"
        add(3)
    assert len(seen) == len(set(seen)) >= 120
    assert there <= set(seen)
    strange = await office.world.get(f"{ADMIN}/{items}?cursor=6e6f6e65", office.admin)
    assert (strange.status, list(strange.json["fields"])) == (422, ["cursor"])


async def test_a_rolled_secret_and_the_one_before_are_taken_here_and_there(
    office: Office, make_world: MakeWorld
) -> None:
    """The order of a deploy: the database is told, gateways follow, tokens of before last on."""
    office.world.value("select admin.set_token_secret(%s, 'rolled')", OTHER_SECRET)
    try:
        assert (await office.call("GET /summary", office.admin)).status == 200, "the gateway of before"
        async with make_world(jwt_secret=OTHER_SECRET, jwt_secret_previous=SECRET) as rolled:
            for token in (office.admin.token, issue_access_token(rolled.settings, office.admin.id)):
                reply = await rolled.get(f"{ADMIN}/summary", Person(office.admin.id, token))
                assert reply.status == 200
            assert (await rolled.get("/readyz")).json["checks"]["tokens"]
    finally:
        office.world.value("select admin.set_token_secret(%s, 'as it was')", SECRET)


async def test_a_gateway_whose_tokens_the_database_does_not_take_is_not_ready(
    office: Office, make_world: MakeWorld
) -> None:
    async with make_world(jwt_secret="a-secret-that-nobody-told-the-database") as untold:
        reply = await untold.get("/readyz")
        assert (reply.status, reply.json["checks"]["tokens"]) == (503, False)
        token = issue_access_token(untold.settings, office.admin.id)
        admin = Person(office.admin.id, token)
        assert (await untold.get(f"{API}/auth/me", admin)).status == 200
        for name in ("GET /summary", "POST /users/{id}/credits"):
            reply = await Office.call(_Elsewhere(office, untold), name, admin)
            assert (reply.status, reply.error) == (401, "unauthorized")
        assert (await untold.post(f"{API}/auth/keys", {"name": "k"}, admin)).status == 401
        assert (await untold.post(f"{API}/playground/credits/redeem", {"code": "ANY"}, admin)).status == 401


class _Elsewhere(Office):
    """The same people at another gateway."""

    def __init__(self, office: Office, world: World) -> None:
        self.world, self.admin, self.person = world, office.admin, office.person


def test_the_ledger_holds_after_all_of_this(stocked: Database) -> None:
    stocked.assert_ledger_holds()
