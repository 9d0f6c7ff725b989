"""Becoming somebody, staying somebody, ceasing to be somebody; over the real database."""

import secrets
import uuid

import pytest

from gateway.tokens import LIFETIME_SECONDS
from tests.py.gateway.world import API, PACKAGE, Person, Reply, World, run_body

PASSWORD = "correct horse battery"


def new_email() -> str:
    return f"{secrets.token_hex(8)}@example.com"


async def register(world: World, email: str) -> Reply:
    return await world.post(f"{API}/auth/register", {"email": email, "password": PASSWORD, "username": "ann"})


async def login(world: World, email: str, password: str = PASSWORD) -> Reply:
    return await world.post(f"{API}/auth/login", {"email": email, "password": password})


async def refresh(world: World, token: str) -> Reply:
    return await world.post(f"{API}/auth/refresh", {"refreshToken": token})


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def test_registering_makes_a_person_with_five_credits_who_is_logged_in(world: World):
    email = new_email()
    reply = await register(world, email)
    assert reply.status == 201
    assert reply.json.keys() == {"user", "accessToken", "refreshToken", "expiresIn"}
    assert reply.json["expiresIn"] == LIFETIME_SECONDS
    user = reply.json["user"]
    assert (user["email"], user["username"], user["tier"]) == (email, "ann", "free")
    assert (user["isAdmin"], user["subscription"]) == (False, None)
    me = await world.get(f"{API}/auth/me", headers=bearer(reply.json["accessToken"]))
    assert me.json == user
    credits = await world.get(f"{API}/playground/credits", headers=bearer(reply.json["accessToken"]))
    assert credits.json["available"] == 5


async def test_an_address_is_registered_once(world: World):
    email = new_email()
    await register(world, email)
    again = await register(world, email.upper())
    assert (again.status, again.error) == (409, "email_taken")


async def test_logging_in_needs_the_password_and_tells_nothing_else(world: World):
    email = new_email()
    registered = await register(world, email)
    good = await login(world, email)
    assert good.status == 200
    assert good.json["user"] == registered.json["user"]
    wrong = await login(world, email, "wrong password")
    unknown = await login(world, new_email())
    assert wrong.status == unknown.status == 401
    assert wrong.octets == unknown.octets
    assert wrong.error == "invalid_credentials"


async def test_an_unknown_address_costs_the_same_work(world: World, monkeypatch: pytest.MonkeyPatch):
    verified: list[str] = []
    monkeypatch.setattr("gateway.passwords._matches", lambda known, password: verified.append(known) or False)
    await login(world, new_email())
    assert len(verified) == 1
    assert verified[0].startswith("$argon2id$v=19$m=19456,t=2,p=1$")


async def test_too_many_attempts_are_refused_for_known_and_unknown_alike(world: World):
    for email in (new_email(), new_email()):
        replies = [await login(world, email, "wrong password") for _ in range(40)]
        assert {reply.status for reply in replies} == {401, 429}
        last = replies[-1]
        assert (last.status, last.error) == (429, "rate_limited")
        assert int(last.headers["Retry-After"]) == last.json["retryAfter"] > 0


async def test_refreshing_rotates_and_a_replay_ends_the_family(world: World):
    first = (await register(world, new_email())).json
    second = await refresh(world, first["refreshToken"])
    assert second.status == 200
    assert second.json["user"] == first["user"]
    third = await refresh(world, second.json["refreshToken"])
    assert third.status == 200
    replayed = await refresh(world, first["refreshToken"])
    assert (replayed.status, replayed.error) == (401, "invalid_refresh_token")
    assert (await refresh(world, third.json["refreshToken"])).status == 401


async def test_logging_out_ends_the_family_and_may_be_repeated(world: World):
    token = (await register(world, new_email())).json["refreshToken"]
    for _ in range(2):
        assert (await world.post(f"{API}/auth/logout", {"refreshToken": token})).status == 204
    assert (await refresh(world, token)).error == "invalid_refresh_token"
    assert (await world.post(f"{API}/auth/logout", {"refreshToken": "nothing"})).status == 204


async def test_a_refresh_token_opens_nothing_else(world: World):
    session = (await register(world, new_email())).json
    assert (await world.get(f"{API}/auth/me", headers=bearer(session["refreshToken"]))).status == 401
    assert (await refresh(world, session["accessToken"])).status == 401


