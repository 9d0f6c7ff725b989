"""Real packages, from their archives to a charged answer: both protocols, whole and streamed, priced by the rules."""

import os
import subprocess
from decimal import Decimal
from typing import Any

import pytest

from gateway.version import ROOT
from scripts.packages.package import Package, read_package
from scripts.setup.demo import demo_packages
from tests.py.endtoend.books import (
    GPT_4O,
    MAX_OUTPUT,
    SONNET,
    Books,
    Hold,
    Model,
    Used,
    cost_of,
    credits_for,
    estimated_tokens,
)
from tests.py.endtoend.callers import Caller, Streamed
from tests.py.endtoend.conftest import Call, Service, StartGateway
from tests.py.endtoend.simulation import Simulation
from tests.py.support.database import Database

# Real packages, on machines that have them beside the checkout.
ARCHIVES = sorted((ROOT.parent / "shared" / "data" / "packages").glob("*.tar.gz"))
PACKAGES = [*demo_packages(), *(read_package(archive) for archive in ARCHIVES)]
MODELS = (SONNET, GPT_4O)
USER_INPUT = "Wie würdest du das machen? Zeig mir ein kurzes Beispiel, 请用一句话。"
SIGNUP, CREDITS = 5, 40
TYPICAL_ANSWER = 500
CACHED_FROM_TOKENS = 1024
OPENAI_STEP = 128


