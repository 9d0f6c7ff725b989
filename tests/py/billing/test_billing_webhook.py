"""Stripe's events at our door: the bytes go on as they came, and only the database decides whether to believe them."""

import asyncio
import hmac
import json
import time
from typing import Any

import pytest

from tests.py.billing.shop import WEBHOOK_SECRET, Shop
from tests.py.gateway.world import Reply

PATHS = ["/playground/webhooks/stripe/credits", "/webhooks/stripe/credits"]
MIB = 1024 * 1024


def event(number: int = 0, **more: Any) -> bytes:
    """One that nothing comes of, with an odd but valid way of writing JSON."""
    head = {"id": f"evt_of_the_door_{time.time_ns()}_{number}", "object": "event", "type": "product.created"}
    rest = {"api_version": "2026-10-28.endive", "created": int(time.time()), "livemode": False}
    body = {"object": {"id": "prod_1", "object": "product", "name": "café \u2028 ☕"}}
    return b"\n " + json.dumps(head | rest | {"data": body} | more, indent=3, ensure_ascii=False).encode() + b"\n"


def sign(payload: bytes, secret: str = WEBHOOK_SECRET, at: int | None = None) -> str:
    at = int(time.time()) if at is None else at
    return f"t={at},v1={hmac.digest(secret.encode(), f'{at}.'.encode() + payload, 'sha256').hex()}"


async def deliver(shop: Shop, payload: bytes, *signatures: str, path: str = PATHS[0], **headers: str) -> Reply:
    sent = [("Stripe-Signature", signature) for signature in signatures] + list(headers.items())
    url = f"{shop.gateway.address}/api/v1{path}"
    async with shop.session.post(url, data=payload, headers=sent) as response:
        return Reply(response.status, response.headers, await response.read())


def kept(shop: Shop, payload: bytes) -> int:
    """How many events of the inbox have exactly these bytes."""
    return shop.value("select count(*) from playground.stripe_events where payload = %s", payload)


@pytest.mark.parametrize("path", PATHS)
async def test_a_signed_event_is_kept_byte_for_byte(shop: Shop, path: str):
    payload = event()
    reply = await deliver(shop, payload, sign(payload), path=path)
    assert (reply.status, reply.json) == (200, {"received": True})
    assert kept(shop, payload) == 1


@pytest.mark.parametrize("media", ["", "text/plain", "application/json; charset=utf-16", "application/octet-stream"])
async def test_what_the_sender_calls_it_does_not_matter(shop: Shop, media: str):
    payload = event()
    headers = {"Content-Type": media, "Content-Encoding": "identity"}
    assert (await deliver(shop, payload, sign(payload), **headers)).status == 200
    assert kept(shop, payload) == 1


async def test_forgeries_are_refused_and_leave_nothing(shop: Shop):
    payload = event()
    good = sign(payload)
    now = int(time.time())
    forged = {
        "none": [],
        "empty": [""],
        "two": [good, good],
        "one of two": [good, sign(payload, "another")],
        "another secret": [sign(payload, "whsec_another")],
        "old": [sign(payload, at=now - 301)],
        # As time goes on it comes nearer; the exact limits are the database's own tests' business.
        "future": [sign(payload, at=now + 600)],
        "v0": [good.replace("v1=", "v0=")],
        "of other bytes": [sign(payload + b" ")],
        "garbage": ["t=,v1="],
        "no text": ["t=1,v1=\udcff\udcfe"],
        "long": ["t=1," + "v1=0," * 1000],
    }
    for name, signatures in forged.items():
        reply = await deliver(shop, payload, *signatures)
        assert (reply.status, reply.error) == (400, "invalid_signature"), name
    for changed in (payload.replace(b"prod_1", b"prod_2"), payload.strip(), payload.replace(b"   ", b" ")):
        assert (await deliver(shop, changed, good)).status == 400
        assert kept(shop, changed) == 0
    assert kept(shop, payload) == 0
    assert (await deliver(shop, payload, good)).status == 200


async def test_sixteen_deliveries_at_once_are_one_event(shop: Shop):
    payload = event()
    replies = await asyncio.gather(*(deliver(shop, payload, sign(payload)) for _ in range(16)))
    assert {reply.status for reply in replies} == {200}
    assert kept(shop, payload) == 1


async def test_a_large_event_is_taken_and_one_too_large_is_a_413(shop: Shop):
    large = event(more="x" * (MIB - 1000))
    assert len(large) < MIB
    assert (await deliver(shop, large, sign(large))).status == 200
    too_large = event(more="x" * MIB)
    reply = await deliver(shop, too_large, sign(too_large))
    assert (reply.status, reply.error, reply.json["maxBytes"]) == (413, "payload_too_large", MIB)


async def test_signed_garbage_is_kept_and_answered(shop: Shop):
    for payload in (b"", b"\xff\xfe", b"[]", b"{", b'{"id": "evt_\\u0000"}', b"null", b"\x00"):
        reply = await deliver(shop, payload, sign(payload))
        assert (reply.status, reply.json) == (200, {"received": True}), payload
        assert kept(shop, payload) == 1


async def test_an_event_doubled_by_stripe_credits_once(shop: Shop):
    ann = shop.person()
    await shop.control("switches", {"double": True})
    try:
        bought = await shop.buy(ann, "small")
        await shop.pay(bought.json["clientSecret"])
        await shop.idle()
    finally:
        await shop.control("switches", {"double": False})
    assert await shop.balance(ann) == 105


async def test_events_stripe_could_not_deliver_come_later(shop: Shop):
    bob = shop.person()
    await shop.control("switches", {"paused": True})
    bought = await shop.buy(bob, "small")
    await shop.pay(bought.json["clientSecret"])
    assert await shop.balance(bob) == 5
    assert (await shop.purchases(bob))[0]["status"] == "pending"
    await shop.control("switches", {"paused": False})
    await shop.idle()
    assert await shop.balance(bob) == 105
