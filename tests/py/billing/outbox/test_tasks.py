"""Tasks at Stripe: done once, done when they were done already, and the trouble told apart."""

from typing import Any

import pytest

from gateway.billing.client import Stripe
from gateway.billing.loops import NotDone
from gateway.billing.tasks import do
from tests.py.billing.simulator.simulated import SimulatedStripe

BACK = {"success_url": "https://scrip.example/done", "cancel_url": "https://scrip.example/back"}
DAY = 86400


class Tasks:
    """Does tasks with the SDK, and counts what Stripe was told to do."""

    def __init__(self, simulated: SimulatedStripe) -> None:
        self.simulated = simulated
        self.api: Any = simulated.api
        self._stripe = Stripe(simulated.client)

    async def do(self, kind: str, stripe_id: str, attempt: int = 1, task_id: str = "the-task") -> None:
        await do(self._stripe, kind, stripe_id, task_id, attempt)

    async def fails(self, kind: str, stripe_id: str, attempt: int = 1) -> NotDone:
        with pytest.raises(NotDone) as caught:
            await self.do(kind, stripe_id, attempt)
        return caught.value

    async def told(self, since: int = 0) -> list[str]:
        """The paths of the POSTs since a number of requests."""
        shown = await self.simulated.shown("requests")
        return [each["path"] for each in shown[since:] if each["method"] != "GET"]

    async def asked(self) -> int:
        return len(await self.simulated.shown("requests"))

    async def refunded(self, intent_id: str) -> int:
        intent = await self.api.payment_intents.retrieve_async(intent_id, {"expand": ["latest_charge"]})
        return intent.latest_charge.amount_refunded

    async def intent(self, **fields: Any) -> str:
        return (await self.api.payment_intents.create_async({"amount": 500, "currency": "usd", **fields})).id

    async def page(self) -> str:
        line = {"price_data": {"currency": "usd", "unit_amount": 500, "product_data": {"name": "P"}}, "quantity": 1}
        return (await self.api.checkout.sessions.create_async({"mode": "payment", "line_items": [line], **BACK})).id


@pytest.fixture
def tasks(simulated: SimulatedStripe) -> Tasks:
    return Tasks(simulated)


async def test_a_payment_nobody_made_yet_is_cancelled_once(tasks: Tasks) -> None:
    intent = await tasks.intent()
    await tasks.do("cancel_payment_intent", intent)
    assert (await tasks.api.payment_intents.retrieve_async(intent)).status == "canceled"
    before = await tasks.asked()
    await tasks.do("cancel_payment_intent", intent, 2)
    assert await tasks.told(before) == []


async def test_a_payment_that_was_made_meanwhile_stays_and_counts_as_done(tasks: Tasks) -> None:
    paid = (await tasks.simulated.paid()).id
    await tasks.do("cancel_payment_intent", paid)
    assert (await tasks.api.payment_intents.retrieve_async(paid)).status == "succeeded"
    assert await tasks.refunded(paid) == 0


@pytest.mark.parametrize("kind", ["cancel_payment_intent", "refund_payment_intent"])
async def test_a_payment_under_way_is_waited_for(tasks: Tasks, kind: str) -> None:
    intent = (await tasks.simulated.paid(card="pm_card_processing")).id
    assert (await tasks.api.payment_intents.retrieve_async(intent)).status == "processing"
    failure = await tasks.fails(kind, intent)
    assert (failure.is_final, failure.is_outage) == (False, False)
    await tasks.simulated.direct(f"payment_intents/{intent}/succeed")
    await tasks.do(kind, intent, 2)
    assert await tasks.refunded(intent) == (500 if kind == "refund_payment_intent" else 0)


async def test_a_page_is_closed_once(tasks: Tasks) -> None:
    page = await tasks.page()
    await tasks.do("expire_checkout_session", page)
    assert (await tasks.api.checkout.sessions.retrieve_async(page)).status == "expired"
    before = await tasks.asked()
    await tasks.do("expire_checkout_session", page, 2)
    assert await tasks.told(before) == []


async def test_a_payment_is_given_back_whole_and_once(tasks: Tasks) -> None:
    paid = (await tasks.simulated.paid()).id
    for attempt in (1, 2, 3):
        await tasks.do("refund_payment_intent", paid, attempt)
        assert await tasks.refunded(paid) == 500