async def test_one_persons_refresh_token_under_anothers_id_is_nothing(world: World):
    mine = (await register(world, new_email())).json["refreshToken"]
    other = (await register(world, new_email())).json["user"]["id"]
    prefix, kind, _, secret = mine.split("_", 3)
    forged = f"{prefix}_{kind}_{uuid.UUID(other).hex}_{secret}"
    assert (await refresh(world, forged)).status == 401
    assert (await refresh(world, mine)).status == 200


async def test_a_deleted_person_is_nobody_at_once(world: World):
    person = world.person()
    assert (await world.get(f"{API}/auth/me", person)).status == 200
    world.value(
        "update playground.users set deleted_at = engine.now(), email = null where user_id = %s returning 1", person.id
    )
    for path in (
        "/auth/me",
        "/auth/keys",
        "/playground/credits",
        "/playground/sessions",
        "/playground/credits/history",
    ):
        reply = await world.get(API + path, person)
        assert (reply.status, reply.error) == (401, "unauthorized")
    assert (await world.run(person)).status == 401


class TestApiKeys:
    async def make(self, world: World, person: Person) -> dict[str, str]:
        reply = await world.post(f"{API}/auth/keys", {"name": "laptop"}, person)
        assert reply.status == 201
        return reply.json

    async def test_a_key_is_shown_once_and_stored_hashed(self, world: World):
        person = world.person()
        made = await self.make(world, person)
        assert made["key"].startswith("scrip_")
        assert made["hint"] == made["key"][-4:]
        listed = await world.get(f"{API}/auth/keys", person)
        assert [key["id"] for key in listed.json["keys"]] == [made["id"]]
        secret = made["key"].split("_", 2)[2]
        assert secret not in listed.octets.decode()
        assert world.value("select count(*) from playground.api_keys where to_jsonb(api_keys)::text ~ %s", secret) == 0

    async def test_a_key_may_do_what_its_person_may(self, world: World):
        person = world.person()
        key = (await self.make(world, person))["key"]
        assert (await world.get(f"{API}/auth/me", headers=bearer(key))).json["id"] == person.id
        run = await world.post(f"{API}/playground/run", run_body("hello"), headers=bearer(key))
        assert run.status == 200
        assert world.balance(person)["balance"] == run.json["creditsRemaining"]

    async def test_an_ended_key_is_nobody_and_ends_once(self, world: World):
        person = world.person()
        made = await self.make(world, person)
        path = f"{API}/auth/keys/{made['id']}"
        assert (await world.call("DELETE", path, person)).status == 204
        again = await world.call("DELETE", path, person)
        assert (again.status, again.error) == (404, "api_key_not_found")
        for reply in (
            await world.get(f"{API}/auth/me", headers=bearer(made["key"])),
            await world.post(f"{API}/playground/run", run_body("hello"), headers=bearer(made["key"])),
            await world.get(f"{API}/packages", headers=bearer(made["key"])),
        ):
            assert (reply.status, reply.error) == (401, "unauthorized")

    async def test_a_key_under_anothers_id_is_nobody(self, world: World):
        person, other = world.person(), world.person()
        key = (await self.make(world, person))["key"]
        forged = f"scrip_{uuid.UUID(other.id).hex}_{key.split('_', 2)[2]}"
        assert (await world.get(f"{API}/auth/me", headers=bearer(forged))).status == 401
        run = await world.post(f"{API}/playground/run", run_body("hello"), headers=bearer(forged))
        assert (run.status, run.error) == (401, "unauthorized")
        assert await world.calls_made() == 0

    async def test_anothers_key_cannot_be_ended(self, world: World):
        person, other = world.person(), world.person()
        made = await self.make(world, person)
        reply = await world.call("DELETE", f"{API}/auth/keys/{made['id']}", other)
        assert (reply.status, reply.error) == (404, "api_key_not_found")
        assert (await world.get(f"{API}/auth/me", headers=bearer(made["key"]))).status == 200


async def test_packages_are_open_to_all(world: World):
    listed = await world.get(f"{API}/packages")
    assert [package["name"] for package in listed.json["packages"]] == [PACKAGE]
    for name in (PACKAGE, PACKAGE.replace("/", "%2F"), listed.json["packages"][0]["id"]):
        assert (await world.get(f"{API}/packages/{name}")).json["name"] == PACKAGE
    assert (await world.get(f"{API}/packages/nothing")).error == "package_not_found"
