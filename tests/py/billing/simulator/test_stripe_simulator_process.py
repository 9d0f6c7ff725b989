"""The simulator as a program: what its command line brings along, and what it knows after it was killed."""

import signal
from pathlib import Path

import aiohttp
import pytest

from tests.py.billing.simulator.simulated import SECRET, SimulatedStripe, listening, simulator_process
from tests.py.endtoend.waiting import until


async def test_prices_and_the_webhook_come_from_the_command_line(tmp_path: Path) -> None:
    async with listening() as hook, aiohttp.ClientSession() as session:
        arguments = ["--price", "price_pack=500", "--price", "price_plus=600:month"]
        with simulator_process(tmp_path, *arguments, "--webhook", hook.url, "--webhook-secret", SECRET) as (_, address):
            simulated = SimulatedStripe(address, session)
            prices = [await simulated.api.prices.retrieve_async(each) for each in ("price_pack", "price_plus")]
            assert [(each.unit_amount, each.type) for each in prices] == [(500, "one_time"), (600, "recurring")]
            assert prices[1].recurring.interval == "month"
            await simulated.customer()
            await simulated.direct("idle")
            assert hook.types == ["customer.created"]
            await simulated.close()


async def test_killed_it_goes_on_where_it_was_and_delivers_what_nobody_had(tmp_path: Path) -> None:
    state = ["--state", str(tmp_path / "state")]
    options = {"idempotency_key": "k"}
    async with listening() as hook, aiohttp.ClientSession() as session:
        with simulator_process(tmp_path, *state, "--webhook", hook.url, "--webhook-secret", SECRET) as (child, address):
            simulated = SimulatedStripe(address, session)
            subscription = await simulated.subscribed()
            await simulated.direct("idle")
            known = len(hook.received)
            await simulated.switch(paused=True)
            intent = await simulated.api.payment_intents.create_async({"amount": 500, "currency": "usd"}, options)
            child.process.send_signal(signal.SIGKILL)
            child.process.wait()
            await simulated.close()
        with simulator_process(tmp_path, *state, "--webhook", hook.url, "--webhook-secret", SECRET) as (child, address):
            simulated = SimulatedStripe(address, session)
            again = await simulated.api.payment_intents.create_async({"amount": 500, "currency": "usd"}, options)
            assert again.id == intent.id
            assert len(hook.received) == known
            await simulated.switch(paused=False)
            await until(lambda: len(hook.received) == known + 1, "the event that was held")
            assert hook.received[-1].data.object["id"] == intent.id
            await simulated.direct("clock", {"advance": 32 * 86400})
            seen = await simulated.api.subscriptions.retrieve_async(subscription.id, {"expand": ["latest_invoice"]})
            assert (seen.latest_invoice.billing_reason, seen.latest_invoice.status) == ("subscription_cycle", "paid")
            await simulated.close()
    assert (tmp_path / "state").stat().st_mode & 0o777 == 0o600


async def test_a_state_of_another_version_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "state").write_bytes(b"something else")
    with pytest.raises(AssertionError, match="was written by another version"):
        with simulator_process(tmp_path, "--state", str(tmp_path / "state")):
            pass
