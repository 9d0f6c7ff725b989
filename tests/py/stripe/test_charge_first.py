"""Stripe sends a charge and its payment at the same moment, in either order: neither waits for the other for ever."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from tests.py.stripe.objects import charge, event, invoice, new_id, payment_intent, subscription
from tests.py.stripe.shop import NOW, Fate, Shop


@pytest.mark.parametrize("shape", ["of a purchase", "of an invoice, in the older shape"])
def test_a_charge_waits_for_the_account_before_it_claims_its_payment(shop: Shop, shape: str):
    payer, intent_id = shop.payer(), new_id("pi")
    if shape == "of a purchase":
        purchase_id = shop.purchase(payer)
        refunded = charge(payer, intent_id, 400, metadata={"purchase_id": purchase_id})
    else:
        subscription_id = new_id("sub")
        shop.deliver(event("customer.subscription.created", subscription(payer, subscription_id, "active")))
        paid = invoice(payer, subscription_id)
        shop.deliver(event("invoice.paid", paid))
        refunded = charge(payer, intent_id, 300, invoice=paid["id"])
    told = event("charge.refunded", refunded)

    with shop.database.connect() as other, ThreadPoolExecutor() as threads:
        with other.transaction():
            # The payment's own event, half way: it has the account, and is about to claim the payment.
            other.execute("select engine.lock_account(%s)", [payer.id])
            delivered = threads.submit(shop.deliver, told)
            shop.database.wait_for_lock_waits()
            claimed = other.execute("select engine.claim_stripe_id(%s, 'payment_intent', %s)", [intent_id, payer.id])
            assert claimed.fetchone() == (True,)
        assert delivered.result() == Fate("handled", None)


def test_a_refund_heard_before_its_payment_is_taken_when_that_comes(shop: Shop):
    payer, intent_id = shop.payer(), new_id("pi")
    purchase_id = shop.purchase(payer)
    refunded = charge(payer, intent_id, 400, metadata={"purchase_id": purchase_id})
    assert shop.deliver(event("charge.refunded", refunded)) == Fate("handled", None)
    assert shop.bought(payer) == 0
    shop.deliver(event("payment_intent.succeeded", payment_intent(payer, intent_id, purchase_id)))
    assert shop.bought(payer) == 150


class TestDisputeStates:
    """Every state that Stripe documents, and one that it may think of: what is not won is not spent."""

    @pytest.mark.parametrize(
        ("status", "available", "balance"),
        [
            ("warning_needs_response", 250, 250),
            ("warning_under_review", 250, 250),
            ("warning_closed", 250, 250),
            ("needs_response", 0, 250),
            ("under_review", 0, 250),
            ("appeal_needs_response", 0, 250),
            ("appeal_under_review", 0, 250),
            ("something_new", 0, 250),
            ("won", 250, 250),
            ("prevented", 250, 250),
            ("lost", 0, 0),
        ],
    )
    def test_a_state_suspends_takes_or_leaves(self, shop: Shop, status: str, available: int, balance: int):
        payer, intent_id = shop.payer(), new_id("pi")
        purchase_id = shop.purchase(payer, intent_id)
        shop.deliver(event("payment_intent.succeeded", payment_intent(payer, intent_id, purchase_id)))
        dispute = {"id": new_id("du"), "payment_intent": intent_id, "amount": 1000, "status": status}
        assert shop.deliver(event("charge.dispute.updated", dispute)) == Fate("handled", None)
        shown = shop.value("select api.get_balance(%s)", payer.id)
        assert (shown["available"], shown["balance"]) == (5 + available, 5 + balance)

    def test_an_appeal_does_not_give_back_what_was_lost_before_it_is_won(self, shop: Shop):
        payer, intent_id, dispute_id = shop.payer(), new_id("pi"), new_id("du")
        purchase_id = shop.purchase(payer, intent_id)
        shop.deliver(event("payment_intent.succeeded", payment_intent(payer, intent_id, purchase_id)))
        spendable = []
        for minutes, status in enumerate(("needs_response", "lost", "appeal_under_review", "won")):
            dispute = {"id": dispute_id, "payment_intent": intent_id, "amount": 1000, "status": status}
            shop.deliver(event("charge.dispute.updated", dispute, at=NOW + timedelta(minutes=minutes)))
            spendable.append(shop.value("select api.get_balance(%s)", payer.id)["available"])
        assert spendable == [5, 5, 5, 255]
