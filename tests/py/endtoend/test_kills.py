"""kill -9 of the gateway at each named point of a run, then another gateway on the same database.

Whatever the point: the books hold, what was acknowledged stays charged once, what was not is charged only when its
answer can be fetched by its Idempotency-Key, and credits that were held come back.
"""

import asyncio
import errno
import signal
import socket
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from pathlib import Path

import aiohttp
import pytest

from tests.py.endtoend.books import SONNET, Books, cost_of, estimated_tokens
from tests.py.endtoend.callers import Caller, Person, Reply, Streamed
from tests.py.endtoend.conftest import Call, Service, StartGateway, proxied
from tests.py.endtoend.programs import Gateway
from tests.py.endtoend.simulation import Simulation
from tests.py.endtoend.stages import (
    AFTER_RESERVE,
    AFTER_SETTLE,
    BEFORE_SETTLE,
    DELTAS_SEEN,
    FIRST_BYTE,
    MID_STREAM,
    STAGES,
    Scene,
    Stage,
)
from tests.py.endtoend.waiting import until
from tests.py.support.proxy import DatabaseProxy

CREDITS = 10
DELTA_OCTETS = 12

Kill = Callable[[Gateway], Awaitable[None]]


async def kill_all(gateway: Gateway) -> None:
    """The whole gateway dies; the next one is started by hand."""
    gateway.kill()


async def kill_worker(gateway: Gateway) -> None:
    """One worker dies; its parent starts the next."""
    await gateway.kill_worker()


@pytest.mark.parametrize(
    ("kill", "streams", "freed_by"),
    [
        pytest.param(kill_all, False, "job", id="all"),
        pytest.param(kill_worker, True, "touch", id="worker"),
    ],
)
@pytest.mark.parametrize("stage", STAGES, ids=str)
async def test_a_killed_gateway_costs_nobody_anything(
    stage: Stage,
    kill: Kill,
    streams: bool,
    freed_by: str,
    books: Books,
    proxy: DatabaseProxy,
    simulation: Simulation,
    service: Service,
    call: Call,
) -> None:
    person = books.person(CREDITS)
    caller = call(await service.gateway(), person)
    assert (await caller.run("acknowledged")).status == 200
    scene = Scene(caller, simulation, proxy, "in flight", "the key", streams)
    await stage.reach(scene)

    await kill(await service.gateway())
    scene.cut()
    assert_left_alone(await scene.ended(), stage, streams)
    books.verify()
    if stage in (FIRST_BYTE, MID_STREAM):
        await simulation.reached(anthropic__aborted=1)
    await simulation.resume()

    caller = call(await service.gateway(), person)
    match stage.state:
        case "nothing":
            assert [hold.status for hold in books.holds(person)] == ["settled"]
        case "held":
            await the_hold_ends(books, person, caller, scene, freed_by)
        case "settled":
            assert books.charges(person) == [1, 1]
    calls = await simulation.made()
    replies = [await caller.run(scene.user_input, key=scene.key) for _ in range(2)]
    assert [reply.status for reply in replies] == [200, 200]
    assert replies[0].octets == replies[1].octets == books.stored_body(person)
    # What was settled is replayed; what was not is a run like any other, and replayed from then on.
    assert await simulation.made() == calls + (stage.state != "settled")
    assert [reply.headers.get("Idempotent-Replayed") for reply in replies] == [
        "true" if stage.state == "settled" else None,
        "true",
    ]
    assert books.charges(person) == [1, 1]
    assert books.balance(person)["held"] == 0
    assert books.balance(person)["available"] == 5 + CREDITS - 2


def assert_left_alone(result: Reply | Streamed | BaseException, stage: Stage, streams: bool) -> None:
    """The client of a killed gateway has no answer; of a stream at most what had been delivered, without its end."""
    if isinstance(result, Streamed):
        assert streams
        assert not result.is_whole
        if stage is MID_STREAM:
            assert len(result.text) == DELTAS_SEEN * DELTA_OCTETS
    else:
        assert isinstance(result, aiohttp.ClientError)


