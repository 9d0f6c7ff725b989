"""What the simulator can be told to do, and the order in which it listens.

A behaviour comes from the first of: the oldest script entry that matches, the marker in the last user message, nothing.
A marker holds words: `[[sim:529]]`, `[[sim:429 retry_after=1]]`, `[[sim:cut_after=3]]`, `[[sim:usage=zero tokens=50]]`.
A word alone is a status, or one of `refusal empty malformed instant cut stall`.
"""

import asyncio
import re
from collections import Counter, deque
from collections.abc import Callable
from typing import Literal

import msgspec

__all__ = ["Behaviour", "Pause", "Point", "Script", "Stage"]

Point = Literal["before_first_byte", "mid_stream", "before_end"]
BadUsage = Literal["missing", "nulls", "zero", "huge", "negative", "string", "fraction", "true"]

SCRIPT_LIMIT = 1000
MARKER = re.compile(r"\[\[sim:([^\]]{1,200})\]\]")


class Behaviour(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One way to answer; the default is to answer well.

    status, retry_after    an error reply, in the provider's shape, with that Retry-After as it stands
    error_after            a stream: an error event (`error_type`) after that many deltas
    cut                    the connection ends before any byte
    cut_after              a stream ends without its end after that many deltas; a plain answer in mid-body
    stall, stall_after     nothing more comes, before the first byte or after that many deltas, until the caller leaves
    malformed              the body, or the event after the first delta (`malformed_after`), is not JSON
    empty                  an answer without text
    refusal                the model declines, in its own words
    usage                  figures that no one should believe
    model                  another model's name in the answer
    delta_ms, instant      time between deltas; or all events in one write
    tokens                 an answer of exactly that many tokens (cut by the caller's limit)
    no_end                 a stream ends in good order, but before its stop reason
    no_usage_event         a stream ends after its stop reason, before its usage
    """

    status: int | None = None
    retry_after: str | None = None
    error_after: int | None = None
    error_type: str | None = None
    cut: bool = False
    cut_after: int | None = None
    stall: bool = False
    stall_after: int | None = None
    malformed: bool = False
    malformed_after: int = 0
    empty: bool = False
    refusal: bool = False
    usage: BadUsage | None = None
    model: str | None = None
    delta_ms: float | None = None
    instant: bool = False
    tokens: int | None = None
    no_end: bool = False
    no_usage_event: bool = False


NORMAL = Behaviour()


class Script(msgspec.Struct, forbid_unknown_fields=True):
    """A behaviour for the next `times` calls of a provider (any) whose last user message contains `match` (any)."""

    behaviour: Behaviour
    provider: str | None = None
    match: str = ""
    times: int = 1


class Pause(msgspec.Struct, forbid_unknown_fields=True):
    """The next `times` matching calls stop at `point`; in the middle means after `after` deltas."""

    point: Point
    provider: str | None = None
    match: str = ""
    times: int = 1
    after: int = 1


class Stage:
    """What is scripted and who waits where, in one process. Bounded: a full script refuses more."""

    def __init__(self) -> None:
        self._scripts: deque[Script] = deque()
        self._pauses: list[Pause] = []
        self._gates: dict[str, asyncio.Event] = {}
        self.waiting: Counter[str] = Counter()
        self.on_change: Callable[[], None] = lambda: None

    def reset(self) -> None:
        self._scripts.clear()
        self.resume(None)

    def add(self, script: Script) -> bool:
        if len(self._scripts) >= SCRIPT_LIMIT:
            return False
        self._scripts.append(script)
        return True

    def pause(self, pause: Pause) -> bool:
        if len(self._pauses) >= SCRIPT_LIMIT:
            return False
        self._pauses.append(pause)
        return True

    def resume(self, point: str | None) -> None:
        """Let everyone go who waits at `point` (a stalled call waits at "stalled"), or anywhere; stop nobody there."""
        self._pauses = [pause for pause in self._pauses if point not in (None, pause.point)]
        for name in [point] if point else list(self._gates):
            if gate := self._gates.pop(name, None):
                gate.set()

    def behaviour_for(self, provider: str, user_input: str) -> Behaviour:
        for script in self._scripts:
            if script.provider in (None, provider) and script.match in user_input:
                script.times -= 1
                if script.times <= 0:
                    self._scripts.remove(script)
                return script.behaviour
        return read_marker(user_input) if "[[sim:" in user_input else NORMAL

    def take_pause(self, provider: str, user_input: str) -> Pause | None:
        for pause in self._pauses:
            if pause.provider in (None, provider) and pause.match in user_input:
                pause.times -= 1
                if pause.times <= 0:
                    self._pauses.remove(pause)
                return pause
        return None

    async def wait_at(self, point: str) -> None:
        gate = self._gates.setdefault(point, asyncio.Event())
        self.waiting[point] += 1
        self.on_change()
        try:
            await gate.wait()
        finally:
            self.waiting[point] -= 1
            self.on_change()


def read_marker(user_input: str) -> Behaviour:
    """The behaviour that a marker asks for. Raises `msgspec.ValidationError` for a marker that makes no sense."""
    found = MARKER.search(user_input)
    if found is None:
        return NORMAL
    fields: dict[str, str | bool] = {}
    for word in found.group(1).split():
        name, equals, value = word.partition("=")
        if equals:
            fields[name] = value
        elif word.isdigit():
            fields["status"] = word
        else:
            fields[word] = True
    return msgspec.convert(fields, Behaviour, strict=False)
