"""Providers with the real SDKs before a simulator, with limits small enough to be waited for."""

import asyncio
from collections.abc import Callable

import msgspec

from gateway.llm import Answer, ModelStream, ProviderFailure, RunRequest
from gateway.llm.anthropic import AnthropicWire
from gateway.llm.breaker import Breaker
from gateway.llm.caller import Caller, Limits
from gateway.llm.openai import OpenAIWire
from gateway.llm.simulator import Simulator
from gateway.llm.simulator.behaviour import Behaviour, Pause, Script

MODELS = {"anthropic": "claude-test", "openai": "gpt-test"}
LONG = 120.0  # seconds: longer than any test takes that does not hang
SHORT = 0.5  # seconds: a limit that a test runs into, after a busy machine has got as far as it should
BASE_PATHS = {"anthropic": "", "openai": "/v1"}
PROMPT = "# House rules\n" + "Answer in one sentence and name the file that you mean. " * 100


class Outcome(msgspec.Struct, frozen=True):
    """What a call came to: deltas, and either an answer or a failure."""

    deltas: list[str]
    answer: Answer | None
    failure: ProviderFailure | None


class Models:
    """One simulator, and callers of it by provider."""

    def __init__(self, simulator: Simulator, address: str) -> None:
        self.simulator = simulator
        self.address = address
        self._callers: list[Caller] = []

    def caller(
        self,
        provider: str,
        *,
        first_byte: float = LONG,
        idle: float = LONG,
        retries: int = 2,
        breaker: Breaker | None = None,
        address: str | None = None,
        connect: float = LONG,
    ) -> Caller:
        limits = Limits(first_byte_seconds=first_byte, idle_seconds=idle, max_retries=retries, backoff=lambda _: 0.0)
        wire_type = AnthropicWire if provider == "anthropic" else OpenAIWire
        wire = wire_type(
            api_key="test-key",
            base_url=(address or self.address) + BASE_PATHS[provider],
            connect_seconds=connect,
            trust_env=False,
        )
        # One failure more than a test makes: what is not about the breaker must not meet it.
        caller = Caller(wire, limits=limits, breaker=breaker or Breaker(failures=100))
        self._callers.append(caller)
        return caller

    def script(self, *behaviours: Behaviour, times: int = 1, provider: str | None = None) -> None:
        for behaviour in behaviours:
            self.simulator.stage.add(Script(behaviour, times=times, provider=provider))

    def pause(self, pause: Pause) -> None:
        self.simulator.stage.pause(pause)

    def made(self, provider: str) -> int:
        return self.simulator.tallies[provider].made

    async def waiting(self, point: str, calls: int = 1) -> None:
        """Until that many calls stand at `point`."""
        await self._until(lambda: self.simulator.stage.waiting[point] >= calls)

    async def aborted(self, provider: str, calls: int = 1) -> None:
        """Until the simulator has seen that many callers go."""
        await self._until(lambda: self.simulator.tallies[provider].aborted >= calls)

    async def at_rest(self) -> None:
        """Until no call is open any more: nothing was left behind."""
        await self._until(
            lambda: all(tally.made == tally.finished + tally.aborted for tally in self.simulator.tallies.values())
        )

    async def _until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(LONG):
            await self.simulator.wait_until(holds)

    async def close(self) -> None:
        for caller in self._callers:
            await caller.close()


def request(
    provider: str, user_input: str = "What is this?", *, seconds: float = LONG, max_tokens: int = 1000, **fields: object
) -> RunRequest:
    """A request with that many seconds left."""
    values = {
        "provider_model": MODELS[provider],
        "user_input": user_input,
        "max_output_tokens": max_tokens,
        "deadline": asyncio.get_running_loop().time() + seconds,
        **fields,
    }
    return RunRequest(**values)


async def play(caller: Caller, asked: RunRequest, *, stream: bool) -> Outcome:
    """Call plainly or as a stream, and keep what came."""
    deltas: list[str] = []
    try:
        if not stream:
            return Outcome(deltas, await caller.complete(asked), None)
        return Outcome(deltas, await read(caller.stream(asked), deltas), None)
    except ProviderFailure as failure:
        return Outcome(deltas, None, failure)


async def read(stream: ModelStream, deltas: list[str]) -> Answer:
    """The answer that ends the stream; its deltas are added to `deltas`."""
    async for item in stream:
        if isinstance(item, Answer):
            return item
        deltas.append(item)
    raise AssertionError("the stream ended without an answer")
