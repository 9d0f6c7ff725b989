"""Runs, whole and streamed: what is answered, what is charged, how each failure looks from outside."""

import asyncio
import json
from typing import Any

import pytest

from gateway.llm.simulator.behaviour import Behaviour, Pause
from tests.py.gateway.conftest import MakeWorld
from tests.py.gateway.world import API, PACKAGE, PROMPT, World, run_body

RUN_FIELDS = {
    "id",
    "conversationId",
    "response",
    "creditsSpent",
    "creditsRemaining",
    "tokensUsed",
    "usage",
    "costUsd",
    "durationMs",
    "model",
    "stopReason",
    "simulated",
}
STREAMED_OR_NOT: tuple[dict[str, Any], ...] = ({}, {"stream": True})
BROKEN = Behaviour(cut_after=3)
MODELS = pytest.mark.parametrize("model", ["sonnet", "gpt-4o"])


@MODELS
async def test_a_run_is_answered_charged_and_kept(world: World, model: str):
    person = world.person(100)
    reply = await world.run(person, "why?", model=model)
    assert reply.status == 200
    answer = reply.json
    assert answer.keys() == RUN_FIELDS
    assert answer["simulated"] is True
    assert answer["model"] == model
    assert answer["stopReason"] == "end_turn"
    assert answer["creditsSpent"] > 0
    assert answer["creditsRemaining"] == 105 - answer["creditsSpent"] == world.balance(person)["balance"]
    assert answer["tokensUsed"] == sum(answer["usage"].values())
    session = await world.get(f"{API}/playground/sessions/{answer['conversationId']}", person)
    assert [message["content"] for message in session.json["conversation"]] == ["why?", answer["response"]]
    assert world.open_holds(person) == 0


@MODELS
async def test_a_stream_brings_the_same_answer_in_pieces(world: World, model: str):
    person = world.person(100)
    events = await world.streamed(person, "why?", model=model)
    start, *deltas, done = events
    assert (start.name, done.name) == ("start", "done")
    assert {event.name for event in deltas} == {"delta"}
    assert len(deltas) > 2
    assert done.data.keys() == RUN_FIELDS
    assert "".join(delta.data["text"] for delta in deltas) == done.data["response"]
    assert start.data["conversationId"] == done.data["conversationId"]
    assert start.data["maxCredits"] >= done.data["creditsSpent"] > 0
    assert done.data["creditsRemaining"] == world.balance(person)["balance"]


async def test_accepting_events_asks_for_a_stream(world: World):
    headers = {"Accept": "text/event-stream"}
    reply = await world.post(f"{API}/playground/run", run_body("hello"), world.person(), headers=headers)
    assert reply.headers["Content-Type"] == "text/event-stream; charset=utf-8"
    assert reply.octets.startswith(b"event: start\ndata: {")
    assert reply.headers["X-Request-Id"]
    assert reply.headers["X-Content-Type-Options"] == "nosniff"


async def test_a_conversation_goes_on_and_only_for_its_owner(world: World):
    person = world.person()
    first = (await world.run(person, "one")).json
    second = await world.run(person, "two", conversationId=first["conversationId"])
    assert second.json["conversationId"] == first["conversationId"]
    assert second.json["usage"]["inputTokens"] > first["usage"]["inputTokens"]
    other = await world.run(world.person(), "three", conversationId=first["conversationId"])
    assert (other.status, other.error) == (404, "session_not_found")


async def test_prompt_input_and_output_cap_reach_the_model(world: World):
    assert (await world.run(world.person(1), "hello", temperature=0.25)).status == 200
    assert world.simulator is not None
    call = world.simulator.calls[-1]
    assert call.prompt == PROMPT
    assert call.messages[-1]["content"] == "hello"
    assert 256 <= call.max_tokens <= 4096


async def test_without_its_prompt_a_package_is_only_recorded(world: World):
    person = world.person()
    reply = await world.run(person, "hello", useNoPrompt=True)
    assert world.simulator is not None
    assert world.simulator.calls[-1].prompt == ""
    session = await world.get(f"{API}/playground/sessions/{reply.json['conversationId']}", person)
    assert session.json["packageName"] == PACKAGE


