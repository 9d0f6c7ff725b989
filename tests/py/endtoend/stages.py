"""The points of a run at which something is ended: each brings one run there and says what the books then owe."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Literal

from tests.py.endtoend.callers import Caller, Event, Reply, Streamed
from tests.py.endtoend.simulation import Simulation
from tests.py.endtoend.waiting import until
from tests.py.support.proxy import DatabaseProxy, Stop

# What is true of the run when it stands there: nothing reserved, credits held, or charged.
State = Literal["nothing", "held", "settled"]
DELTAS_SEEN = 3


@dataclass
class Scene:
    """A run on its way: who called, where it stands, what it was asked."""

    caller: Caller
    simulation: Simulation
    proxy: DatabaseProxy
    user_input: str
    key: str
    streams: bool
    fields: dict[str, object] = field(default_factory=dict)
    seen: list[Event] = field(default_factory=list)
    stop: Stop | None = None
    _task: asyncio.Task[Reply | Streamed] | None = None

    def begin(self) -> None:
        if self.streams:
            run = self.caller.stream(self.user_input, key=self.key, into=self.seen, **self.fields)
        else:
            run = self.caller.run(self.user_input, key=self.key, **self.fields)
        self._task = asyncio.ensure_future(run)

    async def ended(self) -> Reply | Streamed | BaseException:
        """What the client got, or the error it was left with."""
        assert self._task is not None
        (result,) = await asyncio.gather(self._task, return_exceptions=True)
        return result

    async def leave(self) -> None:
        """The client hangs up."""
        assert self._task is not None
        self._task.cancel()
        await self.ended()

    def cut(self) -> None:
        """Ends the database connection that is being held, if one is: its gateway is dead, or is to think it so."""
        if self.stop is not None:
            self.stop.cut()

    def let_go(self) -> None:
        if self.stop is not None:
            self.stop.resume()


@dataclass(frozen=True)
class Stage:
    """A point, how to bring a run there, and what is then in the books."""

    name: str
    state: State
    reach: Callable[[Scene], Awaitable[None]]

    def __str__(self) -> str:
        return self.name


async def _before_reserve(scene: Scene) -> None:
    await _at(scene, scene.proxy.stop_before("reserve_run"))


async def _after_reserve(scene: Scene) -> None:
    await _at(scene, scene.proxy.stop_after("reserve_run"))


async def _before_settle(scene: Scene) -> None:
    await _at(scene, scene.proxy.stop_before("settle_run"))


async def _after_settle(scene: Scene) -> None:
    await _at(scene, scene.proxy.stop_after("settle_run"))


async def _at(scene: Scene, stop: Stop) -> None:
    scene.stop = stop
    scene.begin()
    await stop.reached()


async def _first_byte(scene: Scene) -> None:
    await _paused(scene, "before_first_byte")


async def _mid_stream(scene: Scene) -> None:
    await _paused(scene, "mid_stream")
    if scene.streams:
        # What the simulator has sent is on its way; the run stands there when the client has it.
        await until(lambda: len(scene.seen) == 1 + DELTAS_SEEN, "the first deltas")


async def _paused(scene: Scene, point: str) -> None:
    await scene.simulation.pause(point, match=scene.user_input, after=DELTAS_SEEN)
    scene.begin()
    await scene.simulation.reached(**{f"waiting__{point}": 1})


BEFORE_RESERVE = Stage("before reserve", "nothing", _before_reserve)
AFTER_RESERVE = Stage("after reserve", "held", _after_reserve)
FIRST_BYTE = Stage("first byte", "held", _first_byte)
MID_STREAM = Stage("mid-stream", "held", _mid_stream)
BEFORE_SETTLE = Stage("before settle", "held", _before_settle)
AFTER_SETTLE = Stage("after settle", "settled", _after_settle)
STAGES = (BEFORE_RESERVE, AFTER_RESERVE, FIRST_BYTE, MID_STREAM, BEFORE_SETTLE, AFTER_SETTLE)
