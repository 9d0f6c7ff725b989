"""Reading what comes: events in any chunking, hostile bodies, waits that providers ask for."""

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.llm import Usage, plain_count
from gateway.llm.anthropic import AnthropicReader
from gateway.llm.failures import UPSTREAM_ERRORS, seconds_to_wait
from gateway.llm.openai import OpenAIReader
from gateway.llm.sse import LARGEST_EVENT, EventSplitter, EventTooLarge

LINE_ENDS = [b"\n", b"\r\n", b"\r"]


def chunked(raw: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({0, len(raw), *(cut % (len(raw) + 1) for cut in cuts)})
    return [raw[start:end] for start, end in pairwise(places)]


def split(chunks: list[bytes]) -> list[bytes]:
    splitter = EventSplitter()
    return [data for chunk in chunks for data in splitter.feed(chunk)]


@given(
    texts=st.lists(
        st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), min_size=1), max_size=8
    ),
    line_end=st.sampled_from(LINE_ENDS),
    cuts=st.lists(st.integers(0, 10_000), max_size=20),
)
def test_events_are_the_same_however_they_are_cut(texts: list[str], line_end: bytes, cuts: list[int]) -> None:
    encoded = [text.encode() for text in texts]
    raw = b"".join(
        b"event: x" + line_end + b": a comment" + line_end + b"data: " + text + line_end * 2 for text in encoded
    )
    # A lone CR at the very end may still become a CRLF: only the next byte tells.
    assert split([*chunked(raw, cuts), b": end"]) == encoded


def test_data_over_several_lines_is_joined() -> None:
    assert split([b"data: a\ndata:b\nid: 7\n\n"]) == [b"a\nb"]


def test_an_event_without_end_is_not_kept_for_ever() -> None:
    endless = [b"x" * (LARGEST_EVENT // 4)] * 5
    with pytest.raises(EventTooLarge):
        split(endless)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
usage_names = st.sampled_from(
    [
        "input_tokens",
        "output_tokens",
        "cache_read_input_tokens",
        "cache_creation_input_tokens",
        "prompt_tokens",
        "completion_tokens",
        "prompt_tokens_details",
    ]
)


def sound(usage: Usage) -> bool:
    counts = (usage.input_tokens, usage.output_tokens, usage.cache_read_tokens, usage.cache_write_tokens)
    return all(count is None or count == plain_count(count) for count in counts)


@given(usage=st.dictionaries(usage_names, json_values | st.dictionaries(st.just("cached_tokens"), json_values)))
def test_no_figures_whatever_get_past_the_readers(usage: dict[str, object]) -> None:
    anthropic, openai = AnthropicReader(), OpenAIReader()
    anthropic.read_event(json.dumps({"type": "message_delta", "delta": {}, "usage": usage}).encode())
    openai.read_event(json.dumps({"choices": [], "usage": usage}).encode())
    assert sound(anthropic.usage)
    assert sound(openai.usage)


@given(body=json_values.map(lambda value: json.dumps(value).encode()) | st.binary(max_size=60))
@pytest.mark.parametrize("reader", [AnthropicReader, OpenAIReader])
@pytest.mark.parametrize("method", ["read_whole", "read_event"])
def test_any_body_is_read_or_refused(reader: type, method: str, body: bytes) -> None:
    try:
        text = getattr(reader(), method)(body)
    except UPSTREAM_ERRORS:
        return
    assert isinstance(text, str)


def test_nul_characters_are_left_out() -> None:
    delta = {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "a\0b"}}
    assert AnthropicReader().read_event(msgspec.json.encode(delta)) == "ab"
    whole = {"choices": [{"message": {"content": "a\0b"}, "finish_reason": "stop"}]}
    assert OpenAIReader().read_whole(msgspec.json.encode(whole)) == "ab"


def test_cached_tokens_beyond_the_prompt_make_both_figures_worthless() -> None:
    reader = OpenAIReader()
    usage = {"prompt_tokens": 5, "completion_tokens": 7, "prompt_tokens_details": {"cached_tokens": 6}}
    reader.read_event(msgspec.json.encode({"usage": usage}))
    assert reader.usage == Usage(None, 7, None, None)


@pytest.mark.parametrize("details", [None, {}, {"cached_tokens": None}])
def test_details_that_say_nothing_mean_nothing_cached(details: object) -> None:
    reader = OpenAIReader()
    usage = {"prompt_tokens": 5, "completion_tokens": 7, "prompt_tokens_details": details}
    reader.read_event(msgspec.json.encode({"usage": usage}))
    assert reader.usage == Usage(5, 7, 0, 0)


def test_cumulative_figures_are_not_added_up() -> None:
    reader = AnthropicReader()
    reader.read_event(b'{"type":"message_start","message":{"usage":{"input_tokens":10,"output_tokens":1}}}')
    assert reader.usage == Usage(10, None, 0, 0)
    reader.read_event(b'{"type":"message_delta","delta":{},"usage":{"output_tokens":20}}')
    reader.read_event(b'{"type":"message_delta","delta":{},"usage":{"output_tokens":30,"input_tokens":11}}')
    assert reader.usage == Usage(11, 30, 0, 0)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after-ms": "250", "retry-after": "7"}, 0.25),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0.0),
    ],
)
def test_waits_that_a_provider_asks_for(headers: dict[str, str], seconds: float | None) -> None:
    assert seconds_to_wait(headers) == seconds


def test_a_wait_until_a_date() -> None:
    later = datetime.now(UTC) + timedelta(hours=1)
    wait = seconds_to_wait({"retry-after": format_datetime(later, usegmt=True)})
    assert wait is not None
    assert 0 < wait <= 3600