class TestRefusals:
    """Each with the body that the contract promises, and nothing sent to a model."""

    async def test_no_credits(self, world: World):
        person = world.person(0)
        world.value("select admin.set_unlimited(%s, true, 'test')", person.id)
        while world.balance(person)["available"]:
            await world.run(person)
        made = await world.calls_made()
        for fields in STREAMED_OR_NOT:
            reply = await world.run(person, **fields)
            assert (reply.status, reply.error) == (402, "insufficient_credits")
            assert reply.json.keys() == {"error", "message", "required", "available", "purchaseUrl"}
            assert (reply.json["required"], reply.json["available"]) == (1, 0)
            assert reply.json["purchaseUrl"].endswith("/playground/credits/buy")
        assert await world.calls_made() == made

    async def test_unknown_package_version_model_and_session(self, world: World):
        person = world.person()
        for fields, status, error in (
            ({"packageId": "@nobody/nothing"}, 404, "package_not_found"),
            ({"packageVersion": "9.9.9"}, 404, "package_not_found"),
            ({"conversationId": "00000000-0000-4000-8000-000000000000"}, 404, "session_not_found"),
            ({"model": "gpt-9"}, 422, "validation_failed"),
        ):
            reply = await world.run(person, **fields)
            assert (reply.status, reply.error) == (status, error)
        assert await world.calls_made() == 0

    async def test_too_large(self, world: World):
        reply = await world.run(world.person(), "x" * 100_000)
        assert (reply.status, reply.error) == (413, "request_too_large")
        assert reply.json["maxTokens"] == 20_000
        assert reply.json["estimatedTokens"] > 20_000

    async def test_throttled_by_an_operator(self, world: World):
        person = world.person()
        world.value("select admin.throttle(%s, 'testing')", person.id)
        reply = await world.run(person)
        assert (reply.status, reply.error) == (429, "throttled")
        assert reply.json["limitSource"] == "operator"

    async def test_limited_by_the_hour(self, off_the_hour: None, world: World):
        person = world.person(100, unlimited=False)
        replies = [await world.run(person, "x", useNoPrompt=True) for _ in range(11)]
        assert [reply.status for reply in replies] == [200] * 10 + [429]
        last = replies[-1]
        assert last.error == "throttled"
        assert last.json["limitSource"] == "runs_hour"
        assert (last.json["limit"], last.json["used"]) == (10, 10)
        assert last.json["resetsAt"].endswith("Z")
        assert int(last.headers["Retry-After"]) == last.json["retryAfter"] > 0

    async def test_runs_switched_off(self, make_world: MakeWorld):
        async with make_world(ai_evaluation_enabled=False) as world:
            person = world.person()
            reply = await world.run(person)
            assert (reply.status, reply.error) == (503, "runs_disabled")
            assert world.open_holds(person) == 0

    async def test_a_provider_without_access(self, make_world: MakeWorld):
        async with make_world(openai_base_url=None) as world:
            person = world.person()
            for fields in STREAMED_OR_NOT:
                reply = await world.run(person, model="gpt-4o", **fields)
                assert (reply.status, reply.error) == (503, "provider_unavailable")
                assert reply.json["outcome"] == "not_called"
            assert world.open_holds(person) == 0
            assert world.usage(person) == []


FAILURES = [
    (Behaviour(status=400), 502, "provider_error", "provider_refused"),
    (Behaviour(status=401), 502, "provider_error", "provider_refused"),
    (Behaviour(status=404), 502, "provider_error", "provider_refused"),
    (Behaviour(status=429, retry_after="7"), 503, "provider_unavailable", "provider_refused"),
    (Behaviour(status=500), 503, "provider_unavailable", "provider_refused"),
    (Behaviour(status=529), 503, "provider_unavailable", "provider_refused"),
    (Behaviour(cut=True), 503, "provider_unavailable", "provider_refused"),
    (Behaviour(empty=True), 502, "provider_error", "provider_empty"),
    (Behaviour(malformed=True), 502, "provider_error", "provider_refused"),
]


class TestProviderFailures:
    """The person pays nothing, the house records what happened, nobody sees the provider's own words."""

    @pytest.mark.parametrize(("behaviour", "status", "error", "outcome"), FAILURES, ids=lambda value: repr(value)[:60])
    async def test_a_plain_run(self, world: World, behaviour: Behaviour, status: int, error: str, outcome: str):
        person = world.person(100)
        world.script(behaviour)
        reply = await world.run(person)
        assert (reply.status, reply.error, reply.json["outcome"]) == (status, error, outcome)
        assert reply.json.keys() <= {"error", "message", "outcome", "retryAfter"}
        if behaviour.retry_after is not None:
            assert reply.headers["Retry-After"] == behaviour.retry_after
        assert world.balance(person)["available"] == 105
        assert world.usage(person) == [outcome]

    @pytest.mark.parametrize(
        ("behaviour", "error", "outcome"),
        [
            (Behaviour(status=529), "provider_unavailable", "provider_refused"),
            (Behaviour(status=400), "provider_error", "provider_refused"),
            (Behaviour(empty=True), "provider_error", "provider_empty"),
        ],
        ids=lambda value: repr(value)[:60],
    )
    async def test_a_stream_before_its_first_delta(self, world: World, behaviour: Behaviour, error: str, outcome: str):
        person = world.person(100)
        world.script(behaviour)
        events = await world.streamed(person)
        assert [event.name for event in events] == ["start", "error"]
        assert (events[-1].data["error"], events[-1].data["outcome"]) == (error, outcome)
        assert "incomplete" not in events[-1].data
        assert world.balance(person)["available"] == 105
        assert world.usage(person) == [outcome]

    @MODELS
    @pytest.mark.parametrize(
        "behaviour",
        [BROKEN, Behaviour(error_after=3), Behaviour(no_end=True), Behaviour(malformed=True, malformed_after=3)],
    )
    async def test_a_stream_that_breaks(self, world: World, model: str, behaviour: Behaviour):
        person = world.person(100)
        world.script(behaviour)
        events = await world.streamed(person, model=model)
        assert events[0].name == "start"
        assert [event.name for event in events[1:-1]] == ["delta"] * (len(events) - 2)
        assert len(events) > 2
        assert events[-1].name == "error"
        assert (events[-1].data["outcome"], events[-1].data["incomplete"]) == ("provider_broke", True)
        assert world.balance(person)["available"] == 105
        assert world.usage(person) == ["provider_broke"]

    async def test_a_model_that_says_nothing_in_time(self, make_world: MakeWorld):
        async with make_world(llm_first_byte_seconds=0.5) as world:
            person = world.person(100)
            world.script(Behaviour(stall=True))
            events = await world.streamed(person)
            assert (events[-1].name, events[-1].data["outcome"]) == ("error", "provider_timed_out")
            assert world.balance(person)["available"] == 105
        # Patient with the first byte, or a busy machine would fail of that.
        async with make_world(llm_idle_seconds=0.5) as world:
            person = world.person(100)
            world.script(Behaviour(stall_after=2))
            events = await world.streamed(person)
            assert (events[-1].name, events[-1].data["outcome"]) == ("error", "provider_broke")
            assert world.balance(person)["available"] == 105

    async def test_an_open_breaker_refuses_without_a_call(self, world: World):
        person = world.person(100)
        world.script(Behaviour(status=500), times=5)
        for _ in range(5):
            await world.run(person)
        made = await world.calls_made()
        reply = await world.run(person)
        assert (reply.status, reply.json["outcome"]) == (503, "not_called")
        assert int(reply.headers["Retry-After"]) >= 1
        assert await world.calls_made() == made
        assert world.open_holds(person) == 0
        assert world.balance(person)["available"] == 105


