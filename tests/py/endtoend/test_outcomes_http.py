"""Every row of the outcome table, by both protocols, whole and streamed: status, body, charge, usage, limits."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import pytest

from tests.py.endtoend.books import GPT_4O, OPUS, SONNET, Books, Model, Used, cost_of, credits_for, estimated_tokens
from tests.py.endtoend.callers import Caller, Event, Person, Reply
from tests.py.endtoend.conftest import Call, Service, StartGateway
from tests.py.endtoend.programs import Gateway
from tests.py.endtoend.simulation import Simulation
from tests.py.support.database import Database

CREDITS = 20
DELTAS = 3
DELIVERED = DELTAS * 12
# The breaker of a provider opens at the fifth failure in half a minute.
FAILURES_OF_A_WORKER = 4
# So many deaths in a minute and the parent gives up.
WORKERS_OF_A_GATEWAY = 8
SHORT_DEADLINE = "11.5 seconds"
A_MOMENT = 0.5  # seconds

WHOLE, STREAMED = False, True
BOTH_WAYS = (WHOLE, STREAMED)
PROVIDERS = pytest.mark.parametrize("model", [SONNET, GPT_4O], ids=["anthropic", "openai"])
REFUSED, UNAVAILABLE = (502, "provider_error"), (503, "provider_unavailable")


class Fresh:
    """A gateway whose breakers never open: its worker is replaced before they would."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._failures = 0
        self._workers = 1

    async def gateway(self) -> Gateway:
        gateway = await self._service.gateway()
        if self._failures >= FAILURES_OF_A_WORKER:
            if self._workers >= WORKERS_OF_A_GATEWAY:
                gateway.kill()
                gateway, self._workers = await self._service.gateway(), 0
            else:
                await gateway.kill_worker()
            self._workers += 1
            self._failures = 0
        return gateway

    def note_failure(self) -> None:
        self._failures += 1


@pytest.fixture(scope="module")
def fresh(start_gateway: StartGateway, stocked: Database) -> Fresh:
    return Fresh(Service(start_gateway, stocked.url("scrip_gateway")))


@pytest.fixture(scope="module")
def impatient(start_gateway: StartGateway, stocked: Database) -> dict[str, Service]:
    """Gateways that wait for one thing only a moment. The others wait long: a busy machine is no silent provider."""
    url = stocked.url("scrip_gateway")
    return {what: Service(start_gateway, url, **{f"llm_{what}_seconds": A_MOMENT}) for what in ("first_byte", "idle")}


@pytest.fixture
async def gateway(fresh: Fresh) -> Gateway:
    return await fresh.gateway()


async def ask(caller: Caller, model: Model, streams: bool, **fields: Any) -> Reply | Event:
    """One run with a key: its answer, or the last event of it."""
    if streams:
        stream = await caller.stream("what then?", key="key", model=model.alias, **fields)
        return stream.last
    return await caller.run("what then?", key="key", model=model.alias, **fields)


@dataclass(frozen=True)
class Failure:
    """Something that goes wrong at the provider, and what follows."""

    name: str
    behaviour: dict[str, Any]
    refusal: tuple[int, str]
    outcome: str
    ways: tuple[bool, ...] = BOTH_WAYS
    retry_after: int | None = None
    deadline: str | None = None
    # Only complaints about the request say nothing of the provider's health.
    is_theirs: bool = True
    # Deltas that came before.
    deltas: int = field(default=0)
    # What an impatient gateway gives up waiting for.
    limit: str | None = None


def status(code: int, refusal: tuple[int, str], **more: Any) -> Failure:
    return Failure(f"status {code}", {"status": code}, refusal, "provider_refused", **more)


