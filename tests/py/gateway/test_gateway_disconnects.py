"""Clients who leave: a stream ends at once and is charged for what it brought; a plain run goes on and is kept."""

import asyncio
import json
import socket
from contextlib import suppress
from urllib.parse import urlsplit

import pytest

from gateway.llm.simulator.behaviour import Behaviour, Pause
from tests.py.gateway.conftest import MakeWorld
from tests.py.gateway.world import API, Event, Person, World, events_of, run_body, until

MODELS = pytest.mark.parametrize("model", ["sonnet", "gpt-4o"])
SMALL_BUFFER = 4096
PROVIDERS = {"sonnet": "anthropic", "gpt-4o": "openai"}


async def upstream_ended(world: World, model: str) -> None:
    simulator = world.simulator
    assert simulator is not None
    await until(lambda: simulator.tallies[PROVIDERS[model]].aborted == 1, "the model's call to be aborted")


@MODELS
async def test_leaving_mid_stream_ends_the_model_and_charges_what_came(world: World, model: str):
    person = world.person(100)
    world.pause(Pause("mid_stream", after=3))
    async with world.stream(person, model=model) as response:
        received: list[Event] = []
        async for event in events_of(response):
            received.append(event)
            if len(received) == 4:
                break
    # Leaving the block closed the connection, while the model stood still and could notice nothing by itself.
    await world.settled(person)
    await upstream_ended(world, model)
    assert world.usage(person) == ["client_gone"]
    assert world.open_holds(person) == 0
    assert world.balance(person)["balance"] < 105
    conversation = (await world.get(f"{API}/playground/sessions/{received[0].data['conversationId']}", person)).json[
        "conversation"
    ]
    assert conversation[-1]["content"] == "".join(event.data["text"] for event in received[1:])
    assert conversation[-1]["complete"] is False


@MODELS
async def test_leaving_before_the_first_delta_ends_the_model_too(world: World, model: str):
    person = world.person(100)
    world.pause(Pause("before_first_byte"))
    async with world.stream(person, model=model) as response:
        assert (await anext(events_of(response))).name == "start"
        await world.waiting("before_first_byte")
    await world.settled(person)
    await upstream_ended(world, model)
    assert world.usage(person) == ["client_gone"]
    assert world.open_holds(person) == 0


async def test_leaving_a_plain_run_changes_nothing_for_it(world: World):
    person = world.person(100)
    world.pause(Pause("before_first_byte"))
    run = asyncio.ensure_future(world.run(person, "still wanted"))
    await world.waiting("before_first_byte")
    run.cancel()
    with suppress(asyncio.CancelledError):
        await run
    world.resume()
    await world.settled(person)
    assert world.usage(person) == ["completed"]
    sessions = (await world.get(f"{API}/playground/sessions", person)).json["sessions"]
    conversation = (await world.get(f"{API}/playground/sessions/{sessions[0]['id']}", person)).json["conversation"]
    assert conversation[0]["content"] == "still wanted"
    assert conversation[1]["complete"] is True
    assert world.balance(person)["balance"] < 105


async def test_a_plain_run_whose_caller_left_can_be_fetched_by_its_key(world: World):
    person = world.person(100)
    world.pause(Pause("before_first_byte"))
    run = asyncio.ensure_future(world.run(person, key="k"))
    await world.waiting("before_first_byte")
    run.cancel()
    with suppress(asyncio.CancelledError):
        await run
    world.resume()
    await world.settled(person)
    again = await world.run(person, key="k")
    assert again.headers["Idempotent-Replayed"] == "true"
    assert await world.calls_made() == 1


async def test_a_client_that_reads_nothing_is_waited_for_and_then_gone(make_world: MakeWorld):
    """Backpressure: what a client does not take is neither fetched from the model nor kept here without end."""
    async with make_world(send_buffer=SMALL_BUFFER) as world:
        person = world.person(10_000)
        world.value("update playground.platform_settings set hold_lifetime = hold_margin + interval '2 s' returning 1")
        world.value("update playground.models set max_output_tokens = 20000 where model = 'sonnet' returning 1")
        world.script(Behaviour(tokens=20000))
        try:
            with socket.socket() as client:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BUFFER)
                client.connect(("127.0.0.1", urlsplit(world.address).port))
                client.sendall(streaming_request(person))
                await world.settled(person)
        finally:
            world.value("update playground.platform_settings set hold_lifetime = default returning 1")
            world.value("update playground.models set max_output_tokens = default where model = 'sonnet' returning 1")
        assert world.usage(person) == ["client_gone"]
        assert world.open_holds(person) == 0


def streaming_request(person: Person) -> bytes:
    body = json.dumps(run_body("much, please", stream=True)).encode()
    head = (
        f"POST {API}/playground/run HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        f"Authorization: Bearer {person.token}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def test_many_leave_at_random_points_and_nothing_is_left_behind(world: World):
    person = world.person(1000)

    async def leave_after(count: int) -> None:
        async with world.stream(person, f"leave {count}") as response:
            received = 0
            async for _ in events_of(response):
                received += 1
                if received > count:
                    return

    await asyncio.gather(*(leave_after(count) for count in range(24)))
    await world.settled(person, 24)
    await world.at_rest()
    assert set(world.usage(person)) <= {"client_gone", "completed"}
    assert world.open_holds(person) == 0
    assert world.database is not None
    world.database.assert_ledger_holds()