class TestIdempotency:
    async def test_a_repeat_gets_the_first_answer_byte_for_byte(self, world: World):
        person = world.person(100)
        first = await world.run(person, key="a key")
        again = await world.run(person, key="a key")
        assert again.status == first.status == 200
        assert again.octets == first.octets
        assert again.headers["Idempotent-Replayed"] == "true"
        assert "Idempotent-Replayed" not in first.headers
        assert world.balance(person)["balance"] == first.json["creditsRemaining"]
        assert await world.calls_made() == 1

    async def test_a_repeat_as_a_stream_comes_as_three_events(self, world: World):
        person = world.person(100)
        first = await world.run(person, key="k")
        again = await world.run(person, key="k", stream=True)
        assert again.headers["Idempotent-Replayed"] == "true"
        blocks = again.octets.decode().strip().split("\n\n")
        names = [block.split("\n")[0] for block in blocks]
        assert names == ["event: start", "event: delta", "event: done"]
        assert json.loads(blocks[1].split("data: ")[1]) == {"text": first.json["response"]}
        assert blocks[2].split("data: ")[1] == first.octets.decode()

    async def test_a_key_with_other_fields_is_refused(self, world: World):
        person = world.person()
        await world.run(person, "one", key="k")
        reply = await world.run(person, "two", key="k")
        assert (reply.status, reply.error) == (422, "idempotency_key_reused")
        assert (await world.run(world.person(), "two", key="k")).status == 200

    async def test_a_key_still_running_is_a_conflict_that_says_when_to_come_back(self, world: World):
        person = world.person()
        world.pause(Pause("before_first_byte"))
        first = asyncio.ensure_future(world.run(person, key="k"))
        await world.waiting("before_first_byte")
        second = await world.run(person, key="k")
        assert (second.status, second.error) == (409, "run_in_progress")
        assert int(second.headers["Retry-After"]) == second.json["retryAfter"] > 0
        world.resume()
        assert (await first).status == 200
        assert await world.calls_made() == 1

    async def test_a_key_whose_run_failed_is_free_again(self, world: World):
        person = world.person()
        world.script(Behaviour(status=500))
        assert (await world.run(person, key="k")).status == 503
        assert (await world.run(person, key="k")).status == 200


async def test_a_silent_model_is_bridged_by_comments(make_world: MakeWorld):
    async with make_world(heartbeat_seconds=0.1) as world:
        world.pause(Pause("before_first_byte"))
        async with world.stream(world.person()) as response:
            lines = []
            async for line in response.content:
                lines.append(line)
                if line == b": still here\n":
                    world.resume()
        assert b": still here\n" in lines
        assert b"event: done\n" in lines


async def test_an_estimate_says_what_a_run_would_cost(world: World):
    person = world.person(100)
    reply = await world.post(f"{API}/playground/estimate", {"packageId": PACKAGE, "userInput": "hello"}, person)
    assert reply.status == 200
    assert reply.json.keys() == {
        "estimatedTokens",
        "estimatedCredits",
        "maxCredits",
        "canAfford",
        "balance",
        "model",
    }
    assert reply.json["canAfford"] is True
    assert await world.calls_made() == 0


async def test_the_ledger_holds_after_all_of_this(world: World):
    assert world.database is not None
    world.database.assert_ledger_holds()