@pytest.fixture(scope="module")
def imported(stocked: Database) -> Database:
    """The module's database with all packages, imported as a person would."""
    if ARCHIVES:
        done = subprocess.run(
            [ROOT / "scripts" / "import-packages", *ARCHIVES],
            env={**os.environ, "DATABASE_URL": stocked.url("postgres")},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
    return stocked


@pytest.fixture(scope="module")
def service(start_gateway: StartGateway, imported: Database) -> Service:
    return Service(start_gateway, imported.url("scrip_gateway"))


def prompt_of(package: Package) -> str:
    return "\n\n".join(file.content for file in package.files)


def simulated_tokens(text: str) -> int:
    """Four octets a token, as the simulator counts."""
    return -(-len(text.encode()) // 4)


@pytest.mark.parametrize("model", MODELS, ids=["anthropic", "openai"])
@pytest.mark.parametrize("package", PACKAGES, ids=[package.manifest.name for package in PACKAGES])
async def test_a_package_runs_and_costs_what_the_rules_say(
    package: Package, model: Model, books: Books, simulation: Simulation, service: Service, call: Call
) -> None:
    person = books.person(CREDITS)
    caller = call(await service.gateway(), person)
    fields: dict[str, Any] = {"packageId": package.manifest.name, "model": model.alias}
    await estimate_agrees(caller, package, model, fields)

    whole = (await caller.run(USER_INPUT, **fields)).json
    streamed = await caller.stream(USER_INPUT, **fields)
    assert streamed.last.name == "done"
    bodies = [whole, streamed.last.data]
    assert whole["response"] == streamed.text == bodies[1]["response"]
    assert_start_tells_the_hold(streamed, books.holds(person)[1])

    left = SIGNUP + CREDITS
    for number, (body, hold, used) in enumerate(zip(bodies, books.holds(person), books.usage(person), strict=True)):
        assert_sized(hold, package, model, left)
        assert_counted(used, package, model, body["response"], is_repeat=number == 1)
        left -= assert_priced(body, used, hold, model)
        assert body["creditsRemaining"] == left
    assert books.charges(person) == [body["creditsSpent"] for body in bodies]
    await the_model_was_asked_the_package(simulation, package, books.holds(person))


async def estimate_agrees(caller: Caller, package: Package, model: Model, fields: dict[str, Any]) -> None:
    input_tokens = input_estimated(package)
    likely = credits_for(input_tokens + TYPICAL_ANSWER, model.multiplier)
    highest = credits_for(input_tokens + MAX_OUTPUT, model.multiplier)
    assert (await caller.estimate(USER_INPUT, **fields)).json == {
        "estimatedTokens": input_tokens,
        "estimatedCredits": likely,
        "maxCredits": highest,
        "canAfford": True,
        "balance": SIGNUP + CREDITS,
        "model": model.alias,
    }


def input_estimated(package: Package) -> int:
    return estimated_tokens(len(prompt_of(package).encode()) + len(USER_INPUT.encode()))


def assert_start_tells_the_hold(streamed: Streamed, hold: Hold) -> None:
    assert streamed.events[0].data["maxCredits"] == hold.credits


def assert_sized(hold: Hold, package: Package, model: Model, available: int) -> None:
    """Input as estimated, the longest answer that model and credits allow, and credits for both."""
    input_tokens = input_estimated(package)
    steps = int(available // model.multiplier)
    cap = min(MAX_OUTPUT, steps * 5000 - input_tokens)
    assert (hold.input_tokens_estimated, hold.max_output_tokens) == (input_tokens, cap)
    assert hold.credits == credits_for(input_tokens + cap, model.multiplier)


def assert_counted(used: Used, package: Package, model: Model, answer: str, *, is_repeat: bool) -> None:
    """Every token once: the prompt fresh, written to the cache or read from it; never more than was estimated."""
    prompt, rest = simulated_tokens(prompt_of(package)), simulated_tokens(USER_INPUT)
    written = read = 0
    if prompt >= CACHED_FROM_TOKENS:
        if model.provider == "openai":
            read = prompt // OPENAI_STEP * OPENAI_STEP if is_repeat else 0
        elif is_repeat:
            read = prompt
        else:
            written = prompt
    assert (used.outcome, used.source) == ("completed", "reported")
    assert (used.cache_write_tokens, used.cache_read_tokens) == (written, read)
    assert used.input_tokens == prompt + rest - written - read
    assert used.output_tokens == simulated_tokens(answer)
    assert prompt + rest <= input_estimated(package)


def assert_priced(body: Any, used: Used, hold: Hold, model: Model) -> int:
    """The credits of a run: body, books and rules agree to the last digit."""
    assert body["usage"] == {
        "inputTokens": used.input_tokens,
        "outputTokens": used.output_tokens,
        "cacheReadTokens": used.cache_read_tokens,
        "cacheWriteTokens": used.cache_write_tokens,
    }
    assert body["tokensUsed"] == used.tokens
    assert body["creditsSpent"] == used.credits == hold.charged == credits_for(used.tokens, model.multiplier)
    assert used.credits <= hold.credits
    assert Decimal(body["costUsd"]) == used.cost_usd == cost_of(model, used)
    assert body["model"] == model.alias
    return used.credits


async def the_model_was_asked_the_package(simulation: Simulation, package: Package, holds: list[Hold]) -> None:
    for asked, hold in zip(await simulation.calls(), holds, strict=True):
        assert asked["prompt"] == prompt_of(package)
        assert asked["messages"] == [{"role": "user", "content": USER_INPUT}]
        assert asked["max_tokens"] == hold.max_output_tokens


async def test_all_of_them_are_listed(books: Books, simulation: Simulation, service: Service, call: Call) -> None:
    caller = call(await service.gateway(), books.person())
    listed = (await caller.get("/packages?limit=100")).json["packages"]
    assert {(package["name"], package["version"]) for package in listed} == {
        (package.manifest.name, package.manifest.version) for package in PACKAGES
    }


def test_some_are_large_enough_to_be_cached() -> None:
    """The demo's are not; where real ones lie beside the checkout, both kinds are among them."""
    sizes = [simulated_tokens(prompt_of(package)) for package in PACKAGES]
    assert min(sizes) < CACHED_FROM_TOKENS
    assert max(sizes) >= CACHED_FROM_TOKENS or not ARCHIVES


@pytest.mark.parametrize("model", MODELS, ids=["anthropic", "openai"])
async def test_a_large_prompt_is_cached_and_priced_as_such(
    model: Model, books: Books, simulation: Simulation, service: Service, call: Call
) -> None:
    """A caller's own prompt, so that it is seen everywhere: the second run reads what the first one wrote."""
    person = books.person(CREDITS)
    caller = call(await service.gateway(), person)
    prompt = "# Long\n" + "Think before you write. " * 300
    tokens = simulated_tokens(prompt)
    replies = [await caller.run("go", model=model.alias, customPrompt=prompt) for _ in range(2)]
    first, second = books.usage(person)
    if model.provider == "anthropic":
        assert (first.cache_write_tokens, first.cache_read_tokens, first.input_tokens) == (tokens, 0, 1)
        assert (second.cache_write_tokens, second.cache_read_tokens, second.input_tokens) == (0, tokens, 1)
        assert second.cost_usd < first.cost_usd
    else:
        assert (first.cache_write_tokens, first.cache_read_tokens) == (0, 0)
        assert second.cache_read_tokens == tokens // OPENAI_STEP * OPENAI_STEP
    for reply, used in zip(replies, (first, second), strict=True):
        assert reply.json["costUsd"] == used.cost_usd == cost_of(model, used)
        # An own prompt costs twice the model's credits.
        assert reply.json["creditsSpent"] == credits_for(used.tokens, model.multiplier * 2)


async def test_a_prompt_beyond_the_limit_is_refused(
    books: Books, simulation: Simulation, service: Service, call: Call
) -> None:
    """20,000 estimated tokens may be sent, 20,001 may not; nothing is held and no model is asked."""
    person = books.person(CREDITS)
    caller = call(await service.gateway(), person)
    octets = 20_000 * 40 // 13
    assert estimated_tokens(octets) == 20_000
    fits = await caller.run("x" * octets, useNoPrompt=True)
    assert fits.status == 200
    refused = await caller.run("x" * (octets + 1), useNoPrompt=True)
    assert (refused.status, refused.error) == (413, "request_too_large")
    assert (refused.json["estimatedTokens"], refused.json["maxTokens"]) == (20_001, 20_000)
    assert await simulation.made() == 1
    assert len(books.holds(person)) == 1
