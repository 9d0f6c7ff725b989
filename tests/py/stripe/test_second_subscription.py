"""Two quick clicks can lead to two live subscriptions. The second brings nothing: it waits, and is given back."""

from datetime import timedelta
from typing import Any

import pytest

from tests.py.stripe.objects import Json, charge, event, invoice, new_id, payment_intent, subscription
from tests.py.stripe.shop import NOW, Fate, Payer, Shop

DELAY = timedelta(minutes=5)
SECOND = Fate("parked", "second_subscription")


@pytest.fixture
def payer(shop: Shop) -> Payer:
    """Somebody whose first subscription is live and paid."""
    payer = shop.payer()
    first = first_of(payer)
    shop.deliver(event("customer.subscription.created", subscription(payer, first, "active"), at=NOW - DELAY))
    shop.deliver(event("invoice.paid", invoice(payer, first)))
    assert shop.bought(payer) == 100
    return payer


def first_of(payer: Payer) -> str:
    return f"sub_first{payer.id[:8]}"


def changed(payer: Payer, subscription_id: str, status: str, minutes: int, **changes: Any) -> Json:
    kind = "deleted" if status == "canceled" else "updated"
    at = NOW + timedelta(minutes=minutes)
    return event(f"customer.subscription.{kind}", subscription(payer, subscription_id, status, **changes), at=at)


def tasks(shop: Shop, payer: Payer) -> list[tuple]:
    return shop.rows(
        """
        select stripe_id, state, next_try_at - created_at from playground.billing_tasks
        where account_id = %s and kind = 'cancel_and_refund_subscription'
        """,
        payer.id,
    )


def claimed(shop: Shop, payer: Payer) -> list[tuple]:
    """What the gateway gets to do now for this payer."""
    rows = shop.gateway.execute("select account_id::text, task_id, kind, stripe_id from api.claim_billing_tasks(1000)")
    return [row[1:] for row in rows if row[0] == payer.id]