async def the_hold_ends(books: Books, person: Person, caller: Caller, scene: Scene, freed_by: str) -> None:
    """The credits stay held, and the key busy, until the hold's limit and no longer."""
    hold = books.holds(person)[-1]
    assert hold.status == "open"
    assert books.balance(person)["held"] == hold.credits
    busy = await caller.run(scene.user_input, key=scene.key)
    assert (busy.status, busy.error) == (409, "run_in_progress")
    assert int(busy.headers["Retry-After"]) > 0

    books.database.clock.freeze(hold.expires_at - timedelta(microseconds=1))
    books.expire_holds()
    assert books.balance(person)["held"] == hold.credits
    books.database.clock.freeze(hold.expires_at)
    if freed_by == "job":
        books.expire_holds()
        assert books.holds(person)[-1].status == "expired"
    assert (await caller.get("/playground/credits")).json["held"] == 0
    assert_abandoned(books, person, scene.user_input)


def assert_abandoned(books: Books, person: Person, user_input: str) -> None:
    """Nothing charged; the house counts at least the input, and the run counts against the limits."""
    hold, used = books.holds(person)[-1], books.usage(person)[-1]
    assert hold.status == "expired"
    assert (used.outcome, used.source, used.credits) == ("abandoned", "estimated", 0)
    assert used.input_tokens == hold.input_tokens_estimated >= estimated_tokens(len(user_input))
    assert used.output_tokens == used.cache_read_tokens == used.cache_write_tokens == 0
    assert used.cost_usd == cost_of(SONNET, used) > 0
    cost, held, runs = books.window(person, "day")
    assert (cost, held) == (sum(use.cost_usd for use in books.usage(person)), 0)
    assert runs == len(books.holds(person))


async def test_an_abandoned_run_counts_against_the_hour(
    books: Books, proxy: DatabaseProxy, simulation: Simulation, service: Service, call: Call
) -> None:
    """Ten runs an hour for everyone: killing the gateway buys nobody an eleventh."""
    person = books.person(100, unlimited=False)
    books.database.clock.freeze(datetime.fromisoformat("2031-05-05T10:00:00Z"))
    caller = call(await service.gateway(), person)
    scene = Scene(caller, simulation, proxy, "in flight", "key", False, {"model": "gpt-4o-mini"})
    await FIRST_BYTE.reach(scene)
    await kill_worker(await service.gateway())
    assert isinstance(await scene.ended(), aiohttp.ClientError)
    await simulation.resume()
    books.database.clock.freeze(datetime.fromisoformat("2031-05-05T10:10:00Z"))
    replies = [await caller.run("again", model="gpt-4o-mini") for _ in range(10)]
    assert [reply.status for reply in replies] == [200] * 9 + [429]
    assert replies[-1].json["limitSource"] == "runs_hour"
    assert [use.outcome for use in books.usage(person)] == ["abandoned"] + ["completed"] * 9


@pytest.mark.parametrize("streams", [False, True], ids=["plain", "streamed"])
async def test_settling_survives_lost_connections(
    streams: bool, books: Books, proxy: DatabaseProxy, simulation: Simulation, service: Service, call: Call
) -> None:
    """The connection breaks before settle is sent and after it is done: it is sent again, and charged once."""
    person = books.person(CREDITS)
    caller = call(await service.gateway(), person)
    for stage in (BEFORE_SETTLE, AFTER_SETTLE):
        scene = Scene(caller, simulation, proxy, stage.name, stage.name, streams)
        await stage.reach(scene)
        scene.cut()
        result = await scene.ended()
        body = result.last.octets if isinstance(result, Streamed) else getattr(result, "octets", b"")
        assert body == books.stored_body(person)
    assert books.charges(person) == [1, 1]
    assert await simulation.made() == 2


