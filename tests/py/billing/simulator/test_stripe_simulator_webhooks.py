"""The simulator's webhooks: signed, tried again, doubled, delayed, shuffled, lost, held and sent once more."""

import json
from collections import Counter

import pytest
import stripe

from tests.py.billing.simulator.simulated import SECRET, Hook, SimulatedStripe

PAID = ["payment_intent.created", "charge.succeeded", "payment_intent.succeeded"]


async def test_each_event_is_delivered_once_in_order_with_a_signature_the_sdk_accepts(
    simulated: SimulatedStripe, hook: Hook
) -> None:
    for _ in range(3):
        await simulated.paid()
    await simulated.direct("idle")
    assert hook.types == PAID * 3
    listed = await simulated.events()
    assert [event.id for event in hook.received] == [event.id for event in listed]
    assert [json.loads(body)["data"] for body in hook.bodies] == [event.data.to_dict() for event in listed]
    with pytest.raises(stripe.SignatureVerificationError):
        stripe.Webhook.construct_event(hook.bodies[0], hook.headers[0], "whsec_of_somebody_else")
    with pytest.raises(stripe.SignatureVerificationError):
        stripe.Webhook.construct_event(hook.bodies[0] + b" ", hook.headers[0], SECRET)
    deliveries = await simulated.shown("deliveries")
    assert {(each["state"], each["attempts"], each["last_status"]) for each in deliveries} == {("delivered", 1, 200)}


async def test_a_refused_delivery_is_tried_again_until_it_is_accepted(simulated: SimulatedStripe, hook: Hook) -> None:
    await simulated.switch(retry_seconds=0.01)
    hook.answers = [500, 302, 400]
    customer = await simulated.customer()
    await simulated.direct("idle")
    assert [event.data.object["id"] for event in hook.received] == [customer.id]
    (delivery,) = await simulated.shown("deliveries")
    assert (delivery["state"], delivery["attempts"], delivery["last_status"]) == ("delivered", 4, 200)


async def test_after_the_last_attempt_an_event_can_still_be_listed_and_sent_again(
    simulated: SimulatedStripe, hook: Hook
) -> None:
    await simulated.switch(retry_seconds=0.01, attempts=2)
    hook.answers = [500, 500]
    await simulated.customer()
    await simulated.direct("idle")
    assert hook.received == []
    (missed,) = (await simulated.api.events.list_async({"delivery_success": False})).data
    await simulated.direct(f"resend/{missed.id}")
    await simulated.direct("idle")
    assert [event.id for event in hook.received] == [missed.id]
    states = [each["state"] for each in await simulated.shown(f"deliveries?event={missed.id}")]
    assert states == ["failed", "delivered"]


async def test_an_endpoint_that_is_not_there_is_tried_again_too(simulated: SimulatedStripe, hook: Hook) -> None:
    await simulated.switch(retry_seconds=0.01, attempts=3)
    await simulated.direct("webhook", {"clear": True, "url": "http://127.0.0.1:1/", "secret": SECRET})
    await simulated.customer()
    await simulated.direct("idle")
    (delivery,) = await simulated.shown("deliveries")
    assert (delivery["state"], delivery["attempts"], delivery["last_status"]) == ("failed", 3, None)


async def test_deliveries_can_be_doubled_and_delayed(simulated: SimulatedStripe, hook: Hook) -> None:
    await simulated.switch(double=True, delay_seconds=0.5)
    await simulated.paid()
    assert (await simulated.shown("state"))["pending"] == 6
    await simulated.direct("idle")
    assert Counter(hook.types) == dict.fromkeys(PAID, 2)
    assert len({event.id for event in hook.received}) == 3


async def test_shuffled_deliveries_are_held_back_and_come_in_an_order_that_the_seed_decides(
    simulated: SimulatedStripe, hook: Hook
) -> None:
    orders = []
    for seed in (1, 1, 2):
        await simulated.direct("reset")
        hook.received.clear()
        await simulated.switch(shuffle=9, seed=seed)
        for _ in range(3):
            await simulated.paid()
        await simulated.direct("idle")
        numbers = {event.id: number for number, event in enumerate(await simulated.events())}
        orders.append([numbers[event.id] for event in hook.received])
    assert orders[0] == orders[1] != orders[2]
    assert sorted(orders[0]) == list(range(9)) != orders[0]


async def test_paused_deliveries_wait_for_the_flush(simulated: SimulatedStripe, hook: Hook) -> None:
    await simulated.switch(paused=True)
    await simulated.paid()
    assert (await simulated.direct("idle")) == {"pending": 0, "held": 3}
    assert hook.received == []
    assert (await simulated.direct("flush")) == {"sent": 3}
    await simulated.direct("idle")
    await simulated.customer()
    await simulated.switch(paused=False)
    await simulated.direct("idle")
    assert hook.types == [*PAID, "customer.created"]


async def test_dropped_deliveries_never_come(simulated: SimulatedStripe, hook: Hook) -> None:
    await simulated.switch(drop=2, drop_types=["customer.created"])
    await simulated.customer()
    await simulated.paid()
    await simulated.direct("idle")
    assert hook.types == PAID[2:]
    await simulated.switch(drop=True)
    await simulated.paid()
    await simulated.direct("idle")
    assert hook.types == PAID[2:]
    assert len(await simulated.events()) == 7


async def test_every_endpoint_gets_what_it_wants_with_each_of_its_secrets(
    simulated: SimulatedStripe, hook: Hook
) -> None:
    wanted = {"url": hook.url, "secrets": ["whsec_old", SECRET], "events": ["charge.*"]}
    await simulated.direct("webhook", wanted)
    await simulated.paid()
    await simulated.direct("idle")
    assert Counter(hook.types) == {**dict.fromkeys(PAID, 1), "charge.succeeded": 2}
    assert sorted(header.count("v1=") for header in hook.headers) == [1, 1, 1, 2]


async def test_the_signature_may_follow_the_simulated_clock(simulated: SimulatedStripe, hook: Hook) -> None:
    await simulated.direct("clock", {"now": 1_900_000_000})
    await simulated.customer()
    await simulated.direct("idle")
    assert not hook.headers[0].startswith("t=1900000000,")
    assert hook.received[0].created == 1_900_000_000
    await simulated.switch(signed_by_simulated_clock=True)
    hook.answers = [202]
    await simulated.direct(f"resend/{hook.received[0].id}")
    await simulated.direct("idle")
    assert hook.seen[-1].startswith("t=1900000000,v1=")