FAILURES = (
    status(400, REFUSED, is_theirs=False),
    status(401, REFUSED, is_theirs=False),
    status(403, REFUSED, is_theirs=False),
    status(404, REFUSED, is_theirs=False),
    status(429, UNAVAILABLE),
    Failure("wait", {"status": 429, "retry_after": "7"}, UNAVAILABLE, "provider_refused", retry_after=7),
    status(500, UNAVAILABLE),
    status(503, UNAVAILABLE),
    status(529, UNAVAILABLE),
    Failure("cut", {"cut": True}, UNAVAILABLE, "provider_refused"),
    Failure("garbled", {"malformed": True}, REFUSED, "provider_refused"),
    Failure("cut in the body", {"cut_after": 0}, UNAVAILABLE, "provider_refused", ways=(WHOLE,)),
    Failure("empty", {"empty": True}, REFUSED, "provider_empty"),
    Failure("first byte stalled", {"stall": True}, REFUSED, "provider_timed_out", (STREAMED,), limit="first_byte"),
    Failure("stalled", {"stall": True}, REFUSED, "provider_timed_out", ways=(WHOLE,), deadline=SHORT_DEADLINE),
    Failure("cut mid-stream", {"cut_after": DELTAS}, UNAVAILABLE, "provider_broke", (STREAMED,), deltas=DELTAS),
    Failure("error mid-stream", {"error_after": DELTAS}, UNAVAILABLE, "provider_broke", (STREAMED,), deltas=DELTAS),
    Failure(
        "stalled mid-stream",
        {"stall_after": DELTAS},
        REFUSED,
        "provider_broke",
        (STREAMED,),
        deltas=DELTAS,
        limit="idle",
    ),
    Failure(
        "garbled mid-stream",
        {"malformed": True, "malformed_after": DELTAS},
        REFUSED,
        "provider_broke",
        (STREAMED,),
        deltas=DELTAS,
    ),
)
FAILURE_CASES = [
    pytest.param(failure, way, id=f"{failure.name}-{'streamed' if way else 'whole'}")
    for failure in FAILURES
    for way in failure.ways
]


@PROVIDERS
@pytest.mark.parametrize(("failure", "streams"), FAILURE_CASES)
async def test_a_provider_s_failure_costs_nothing(
    failure: Failure,
    streams: bool,
    model: Model,
    books: Books,
    simulation: Simulation,
    fresh: Fresh,
    impatient: dict[str, Service],
    gateway: Gateway,
    call: Call,
) -> None:
    person = books.person(CREDITS)
    caller = call(gateway, person)
    failing = caller if failure.limit is None else call(await impatient[failure.limit].gateway(), person)
    await simulation.script(**failure.behaviour)
    if failure.deadline:
        books.rows("select admin.set_setting('hold_lifetime', %s, 'test')", failure.deadline)
    answer = await ask(failing, model, streams)
    if failure.is_theirs and failing is caller:
        fresh.note_failure()
    if failure.deadline:
        books.rows("select admin.set_setting('hold_lifetime', '190 seconds', 'test')")

    assert_refused(answer, failure)
    (used,), (hold,) = books.usage(person), books.holds(person)
    assert (used.outcome, used.credits, hold.status) == (failure.outcome, 0, "released")
    assert_billed(failure, model, streams, used, hold.input_tokens_estimated)
    assert books.charges(person) == []
    assert books.balance(person)["available"] == 5 + CREDITS
    # The house's cost counts; the run does not, for it was no fault of the caller's.
    assert books.window(person, "hour") == books.window(person, "month") == (used.cost_usd, 0, 0)
    assert_session(books, person, failure)
    # The key is free again.
    again = await ask(caller, model, streams)
    assert answered(again)["stopReason"] == "end_turn"
    assert len(books.charges(person)) == 1


def assert_refused(answer: Reply | Event, failure: Failure) -> None:
    code, error = failure.refusal
    if isinstance(answer, Event):
        assert answer.name == "error"
        body = answer.data
    else:
        assert answer.status == code
        body = answer.json
        wait = answer.headers.get("Retry-After")
        assert wait == (None if failure.retry_after is None else str(failure.retry_after))
    expected: dict[str, Any] = {"error": error, "outcome": failure.outcome}
    if failure.retry_after is not None:
        expected["retryAfter"] = failure.retry_after
    if failure.deltas:
        expected["incomplete"] = True
    # Never the provider's own words.
    message = body.pop("message")
    assert "Simulated" not in message
    assert "charged" in message
    assert body == expected


