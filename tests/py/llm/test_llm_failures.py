"""Every way in which a call can fail, over the wire with the real SDKs."""

import asyncio
import socket

import pytest

from gateway.llm import ProviderFailure, Usage
from gateway.llm.simulator.answers import tokens_in
from gateway.llm.simulator.behaviour import Behaviour, Pause
from tests.py.llm.models import LONG, SHORT, Models, Outcome, play, read, request


def failed(outcome: Outcome) -> ProviderFailure:
    assert outcome.failure is not None, outcome.answer
    return outcome.failure


@pytest.mark.parametrize("status", [400, 401, 403, 404])
async def test_a_refused_request_is_not_tried_again(models: Models, provider: str, stream: bool, status: int) -> None:
    failure = failed(await play(models.caller(provider), request(provider, f"[[sim:{status}]]"), stream=stream))
    assert (failure.outcome, failure.status_hint) == ("provider_refused", "provider_error")
    assert (failure.upstream_status, failure.reached, failure.usage) == (status, True, Usage())
    assert models.made(provider) == 1


@pytest.mark.parametrize("status", [408, 429, 500, 503, 529])
async def test_a_provider_in_trouble_is_tried_three_times(
    models: Models, provider: str, stream: bool, status: int
) -> None:
    failure = failed(await play(models.caller(provider), request(provider, f"[[sim:{status}]]"), stream=stream))
    assert (failure.outcome, failure.status_hint) == ("provider_refused", "provider_unavailable")
    assert failure.upstream_status == status
    assert models.made(provider) == 3


@pytest.mark.parametrize(
    "trouble",
    [Behaviour(status=529), Behaviour(status=429, retry_after="0"), Behaviour(status=500), Behaviour(cut=True)],
    ids=["overloaded", "rate limited", "broken", "cut"],
)
async def test_trouble_that_passes_is_not_seen(models: Models, provider: str, stream: bool, trouble: Behaviour) -> None:
    models.script(trouble, trouble)
    outcome = await play(models.caller(provider), request(provider), stream=stream)
    assert outcome.answer is not None
    assert models.made(provider) == 3


async def test_a_wait_that_does_not_fit_is_not_waited_for(models: Models, provider: str, stream: bool) -> None:
    asked = request(provider, "[[sim:429 retry_after=3600]]")
    failure = failed(await play(models.caller(provider), asked, stream=stream))
    assert (failure.outcome, failure.status_hint) == ("provider_refused", "provider_unavailable")
    assert failure.retry_after == 3600
    assert models.made(provider) == 1


async def test_nobody_listening(models: Models, provider: str, stream: bool) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        caller = models.caller(provider, address=f"http://127.0.0.1:{unused.getsockname()[1]}")
        failure = failed(await play(caller, request(provider), stream=stream))
    assert (failure.outcome, failure.status_hint) == ("provider_refused", "provider_unavailable")
    assert not failure.reached


async def test_a_connection_that_is_never_made(models: Models, provider: str, stream: bool) -> None:
    with socket.socket() as full, socket.socket() as first, socket.socket() as second:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for filler in (first, second):
            filler.setblocking(False)
            filler.connect_ex(full.getsockname())
        address = f"http://127.0.0.1:{full.getsockname()[1]}"
        caller = models.caller(provider, address=address, connect=SHORT, retries=1)
        failure = failed(await play(caller, request(provider), stream=stream))
    assert (failure.outcome, failure.status_hint) == ("provider_refused", "provider_unavailable")
    assert not failure.reached


async def test_a_connection_cut_before_any_byte(models: Models, provider: str, stream: bool) -> None:
    failure = failed(await play(models.caller(provider), request(provider, "[[sim:cut]]"), stream=stream))
    assert (failure.outcome, failure.status_hint) == ("provider_refused", "provider_unavailable")
    assert failure.reached
    assert models.made(provider) == 3


async def test_a_plain_answer_cut_in_its_body(models: Models, provider: str) -> None:
    failure = failed(await play(models.caller(provider), request(provider, "[[sim:cut_after=0]]"), stream=False))
    assert (failure.outcome, failure.text) == ("provider_refused", "")


async def test_a_stall_before_the_first_byte_ends_at_the_limit(models: Models, provider: str) -> None:
    caller = models.caller(provider, first_byte=SHORT)
    failure = failed(await play(caller, request(provider, "[[sim:stall]]"), stream=True))
    assert (failure.outcome, failure.status_hint) == ("provider_timed_out", "provider_error")
    assert failure.reached
    await models.aborted(provider)
    assert models.made(provider) == 1


async def test_a_plain_call_may_use_its_whole_deadline_and_no_more(models: Models, provider: str) -> None:
    caller = models.caller(provider, first_byte=SHORT / 10)
    failure = failed(await play(caller, request(provider, "[[sim:stall]]", seconds=SHORT), stream=False))
    assert failure.outcome == "provider_timed_out"
    await models.aborted(provider)


async def test_signs_of_life_without_text_are_no_first_byte(models: Models, provider: str) -> None:
    caller = models.caller(provider, first_byte=SHORT)
    failure = failed(await play(caller, request(provider, "[[sim:stall_after=0]]"), stream=True))
    assert failure.outcome == "provider_timed_out"
    await models.aborted(provider)


async def test_a_stall_mid_stream_ends_at_the_idle_limit(models: Models, provider: str) -> None:
    caller = models.caller(provider, idle=SHORT)
    outcome = await play(caller, request(provider, "[[sim:stall_after=3]]"), stream=True)
    failure = failed(outcome)
    assert (failure.outcome, failure.status_hint) == ("provider_broke", "provider_error")
    assert failure.text == "".join(outcome.deltas)
    assert len(outcome.deltas) == 3
    await models.aborted(provider)


