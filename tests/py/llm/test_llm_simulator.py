"""The simulator itself: what it refuses, that the SDKs' own strict parsers accept it, how it is directed."""

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import anthropic
import openai
import pytest
from openai.types.chat import ChatCompletionMessageParam

from gateway.llm.simulator.answers import cut_to, exactly, tokens_in
from tests.py.llm.models import MODELS, PROMPT, Models, play, request

ENDPOINTS = {"anthropic": "/v1/messages", "openai": "/v1/chat/completions"}
HEADERS = {
    "anthropic": {"Authorization": "Bearer k", "anthropic-version": "2026-10-21"},
    "openai": {"Authorization": "Bearer k"},
}


@pytest.fixture
async def http(models: Models) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(models.address) as session:
        yield session


def body(provider: str, **changes: object) -> dict[str, object]:
    good = {"model": MODELS[provider], "max_tokens": 50, "messages": [{"role": "user", "content": "Hello"}]}
    return {name: value for name, value in {**good, **changes}.items() if value is not None}


REFUSED = [
    ("both", {"messages": []}, 400),
    ("both", {"max_tokens": 0}, 400),
    ("both", {"max_tokens": "many"}, 400),
    ("both", {"model": "nobody"}, 404),
    ("both", {"model": 5}, 400),
    ("both", {"temperature": -1}, 400),
    ("both", {"credits": 5}, 400),
    ("both", {"messages": [{"role": "wizard", "content": "Hello"}]}, 400),
    ("anthropic", {"max_tokens": 0, "temperature": None}, 400),
    ("anthropic", {"messages": [{"role": "user", "content": " "}]}, 400),
    ("anthropic", {"messages": [{"role": "assistant", "content": "Hello"}]}, 400),
    ("anthropic", {"messages": [{"role": "system", "content": "Hello"}]}, 400),
    ("anthropic", {"system": [{"type": "text", "text": ""}]}, 400),
    ("openai", {"stream_options": {"include_usage": True}}, 400),
    ("openai", {"max_completion_tokens": 5}, 400),
]


@pytest.mark.parametrize(("whom", "changes", "status"), REFUSED)
async def test_what_the_real_api_refuses_is_refused_in_its_shape(
    models: Models, http: aiohttp.ClientSession, provider: str, whom: str, changes: dict[str, object], status: int
) -> None:
    asked = body(provider, **changes) if whom in ("both", provider) else {"model": []}
    async with http.post(ENDPOINTS[provider], json=asked, headers=HEADERS[provider]) as response:
        assert response.status == (status if whom in ("both", provider) else 400)
        error = (await response.json())["error"]
        assert isinstance(error["type"], str)
        assert isinstance(error["message"], str)


async def test_max_tokens_is_required_by_anthropic_only(http: aiohttp.ClientSession, provider: str) -> None:
    asked = body(provider, max_tokens=None)
    async with http.post(ENDPOINTS[provider], json=asked, headers=HEADERS[provider]) as response:
        assert response.status == (400 if provider == "anthropic" else 200)


@pytest.mark.parametrize("missing", ["Authorization", "anthropic-version"])
async def test_headers_are_required(http: aiohttp.ClientSession, missing: str) -> None:
    headers = {name: value for name, value in HEADERS["anthropic"].items() if name != missing}
    async with http.post(ENDPOINTS["anthropic"], json=body("anthropic"), headers=headers) as response:
        assert response.status == (401 if missing == "Authorization" else 400)


async def test_a_marker_that_makes_no_sense_is_not_passed_over(http: aiohttp.ClientSession, provider: str) -> None:
    asked = body(provider, messages=[{"role": "user", "content": "[[sim:5z9]]"}])
    async with http.post(ENDPOINTS[provider], json=asked, headers=HEADERS[provider]) as response:
        assert response.status == 400
        assert "5z9" in await response.text()


@pytest.mark.parametrize("marker", ["", "[[sim:refusal]]", "[[sim:empty]]", "[[sim:tokens=60]]"])
async def test_anthropics_own_strict_parser_accepts_the_answers(models: Models, marker: str) -> None:
    client = anthropic.AsyncAnthropic(
        api_key="k", base_url=models.address, max_retries=0, _strict_response_validation=True
    )
    asked = {"model": MODELS["anthropic"], "max_tokens": 50}
    messages: list[anthropic.types.MessageParam] = [{"role": "user", "content": f"Hello {marker}"}]
    whole = await client.messages.create(**asked, messages=messages, system=PROMPT)
    async with client.messages.stream(**asked, messages=messages, system=PROMPT) as stream:
        streamed = await stream.get_final_message()
    # The SDK leaves out a text block's citations in one way and names them in the other.
    assert [
        block.model_dump(include={"text"}) for block in streamed.content if block.type == "text" and block.text
    ] == [block.model_dump(include={"text"}) for block in whole.content]
    assert streamed.stop_reason == whole.stop_reason
    assert streamed.usage.output_tokens == whole.usage.output_tokens
    assert streamed.usage.input_tokens == whole.usage.input_tokens
    await client.close()