async def test_of_a_payment_given_back_in_part_the_rest_goes_back(tasks: Tasks) -> None:
    paid = (await tasks.simulated.paid()).id
    await tasks.api.refunds.create_async({"payment_intent": paid, "amount": 123})
    await tasks.do("refund_payment_intent", paid)
    assert await tasks.refunded(paid) == 500
    assert len((await tasks.api.refunds.list_async({"payment_intent": paid})).data) == 2


async def test_of_what_was_never_paid_nothing_goes_back(tasks: Tasks) -> None:
    intent = await tasks.intent()
    before = await tasks.asked()
    await tasks.do("refund_payment_intent", intent)
    assert await tasks.told(before) == []


async def test_a_subscription_ends_now_and_all_its_payments_go_back(tasks: Tasks) -> None:
    subscription = await tasks.simulated.subscribed()
    await tasks.simulated.direct("clock", {"advance": 40 * DAY})
    invoices = await tasks.api.invoices.list_async({"subscription": subscription.id, "status": "paid"})
    assert len(invoices.data) == 2
    for attempt in (1, 2):
        await tasks.do("cancel_and_refund_subscription", subscription.id, attempt)
        assert (await tasks.api.subscriptions.retrieve_async(subscription.id)).status == "canceled"
        refunds = (await tasks.api.refunds.list_async({"limit": 100})).data
        assert [refund.amount for refund in refunds] == [600, 600]


async def test_of_a_subscription_that_has_ended_what_is_left_goes_back(tasks: Tasks) -> None:
    subscription = await tasks.simulated.subscribed()
    await tasks.api.subscriptions.cancel_async(subscription.id)
    before = await tasks.asked()
    await tasks.do("cancel_and_refund_subscription", subscription.id)
    assert await tasks.told(before) == ["/v1/refunds"]
    assert [refund.amount for refund in (await tasks.api.refunds.list_async()).data] == [600]


@pytest.mark.parametrize(
    ("kind", "stripe_id"),
    [
        ("cancel_payment_intent", "pi_unknown"),
        ("expire_checkout_session", "cs_test_unknown"),
        ("refund_payment_intent", "pi_unknown"),
        ("cancel_and_refund_subscription", "sub_unknown"),
    ],
)
async def test_what_stripe_does_not_know_is_given_up(tasks: Tasks, kind: str, stripe_id: str) -> None:
    failure = await tasks.fails(kind, stripe_id)
    assert (failure.is_final, failure.is_outage) == (True, False)
    assert failure.reason == "InvalidRequestError 404 resource_missing"


async def test_a_kind_of_a_newer_database_waits_for_a_newer_gateway(tasks: Tasks) -> None:
    failure = await tasks.fails("send_flowers", "pi_1")
    assert (failure.is_final, failure.is_outage) == (False, False)
    assert await tasks.asked() == 0


@pytest.mark.parametrize(
    ("path", "action"),
    [
        # A look that breaks off is repeated on another connection, unnoticed.
        *(("/v1/payment_intents", action) for action in ("500", "429")),
        *(("/v1/refunds", action) for action in ("drop_before", "drop_after", "500", "500_after", "429")),
    ],
)
async def test_trouble_on_the_way_is_an_outage_and_the_next_try_gives_back_once(
    tasks: Tasks, path: str, action: str
) -> None:
    paid = (await tasks.simulated.paid()).id
    await tasks.simulated.direct("faults", {"action": action, "path": path})
    failure = await tasks.fails("refund_payment_intent", paid)
    assert (failure.is_final, failure.is_outage) == (False, True)
    assert paid not in failure.reason
    # Also after a failure that Stripe remembers by the key of the first try.
    await tasks.do("refund_payment_intent", paid, 2)
    assert await tasks.refunded(paid) == 500
    assert len((await tasks.api.refunds.list_async({"payment_intent": paid})).data) == 1


async def test_a_page_paid_between_the_look_and_the_act_counts_as_done(tasks: Tasks) -> None:
    page = await tasks.page()
    stripe = Stripe(tasks.simulated.client)
    sessions: Any = stripe.v1.checkout.sessions

    class Racing:
        """Somebody is quicker: when the page is about to be closed, it is closed already."""

        retrieve_async = staticmethod(sessions.retrieve_async)

        @staticmethod
        async def expire_async(stripe_id: str, **options: Any) -> object:
            await sessions.expire_async(stripe_id)
            return await sessions.expire_async(stripe_id, **options)

    class Checkout:
        sessions = Racing

    class Version:
        checkout = Checkout

    stripe.v1 = Version  # type: ignore[assignment]
    await do(stripe, "expire_checkout_session", page, "the-task", 1)
    assert (await sessions.retrieve_async(page)).status == "expired"