def assert_billed(failure: Failure, model: Model, streams: bool, used: Used, input_estimated: int) -> None:
    """What the provider bills: nothing when it refused, else the input at least, and what it had said."""
    assert used.cost_usd == cost_of(model, used)
    assert used.output_tokens == (estimated_tokens(DELIVERED) if failure.deltas else 0)
    # Anthropic tells the input at the beginning of a stream.
    has_told = model is SONNET and streams and (failure.deltas > 0 or "malformed" in failure.behaviour)
    if has_told or failure.outcome == "provider_empty":
        assert 0 < used.input_tokens < input_estimated
    elif failure.outcome == "provider_refused":
        assert used.tokens == 0
    else:
        assert (used.input_tokens, used.source) == (input_estimated, "estimated")


def assert_session(books: Books, person: Person, failure: Failure) -> None:
    """What was shown stays, marked incomplete; what never came leaves no conversation."""
    messages = books.rows(
        "select role, length(content), is_complete from playground.messages where user_id = %s order by number",
        person.id,
    )
    shown = [("user", len("what then?"), True), ("assistant", DELIVERED, False)]
    assert messages == (shown if failure.deltas else [])


def answered(answer: Reply | Event) -> Any:
    """The body of an answer that is complete."""
    if isinstance(answer, Event):
        assert answer.name == "done", answer
        return answer.data
    assert answer.status == 200, answer
    return answer.json