@pytest.mark.parametrize("marker", ["", "[[sim:refusal]]", "[[sim:tokens=60]]"])
async def test_openais_own_strict_parser_accepts_the_answers(models: Models, marker: str) -> None:
    client = openai.AsyncOpenAI(
        api_key="k", base_url=f"{models.address}/v1", max_retries=0, _strict_response_validation=True
    )
    asked = {"model": MODELS["openai"], "max_completion_tokens": 50}
    messages: list[ChatCompletionMessageParam] = [{"role": "user", "content": f"Hello {marker}"}]
    whole = await client.chat.completions.create(**asked, messages=messages)
    chunks = [
        chunk
        async for chunk in await client.chat.completions.create(
            **asked, messages=messages, stream=True, stream_options={"include_usage": True}
        )
    ]
    choices = [chunk.choices[0] for chunk in chunks if chunk.choices]
    message = whole.choices[0].message
    assert "".join(choice.delta.content or "" for choice in choices) == (message.content or "")
    assert "".join(choice.delta.refusal or "" for choice in choices) == (message.refusal or "")
    assert [choice.finish_reason for choice in choices if choice.finish_reason] == [whole.choices[0].finish_reason]
    assert [chunk.usage for chunk in chunks if chunk.usage] == [whole.usage]
    await client.close()


async def test_the_same_question_has_the_same_answer(models: Models, provider: str) -> None:
    caller = models.caller(provider)
    answers = {
        (await caller.complete(request(provider, "Why?", prompt="# The Prompt\nBe kind."))).text for _ in range(3)
    }
    assert len(answers) == 1
    assert "The Prompt" in answers.pop()


async def test_scripts_pauses_and_counts_by_http(models: Models, http: aiohttp.ClientSession, provider: str) -> None:
    script = [{"behaviour": {"status": 529}, "provider": provider, "match": "special", "times": 2}]
    async with http.post("/_sim/script", json=script) as response:
        assert response.status == 200
    async with http.post(
        "/_sim/pause", json={"point": "before_first_byte", "match": "special", "times": 3}
    ) as response:
        assert response.status == 200
    calling = asyncio.create_task(play(models.caller(provider), request(provider, "special"), stream=False))
    async with http.get("/_sim/wait", params={"waiting.before_first_byte": "1", "timeout": "30"}) as response:
        assert response.status == 200
        assert (await response.json())["calls"][provider]["open"] == 1
    async with http.post("/_sim/resume", json={}) as response:
        assert response.status == 200
    assert (await calling).answer is not None
    async with http.get("/_sim/state") as response:
        state = await response.json()
    assert state["calls"][provider] == {"made": 3, "finished": 3, "aborted": 0, "errors": 2, "open": 0}
    async with http.get("/_sim/calls", params={"match": "special", "limit": "2"}) as response:
        calls = await response.json()
    assert [call["status"] for call in calls] == [529, 200]
    assert calls[0]["messages"] == [{"role": "user", "content": "special"}]
    async with http.post("/_sim/reset") as response:
        assert (await response.json())["calls"][provider]["made"] == 0


async def test_a_wait_in_vain_ends(http: aiohttp.ClientSession) -> None:
    async with http.get("/_sim/wait", params={"openai.aborted": "1", "timeout": "0"}) as response:
        assert response.status == 408


@pytest.mark.parametrize("path", ["/_sim/script", "/_sim/pause"])
async def test_nonsense_for_the_director_is_refused(http: aiohttp.ClientSession, path: str) -> None:
    async with http.post(path, json={"point": "nowhere", "behaviour": {"colour": "red"}}) as response:
        assert response.status == 400


async def test_a_pause_before_the_end_holds_the_last_event_back(models: Models, provider: str) -> None:
    async with aiohttp.ClientSession(models.address) as http:
        async with http.post("/_sim/pause", json={"point": "before_end"}):
            pass
        caller = models.caller(provider)
        calling = asyncio.create_task(play(caller, request(provider), stream=True))
        await models.waiting("before_end")
        assert not calling.done()
        models.simulator.stage.resume("before_end")
        assert (await calling).answer is not None


@pytest.mark.parametrize("tokens", [0, 1, 2, 7, 1000])
def test_answers_of_a_stated_length_have_it(tokens: int) -> None:
    assert tokens_in(exactly(tokens)) == tokens


@pytest.mark.parametrize(("text", "tokens"), [("", 0), ("abcd", 1), ("abcde", 2), ("ä" * 4, 2), ("😀", 1)])
def test_a_token_is_four_octets_rounded_up(text: str, tokens: int) -> None:
    assert tokens_in(text) == tokens
    assert cut_to(text, tokens) == text
