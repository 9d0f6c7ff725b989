"""64 callers at once on one account, over two workers: credits, cost and keys allow exactly so many model calls."""

import asyncio
from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from tests.py.endtoend.books import (
    GPT_4O,
    LEAST_ANSWER,
    MAX_OUTPUT,
    MILLION,
    OPUS,
    SONNET,
    Books,
    Model,
    highest_cost,
)
from tests.py.endtoend.callers import Caller, Event, Reply, Streamed, StreamRefused
from tests.py.endtoend.conftest import Call, Service, StartGateway
from tests.py.endtoend.simulation import Simulation
from tests.py.endtoend.waiting import until
from tests.py.support.database import Database

CALLERS = 64
SIGNUP = 5
FREE_DAY_USD = Decimal("0.10")
FREE_RUNS_AN_HOUR = 10
TURNS = 16


@pytest.fixture(scope="module")
def service(start_gateway: StartGateway, stocked: Database) -> Service:
    """Two workers, so that the callers meet in the database and nowhere before."""
    return Service(start_gateway, stocked.url("scrip_gateway"), workers=2)


async def all_at_once(caller: Caller, *, streams: bool, count: int = CALLERS, **fields: Any) -> list[Reply | Event]:
    """So many runs of one person; of a stream its last event, or the refusal instead of it."""

    async def one(number: int) -> Reply | Event:
        user_input = f"caller {number}"
        if not streams:
            return await caller.run(user_input, **fields)
        try:
            return (await caller.stream(user_input, **fields)).last
        except StreamRefused as refused:
            return refused.reply

    return await asyncio.gather(*(one(number) for number in range(count)))


def tally(results: list[Reply | Event]) -> Counter[str]:
    """How many were answered, and how many refused for what."""
    return Counter((result.name if isinstance(result, Event) else result.error or "done") for result in results)


@pytest.mark.parametrize("streams", [False, True], ids=["plain", "streamed"])
@pytest.mark.parametrize(("model", "runs"), [(SONNET, 7), (OPUS, 3), (GPT_4O, 4)], ids=["sonnet", "opus", "gpt-4o"])
async def test_credits_for_k_runs_are_k_model_calls(
    model: Model, runs: int, streams: bool, books: Books, simulation: Simulation, service: Service, call: Call
) -> None:
    each = int(model.multiplier)
    person = books.person(runs * each - SIGNUP + (each - 1))
    results = await all_at_once(call(await service.gateway(), person), streams=streams, model=model.alias)
    assert tally(results) == {"done": runs, "insufficient_credits": CALLERS - runs}
    assert await simulation.made() == runs
    assert books.charges(person) == [each] * runs
    balance = books.balance(person)
    assert (balance["balance"], balance["held"]) == (each - 1, 0)
    refusals = [result.json for result in results if isinstance(result, Reply) and result.status == 402]
    assert {refusal["required"] for refusal in refusals} == {each}
    assert all(refusal["available"] < each for refusal in refusals)
    books.verify()


async def test_the_day_s_cost_is_never_passed(
    off_the_hour: None, books: Books, simulation: Simulation, service: Service, call: Call
) -> None:
    """While none has ended, as many run as their highest costs fit; the last of them with a shorter answer."""
    person = books.person(1000, unlimited=False)
    await simulation.pause("before_first_byte", times=CALLERS)
    caller = call(await service.gateway(), person)
    running = [asyncio.ensure_future(caller.run("same length")) for _ in range(CALLERS)]
    await until(lambda: books.holds(person) != [], "the first reservation")
    caps = caps_that_fit(SONNET, books.holds(person)[0].input_tokens_estimated, FREE_DAY_USD)
    assert len(caps) == 2

    await until(lambda: sum(task.done() for task in running) == CALLERS - len(caps), "the others' refusals")
    assert [hold.max_output_tokens for hold in books.holds(person)] == caps
    cost, held, _ = books.window(person, "day")
    assert cost == 0
    assert held <= FREE_DAY_USD
    await simulation.reached(waiting__before_first_byte=len(caps))
    await simulation.resume()
    replies = await asyncio.gather(*running)

    assert tally(list(replies)) == {"done": len(caps), "throttled": CALLERS - len(caps)}
    assert await simulation.made() == len(caps)
    assert books.charges(person) == [1] * len(caps)
    refusal = next(reply for reply in replies if reply.status == 429)
    assert refusal.json["limitSource"] == "cost_day"
    assert refusal.json["limit"] == FREE_DAY_USD
    assert refusal.json["used"] == held
    assert int(refusal.headers["Retry-After"]) <= 24 * 3600
    assert books.window(person, "day")[0] == sum(use.cost_usd for use in books.usage(person)) < FREE_DAY_USD
    books.verify()


