"""Money that does not fit our own rows is parked with a reason and told to operators; it is completed once it fits."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from tests.py.stripe.objects import MONTH, event, invoice, line, new_id, payment_intent, subscription
from tests.py.stripe.shop import NOW, Fate, Payer, Shop

INDIVIDUAL = "prpm_plus_individual"


@dataclass
class Case:
    """Somebody, the event about them, and how the cause goes away."""

    payer: Payer
    event: dict[str, Any]
    cure: Callable[[], Any]
    credits: int


Maker = Callable[[Shop], Case]
_CASES: dict[str, tuple[str, Maker]] = {}


def case(reason: str) -> Callable[[Maker], Maker]:
    def keep(maker: Maker) -> Maker:
        _CASES[maker.__name__] = (reason, maker)
        return maker

    return keep


def pack(shop: Shop, payer: Payer, cure: Callable[[], Any], **changes: Any) -> Case:
    intent_id = new_id("pi")
    obj = payment_intent(payer, intent_id, shop.purchase(payer, intent_id), **changes)
    return Case(payer, event("payment_intent.succeeded", obj), cure, 250)


def of_purchase(shop: Shop, payer: Payer, column: str, value: Any) -> Callable[[], Any]:
    return lambda: shop.value(f"update playground.purchases set {column} = %s where account_id = %s", value, payer.id)


def of_person(shop: Shop, payer: Payer, is_deleted: bool) -> None:
    """Deletes somebody as far as money is concerned, or brings them back."""
    statement = """
        update playground.users set deleted_at = case when %s then engine.now() end, email = %s where user_id = %s
    """
    shop.value(statement, is_deleted, None if is_deleted else payer.email, payer.id)


def known(shop: Shop, person: Payer) -> Callable[[], Any]:
    return lambda: shop.value("select api.record_customer(%s, %s)", person.id, person.customer_id)


def priced(shop: Shop, price_id: str, cents: int = 600) -> Callable[[], Any]:
    return lambda: shop.value("select admin.set_plan_price(%s, %s, 'told late', %s)", INDIVIDUAL, price_id, cents)


@case("wrong_amount")
def a_pack_paid_with_a_cent_less(shop: Shop) -> Case:
    payer = shop.payer()
    return pack(shop, payer, of_purchase(shop, payer, "price_cents", 999), amount_received=999)


@case("wrong_amount")
def a_pack_paid_with_more_than_its_price(shop: Shop) -> Case:
    payer = shop.payer()
    return pack(shop, payer, of_purchase(shop, payer, "price_cents", 100_000), amount_received=100_000)


@case("wrong_amount")
def a_pack_whose_amount_was_promised_and_not_received(shop: Shop) -> Case:
    payer = shop.payer()
    return pack(shop, payer, of_purchase(shop, payer, "price_cents", 1), amount=1000, amount_received=1)


@case("wrong_currency")
def a_pack_paid_in_another_currency(shop: Shop) -> Case:
    payer = shop.payer()
    return pack(shop, payer, of_purchase(shop, payer, "currency", "jpy"), currency="jpy")


@case("unknown_customer")
def a_pack_of_a_customer_nobody_knows(shop: Shop) -> Case:
    person = shop.person()
    obj = payment_intent(person, new_id("pi"), shop.purchase(person))
    return Case(person, event("payment_intent.succeeded", obj), known(shop, person), 250)


@case("unknown_customer")
def a_known_payment_of_a_customer_nobody_knows(shop: Shop) -> Case:
    person = shop.person()
    return pack(shop, person, known(shop, person))


@case("deleted_user")
def a_pack_of_somebody_who_is_deleted(shop: Shop) -> Case:
    payer = shop.payer()
    made = pack(shop, payer, lambda: of_person(shop, payer, False))
    of_person(shop, payer, True)
    return made


@case("unknown_customer")
def a_plan_of_a_customer_nobody_knows(shop: Shop) -> Case:
    person = shop.person()
    obj = subscription(person, new_id("sub"), "active")
    return Case(person, event("customer.subscription.created", obj), known(shop, person), 0)


@case("unknown_price")
def a_plan_at_a_price_nobody_knows(shop: Shop) -> Case:
    payer, price_id = shop.payer(), new_id("price")
    obj = subscription(payer, new_id("sub"), "active")
    obj["items"]["data"][0]["price"]["id"] = price_id
    return Case(payer, event("customer.subscription.created", obj), priced(shop, price_id), 0)


@case("deleted_user")
def a_plan_of_somebody_who_is_deleted(shop: Shop) -> Case:
    payer = shop.payer()
    of_person(shop, payer, True)
    obj = subscription(payer, new_id("sub"), "active")
    return Case(payer, event("customer.subscription.created", obj), lambda: of_person(shop, payer, False), 0)


def paid(shop: Shop, cure: Callable[[Payer], Any], price_id: str | None = None, **changes: Any) -> Case:
    payer, subscription_id = shop.payer(), new_id("sub")
    shop.deliver(event("customer.subscription.created", subscription(payer, subscription_id, "active")))
    if price_id is not None:
        changes["lines"] = {"object": "list", "data": [line(subscription_id, NOW, price_id)]}
    obj = invoice(payer, subscription_id, **changes)
    return Case(payer, event("invoice.paid", obj), lambda: cure(payer), 100)


@case("unknown_price")
def a_month_at_a_price_nobody_knows(shop: Shop) -> Case:
    price_id = new_id("price")
    return paid(shop, lambda _: priced(shop, price_id)(), price_id)


@case("wrong_amount")
def a_month_paid_with_less_than_its_price(shop: Shop) -> Case:
    price_id = new_id("price")
    priced(shop, price_id)()
    return paid(shop, lambda _: priced(shop, price_id, 599)(), price_id, amount_paid=599)


@case("wrong_amount")
def a_month_for_nothing(shop: Shop) -> Case:
    price_id = new_id("price")
    priced(shop, price_id)()
    return paid(shop, lambda _: priced(shop, price_id, 0)(), price_id, amount_paid=0)


@case("wrong_currency")
def a_month_paid_in_another_currency(shop: Shop) -> Case:
    price_id = new_id("price")
    priced(shop, price_id)()

    def cure(_: Payer) -> None:
        shop.value("update playground.stripe_prices set currency = 'eur' where stripe_price_id = %s", price_id)

    return paid(shop, cure, price_id, currency="eur")


@case("deleted_user")
def a_month_of_somebody_who_is_deleted(shop: Shop) -> Case:
    made = paid(shop, lambda payer: of_person(shop, payer, False))
    of_person(shop, made.payer, True)
    return made


@pytest.mark.parametrize("name", _CASES)
class TestParkedAndCompleted:
    def begin(self, shop: Shop, name: str) -> Case:
        """Delivers the event of a case: parked with its reason, told to operators, nothing credited."""
        reason, maker = _CASES[name]
        made = maker(shop)
        assert shop.deliver(made.event) == Fate("parked", reason)
        assert shop.alerts() == {f"stripe_event_parked: {reason}"}
        assert shop.bought(made.payer) == 0
        return made

    def end(self, shop: Shop, made: Case) -> None:
        assert shop.bought(made.payer) == made.credits
        shop.deliver(made.event)
        assert shop.bought(made.payer) == made.credits
        priced(shop, "price_individual")()

    def test_an_operator_completes_it_when_the_cause_is_gone(self, shop: Shop, name: str):
        made = self.begin(shop, name)
        assert shop.replay(made.event["id"]).state == "parked"
        assert shop.bought(made.payer) == 0
        made.cure()
        assert shop.replay(made.event["id"]) == Fate("handled", None)
        self.end(shop, made)

    def test_the_job_completes_it_when_the_cause_is_gone(self, shop: Shop, name: str):
        made = self.begin(shop, name)
        made.cure()
        shop.database.clock.advance(timedelta(minutes=1))
        shop.run_job()
        assert shop.fate(made.event["id"]) == Fate("handled", None)
        self.end(shop, made)

    def test_stripe_completes_it_by_sending_it_again(self, shop: Shop, name: str):
        made = self.begin(shop, name)
        made.cure()
        assert shop.deliver(made.event) == Fate("handled", None)
        self.end(shop, made)


class TestLies:
    """Metadata says whatever who made the object wrote into it. Our own rows say what was bought, and by whom."""

    def test_credits_in_metadata_are_not_read(self, shop: Shop):
        made = pack(shop, shop.payer(), lambda: None)
        made.event["data"]["object"]["metadata"] |= {"credits": 999_999, "pack": "large", "price": 1}
        shop.deliver(made.event)
        assert shop.bought(made.payer) == 250

    def test_a_known_payment_is_that_of_its_purchase_whatever_its_metadata_says(self, shop: Shop):
        buyer, other = shop.payer(), shop.payer()
        others = shop.purchase(other, new_id("pi"), "large")
        made = pack(shop, buyer, lambda: None)
        made.event["data"]["object"]["metadata"] = {"purchase_id": others, "account_id": other.id, "credits": "600"}
        assert shop.deliver(made.event) == Fate("handled", None)
        assert (shop.bought(buyer), shop.bought(other)) == (250, 0)

    @pytest.mark.parametrize("what", ["account_id", "purchase_id", "both"])
    def test_an_unknown_payment_cannot_name_another_account(self, shop: Shop, what: str):
        buyer, other = shop.payer(), shop.payer()
        own, others = shop.purchase(buyer), shop.purchase(other)
        obj = payment_intent(buyer, new_id("pi"), own)
        obj["metadata"] |= {"account_id": other.id} if what != "purchase_id" else {}
        obj["metadata"] |= {"purchase_id": others} if what != "account_id" else {}
        fate = shop.deliver(event("payment_intent.succeeded", obj))
        # The customer says whose it is; the account in the metadata is not even read.
        assert fate == (Fate("handled", None) if what == "account_id" else Fate("parked", "unknown_purchase"))
        assert (shop.bought(buyer), shop.bought(other)) == (250 if what == "account_id" else 0, 0)

    def test_a_small_payment_cannot_name_a_larger_purchase(self, shop: Shop):
        payer = shop.payer()
        large = shop.purchase(payer, pack="large")
        obj = payment_intent(payer, new_id("pi"), large, amount_received=500)
        assert shop.deliver(event("payment_intent.succeeded", obj)) == Fate("parked", "wrong_amount")
        assert shop.bought(payer) == 0

    def test_the_payment_of_one_cannot_be_made_by_the_customer_of_another(self, shop: Shop):
        made = pack(shop, shop.payer(), lambda: None)
        other = shop.payer()
        made.event["data"]["object"]["customer"] = other.customer_id
        assert shop.deliver(made.event) == Fate("parked", "unknown_customer")
        assert (shop.bought(made.payer), shop.bought(other)) == (0, 0)

    def test_a_payment_of_one_purchase_cannot_pay_another_one_too(self, shop: Shop):
        payer, intent_id = shop.payer(), new_id("pi")
        first, second = shop.purchase(payer, intent_id), shop.purchase(payer)
        shop.deliver(event("payment_intent.succeeded", payment_intent(payer, intent_id, first)))
        shop.deliver(event("payment_intent.succeeded", payment_intent(payer, intent_id, second)))
        assert shop.bought(payer) == 250
        assert shop.rows(
            "select status::text from playground.purchases where account_id = %s order by 1", payer.id
        ) == [("started",), ("succeeded",)]

    def test_a_payment_that_names_no_purchase_buys_nothing(self, shop: Shop):
        payer = shop.payer()
        shop.purchase(payer)
        for metadata in ({}, {"purchase_id": "x"}, {"purchase_id": None}, {"purchase_id": ["x"]}, None, "x"):
            obj = payment_intent(payer, new_id("pi"), None, metadata=metadata)
            assert shop.deliver(event("payment_intent.succeeded", obj)) == Fate("ignored", "not_a_purchase")
        obj = payment_intent(payer, new_id("pi"), str(uuid4()))
        assert shop.deliver(event("payment_intent.succeeded", obj)) == Fate("parked", "unknown_purchase")
        assert shop.bought(payer) == 0

    def test_a_failure_after_the_success_changes_nothing(self, shop: Shop):
        made = pack(shop, shop.payer(), lambda: None)
        shop.deliver(made.event)
        obj = made.event["data"]["object"] | {"last_payment_error": {"code": "card_declined"}}
        shop.deliver(event("payment_intent.payment_failed", obj, at=NOW + timedelta(hours=1)))
        assert (
            shop.value("select status::text from playground.purchases where account_id = %s", made.payer.id)
            == "succeeded"
        )
        assert shop.bought(made.payer) == 250

    def test_an_invoice_of_one_cannot_name_the_plan_of_another(self, shop: Shop):
        subscriber, other, subscription_id = shop.payer(), shop.payer(), new_id("sub")
        shop.deliver(event("customer.subscription.created", subscription(subscriber, subscription_id, "active")))
        lie = event("invoice.paid", invoice(other, subscription_id))
        assert shop.deliver(lie) == Fate("parked", "unknown_subscription")
        assert (shop.bought(subscriber), shop.bought(other)) == (0, 0)

    def test_a_plan_of_one_cannot_become_that_of_another(self, shop: Shop):
        subscriber, other, subscription_id = shop.payer(), shop.payer(), new_id("sub")
        shop.deliver(event("customer.subscription.created", subscription(subscriber, subscription_id, "active")))
        lie = event("customer.subscription.updated", subscription(other, subscription_id, "active"), at=NOW + MONTH)
        assert shop.deliver(lie).state == "parked"
        assert shop.value("select api.get_subscription(%s) ->> 'status'", other.id) is None

    def test_one_invoice_confirms_one_month_however_many_events_tell_of_it(self, shop: Shop):
        subscriber, subscription_id = shop.payer(), new_id("sub")
        shop.deliver(event("customer.subscription.created", subscription(subscriber, subscription_id, "active")))
        obj = invoice(subscriber, subscription_id)
        for _ in range(3):
            shop.deliver(event("invoice.paid", obj))
        for _ in range(3):
            shop.deliver(event("invoice.paid", invoice(subscriber, subscription_id)))
        assert shop.bought(subscriber) == 100

    def test_a_person_cannot_verify_an_organisation_by_metadata(self, shop: Shop):
        person = shop.payer()
        organization_id = shop.value("select api.create_organization(%s, 'Lies') ->> 'id'", shop.person().id)
        obj = subscription(person, new_id("sub"), "active")
        obj["items"]["data"][0]["price"]["id"] = "price_verified"
        obj["metadata"] = {"organization_id": organization_id, "account_id": organization_id}
        assert shop.deliver(event("customer.subscription.created", obj)) == Fate("parked", "wrong_payer")
        assert not shop.value(
            "select is_verified from playground.organizations where organization_id = %s", organization_id
        )

    def test_a_page_that_names_anothers_checkout_pays_nothing(self, shop: Shop):
        buyer, other = shop.payer(), shop.payer()
        others = shop.purchase(other)
        obj = {
            "id": new_id("cs"),
            "object": "checkout.session",
            "payment_status": "paid",
            "amount_total": 1000,
            "customer": buyer.customer_id,
            "metadata": {"purchase_id": others, "account_id": other.id, "checkout_id": str(uuid4())},
        }
        assert shop.deliver(event("checkout.session.completed", obj)) == Fate("ignored", "no_change")
        assert (shop.bought(buyer), shop.bought(other)) == (0, 0)
