"""The bytes of good answers, put together from constant parts: this is the path that a benchmark takes."""

from collections.abc import Mapping
from typing import Any, ClassVar

import msgspec

from gateway.llm.simulator.answers import deltas_of
from gateway.llm.simulator.wire import Reply

__all__ = ["SHAPES", "AnthropicShape", "OpenAIShape", "Shape"]

_json = msgspec.json.encode

BAD_COUNTS: dict[str, Any] = {
    "nulls": None,
    "zero": 0,
    "huge": 10**18,
    "negative": -5,
    "string": "many",
    "fraction": 12.5,
    "true": True,
}


class Shape:
    """A stream is head, one event a delta, then tail. `tail` is given in parts: stop reason, usage, end."""

    def plain(self, reply: Reply) -> bytes:
        raise NotImplementedError

    def head(self, reply: Reply) -> bytes:
        raise NotImplementedError

    def delta(self, reply: Reply, text: str) -> bytes:
        raise NotImplementedError

    def tail(self, reply: Reply, wants_usage: bool) -> tuple[bytes, bytes, bytes]:
        raise NotImplementedError

    def error_event(self, body: bytes) -> bytes:
        raise NotImplementedError

    def deltas(self, reply: Reply) -> list[bytes]:
        return [self.delta(reply, text) for text in deltas_of(reply.text)]


class AnthropicShape(Shape):
    STOPS: ClassVar[Mapping[str, bytes]] = {"end": b'"end_turn"', "length": b'"max_tokens"', "refusal": b'"refusal"'}
    PLAIN = (
        b'{"id":"msg_sim_%d","type":"message","role":"assistant","model":%s,"content":[%s],'
        b'"stop_reason":%s,"stop_sequence":null%s}'
    )
    HEAD = (
        b'event: message_start\ndata: {"type":"message_start","message":{"id":"msg_sim_%d","type":"message",'
        b'"role":"assistant","model":%s,"content":[],"stop_reason":null,"stop_sequence":null%s}}\n\n'
        b'event: content_block_start\ndata: {"type":"content_block_start","index":0,'
        b'"content_block":{"type":"text","text":""}}\n\nevent: ping\ndata: {"type": "ping"}\n\n'
    )
    DELTA = (
        b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,'
        b'"delta":{"type":"text_delta","text":%s}}\n\n'
    )
    TAIL = (
        b'event: content_block_stop\ndata: {"type":"content_block_stop","index":0}\n\n'
        b'event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":%s,"stop_sequence":null}%s}\n\n'
    )
    END = b'event: message_stop\ndata: {"type":"message_stop"}\n\n'

    def plain(self, reply: Reply) -> bytes:
        content = b'{"type":"text","text":%s}' % _json(reply.text) if reply.text else b""
        usage = self._usage(reply, reply.counts.output)
        return self.PLAIN % (reply.number, _json(reply.model), content, self.STOPS[reply.stop], usage)

    def head(self, reply: Reply) -> bytes:
        return self.HEAD % (reply.number, _json(reply.model), self._usage(reply, 1))

    def delta(self, reply: Reply, text: str) -> bytes:
        return self.DELTA % _json(text)

    def tail(self, reply: Reply, wants_usage: bool) -> tuple[bytes, bytes, bytes]:
        usage = b',"usage":{"output_tokens":%d}' % reply.counts.output
        if reply.usage is not None:
            usage = self._usage(reply, reply.counts.output)
        return self.TAIL % (self.STOPS[reply.stop], usage), b"", self.END

    def error_event(self, body: bytes) -> bytes:
        return b"event: error\ndata: %s\n\n" % body

    def _usage(self, reply: Reply, output: int) -> bytes:
        if reply.usage == "missing":
            return b""
        if reply.usage is not None:
            bad = BAD_COUNTS[reply.usage]
            return b',"usage":' + _json({"input_tokens": bad, "output_tokens": bad, "cache_read_input_tokens": bad})
        counts = reply.counts
        return (
            b',"usage":{"input_tokens":%d,"cache_creation_input_tokens":%d,"cache_read_input_tokens":%d,'
            b'"output_tokens":%d,"service_tier":"standard"}' % (counts.fresh, counts.written, counts.read, output)
        )


class OpenAIShape(Shape):
    STOPS: ClassVar[Mapping[str, bytes]] = {"end": b'"stop"', "length": b'"length"', "refusal": b'"stop"'}
    PLAIN = (
        b'{"id":"chatcmpl-sim%d","object":"chat.completion","created":1760000000,"model":%s,"choices":[{"index":0,'
        b'"message":{"role":"assistant","content":%s,"refusal":%s,"annotations":[]},"logprobs":null,'
        b'"finish_reason":%s}]%s,"service_tier":"default","system_fingerprint":"fp_sim"}'
    )
    CHUNK = (
        b'data: {"id":"chatcmpl-sim%d","object":"chat.completion.chunk","created":1760000000,"model":%s,'
        b'"service_tier":"default","system_fingerprint":"fp_sim","choices":[%s]%s}\n\n'
    )
    CHOICE = b'{"index":0,"delta":%s,"logprobs":null,"finish_reason":%s}'
    END = b"data: [DONE]\n\n"

    def plain(self, reply: Reply) -> bytes:
        text = _json(reply.text)
        content, refusal = (b"null", text) if reply.stop == "refusal" else (text, b"null")
        model = _json(reply.model)
        return self.PLAIN % (reply.number, model, content, refusal, self.STOPS[reply.stop], self._usage(reply))

    def _chunk(self, reply: Reply, delta: bytes, finish: bytes = b"null") -> bytes:
        return self.CHUNK % (reply.number, _json(reply.model), self.CHOICE % (delta, finish), b',"usage":null')

    def head(self, reply: Reply) -> bytes:
        return self._chunk(reply, b'{"role":"assistant","content":"","refusal":null}')

    def delta(self, reply: Reply, text: str) -> bytes:
        name = b"refusal" if reply.stop == "refusal" else b"content"
        return self._chunk(reply, b'{"%s":%s}' % (name, _json(text)))

    def tail(self, reply: Reply, wants_usage: bool) -> tuple[bytes, bytes, bytes]:
        stop = self._chunk(reply, b"{}", self.STOPS[reply.stop])
        usage = self._usage(reply) if wants_usage else b""
        last = self.CHUNK % (reply.number, _json(reply.model), b"", usage) if usage else b""
        return stop, last, self.END

    def error_event(self, body: bytes) -> bytes:
        return b"data: %s\n\n" % body

    def _usage(self, reply: Reply) -> bytes:
        if reply.usage == "missing":
            return b""
        if reply.usage is not None:
            bad = BAD_COUNTS[reply.usage]
            return b',"usage":' + _json({"prompt_tokens": bad, "completion_tokens": bad, "total_tokens": bad})
        counts = reply.counts
        prompt = counts.fresh + counts.read + counts.written
        return (
            b',"usage":{"prompt_tokens":%d,"completion_tokens":%d,"total_tokens":%d,"prompt_tokens_details":'
            b'{"cached_tokens":%d,"audio_tokens":0},"completion_tokens_details":{"reasoning_tokens":0}}'
            % (prompt, counts.output, prompt + counts.output, counts.read)
        )


SHAPES: dict[str, Shape] = {"anthropic": AnthropicShape(), "openai": OpenAIShape()}
