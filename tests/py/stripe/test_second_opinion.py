"""localstripe, written by others after Stripe's documentation of 2017, pays and signs: does our code read it rightly?

It says of a PaymentIntent neither `amount_received` nor, in a webhook, that it was refunded. So a payment is parked and
completed as an operator's reconciliation completes it: from the object, with the amount that was asked for.
"""

import json
from collections.abc import Iterator

import psycopg
import pytest

from tests.py.stripe.localstripe import DECLINED, Delivery, LocalStripe, running
from tests.py.stripe.shop import SECRET, Fate, Payer, Shop


@pytest.fixture(scope="module")
def stripe() -> Iterator[LocalStripe]:
    with running(SECRET) as stripe:
        yield stripe


@pytest.fixture
def payer(shop: Shop, stripe: LocalStripe) -> Payer:
    # Its clock is the machine's, and so must ours be.
    shop.database.clock.release()
    person = shop.person()
    return known(shop, Payer(person.id, stripe.customer(person.email), person.email))


def known(shop: Shop, payer: Payer) -> Payer:
    shop.value("select api.record_customer(%s, %s)", payer.id, payer.customer_id)
    return payer


def pay(shop: Shop, stripe: LocalStripe, payer: Payer, *card: str) -> str:
    """Buys the medium pack, as the gateway and a browser do it together; the id of the PaymentIntent."""
    purchase_id = shop.purchase(payer)
    intent = stripe.payment_intent(payer.customer_id, stripe.card(payer.customer_id, *card), 1000, purchase_id)
    shop.record(payer, purchase_id, intent["id"])
    stripe.confirm(intent["id"])
    return intent["id"]


def hand_over(shop: Shop, delivery: Delivery) -> Fate:
    """Gives a webhook to the database, bytes and header as they came."""
    assert shop.send(delivery.body, delivery.signature) == {"received": True}
    return shop.fate(delivery.event["id"])


def reconcile(shop: Shop, kind: str, obj: dict) -> tuple:
    statement = "select outcome, reason from admin.reconcile_stripe_object(%s, %s, engine.now(), 'second opinion')"
    return shop.rows(statement, kind, json.dumps(obj))[0]


def test_its_signature_is_believed_and_what_it_leaves_out_credits_nothing(
    shop: Shop, stripe: LocalStripe, payer: Payer
):
    intent_id = pay(shop, stripe, payer)
    delivery = stripe.delivery("payment_intent.succeeded")
    assert delivery.event["data"]["object"]["id"] == intent_id
    assert "amount_received" not in delivery.event["data"]["object"]
    assert hand_over(shop, delivery) == Fate("parked", "wrong_amount")
    assert shop.bought(payer) == 0


def test_a_payment_and_its_refunds_are_read_from_its_objects(shop: Shop, stripe: LocalStripe, payer: Payer):
    intent_id = pay(shop, stripe, payer)
    stripe.delivery("payment_intent.succeeded")
    intent = stripe.get(f"/v1/payment_intents/{intent_id}")
    assert (intent["status"], intent["amount"]) == ("succeeded", 1000)
    assert reconcile(shop, "payment_intent.succeeded", intent | {"amount_received": intent["amount"]})[0] == "handled"
    assert shop.bought(payer) == 250

    # The charge lies inside the PaymentIntent, not only its id; a refund names the charge or the payment.
    charge_id = intent["latest_charge"] if isinstance(intent["latest_charge"], str) else intent["latest_charge"]["id"]
    assert shop.value("select charge_id from playground.payments where account_id = %s", payer.id) == charge_id
    refund = stripe.post("/v1/refunds", payment_intent=intent_id, amount=400)
    assert reconcile(shop, "refund.created", refund) == ("handled", None)
    assert shop.bought(payer) == 150
    stripe.post("/v1/refunds", charge=charge_id, amount=600)
    charge = stripe.get(f"/v1/charges/{charge_id}")
    assert charge["amount_refunded"] == 1000
    assert reconcile(shop, "charge.refunded", charge) == ("handled", None)
    assert shop.bought(payer) == 0


def test_a_decline_is_told_with_its_reason(shop: Shop, stripe: LocalStripe, payer: Payer):
    pay(shop, stripe, payer, DECLINED)
    assert hand_over(shop, stripe.delivery("payment_intent.payment_failed")) == Fate("handled", None)
    shown = shop.value("select api.list_purchases(%s) -> 'purchases' -> 0", payer.id)
    assert (shown["status"], shown["failure"]["code"]) == ("failed", "card_declined")
    assert shop.bought(payer) == 0


def test_a_webhook_signed_with_another_secret_is_not_believed(shop: Shop, stripe: LocalStripe, payer: Payer):
    pay(shop, stripe, payer)
    delivery = stripe.delivery("payment_intent.succeeded")
    shop.value("select admin.set_webhook_secret('test', null, null, 'closed')")
    try:
        with pytest.raises(psycopg.DatabaseError) as refused:
            hand_over(shop, delivery)
        assert refused.value.sqlstate == "SCB04"
    finally:
        shop.open()