async def test_a_lost_reservation_is_not_repeated(
    books: Books, proxy: DatabaseProxy, simulation: Simulation, service: Service, call: Call
) -> None:
    """Nobody knows whether it was carried out: the caller hears 503, and no second hold is placed behind its back."""
    person = books.person(CREDITS)
    scene = Scene(call(await service.gateway(), person), simulation, proxy, "in flight", "key", False)
    await AFTER_RESERVE.reach(scene)
    scene.cut()
    reply = await scene.ended()
    assert isinstance(reply, Reply)
    assert (reply.status, reply.error) == (503, "unavailable")
    assert int(reply.headers["Retry-After"]) > 0
    await the_hold_ends(books, person, scene.caller, scene, "touch")
    assert (await scene.caller.run("in flight", key="key")).status == 200
    assert books.charges(person) == [1]
    assert await simulation.made() == 1


async def test_a_killed_parent_lets_its_workers_finish(
    books: Books, proxy: DatabaseProxy, simulation: Simulation, service: Service, call: Call
) -> None:
    person = books.person(CREDITS)
    gateway = await service.gateway()
    scene = Scene(call(gateway, person), simulation, proxy, "in flight", "key", True)
    await MID_STREAM.reach(scene)
    gateway.kill_parent()
    await simulation.resume()
    result = await scene.ended()
    assert isinstance(result, Streamed)
    assert result.last.name == "done"
    await until(lambda: gateway.log("drained") != [], "the worker's end")
    assert books.charges(person) == [1]


async def test_told_to_end_it_drains(
    books: Books, proxy: DatabaseProxy, simulation: Simulation, service: Service, call: Call
) -> None:
    """Runs under way end, are settled and answered; nobody new is let in; then it has ended in good order."""
    person = books.person(CREDITS)
    gateway = await service.gateway()
    caller = call(gateway, person)
    plain = Scene(caller, simulation, proxy, "plain", "plain", False)
    streamed = Scene(caller, simulation, proxy, "streamed", "streamed", True)
    await FIRST_BYTE.reach(plain)
    await MID_STREAM.reach(streamed)
    gateway.tell(signal.SIGTERM)
    await gateway.logged("draining")
    await until(lambda: is_refused(gateway), "newcomers to be refused")
    await simulation.resume()
    results = await asyncio.gather(plain.ended(), streamed.ended())
    await until(lambda: not gateway.is_running, "the gateway's end")
    assert gateway.status == 0
    assert isinstance(results[0], Reply)
    assert results[0].status == 200
    assert isinstance(results[1], Streamed)
    assert results[1].last.name == "done"
    assert books.charges(person) == [1, 1]


async def test_a_drain_that_may_not_wait(
    books: Books,
    proxy: DatabaseProxy,
    proxy_folder: Path,
    simulation: Simulation,
    service: Service,
    start_gateway: StartGateway,
    call: Call,
) -> None:
    """With no time to drain, what the model has answered is settled all the same, and what it has not is given back."""
    gateway = await start_gateway(proxied(books.database, proxy_folder), drain_seconds=0)
    answered, asked = books.person(CREDITS), books.person(CREDITS)
    settling = Scene(call(gateway, answered), simulation, proxy, "answered", "key", True)
    asking = Scene(call(gateway, asked), simulation, proxy, "asked", "key", False)
    await BEFORE_SETTLE.reach(settling)
    await FIRST_BYTE.reach(asking)
    gateway.tell(signal.SIGTERM)
    assert isinstance(await asking.ended(), aiohttp.ClientError)
    assert not getattr(await settling.ended(), "is_whole", False)
    settling.let_go()
    await until(lambda: not gateway.is_running, "the gateway's end")
    await simulation.resume()

    assert books.charges(answered) == [1]
    reply = await call(await service.gateway(), answered).run("answered", key="key")
    assert reply.headers["Idempotent-Replayed"] == "true"
    assert books.charges(asked) == []
    assert [hold.status for hold in books.holds(asked)] == ["released"]
    assert (await call(await service.gateway(), asked).run("asked", key="key")).status == 200


def is_refused(gateway: Gateway) -> bool:
    """Whether a new connection is turned away at once, rather than left to wait for nobody."""
    with socket.socket() as newcomer:
        newcomer.settimeout(5)
        return newcomer.connect_ex(("127.0.0.1", gateway.port)) == errno.ECONNREFUSED
