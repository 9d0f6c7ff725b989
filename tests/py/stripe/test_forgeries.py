"""Nobody but Stripe says what was paid: forged deliveries are refused and leave no trace, true ones are taken."""

import asyncio
import hashlib
import json
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import psycopg
import pytest
import stripe

from tests.py.gateway.raw import exchange, status_of
from tests.py.gateway.world import API, SETTINGS, World, serving
from tests.py.stripe.forgeries import KINDS, STAMP, TOLERANCE_SECONDS, Forgery, forgeries
from tests.py.stripe.objects import event, new_id, payment_intent
from tests.py.stripe.shop import NOW, REFUSED, SECRET, Payer, Shop, as_bytes, hex_digest, sign

COUNT = 10_000
COUNT_OVER_HTTP = 400
SEED = 20_261_120
PATHS = (f"{API}/playground/webhooks/stripe/credits", f"{API}/webhooks/stripe/credits")


@pytest.fixture
def payer(shop: Shop) -> Payer:
    return shop.payer()


@pytest.fixture
def paid(shop: Shop, payer: Payer) -> bytes:
    """An event that is worth 250 credits, if it were believed."""
    intent_id = new_id("pi")
    purchase_id = shop.purchase(payer, intent_id)
    return as_bytes(event("payment_intent.succeeded", payment_intent(payer, intent_id, purchase_id)))


def is_refused(shop: Shop, forgery: Forgery) -> bool:
    """Whether it is turned away with the one code for that. Any other error is raised."""
    try:
        shop.send(forgery.body, forgery.header)
    except psycopg.DatabaseError as error:
        if error.sqlstate != REFUSED:
            raise AssertionError(forgery) from error
        return True
    return False


def test_ten_thousand_forged_deliveries_are_refused_and_leave_no_trace(shop: Shop, payer: Payer, paid: bytes):
    before = shop.everything()
    refused = Counter(forgery.kind for forgery in forgeries(paid, COUNT, SEED) if is_refused(shop, forgery))
    assert sum(refused.values()) == COUNT
    assert len(refused) == len(KINDS)
    assert shop.everything() == before
    # It was the forging: the same event, signed, is believed.
    shop.send(paid, sign(paid))
    assert shop.bought(payer) == 250
    assert shop.everything() != before


class TestTrueSignatures:
    """The Stripe SDK signs, this database believes it."""

    def taken(self, shop: Shop, body: bytes, header: str) -> bool:
        return not is_refused(shop, Forgery("true", body, header))

    def test_a_header_made_by_the_sdk_is_believed(self, shop: Shop, payer: Payer, paid: bytes):
        header = stripe.WebhookSignature.generate_signature_header(paid.decode(), SECRET, int(STAMP))
        assert self.taken(shop, paid, header)
        assert shop.bought(payer) == 250

    def test_what_the_sdk_signs_of_any_text_is_believed(self, shop: Shop):
        for text in ("{}", "", "ü€𝄞", "[1,2]", '{"id": "\\u0000"}', "x" * 100_000):
            header = stripe.WebhookSignature.generate_signature_header(text, SECRET, int(STAMP))
            assert self.taken(shop, text.encode(), header)

    @pytest.mark.parametrize("seconds", [-TOLERANCE_SECONDS, -1, 0, 1, TOLERANCE_SECONDS])
    def test_within_the_tolerance_before_and_after_it_is_believed(self, shop: Shop, paid: bytes, seconds: int):
        assert self.taken(shop, paid, sign(paid, NOW + timedelta(seconds=seconds)))

    def test_one_right_signature_among_several_is_enough(self, shop: Shop, paid: bytes):
        right = hex_digest(paid, STAMP)
        wrong = "0" * 64
        for header in (
            f"t={STAMP},v1={wrong},v1={right}",
            f"t={STAMP},v1={right},v1={wrong},v0={wrong}",
            f"v1={right},t={STAMP}",
            f"v0={wrong},x,t={STAMP},=,v1={right}",
            f"t={STAMP}," + f"v1={wrong}," * 15 + f"v1={right}",
        ):
            assert self.taken(shop, paid, header)

    def test_a_secret_that_was_replaced_is_believed_until_its_overlap_ends(self, shop: Shop, paid: bytes):
        old, new = "whsec_to_be_replaced_soon", "whsec_that_comes_after_it"
        shop.value("select admin.set_webhook_secret('rolling', %s, false, 'first')", old)
        assert self.taken(shop, paid, sign(paid, secret=old))
        shop.value("select admin.set_webhook_secret('rolling', %s, false, 'leaked')", new)
        assert self.taken(shop, paid, sign(paid, secret=old))
        assert self.taken(shop, paid, sign(paid, secret=new))
        later = shop.database.clock.advance(timedelta(hours=24) - timedelta(seconds=1))
        assert self.taken(shop, paid, sign(paid, later, old))
        later = shop.database.clock.advance(timedelta(seconds=1))
        assert not self.taken(shop, paid, sign(paid, later, old))
        assert self.taken(shop, paid, sign(paid, later, new))
        shop.value("select admin.set_webhook_secret('rolling', null, null, 'over')")
        assert not self.taken(shop, paid, sign(paid, later, new))

    def test_without_any_secret_nothing_is_believed(self, shop: Shop, paid: bytes):
        shop.value("select admin.set_webhook_secret('test', null, null, 'closed')")
        try:
            for secret in (SECRET, "", "null"):
                assert not self.taken(shop, paid, sign(paid, secret=secret))
        finally:
            shop.open()