@pytest.mark.parametrize("begins", ["active", "incomplete"])
class TestReallySecond:
    """However Stripe makes it: live at once, or incomplete until its first invoice is paid."""

    def begin(self, shop: Shop, payer: Payer, begins: str) -> tuple[str, list[str]]:
        """Delivers all that Stripe says of a second subscription; its id and the events."""
        second = new_id("sub")
        events = [
            event("customer.subscription.created", subscription(payer, second, begins)),
            event("invoice.paid", invoice(payer, second)),
            changed(payer, second, "active", 1),
        ]
        for each in events:
            shop.deliver(each)
        return second, [each["id"] for each in events]

    def test_it_is_parked_grants_nothing_and_is_cancelled_after_the_delay(self, shop: Shop, payer: Payer, begins: str):
        second, events = self.begin(shop, payer, begins)
        assert shop.fate(events[2]) == SECOND
        assert shop.fate(events[1]).state == "parked"
        assert shop.bought(payer) == 100
        assert tasks(shop, payer) == [(second, "due", DELAY)]
        assert claimed(shop, payer) == []
        assert "stripe_event_parked: second_subscription" in shop.alerts()
        shop.database.clock.advance(DELAY)
        ((task_id, kind, stripe_id),) = claimed(shop, payer)
        assert (kind, stripe_id) == ("cancel_and_refund_subscription", second)

        # The gateway cancels it and gives its money back; Stripe tells of both.
        shop.gateway.execute("select api.finish_billing_task(%s, %s)", [payer.id, task_id])
        ended = changed(payer, second, "canceled", 6)
        assert shop.deliver(ended) == Fate("handled", "second_subscription")
        shop.database.clock.advance(timedelta(hours=1))
        shop.run_job()
        assert {shop.fate(each).state for each in events} <= {"handled", "ignored"}
        assert shop.bought(payer) == 100

    def test_what_still_comes_of_it_is_ignored(self, shop: Shop, payer: Payer, begins: str):
        second, _ = self.begin(shop, payer, begins)
        shop.database.clock.advance(DELAY)
        claimed(shop, payer)
        shop.deliver(changed(payer, second, "canceled", 6))
        late = [
            changed(payer, second, "active", 2),
            event(
                "invoice.paid",
                invoice(payer, second, billing_reason="subscription_cycle", start=NOW + timedelta(days=30)),
            ),
        ]
        for each in late:
            assert shop.deliver(each) == Fate("ignored", "refused_subscription")
        paid = invoice(payer, second)
        intent_id = new_id("pi")
        assert shop.deliver(event("invoice.paid", paid)) == Fate("ignored", "refused_subscription")
        shop.deliver(
            event(
                "invoice_payment.paid",
                {
                    "id": new_id("inpay"),
                    "invoice": paid["id"],
                    "payment": {"type": "payment_intent", "payment_intent": intent_id},
                },
            )
        )
        assert shop.deliver(event("charge.refunded", charge(payer, intent_id, 600))) == Fate("ignored", "other_payment")
        assert shop.bought(payer) == 100

    def test_the_first_one_stays_what_it_was(self, shop: Shop, payer: Payer, begins: str):
        second, _ = self.begin(shop, payer, begins)
        shop.database.clock.advance(DELAY)
        claimed(shop, payer)
        shop.deliver(changed(payer, second, "canceled", 6))
        assert shop.value("select api.get_subscription(%s) ->> 'status'", payer.id) == "active"
        assert shop.rows(
            """
            select stripe_subscription_id from playground.subscriptions
            where account_id = %s and ended_at is null and status <> 'incomplete'
            """,
            payer.id,
        ) == [(first_of(payer),)]

    def test_when_the_end_of_the_first_arrives_late_it_is_accepted_and_nothing_is_cancelled(
        self, shop: Shop, payer: Payer, begins: str
    ):
        _, events = self.begin(shop, payer, begins)
        shop.deliver(changed(payer, first_of(payer), "canceled", -1, ended_at=int(NOW.timestamp()) - 60))
        assert {str(shop.fate(each)) for each in events} == {"handled"}
        assert [state for _, state, _ in tasks(shop, payer)] == ["withdrawn"]
        shop.database.clock.advance(DELAY)
        assert claimed(shop, payer) == []
        assert shop.bought(payer) == 100  # the second month; the first one ended
        assert shop.value("select api.get_subscription(%s) ->> 'isActive'", payer.id) == "true"

    def test_once_the_gateway_has_begun_it_is_not_accepted_any_more(self, shop: Shop, payer: Payer, begins: str):
        second, events = self.begin(shop, payer, begins)
        shop.database.clock.advance(DELAY)
        assert len(claimed(shop, payer)) == 1
        shop.deliver(changed(payer, first_of(payer), "canceled", 5))
        assert shop.fate(events[2]) == SECOND
        shop.deliver(changed(payer, second, "canceled", 6))
        assert shop.value("select api.get_subscription(%s) ->> 'status'", payer.id) is None
        assert shop.bought(payer) == 0


class TestSecondPayment:
    def test_one_purchase_paid_twice_is_credited_once_and_the_second_payment_goes_back(self, shop: Shop):
        payer = shop.payer()
        first, second = new_id("pi"), new_id("pi")
        purchase_id = shop.purchase(payer, first)
        assert (
            str(shop.deliver(event("payment_intent.succeeded", payment_intent(payer, first, purchase_id)))) == "handled"
        )
        paid_again = event("payment_intent.succeeded", payment_intent(payer, second, purchase_id))
        assert shop.deliver(paid_again) == Fate("handled", "second_payment")
        assert shop.bought(payer) == 250
        assert [row[1:] for row in claimed(shop, payer)] == [("refund_payment_intent", second)]
        assert "stripe_event_parked: second_payment" in shop.alerts()

        # Its refund takes nothing from the first.
        shop.deliver(event("charge.refunded", charge(payer, second, 1000)))
        shop.deliver(event("payment_intent.succeeded", payment_intent(payer, second, purchase_id)))
        assert shop.bought(payer) == 250
        assert claimed(shop, payer) == []
