"""`python -m scripts.benchmark.caller`: the people who call, in a process of their own.

Reads one order (JSON) from stdin, says `ready`, waits for a line, works, and writes one report (JSON) to stdout.
"""

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Literal

import msgspec
import uvloop

from gateway.llm import Answer, Provider, RunRequest
from gateway.llm.registry import Providers
from scripts.benchmark.wire import Line, run_request

# The simulator forgets all but its last 500 calls.
STREAMS = 200
MODEL = "claude-sonnet-4-6"
OUTPUT_TOKENS = 4096
DEADLINE_SECONDS = 60.0


class Order(msgspec.Struct, kw_only=True):
    """Whom to call and how. `seconds` counts for whole answers; of streams there are always `STREAMS`, one by one."""

    target: Literal["gateway", "sdk"]
    streams: bool
    callers: int
    seconds: float
    port: int  # of the gateway, or of the simulator
    tokens: list[str] = []  # access tokens, one a caller
    prompts: list[str] = []
    packages: list[str] = []


class Report(msgspec.Struct):
    """Answers in `seconds`, how long each took, processor time used; first deltas in `time.monotonic_ns()`."""

    seconds: float
    cpu_seconds: float
    milliseconds: list[float]
    first_delta_ns: list[int]


class Unexpected(Exception):
    """An answer that is none: the figures would be worthless."""


Ask = Callable[[int], Awaitable[int]]  # the number of the question; gives when its first delta came


def question(number: int) -> str:
    """What a person asks: a few sentences, each time other ones."""
    return (
        f"Question {number}: we changed how the importer reads archives and it now refuses links that point outside. "
        "Please look at what this means for people who call it from a script, and say what they should do differently "
        "from now on. Keep it short, and put the most important point first."
    )


async def gateway_asks(order: Order) -> list[Ask]:
    """One connection for each caller."""
    loop = asyncio.get_running_loop()
    asks: list[Ask] = []
    for caller in range(order.callers):
        _, line = await loop.create_connection(Line, "127.0.0.1", order.port)
        asks.append(_gateway_ask(line, order, order.tokens[caller % len(order.tokens)]))
    return asks


def _gateway_ask(line: Line, order: Order, token: str) -> Ask:
    async def ask(number: int) -> int:
        package = order.packages[number % len(order.packages)]
        body = {"packageId": package, "userInput": question(number), "model": "sonnet", "stream": order.streams}
        answer = await line.ask(run_request(order.port, token, msgspec.json.encode(body)), streams=order.streams)
        if not answer.startswith(b"HTTP/1.1 200") or b'"simulated" : true' not in answer:
            raise Unexpected(answer[:1000].decode("utf-8", "replace"))
        return line.first_delta_ns

    return ask


async def sdk_asks(order: Order) -> list[Ask]:
    """The gateway's own provider, without the gateway: the floor."""
    providers = Providers.from_settings(anthropic_base_url=f"http://127.0.0.1:{order.port}")
    ask = _sdk_ask(providers.get("anthropic"), order)
    return [ask] * order.callers


def _sdk_ask(provider: Provider, order: Order) -> Ask:
    clock = asyncio.get_running_loop().time

    async def ask(number: int) -> int:
        request = RunRequest(
            provider_model=MODEL,
            prompt=order.prompts[number % len(order.prompts)],
            user_input=question(number),
            max_output_tokens=OUTPUT_TOKENS,
            deadline=clock() + DEADLINE_SECONDS,
        )
        if not order.streams:
            await provider.complete(request)
            return 0
        first_delta_ns = 0
        async for item in provider.stream(request):
            if not first_delta_ns and not isinstance(item, Answer):
                first_delta_ns = time.monotonic_ns()
        return first_delta_ns

    return ask


async def work(order: Order) -> None:
    asks = await (gateway_asks(order) if order.target == "gateway" else sdk_asks(order))
    await asyncio.gather(*(ask(number) for number, ask in enumerate(asks)))
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    report = Report(0.0, 0.0, [], [])
    started, cpu_started = time.perf_counter(), time.process_time()

    async def call(first: int, ask: Ask) -> None:
        number = first
        while len(report.milliseconds) < STREAMS if order.streams else time.perf_counter() < started + order.seconds:
            asked = time.perf_counter()
            first_delta_ns = await ask(number)
            report.milliseconds.append((time.perf_counter() - asked) * 1000)
            report.first_delta_ns.append(first_delta_ns)
            number += len(asks)

    await asyncio.gather(*(call(first, ask) for first, ask in enumerate(asks)))
    report.seconds = time.perf_counter() - started
    report.cpu_seconds = time.process_time() - cpu_started
    print(msgspec.json.encode(report).decode(), flush=True)


if __name__ == "__main__":
    uvloop.run(work(msgspec.json.decode(sys.stdin.readline(), type=Order)))
