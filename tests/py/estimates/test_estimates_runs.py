"""What an under-estimate does to a run: the hold bounds the charge, the rest is recorded, and one alert tells of it."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

import pytest

from scripts.estimates.counts import MODELS, Measured, read_counts
from scripts.estimates.samples import read_samples
from tests.py.estimates.runs import Runs, text_of
from tests.py.ledger import world
from tests.py.ledger.world import Refused
from tests.py.support.database import Clock, Database

SAMPLES = {f"{sample.kind}/{sample.name}": sample.text for sample in read_samples()}
MEASURED = {text.label: text for text in read_counts().texts if text.label in SAMPLES}

# Octets whose estimate is the largest that a run may have, and one of 1,000 tokens.
LONGEST = 61538
THOUSAND = 3076


@pytest.fixture(scope="module", autouse=True)
def _books_are_right(platform: Database) -> Iterator[None]:
    """Nothing of this leaves the books wrong."""
    yield
    platform.assert_ledger_holds()


@pytest.mark.parametrize(
    ("model", "credits", "cost_usd"),
    [
        ("sonnet", 5, "0.181440"),
        ("opus", 25, "0.907200"),
        ("gpt-4o", 10, "0.281920"),
        ("gpt-4o-mini", 3, "0.0338304"),
        ("gpt-4-turbo", 10, "0.522880"),
    ],
)
def test_twice_the_estimate_is_charged_up_to_the_hold_and_the_rest_is_the_house_s(
    model: str, credits: int, cost_usd: str, runs: Runs
) -> None:
    before = runs.balance()
    hold, charged = runs.run(text_of(LONGEST), model, input_tokens=40_000, output_tokens=4096)
    assert (hold.max_output_tokens, hold.max_credits, charged) == (4096, credits, credits)
    assert runs.balance() == before - credits
    usage = runs.usage(hold)
    covered = 30_000 if model == "gpt-4o-mini" else 25_000
    assert (usage.input_tokens_estimated, usage.usage_source) == (20_000, "reported")
    assert usage.tokens_beyond_hold == 40_000 + 4096 - covered
    assert usage.cost_usd == Decimal(cost_usd)
    assert runs.alerts() == [{"model": model, "estimated": 20_000, "reported": 40_000}]


def test_twice_the_estimate_within_the_last_step_is_simply_charged(runs: Runs) -> None:
    hold, charged = runs.run(text_of(THOUSAND), input_tokens=2000, output_tokens=3000)
    usage = runs.usage(hold)
    assert (hold.max_credits, charged) == (2, 1)
    assert (usage.input_tokens_estimated, usage.tokens_beyond_hold) == (1000, 0)
    assert len(runs.alerts()) == 1


@pytest.mark.parametrize(
    ("reported", "alerts"),
    [
        pytest.param({"input_tokens": 1500}, 0, id="one and a half"),
        pytest.param({"input_tokens": 1501}, 1, id="more"),
        pytest.param({"input_tokens": 1, "cache_read_tokens": 1000, "cache_write_tokens": 499}, 0, id="cached"),
        pytest.param({"input_tokens": 1, "cache_read_tokens": 1000, "cache_write_tokens": 500}, 1, id="more, cached"),
        pytest.param({"input_tokens": 1000, "output_tokens": 4096}, 0, id="a long answer is no input"),
        pytest.param({"input_tokens": 60_000}, 0, id="absurd: taken as not reported"),
    ],
)
def test_more_than_one_and_a_half_of_the_estimate_is_alerted(reported: dict[str, int], alerts: int, runs: Runs) -> None:
    runs.run(text_of(THOUSAND), "sonnet", **reported)
    assert len(runs.alerts()) == alerts


def test_one_alert_a_day(runs: Runs, clock: Clock) -> None:
    for reported in (2000, 3000):
        runs.run(text_of(THOUSAND), input_tokens=reported)
    assert [alert["reported"] for alert in runs.alerts()] == [2000]
    clock.advance(timedelta(days=1))
    runs.run(text_of(THOUSAND), input_tokens=4000)
    assert [alert["reported"] for alert in runs.alerts()] == [2000, 4000]


def test_one_alert_of_runs_at_the_same_time(runs: Runs) -> None:
    text = text_of(THOUSAND)
    holds = [runs.start(text, "sonnet") for _ in range(3)]
    assert [runs.end(hold, text, input_tokens=2000, output_tokens=0) for hold in holds] == [1, 1, 1]
    assert len(runs.alerts()) == 1


@pytest.mark.parametrize("model", ["gpt-4o", "gpt-4-turbo"])
@pytest.mark.parametrize("label", MEASURED)
def test_real_counts_are_charged_within_the_hold(label: str, model: str, runs: Runs) -> None:
    measured = MEASURED[label]
    real = _real(measured, model)
    hold, charged = runs.run(SAMPLES[label], model, input_tokens=real, output_tokens=256)
    usage = runs.usage(hold)
    assert charged == 2 <= hold.max_credits
    assert (usage.input_tokens, usage.tokens_beyond_hold) == (real, 0)
    assert usage.input_tokens_estimated == -(-measured.octets * 13 // 40)
    assert bool(runs.alerts()) == (real > usage.input_tokens_estimated * 1.5)


def _real(measured: Measured, model: str) -> int:
    return measured.o200k if model in MODELS["o200k"] else measured.cl100k


def test_a_day_s_limit_is_passed_by_the_error_of_the_estimate_and_no_further(
    off_the_hour: None, runs: Runs, platform: Database
) -> None:
    free = Runs(platform, runs.caller, world.new_user(platform, 1000))
    text = text_of(58_380)
    hold = free.start(text, "gpt-4o")
    assert isinstance(free.start("One more", "gpt-4o"), Refused)
    # Every octet a token of its own: the worst that there is.
    free.end(hold, text, input_tokens=len(text), output_tokens=hold.max_output_tokens)
    assert Decimal("0.29") < free.cost_of_the_day() <= Decimal("0.10") * 4 / Decimal("1.3")
    refused = free.start("One more", "gpt-4o-mini")
    assert isinstance(refused, Refused)
    assert (refused.code, (refused.detail or {})["limitSource"]) == ("SCT02", "cost_day")
