"""Webhook, job and a person's look at one moment: each event once, each period once."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

from tests.py.money.payments import Payment
from tests.py.money.plans import Plan
from tests.py.money.shop import Event, Payer, Post, at, make_payers, start_purchases
from tests.py.money.state import parked, states_of
from tests.py.support.database import Clock, Database

DELIVERIES = 16


def at_once(calls: Sequence[Callable[[], Any]]) -> None:
    """Runs the calls side by side, from one start; whatever goes wrong is raised."""
    barrier = Barrier(len(calls))

    def run(call: Callable[[], Any]) -> None:
        barrier.wait()
        call()

    with ThreadPoolExecutor(len(calls)) as pool:
        for done in [pool.submit(run, call) for call in calls]:
            done.result()


def deliver_at_once(shop: Database, events: Sequence[Event], clock: Clock) -> None:
    now = clock.now()
    posts = [Post(shop) for _ in events]
    try:
        at_once(
            [lambda post=post, event=event: post.deliver(event, now) for post, event in zip(posts, events, strict=True)]
        )
    finally:
        for post in posts:
            post.connection.close()


def paying(shop: Database, clock: Clock) -> Payment:
    clock.freeze(at(1))
    [payer] = make_payers(shop, 1)
    [purchase_id] = start_purchases(shop, [payer], "medium")
    return Payment(payer, purchase_id, "only")


def balance_of(shop: Database, payer: Payer) -> int:
    return states_of(shop, [payer.user_id])[payer.user_id]["balance"]


def count_of(shop: Database, event: Event) -> int:
    return shop.value("select count(*) from playground.stripe_events where event_id = %s", [event.event_id])


def test_sixteen_deliveries_of_one_event_credit_once(shop: Database, clock: Clock) -> None:
    for _ in range(5):
        payment = paying(shop, clock)
        event = payment.succeeded(at(0))
        deliver_at_once(shop, [event] * DELIVERIES, clock)
        assert balance_of(shop, payment.payer) == 255
        assert count_of(shop, event) == 1
    shop.assert_ledger_holds()


def test_sixteen_events_of_one_payment_credit_once(shop: Database, clock: Clock) -> None:
    """As two endpoints, or a replay by hand, would send them: other ids, the same payment."""
    payment = paying(shop, clock)
    events = [payment.succeeded(at(0))._replace(event_id=f"evt_{n}_{payment.payer.tag}") for n in range(DELIVERIES)]
    deliver_at_once(shop, events, clock)
    assert balance_of(shop, payment.payer) == 255
    assert [count_of(shop, event) for event in events] == [1] * DELIVERIES
    shop.assert_ledger_holds()


def test_a_payment_and_its_refunds_at_once_end_as_one_after_the_other(shop: Database, clock: Clock) -> None:
    for _ in range(10):
        payment = paying(shop, clock)
        # Of some the charge says what it is for: it opens the payment before the payment's own event.
        metadata = payment.intent()["metadata"]
        charges = [payment.charge(f"{n}", at(0, second=n), 100 * n) for n in range(1, 6)]
        charges = [event._replace(object=event.object | {"metadata": metadata}) for event in charges]
        dispute = payment.dispute("one", at(1), 200, "lost", "charge.dispute.closed")
        deliver_at_once(shop, [payment.succeeded(at(0)), *charges, dispute], clock)
        retry(shop, clock)
        assert balance_of(shop, payment.payer) == 5 + 250 - 125 - 50
    shop.assert_ledger_holds()


def retry(shop: Database, clock: Clock) -> None:
    """What came at the same moment as what it waits for is left to the job."""
    clock.advance(timedelta(minutes=20))
    shop.rows("select jobs.process_parked_events(1000)", role="scrip_cron")
    assert parked(shop) == []


def test_both_ways_of_paying_one_purchase_at_once_credit_one_and_give_the_other_back(
    shop: Database, clock: Clock
) -> None:
    for _ in range(5):
        payment = paying(shop, clock)
        other = Payment(payment.payer, payment.purchase_id, "other")
        deliver_at_once(shop, [payment.succeeded(at(0)), other.succeeded(at(0))] * 4, clock)
        assert balance_of(shop, payment.payer) == 255
        kinds = shop.rows(
            "select kind from playground.billing_tasks where account_id = %s and state = 'due'", [payment.payer.user_id]
        )
        assert kinds == [("refund_payment_intent",)]
    shop.assert_ledger_holds()


def test_twelve_renewals_with_job_webhook_and_looks_racing_are_twelve_grants(shop: Database, clock: Clock) -> None:
    clock.freeze(at(0))
    plans = [Plan(payer) for payer in make_payers(shop, 4)]
    month = timedelta(days=30)
    first = (at(0), at(30))
    with Post(shop) as post:
        for plan in plans:
            post.deliver(plan.state("created", at(0), "active", first), at(0))
            post.deliver(plan.paid("0", at(0), first, "subscription_create"), at(0))
    scheduler = shop.connect("scrip_cron")
    lookers = [shop.connect("scrip_gateway") for _ in range(3)]
    posts = [Post(shop) for _ in range(4)]

    def look(number: int) -> None:
        for plan in plans:
            lookers[number].execute("select api.get_balance(%s)", [plan.payer.user_id])

    def work() -> None:
        for job in ("process_monthly_reset", "expire_rollover_credits", "process_parked_events"):
            scheduler.execute(f"select jobs.{job}()".encode())

    def bring(number: int, renewal: int) -> None:
        start = at(0) + renewal * month
        period = (start, start + month)
        # Other months are heard of late: in the last hour of their grace.
        paid_at = start + timedelta(minutes=1)
        for plan in plans[number:] + plans[:number]:
            events = [
                plan.state(f"updated {renewal}", start, "active", period),
                plan.paid(f"{renewal}", paid_at, period),
                plan.invoice_payment(f"{renewal}", paid_at),
            ]
            posts[number].deliver_all(events[::-1] if number % 2 else events, clock_at)

    for renewal in range(1, 13):
        clock_at = at(0) + renewal * month + timedelta(days=[0, 2.9, 3.5][renewal % 3], minutes=2)
        clock.freeze(clock_at)
        at_once(
            [
                work,
                *(lambda number=number: look(number) for number in range(3)),
                *(lambda number=number, renewal=renewal: bring(number, renewal) for number in range(4)),
            ]
        )
    for connection in (scheduler, *lookers, *(post.connection for post in posts)):
        connection.close()
    retry(shop, clock)

    for state in states_of(shop, [plan.payer.user_id for plan in plans]).values():
        [subscription] = state["subscriptions"]
        assert subscription["periods"] == 13
        assert [period["granted"] for period in state["periods"]] == [100] * 13
        # Nothing was spent: each month's 100 rolled over for one period, and expired.
        lots = {grant["bucket"]: grant["remaining"] for grant in state["grants"]}
        assert lots == {"monthly": 100, "rollover": 100, "purchased": 5}
    rollovers = shop.value(
        "select count(*) from playground.transactions where type = 'rollover' and account_id = any (%s)",
        [[plan.payer.user_id for plan in plans]],
    )
    assert rollovers == 12 * len(plans)
    shop.assert_ledger_holds()


def test_cancelling_and_resuming_a_thousand_times_grants_nothing(shop: Database, clock: Clock) -> None:
    clock.freeze(at(0))
    [payer] = make_payers(shop, 1)
    plan = Plan(payer)
    period = (at(0), at(30))
    with Post(shop) as post, shop.connect("scrip_gateway") as gateway:
        post.deliver(plan.state("created", at(0), "active", period), at(0))
        post.deliver(plan.paid("0", at(0), period, "subscription_create"), at(0))
        now = at(0)
        for turn in range(1000):
            # Half of them in one second with the one before.
            when = at(1, second=turn // 2)
            if turn % 100 == 0:
                clock.freeze(when)
                gateway.execute("select api.get_balance(%s)", [payer.user_id])
                now = when
            post.deliver(plan.state(f"updated {turn}", when, "active", period, cancels=turn % 2 == 0), now)
    state = states_of(shop, [payer.user_id])[payer.user_id]
    assert (state["balance"], state["subscriptions"][0]["periods"]) == (105, 1)
    assert shop.rows(
        "select type::text, amount from playground.transactions where account_id = %s order by number", [payer.user_id]
    ) == [("signup", 5), ("monthly", 100)]
    shop.assert_ledger_holds()
