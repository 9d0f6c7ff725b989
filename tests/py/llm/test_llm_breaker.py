"""The breaker, by an injected clock; then over the wire."""

import asyncio

import pytest

from gateway.llm.breaker import Breaker
from gateway.llm.simulator.behaviour import Behaviour, Pause
from tests.py.llm.models import SHORT, Models, play, request


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> Breaker:
    return Breaker(clock=clock)


def fail(breaker: Breaker, times: int = 1) -> None:
    for _ in range(times):
        permit = breaker.admit()
        assert permit is not None
        with permit:
            permit.failed()


def test_five_failures_within_the_window_open_it(breaker: Breaker) -> None:
    fail(breaker, 4)
    assert breaker.state == "closed"
    fail(breaker)
    assert breaker.state == "open"
    assert breaker.admit() is None
    assert breaker.seconds_to_trial() == 15


def test_failures_that_are_too_old_do_not_count(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, 4)
    clock.now += 30.001
    fail(breaker)
    assert breaker.state == "closed"
    fail(breaker, 4)
    assert breaker.state == "open"


def test_the_window_includes_its_edge(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, 4)
    clock.now += 30
    fail(breaker)
    assert breaker.state == "open"


def test_after_the_pause_one_trial_at_a_time(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, 5)
    clock.now += 14.999
    assert breaker.admit() is None
    clock.now += 0.001
    assert breaker.state == "half_open"
    trial = breaker.admit()
    assert trial is not None
    assert breaker.admit() is None
    trial.succeeded()
    assert breaker.state == "closed"
    assert breaker.admit() is not None


def test_a_failed_trial_opens_it_for_another_pause(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, 5)
    clock.now += 15
    fail(breaker)
    assert breaker.state == "open"
    assert breaker.seconds_to_trial() == 15


def test_a_trial_without_a_verdict_leaves_the_next_to_try(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, 5)
    clock.now += 15
    trial = breaker.admit()
    assert trial is not None
    with trial:
        pass
    assert breaker.state == "half_open"
    assert breaker.admit() is not None


def test_calls_from_before_it_opened_change_nothing(breaker: Breaker, clock: Clock) -> None:
    early = breaker.admit()
    assert early is not None
    fail(breaker, 5)
    clock.now += 10
    early.failed()
    assert breaker.seconds_to_trial() == 5
    early.succeeded()
    assert breaker.state == "open"


def test_closing_forgets_the_failures_before(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, 5)
    clock.now += 15
    trial = breaker.admit()
    assert trial is not None
    trial.succeeded()
    fail(breaker, 4)
    assert breaker.state == "closed"


async def test_an_open_breaker_makes_no_call_and_says_when_to_return(
    models: Models, provider: str, stream: bool, breaker: Breaker, clock: Clock
) -> None:
    caller = models.caller(provider, retries=0, breaker=breaker)
    models.script(Behaviour(status=529), times=5)
    for _ in range(5):
        await play(caller, request(provider), stream=stream)
    clock.now += 5
    refused = (await play(caller, request(provider), stream=stream)).failure
    assert refused is not None
    assert (refused.outcome, refused.status_hint, refused.retry_after) == ("not_called", "provider_unavailable", 10)
    assert not refused.reached
    assert models.made(provider) == 5
    clock.now += 10
    assert (await play(caller, request(provider), stream=stream)).answer is not None
    assert breaker.state == "closed"


async def test_what_retries_put_right_is_no_failure(models: Models, provider: str, breaker: Breaker) -> None:
    caller = models.caller(provider, breaker=breaker)
    for _ in range(6):
        models.script(Behaviour(status=500), Behaviour(status=503))
        assert (await play(caller, request(provider), stream=False)).answer is not None
    assert breaker.state == "closed"


@pytest.mark.parametrize("status", [400, 401, 403, 404])
async def test_the_requests_own_faults_do_not_count(
    models: Models, provider: str, breaker: Breaker, status: int
) -> None:
    caller = models.caller(provider, breaker=breaker)
    for _ in range(6):
        await play(caller, request(provider, f"[[sim:{status}]]"), stream=False)
    assert breaker.state == "closed"


async def test_too_short_a_deadline_does_not_count(models: Models, provider: str, clock: Clock) -> None:
    breaker = Breaker(failures=1, clock=clock)
    caller = models.caller(provider, breaker=breaker)
    outcome = await play(caller, request(provider, "[[sim:stall]]", seconds=SHORT), stream=False)
    assert outcome.failure is not None
    assert outcome.failure.outcome == "provider_timed_out"
    assert breaker.state == "closed"


@pytest.mark.parametrize("marker", ["stall", "stall_after=1", "cut_after=1", "malformed", "error_after=2"])
async def test_a_provider_that_fails_counts(models: Models, provider: str, marker: str, clock: Clock) -> None:
    breaker = Breaker(failures=1, clock=clock)
    caller = models.caller(provider, breaker=breaker, first_byte=SHORT, idle=SHORT)
    await play(caller, request(provider, f"[[sim:{marker}]]"), stream=True)
    assert breaker.state == "open"


async def test_a_cancelled_trial_lets_the_next_one_try(models: Models, provider: str, clock: Clock) -> None:
    breaker = Breaker(failures=1, clock=clock)
    caller = models.caller(provider, retries=0, breaker=breaker)
    models.script(Behaviour(status=500))
    await play(caller, request(provider), stream=False)
    clock.now += 15
    models.pause(Pause("before_first_byte"))
    trial = asyncio.create_task(caller.complete(request(provider)))
    await models.waiting("before_first_byte")
    second = (await play(caller, request(provider), stream=False)).failure
    assert second is not None
    assert second.outcome == "not_called"
    trial.cancel()
    with pytest.raises(asyncio.CancelledError):
        await trial
    assert (await play(caller, request(provider), stream=False)).answer is not None
    assert breaker.state == "closed"


async def test_a_trial_is_passed_by_its_first_delta(models: Models, provider: str, clock: Clock) -> None:
    breaker = Breaker(failures=1, clock=clock)
    caller = models.caller(provider, retries=0, breaker=breaker)
    models.script(Behaviour(status=500))
    await play(caller, request(provider), stream=False)
    clock.now += 15
    models.pause(Pause("mid_stream"))
    stream = caller.stream(request(provider))
    assert isinstance(await anext(stream), str)
    assert breaker.state == "closed"
    await stream.aclose()
    await models.aborted(provider)