@PROVIDERS
@pytest.mark.parametrize("streams", BOTH_WAYS, ids=["whole", "streamed"])
@pytest.mark.parametrize("usage", [None, "missing", "nulls", "negative", "string", "huge", "fraction", "true", "zero"])
async def test_whatever_usage_is_reported(
    usage: str | None, streams: bool, model: Model, books: Books, simulation: Simulation, gateway: Gateway, call: Call
) -> None:
    """Sound figures are charged, zero among them; any others are estimated, never billed as they stand."""
    person = books.person(CREDITS)
    await simulation.script(usage=usage)
    body = answered(await ask(call(gateway, person), model, streams))
    (used,), (hold,) = books.usage(person), books.holds(person)
    # OpenAI's stream, and every plain answer, has one usage for all; Anthropic's stream counts its output cumulatively.
    assert used.outcome == "completed"
    assert used.source == ("reported" if usage in (None, "zero") else "estimated")
    if usage == "zero":
        assert used.tokens == 0
    elif usage is None:
        assert 0 < used.input_tokens < hold.input_tokens_estimated
        assert used.output_tokens == -(-len(body["response"].encode()) // 4)
    else:
        assert used.input_tokens == hold.input_tokens_estimated
        assert used.output_tokens == estimated_tokens(len(body["response"].encode()))
    assert_charged(books, person, model, body)


def assert_charged(books: Books, person: Person, model: Model, body: Any, price: Model | None = None) -> None:
    """The body, the books and the rules say the same."""
    (used,), (hold,) = books.usage(person), books.holds(person)
    assert body["usage"] == {
        "inputTokens": used.input_tokens,
        "outputTokens": used.output_tokens,
        "cacheReadTokens": used.cache_read_tokens,
        "cacheWriteTokens": used.cache_write_tokens,
    }
    assert body["tokensUsed"] == used.tokens
    assert Decimal(body["costUsd"]) == used.cost_usd == cost_of(price or model, used)
    charge = min(hold.credits, credits_for(used.tokens, model.multiplier))
    assert body["creditsSpent"] == used.credits == hold.charged == charge
    assert books.charges(person) == [charge]
    assert body["creditsRemaining"] == books.balance(person)["balance"] == 5 + CREDITS - charge
    assert books.window(person, "hour") == (used.cost_usd, 0, 1)


@PROVIDERS
@pytest.mark.parametrize("streams", BOTH_WAYS, ids=["whole", "streamed"])
async def test_a_model_s_own_refusal_is_an_answer(
    streams: bool, model: Model, books: Books, simulation: Simulation, gateway: Gateway, call: Call
) -> None:
    person = books.person(CREDITS)
    await simulation.script(refusal=True)
    body = answered(await ask(call(gateway, person), model, streams))
    assert body["stopReason"] == "refusal"
    assert body["response"]
    assert_charged(books, person, model, body)


@PROVIDERS
@pytest.mark.parametrize("streams", BOTH_WAYS, ids=["whole", "streamed"])
async def test_an_answer_is_cut_at_the_cap_and_never_above_the_hold(
    streams: bool, model: Model, books: Books, simulation: Simulation, gateway: Gateway, call: Call
) -> None:
    person = books.person(CREDITS)
    await simulation.script(tokens=100_000)
    body = answered(await ask(call(gateway, person), model, streams))
    (hold,) = books.holds(person)
    assert body["stopReason"] == "max_tokens"
    assert body["usage"]["outputTokens"] == hold.max_output_tokens == 4096
    assert_charged(books, person, model, body)


@pytest.mark.parametrize("streams", BOTH_WAYS, ids=["whole", "streamed"])
@pytest.mark.parametrize(
    ("answered_by", "price", "alerts"),
    [
        ("claude-sonnet-4-6-20260101", SONNET, 0),
        ("claude-opus-4-6", OPUS, 0),
        ("claude-nobody-knows-9", SONNET, 1),
    ],
)
async def test_another_model_answers(
    answered_by: str,
    price: Model,
    alerts: int,
    streams: bool,
    books: Books,
    simulation: Simulation,
    gateway: Gateway,
    call: Call,
) -> None:
    """The house counts what the model that answered costs; one that nobody knows is flagged and told."""
    person = books.person(CREDITS)
    books.rows("delete from playground.alerts where kind = 'unknown_model'")
    await simulation.script(model=answered_by)
    body = answered(await ask(call(gateway, person), SONNET, streams))
    assert body["model"] == "sonnet"
    assert_charged(books, person, SONNET, body, price)
    assert books.value(
        "select count(*) from playground.alerts where kind = 'unknown_model' and details ->> 'answered' = %s",
        answered_by,
    ) == (alerts)


@PROVIDERS
async def test_a_stream_that_ends_before_its_usage_is_complete(
    model: Model, books: Books, simulation: Simulation, gateway: Gateway, call: Call
) -> None:
    person = books.person(CREDITS)
    await simulation.script(no_usage_event=True)
    body = answered(await ask(call(gateway, person), model, STREAMED))
    assert body["stopReason"] == "end_turn"
    assert books.usage(person)[0].source == ("estimated" if model is GPT_4O else "reported")
    assert_charged(books, person, model, body)


@PROVIDERS
async def test_a_provider_that_keeps_failing_is_left_alone(
    model: Model, books: Books, simulation: Simulation, fresh: Fresh, start_gateway: StartGateway, call: Call
) -> None:
    """After five failures nobody is sent there; the refusal says when to come back, and nothing is counted."""
    gateway = await start_gateway(books.database.url("scrip_gateway"))
    person = books.person(CREDITS)
    caller = call(gateway, person)
    await simulation.script(times=5, status=503)
    for _ in range(5):
        assert_refused(await ask(caller, model, WHOLE), status(503, UNAVAILABLE))
    made = await simulation.made()
    assert made == 5
    for streams in BOTH_WAYS:
        answer = await ask(caller, model, streams)
        body = answer.data if isinstance(answer, Event) else answer.json
        assert (body["error"], body["outcome"]) == ("provider_unavailable", "not_called")
        assert 1 <= body["retryAfter"] <= 15
    assert await simulation.made() == made
    assert [use.outcome for use in books.usage(person)] == ["provider_refused"] * 5
    assert [hold.status for hold in books.holds(person)] == ["released"] * 7
    assert books.window(person, "hour") == (0, 0, 0)
    gateway.kill()


@PROVIDERS
@pytest.mark.parametrize("streams", BOTH_WAYS, ids=["whole", "streamed"])
async def test_retries_happen_inside_one_hold(
    streams: bool, model: Model, books: Books, simulation: Simulation, retrying: Service, call: Call
) -> None:
    person = books.person(CREDITS)
    await simulation.script(status=529)
    await simulation.script(status=429, retry_after="0")
    body = answered(await ask(call(await retrying.gateway(), person), model, streams))
    assert await simulation.made() == 3
    assert [hold.status for hold in books.holds(person)] == ["settled"]
    assert_charged(books, person, model, body)


@pytest.fixture(scope="module")
def retrying(start_gateway: StartGateway, stocked: Database) -> Service:
    return Service(start_gateway, stocked.url("scrip_gateway"), llm_max_retries=2)
