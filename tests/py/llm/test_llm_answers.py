"""Good answers, over the wire with the real SDKs: text, figures, stop reasons, what is sent."""

import pytest

from gateway.llm import Answer, Message, Usage
from gateway.llm.simulator.answers import REFUSAL, tokens_in
from tests.py.llm.models import PROMPT, Models, play, request


def answered(outcome: object) -> Answer:
    answer = getattr(outcome, "answer", None)
    assert isinstance(answer, Answer), getattr(outcome, "failure", None)
    return answer


async def test_an_answer_brings_text_figures_and_its_origin(models: Models, provider: str, stream: bool) -> None:
    outcome = await play(models.caller(provider), request(provider, "Is tea good?"), stream=stream)
    answer = answered(outcome)
    assert '"Is tea good?"' in answer.text
    assert answer.usage == Usage(tokens_in("Is tea good?"), tokens_in(answer.text), 0, 0)
    assert answer.stop_reason == "end_turn"
    assert answer.provider_model_answered == request(provider).provider_model
    assert answer.simulated


async def test_deltas_add_up_to_the_answer(models: Models, provider: str) -> None:
    outcome = await play(models.caller(provider), request(provider), stream=True)
    assert "".join(outcome.deltas) == answered(outcome).text
    assert len(outcome.deltas) > 3


async def test_streamed_and_plain_answers_are_the_same(models: Models, provider: str) -> None:
    caller = models.caller(provider)
    plain = answered(await play(caller, request(provider), stream=False))
    assert answered(await play(caller, request(provider), stream=True)) == plain


async def test_prompt_history_and_limits_reach_the_provider(models: Models, provider: str, stream: bool) -> None:
    history = [Message("user", "First?"), Message("assistant", "Second.")]
    asked = request(provider, "Third?", max_tokens=321, prompt=PROMPT, history=history, temperature=0.5)
    answered(await play(models.caller(provider), asked, stream=stream))
    call = models.simulator.calls[-1]
    assert call.prompt == PROMPT
    assert [message["content"] for message in call.messages] == ["First?", "Second.", "Third?"]
    assert [message["role"] for message in call.messages] == ["user", "assistant", "user"]
    assert (call.max_tokens, call.stream) == (321, stream)


async def test_a_temperature_that_the_provider_refuses_shows_that_it_was_sent(models: Models, provider: str) -> None:
    outcome = await play(models.caller(provider), request(provider, temperature=2.5), stream=False)
    assert outcome.failure is not None
    assert outcome.failure.upstream_status == 400


async def test_an_answer_at_the_cap_says_so(models: Models, provider: str, stream: bool) -> None:
    asked = request(provider, "[[sim:tokens=500]]", max_tokens=300)
    answer = answered(await play(models.caller(provider), asked, stream=stream))
    assert answer.stop_reason == "max_tokens"
    assert answer.usage.output_tokens == 300
    assert tokens_in(answer.text) == 300


async def test_a_models_own_refusal_is_an_answer(models: Models, provider: str, stream: bool) -> None:
    answer = answered(await play(models.caller(provider), request(provider, "[[sim:refusal]]"), stream=stream))
    assert (answer.text, answer.stop_reason) == (REFUSAL, "refusal")
    assert answer.usage.output_tokens == tokens_in(REFUSAL)


async def test_cached_tokens_are_apart_from_the_input(models: Models, provider: str, stream: bool) -> None:
    caller = models.caller(provider)
    prompt, own = tokens_in(PROMPT), tokens_in("What is this?")
    first = answered(await play(caller, request(provider, prompt=PROMPT), stream=stream)).usage
    second = answered(await play(caller, request(provider, prompt=PROMPT), stream=stream)).usage
    seen = [(usage.input_tokens, usage.cache_read_tokens, usage.cache_write_tokens) for usage in (first, second)]
    if provider == "anthropic":
        assert seen == [(own, 0, prompt), (own, prompt, 0)]
    else:
        kept = prompt // 128 * 128
        assert seen == [(prompt + own, 0, 0), (prompt - kept + own, kept, 0)]


async def test_a_short_prompt_is_not_cached(models: Models, provider: str) -> None:
    caller = models.caller(provider)
    for _ in range(2):
        usage = answered(await play(caller, request(provider, prompt="# Short"), stream=False)).usage
        assert (usage.cache_read_tokens, usage.cache_write_tokens) == (0, 0)


async def test_the_model_that_answered_is_told(models: Models, provider: str, stream: bool) -> None:
    asked = request(provider, "[[sim:model=some-other-model]]")
    answer = answered(await play(models.caller(provider), asked, stream=stream))
    assert answer.provider_model_answered == "some-other-model"


UNUSABLE = Usage(None, None, None, None)


@pytest.mark.parametrize(
    ("figures", "expected"),
    [
        ("missing", UNUSABLE),
        ("nulls", UNUSABLE),
        ("huge", UNUSABLE),
        ("negative", UNUSABLE),
        ("string", UNUSABLE),
        ("fraction", UNUSABLE),
        ("true", UNUSABLE),
        ("zero", Usage(0, 0, 0, 0)),
    ],
)
async def test_figures_that_no_one_should_believe_are_none_and_zero_is_zero(
    models: Models, provider: str, stream: bool, figures: str, expected: Usage
) -> None:
    outcome = await play(models.caller(provider), request(provider, f"[[sim:usage={figures}]]"), stream=stream)
    assert answered(outcome).usage == expected


async def test_a_stream_whole_but_for_its_usage_is_an_answer(models: Models, provider: str) -> None:
    answer = answered(await play(models.caller(provider), request(provider, "[[sim:no_usage_event]]"), stream=True))
    assert answer.stop_reason == "end_turn"
    if provider == "openai":
        assert answer.usage == UNUSABLE


async def test_all_events_in_one_packet_read_like_many(models: Models, provider: str) -> None:
    outcome = await play(models.caller(provider), request(provider, "[[sim:instant]]"), stream=True)
    assert "".join(outcome.deltas) == answered(outcome).text


async def test_a_stream_leaves_its_connection_for_the_next(models: Models, provider: str, stream: bool) -> None:
    caller = models.caller(provider)
    for _ in range(5):
        answered(await play(caller, request(provider), stream=stream))
    assert len({call.connection for call in models.simulator.calls}) == 1