def caps_that_fit(model: Model, input_tokens: int, limit: Decimal) -> list[int]:
    """The output caps of one run after another while all stay open, by the rules."""
    caps: list[int] = []
    room = limit
    while True:
        input_cost = highest_cost(model, input_tokens, 0)
        cap = min(MAX_OUTPUT, int((room - input_cost) * MILLION // model.output))
        if cap < LEAST_ANSWER:
            return caps
        caps.append(cap)
        room -= highest_cost(model, input_tokens, cap)


@pytest.mark.parametrize("streams", [False, True], ids=["plain", "streamed"])
async def test_an_hour_has_so_many_runs(
    streams: bool, books: Books, simulation: Simulation, service: Service, call: Call
) -> None:
    books.database.clock.freeze(datetime(2030, 3, 3, 12, 30, tzinfo=UTC))
    person = books.person(1000, unlimited=False)
    # A cheap model, so that it is not the cost that binds.
    fields = {"model": "gpt-4o-mini", "useNoPrompt": True}
    results = await all_at_once(call(await service.gateway(), person), streams=streams, **fields)
    assert tally(results) == {"done": FREE_RUNS_AN_HOUR, "throttled": CALLERS - FREE_RUNS_AN_HOUR}
    assert await simulation.made() == FREE_RUNS_AN_HOUR
    assert len(books.charges(person)) == FREE_RUNS_AN_HOUR
    assert books.window(person, "hour")[2] == FREE_RUNS_AN_HOUR
    refusals = [result.json for result in results if isinstance(result, Reply) and result.status == 429]
    assert all(refusal["limitSource"] == "runs_hour" and refusal["retryAfter"] == 1800 for refusal in refusals)
    books.verify()


async def test_one_key_is_one_model_call(books: Books, simulation: Simulation, service: Service, call: Call) -> None:
    """While it runs, everybody else hears 409; afterwards everybody gets the same bytes, streamed or not."""
    person = books.person()
    caller = call(await service.gateway(), person)
    await simulation.pause("before_first_byte")
    running = [asyncio.ensure_future(caller.run("the same", key="one key")) for _ in range(CALLERS)]
    await simulation.reached(waiting__before_first_byte=1)
    await until(lambda: sum(task.done() for task in running) == CALLERS - 1, "the others' refusals")
    await simulation.resume()
    replies = await asyncio.gather(*running)
    assert tally(list(replies)) == {"done": 1, "run_in_progress": CALLERS - 1}
    (answer,) = (reply.octets for reply in replies if reply.status == 200)

    again = await asyncio.gather(*(caller.run("the same", key="one key") for _ in range(CALLERS)))
    assert {(reply.status, reply.octets, reply.headers["Idempotent-Replayed"]) for reply in again} == {
        (200, answer, "true")
    }
    streamed = await asyncio.gather(*(caller.stream("the same", key="one key") for _ in range(CALLERS)))
    assert {(tuple(stream.names), stream.last.octets) for stream in streamed} == {(("start", "delta", "done"), answer)}
    assert await simulation.made() == 1
    assert books.charges(person) == [1]


@pytest.mark.parametrize("streams", [False, True], ids=["plain", "streamed"])
async def test_one_key_without_waiting_for_each_other(
    streams: bool, books: Books, simulation: Simulation, service: Service, call: Call
) -> None:
    person = books.person()
    caller = call(await service.gateway(), person)
    run = caller.stream if streams else caller.run
    results = await asyncio.gather(*(run("the same", key="one key") for _ in range(CALLERS)), return_exceptions=True)
    bodies = {result.last.octets if isinstance(result, Streamed) else octets_of(result) for result in results}
    assert books.stored_body(person) in bodies
    assert all(body == books.stored_body(person) or b"run_in_progress" in body for body in bodies)
    assert await simulation.made() == 1
    assert books.charges(person) == [1]


def octets_of(result: Reply | BaseException) -> bytes:
    reply = result.reply if isinstance(result, StreamRefused) else result
    assert isinstance(reply, Reply), reply
    return reply.octets


@pytest.mark.parametrize("streams", [False, True], ids=["plain", "streamed"])
async def test_parallel_runs_of_one_conversation_all_append(
    streams: bool, books: Books, simulation: Simulation, service: Service, call: Call
) -> None:
    person = books.person(100)
    caller = call(await service.gateway(), person)
    session_id = (await caller.run("to begin with")).json["conversationId"]
    results = await all_at_once(caller, streams=streams, count=TURNS, conversationId=session_id)
    answers = [result.data if isinstance(result, Event) else result.json for result in results]
    assert {answer["conversationId"] for answer in answers} == {session_id}

    messages = books.conversation(person, session_id)
    assert [number for number, *_ in messages] == list(range(1, 2 * (TURNS + 1) + 1))
    pairs = {user: answer for (_, _, user, _), (_, _, answer, _) in zip(messages[::2], messages[1::2], strict=True)}
    assert pairs == {
        "to begin with": messages[1][2],
        **{f"caller {number}": answer["response"] for number, answer in enumerate(answers)},
    }
    assert [role for _, role, _, _ in messages] == ["user", "assistant"] * (TURNS + 1)
    shown = (await caller.get(f"/playground/sessions/{session_id}")).json
    assert [message["content"] for message in shown["conversation"]] == [text for _, _, text, _ in messages]
    assert (shown["runs"], shown["messages"], shown["creditsSpent"]) == (TURNS + 1, len(messages), TURNS + 1)
    await the_next_run_sees_all_of_it(simulation, caller, session_id, messages)


async def the_next_run_sees_all_of_it(
    simulation: Simulation, caller: Caller, session_id: str, messages: list[tuple[int, str, str, bool]]
) -> None:
    assert (await caller.run("what was said", conversationId=session_id)).status == 200
    (asked,) = await simulation.calls(match="what was said")
    assert [message["content"] for message in asked["messages"]] == [
        *(text for _, _, text, _ in messages),
        "what was said",
    ]