async def test_the_deadline_ends_a_stream_that_would_go_on(models: Models, provider: str) -> None:
    # Within this the call is made and begins to be answered.
    asked = request(provider, "[[sim:stall_after=2]]", seconds=2 * SHORT)
    outcome = await play(models.caller(provider), asked, stream=True)
    assert failed(outcome).outcome == "provider_broke"
    assert len(outcome.deltas) == 2
    await models.aborted(provider)


@pytest.mark.parametrize("ending", ["cut_after=3", "error_after=3", "malformed malformed_after=3", "tokens=9 no_end"])
async def test_what_breaks_mid_stream_keeps_what_arrived(models: Models, provider: str, ending: str) -> None:
    text = f"[[sim:{ending}]]"
    outcome = await play(models.caller(provider), request(provider, text), stream=True)
    failure = failed(outcome)
    assert (failure.outcome, failure.text) == ("provider_broke", "".join(outcome.deltas))
    assert len(outcome.deltas) == 3
    assert models.made(provider) == 1
    # The output count of the first event is a placeholder and never passed on.
    expected = Usage(tokens_in(text), None, 0, 0) if provider == "anthropic" else Usage()
    assert failure.usage == expected
    assert failure.provider_model_answered == request(provider).provider_model
    assert failure.simulated


async def test_an_error_event_before_the_first_delta_is_tried_again(models: Models, provider: str) -> None:
    models.script(Behaviour(error_after=0), Behaviour(error_after=0))
    outcome = await play(models.caller(provider), request(provider), stream=True)
    assert outcome.answer is not None
    assert models.made(provider) == 3


async def test_an_error_event_that_blames_the_request_is_not_tried_again(models: Models, provider: str) -> None:
    text = "[[sim:error_after=0 error_type=invalid_request_error]]"
    failure = failed(await play(models.caller(provider), request(provider, text), stream=True))
    assert (failure.outcome, failure.upstream_status) == ("provider_refused", 400)
    assert models.made(provider) == 1


async def test_a_stream_cut_before_its_first_delta_is_tried_again(models: Models, provider: str) -> None:
    models.script(Behaviour(cut_after=0), Behaviour(no_end=True, empty=True))
    outcome = await play(models.caller(provider), request(provider), stream=True)
    assert outcome.answer is not None
    assert models.made(provider) == 3


async def test_malformed_answers_are_refusals(models: Models, provider: str, stream: bool) -> None:
    failure = failed(await play(models.caller(provider), request(provider, "[[sim:malformed]]"), stream=stream))
    assert (failure.outcome, failure.status_hint) == ("provider_refused", "provider_error")
    assert models.made(provider) == 1


async def test_an_answer_without_text_is_empty_and_keeps_its_figures(
    models: Models, provider: str, stream: bool
) -> None:
    asked = request(provider, "[[sim:empty]]")
    failure = failed(await play(models.caller(provider), asked, stream=stream))
    assert (failure.outcome, failure.status_hint) == ("provider_empty", "provider_error")
    assert failure.usage == Usage(tokens_in("[[sim:empty]]"), 0, 0, 0)


async def test_a_deadline_already_past_makes_no_call(models: Models, provider: str, stream: bool) -> None:
    failure = failed(await play(models.caller(provider), request(provider, seconds=-1), stream=stream))
    assert (failure.outcome, failure.reached) == ("not_called", False)
    assert models.made(provider) == 0


async def test_the_providers_own_words_stay_out_of_the_failure(models: Models, provider: str, stream: bool) -> None:
    failure = failed(await play(models.caller(provider), request(provider, "[[sim:400]]"), stream=stream))
    assert str(failure) == f"{provider}: provider_refused (status 400)"
    assert failure.__cause__ is None
    assert failure.__suppress_context__


async def test_cancelling_a_plain_call_ends_it_upstream(models: Models, provider: str) -> None:
    models.pause(Pause("before_first_byte"))
    task = asyncio.create_task(models.caller(provider).complete(request(provider)))
    await models.waiting("before_first_byte")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await models.aborted(provider)


async def test_cancelling_a_stream_ends_it_upstream_and_tells_what_came(models: Models, provider: str) -> None:
    models.pause(Pause("mid_stream", after=2))
    stream = models.caller(provider).stream(request(provider))
    deltas = [str(await anext(stream)), str(await anext(stream))]
    await models.waiting("mid_stream")
    task = asyncio.create_task(read(stream, []))
    await asyncio.sleep(0)  # lets the task begin to wait
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await models.aborted(provider)
    assert stream.text == "".join(deltas)
    assert stream.usage.input_tokens == (tokens_in("What is this?") if provider == "anthropic" else None)


async def test_leaving_a_stream_early_ends_it_upstream(models: Models, provider: str) -> None:
    models.pause(Pause("mid_stream", after=1))
    stream = models.caller(provider).stream(request(provider))
    assert isinstance(await anext(stream), str)
    await models.waiting("mid_stream")
    await stream.aclose()
    await models.aborted(provider)


async def test_a_reader_slower_than_the_idle_limit_loses_nothing(models: Models, provider: str) -> None:
    models.pause(Pause("mid_stream", after=1))
    stream = models.caller(provider, first_byte=LONG, idle=SHORT).stream(request(provider))
    first = await anext(stream)
    assert isinstance(first, str)
    loop = asyncio.get_running_loop()
    limit_is_past = asyncio.Event()
    loop.call_at(loop.time() + 2 * SHORT, limit_is_past.set)
    await limit_is_past.wait()
    models.simulator.stage.resume(None)
    deltas = [first]
    answer = await read(stream, deltas)
    assert answer.text == "".join(deltas)
