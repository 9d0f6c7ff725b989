"""Clients that leave: what was delivered is settled, at most the hold, and the model's call ends with them."""

import asyncio
import random
from collections.abc import Awaitable
from dataclasses import dataclass

import pytest

from tests.py.endtoend.books import GPT_4O, SONNET, Books, Model, Used, cost_of, credits_for, estimated_tokens
from tests.py.endtoend.callers import Caller, Event, Person, events_of
from tests.py.endtoend.conftest import Call, Service
from tests.py.endtoend.narrow import narrow_stream
from tests.py.endtoend.simulation import Simulation
from tests.py.endtoend.stages import BEFORE_SETTLE, FIRST_BYTE, Scene
from tests.py.endtoend.waiting import until
from tests.py.support.proxy import DatabaseProxy

SEED = 20261120
LEAVERS = 24
MOST_DELTAS = 15
DELTA_OCTETS = 12
LONG_ANSWER = 32_000
CREDITS = 50


@dataclass(frozen=True)
class Leaver:
    """Somebody who reads `deltas` of an answer and goes."""

    number: int
    model: Model
    deltas: int

    @property
    def user_input(self) -> str:
        # Apart from every other leaver's: scripts and pauses match parts of the input.
        return f"leaver {self.number}; after {self.deltas}"


def leavers(seed: int) -> list[Leaver]:
    chance = random.Random(seed)
    return [
        Leaver(number, chance.choice((SONNET, GPT_4O)), chance.choice((0, chance.randint(1, MOST_DELTAS))))
        for number in range(LEAVERS)
    ]


async def read_and_leave(
    caller: Caller, leaver: Leaver, key: str | None = None, asked: Awaitable[object] | None = None
) -> list[Event]:
    """What was read before leaving; ends early when the stream did. Who wants no delta leaves after `asked`."""
    seen: list[Event] = []
    async with caller.streaming(leaver.user_input, key=key, model=leaver.model.alias) as response:
        async for event in events_of(response):
            seen.append(event)
            if len(seen) == 1 + leaver.deltas:
                break
        if asked is not None and leaver.deltas == 0:
            await asked
    return seen


def delivered_of(events: list[Event]) -> str:
    return "".join(event.data["text"] for event in events if event.name == "delta")


async def ended(books: Books, person: Person, runs: int = 1) -> list[Used]:
    """A person's model calls, once so many have ended."""
    await until(lambda: len(books.usage(person)) >= runs, "what was delivered to be settled")
    return books.usage(person)


async def test_what_was_delivered_is_settled(
    books: Books, proxy: DatabaseProxy, simulation: Simulation, service: Service, call: Call
) -> None:
    """The model stops after exactly as many deltas as the client waits for, so that both know what was delivered."""
    gateway = await service.gateway()
    people: dict[Leaver, Person] = {}
    for leaver in leavers(SEED):
        people[leaver] = books.person(CREDITS)
        point = "mid_stream" if leaver.deltas else "before_first_byte"
        await simulation.pause(point, match=leaver.user_input, after=leaver.deltas)
    silent = sum(leaver.deltas == 0 for leaver in people)
    assert 0 < silent < LEAVERS

    # Asked once for all: as soon as the first has left, there are fewer.
    asked = asyncio.ensure_future(simulation.reached(waiting__before_first_byte=silent))
    seen = await asyncio.gather(
        *(read_and_leave(call(gateway, person), leaver, "key", asked) for leaver, person in people.items())
    )
    aborted = {f"{model.provider}__aborted": 0 for model in (SONNET, GPT_4O)}
    for leaver in people:
        aborted[f"{leaver.model.provider}__aborted"] += 1
    await simulation.reached(**aborted)
    for (leaver, person), events in zip(people.items(), seen, strict=True):
        delivered = delivered_of(events)
        assert len(delivered) == leaver.deltas * DELTA_OCTETS
        (used,) = await ended(books, person)
        assert_settled(books, person, leaver, used, delivered)
        await the_key_knows(books, call(gateway, person), leaver, delivered)


def assert_settled(books: Books, person: Person, leaver: Leaver, used: Used, delivered: str) -> None:
    (hold,) = books.holds(person)
    assert (used.outcome, used.source) == ("client_gone", "estimated")
    assert used.output_tokens == estimated_tokens(len(delivered))
    if leaver.model.provider == "openai" or not delivered:
        # Nothing was heard of the input: OpenAI tells it at the end, Anthropic with its first byte.
        assert used.input_tokens == hold.input_tokens_estimated
    else:
        assert 0 < used.input_tokens < hold.input_tokens_estimated
    assert used.credits == (min(hold.credits, credits_for(used.tokens, leaver.model.multiplier)) if delivered else 0)
    assert used.cost_usd == cost_of(leaver.model, used)
    assert books.charges(person) == ([used.credits] if delivered else [])
    session_id = books.value("select session_id::text from playground.holds where hold_id = %s", hold.id)
    assert books.conversation(person, session_id) == [
        (1, "user", leaver.user_input, True),
        (2, "assistant", delivered, False),
    ]


async def the_key_knows(books: Books, caller: Caller, leaver: Leaver, delivered: str) -> None:
    """Charged, the key repeats what was delivered; with nothing charged it is free for another run."""
    reply = await caller.run(leaver.user_input, key="key", model=leaver.model.alias)
    assert reply.status == 200
    assert ("Idempotent-Replayed" in reply.headers) is bool(delivered)
    if delivered:
        assert reply.json["response"] == delivered
    else:
        assert len(reply.json["response"]) > MOST_DELTAS
        assert reply.json["stopReason"] == "end_turn"


