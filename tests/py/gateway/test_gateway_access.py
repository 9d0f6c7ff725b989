"""What is someone else's does not exist; tokens that are not quite right are nobody's."""

import pytest

from tests.py.gateway.conftest import import_package
from tests.py.gateway.world import API, CRON_TOKEN, World

RESET, EXPIRE = f"{API}/playground/credits/cron/reset", f"{API}/playground/credits/cron/expire"


async def test_anothers_session_can_be_neither_read_nor_deleted_nor_continued(world: World):
    owner, other = world.person(), world.person()
    session_id = (await world.run(owner, "secret words")).json["conversationId"]
    path = f"{API}/playground/sessions/{session_id}"
    unknown = await world.get(f"{API}/playground/sessions/00000000-0000-4000-8000-000000000000", other)
    for reply in (await world.get(path, other), await world.call("DELETE", path, other)):
        assert reply.octets == unknown.octets
        assert (reply.status, reply.error) == (404, "session_not_found")
    assert (await world.run(other, "more", conversationId=session_id)).error == "session_not_found"
    assert (await world.get(f"{API}/playground/sessions", other)).json["total"] == 0
    assert (await world.get(path, owner)).json["conversation"][0]["content"] == "secret words"


async def test_a_deleted_session_is_gone_and_the_history_stays(world: World):
    person = world.person()
    session_id = (await world.run(person)).json["conversationId"]
    path = f"{API}/playground/sessions/{session_id}"
    assert (await world.call("DELETE", path, person)).status == 204
    assert (await world.get(path, person)).error == "session_not_found"
    assert (await world.call("DELETE", path, person)).error == "session_not_found"
    assert (await world.get(f"{API}/playground/credits/history?type=spend", person)).json["total"] == 1


async def test_a_private_package_exists_for_its_author_only(world: World):
    author, other = world.person(), world.person()
    assert world.database is not None
    name = "@tests/private"
    package_id = import_package(world.database, name, "# Private\nSecret.\n", p_author_id=author.id, p_is_private=True)
    for wanted in (name, package_id):
        assert (await world.get(f"{API}/packages/{wanted}", author)).json["name"] == name
        assert (await world.run(author, packageId=wanted)).status == 200
        for reply in (
            await world.get(f"{API}/packages/{wanted}"),
            await world.get(f"{API}/packages/{wanted}", other),
            await world.run(other, packageId=wanted),
            await world.post(f"{API}/playground/estimate", {"packageId": wanted, "userInput": "x"}, other),
        ):
            assert (reply.status, reply.error) == (404, "package_not_found")
    assert name in [package["name"] for package in (await world.get(f"{API}/packages", author)).json["packages"]]
    assert name not in (await world.get(f"{API}/packages")).octets.decode()
    assert name not in (await world.get(f"{API}/packages", other)).octets.decode()


@pytest.mark.parametrize("path", ["/auth/me", "/playground/credits", "/playground/sessions", "/auth/keys"])
async def test_a_token_for_nobody_we_know_is_refused(world: World, path: str):
    from gateway.tokens import issue_access_token

    token = issue_access_token(world.settings, "00000000-0000-4000-8000-000000000000")
    reply = await world.get(API + path, headers={"Authorization": f"Bearer {token}"})
    assert (reply.status, reply.error) == (401, "unauthorized")


class TestCron:
    async def test_the_token_runs_the_jobs(self, world: World):
        for path in (RESET, EXPIRE):
            reply = await world.call("POST", path, headers={"Authorization": f"Bearer {CRON_TOKEN}"})
            assert reply.status == 200
            assert reply.json["processed"] >= 0

    async def test_nothing_else_does(self, world: World):
        person = world.person()
        for path in (RESET, EXPIRE):
            for value in ("", "Bearer", f"Bearer {CRON_TOKEN}x", f"Bearer {person.token}", f"Basic {CRON_TOKEN}", "é"):
                reply = await world.call("POST", path, headers={"Authorization": value})
                assert (reply.status, reply.error) == (401, "unauthorized")

    async def test_the_token_opens_nothing_else(self, world: World):
        reply = await world.get(f"{API}/auth/me", headers={"Authorization": f"Bearer {CRON_TOKEN}"})
        assert reply.status == 401

    async def test_without_a_token_set_nobody_finds_them(self, make_world):
        async with make_world(cron_token=None) as world:
            for value in ("", "Bearer ", f"Bearer {CRON_TOKEN}", "Bearer None"):
                reply = await world.call("POST", RESET, headers={"Authorization": value})
                assert (reply.status, reply.error) == (404, "not_found")


class TestHistory:
    async def test_pages_and_the_whole_as_csv_tell_the_same(self, world: World):
        person = world.person(100)
        for _ in range(3):
            await world.run(person)
        page = (await world.get(f"{API}/playground/credits/history?limit=2&offset=1", person)).json
        assert [line["number"] for line in page["transactions"]] == [4, 3]
        assert page["total"] == 5
        by_path = await world.get(f"{API}/playground/credits/history.csv", person)
        by_accept = await world.get(f"{API}/playground/credits/history", person, headers={"Accept": "text/csv"})
        assert by_path.octets == by_accept.octets
        assert by_path.headers["Content-Type"] == "text/csv; charset=utf-8"
        lines = by_path.octets.decode().splitlines()
        assert len(lines) == 6
        assert [line.split(",")[0] for line in lines[1:]] == ["5", "4", "3", "2", "1"]

    async def test_a_long_history_comes_in_chunks_and_whole(self, world: World, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr("gateway.credits.CHUNK_LINES", 7)
        person = world.person(0)
        for _ in range(29):
            world.value("select admin.grant_credits(%s, 1, 'test')", person.id)
        lines = (await world.get(f"{API}/playground/credits/history.csv", person)).octets.decode().splitlines()
        assert [line.split(",")[0] for line in lines[1:]] == [str(number) for number in range(30, 0, -1)]

    async def test_nobody_sees_anothers(self, world: World):
        other = world.person(77)
        mine = (await world.get(f"{API}/playground/credits/history.csv", world.person(3))).octets.decode()
        assert "77" not in mine.split("createdAt", 1)[1].replace(other.id, "")[:200].split(",")
        assert len(mine.splitlines()) == 3