class TestOverHttp:
    @pytest.fixture
    async def gateway(self, shop: Shop) -> AsyncIterator[World]:
        # The gateway's own work in the background would leave traces of its own: none is due.
        shop.value("update playground.notices set state = 'sent', ended_at = engine.now() where state = 'due'")
        settings = replace(SETTINGS, database_url=shop.database.url("scrip_gateway"))
        async with serving(settings) as world:
            yield world

    async def test_forged_deliveries_are_a_400_and_leave_no_trace(self, gateway: World, shop: Shop, paid: bytes):
        before = shop.everything()
        # HTTP itself takes blanks around a header away.
        made = [
            each
            for each in forgeries(paid, COUNT_OVER_HTTP, SEED + 1)
            if each.header is None or each.header == each.header.strip()
        ]
        answers = Counter[tuple[int, bytes]]()
        for start in range(0, len(made), 8):
            batch = [deliver(gateway, forgery, PATHS[start % 2]) for forgery in made[start : start + 8]]
            answers.update(await asyncio.gather(*batch))
        assert {status for status, _ in answers} == {400}
        assert shop.everything() == before
        # What is no HTTP never reaches a handler; all others are told the same.
        assert {json.loads(body)["error"] for _, body in answers} == {"invalid_signature", "malformed_request"}

    async def test_two_headers_sign_nothing(self, gateway: World, shop: Shop, paid: bytes):
        before = shop.everything()
        headers = [("Stripe-Signature", sign(paid)), ("Stripe-Signature", sign(paid))]
        reply = await gateway.call("POST", PATHS[0], data=paid, headers={})
        assert (reply.status, reply.error) == (400, "invalid_signature")
        async with gateway.session.post(gateway.address + PATHS[0], data=paid, headers=headers) as response:
            assert response.status == 400
        assert shop.everything() == before

    async def test_a_true_delivery_arrives_byte_for_byte(self, gateway: World, shop: Shop, payer: Payer, paid: bytes):
        # Spaces, order and escapes that any reader and writer in between would have changed.
        body = b" \n" + paid.replace(b'"usd"', b'"\\u0075sd"') + b"\r\n "
        reply = await gateway.call("POST", PATHS[1], data=body, headers={"Stripe-Signature": sign(body)})
        assert (reply.status, reply.json) == (200, {"received": True})
        assert shop.bought(payer) == 250
        kept = shop.value("select payload from playground.stripe_events where event_id = %s", json.loads(paid)["id"])
        assert hashlib.sha256(kept).digest() == hashlib.sha256(body).digest()


async def deliver(gateway: World, forgery: Forgery, path: str) -> tuple[int, bytes]:
    """Sends a forgery by hand, since no client library would send some of them; status and body."""
    line = b"" if forgery.header is None else b"Stripe-Signature: " + forgery.header.encode() + b"\r\n"
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {len(forgery.body)}\r\n".encode()
    answer = await exchange(gateway.address, head + line + b"\r\n" + forgery.body)
    return status_of(answer), answer.partition(b"\r\n\r\n")[2]