@pytest.mark.parametrize("seed", [1, 2])
async def test_leaving_while_it_flows(
    seed: int, books: Books, proxy: DatabaseProxy, simulation: Simulation, service: Service, call: Call
) -> None:
    """Nobody stops for the client: what is settled begins with what it saw, and agrees with itself."""
    gateway = await service.gateway()
    await simulation.script(times=LEAVERS, tokens=400)
    people = {leaver: books.person(CREDITS) for leaver in leavers(seed)}
    seen = await asyncio.gather(*(read_and_leave(call(gateway, person), leaver) for leaver, person in people.items()))
    for (leaver, person), events in zip(people.items(), seen, strict=True):
        await until(lambda who=person: books.holds(who)[0].status != "open", "the run's end")
        assert_agrees_with_itself(books, person, leaver, delivered_of(events))
    # Nothing goes on for nobody.
    await simulation.all_ended()


def assert_agrees_with_itself(books: Books, person: Person, leaver: Leaver, seen: str) -> None:
    (hold,) = books.holds(person)
    if hold.outcome == "not_called":
        # Gone before the model was asked.
        assert (seen, books.usage(person), books.charges(person)) == ("", [], [])
        return
    (used,) = books.usage(person)
    answer = books.answer(person)
    assert answer.startswith(seen)
    assert used.outcome == hold.outcome in ("client_gone", "completed")
    assert used.credits == (min(hold.credits, credits_for(used.tokens, leaver.model.multiplier)) if answer else 0)
    if used.outcome == "client_gone":
        assert used.output_tokens == estimated_tokens(len(answer))


async def test_leaving_while_it_is_settled(
    books: Books, proxy: DatabaseProxy, simulation: Simulation, service: Service, call: Call
) -> None:
    """The whole answer was delivered: it is charged as complete, though nobody hears `done`."""
    person = books.person(CREDITS)
    caller = call(await service.gateway(), person)
    for number, streams in enumerate((False, True), 1):
        scene = Scene(caller, simulation, proxy, f"whole {number}", f"key {number}", streams)
        await BEFORE_SETTLE.reach(scene)
        await scene.leave()
        scene.let_go()
        used = (await ended(books, person, number))[-1]
        assert (used.outcome, used.source, used.credits) == ("completed", "reported", 1)
        reply = await caller.run(scene.user_input, key=scene.key)
        assert reply.headers["Idempotent-Replayed"] == "true"
    assert await simulation.made() == 2


async def test_a_plain_run_goes_on_without_its_caller(
    books: Books, proxy: DatabaseProxy, simulation: Simulation, service: Service, call: Call
) -> None:
    person = books.person(CREDITS)
    caller = call(await service.gateway(), person)
    scene = Scene(caller, simulation, proxy, "going on", "key", False)
    await FIRST_BYTE.reach(scene)
    await scene.leave()
    await simulation.resume()
    (used,) = await ended(books, person)
    assert (used.outcome, used.credits) == ("completed", 1)
    state = await simulation.reached(anthropic__finished=1)
    assert state["calls"]["anthropic"]["aborted"] == 0
    reply = await caller.run(scene.user_input, key=scene.key)
    assert reply.headers["Idempotent-Replayed"] == "true"
    shown = (await caller.get(f"/playground/sessions/{reply.json['conversationId']}")).json
    assert [(message["role"], message["content"], message["complete"]) for message in shown["conversation"]] == [
        ("user", "going on", True),
        ("assistant", reply.json["response"], True),
    ]
    assert books.charges(person) == [1]


@pytest.fixture
def long_answers(books: Books) -> None:
    """A model that says more than the buffers between a gateway and a slow client hold."""
    books.rows("update playground.models set max_output_tokens = %s where model = 'sonnet'", LONG_ANSWER)


async def test_a_slow_reader_holds_the_answer_back(
    long_answers: None, books: Books, proxy: DatabaseProxy, simulation: Simulation, service: Service, call: Call
) -> None:
    """It takes one event and then nothing, while others get whole answers; gone, it pays what went out, not all."""
    gateway = await service.gateway()
    await simulation.script(times=2, tokens=LONG_ANSWER)
    slow, quick = books.person(CREDITS), books.person(CREDITS)
    async with narrow_stream(gateway.address, slow, "slow") as stream:
        await stream.first_event()
        await simulation.reached(anthropic__finished=1)
        # The same worker passes on a whole answer of that length in the meantime.
        whole = await call(gateway, quick).stream("quick")
        assert whole.last.name == "done"
        assert len(whole.text) > 3 * LONG_ANSWER
        assert books.usage(slow) == []
    (used,) = await ended(books, slow)
    assert (used.outcome, used.source) == ("client_gone", "estimated")
    assert 0 < len(books.answer(slow)) < len(whole.text)
    assert books.charges(slow) == [credits_for(used.tokens, SONNET.multiplier)]


async def test_a_slow_reader_gets_everything_in_the_end(
    long_answers: None, books: Books, proxy: DatabaseProxy, simulation: Simulation, service: Service
) -> None:
    gateway = await service.gateway()
    await simulation.script(tokens=LONG_ANSWER)
    person = books.person(CREDITS)
    async with narrow_stream(gateway.address, person, "slow") as stream:
        await stream.first_event()
        await simulation.reached(anthropic__finished=1)
        seen = await stream.all_events()
    assert [event.name for event in seen[:2]] == ["start", "delta"]
    assert seen[-1].name == "done"
    assert delivered_of(seen) == seen[-1].data["response"]
    assert seen[-1].data["usage"]["outputTokens"] == LONG_ANSWER
    assert books.charges(person) == [seen[-1].data["creditsSpent"]]
