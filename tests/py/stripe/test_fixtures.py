"""Each event that api.md lists, as Stripe documents it, in the shape of today and the one before: what comes of it."""

import inspect
import json
import secrets

import pytest
import stripe

from tests.py.stripe import fixtures
from tests.py.stripe.fixtures import CUSTOMER, PAYMENT_INTENT, PRICE, SELLER, SHAPES
from tests.py.stripe.shop import Payer, Shop
from tests.py.support.database import Database

LISTED = {
    "customer.subscription.created",
    "customer.subscription.updated",
    "customer.subscription.deleted",
    "checkout.session.completed",
    "checkout.session.expired",
    "invoice.paid",
    "invoice_payment.paid",
    "invoice.payment_failed",
    "payment_intent.succeeded",
    "payment_intent.payment_failed",
    "charge.refunded",
    "refund.created",
    "refund.updated",
    "refund.failed",
    "charge.refund.updated",
    "charge.dispute.created",
    "charge.dispute.closed",
    "charge.dispute.funds_withdrawn",
    "charge.dispute.funds_reinstated",
}

ADDRESS = "https://scrip.example/"

# Event, what the inbox says, then balance, available and suspended credits. Five are those of the signup.
PACK_STORY = [
    ("payment_intent.payment_failed", "handled", (5, 5, 0)),
    ("payment_intent.succeeded", "handled", (255, 255, 0)),
    ("charge.succeeded", "handled", (255, 255, 0)),
    ("refund.created", "handled", (155, 155, 0)),
    ("charge.refunded", "handled", (155, 155, 0)),
    ("refund.updated", "handled", (155, 155, 0)),
    ("refund.failed", "handled", (255, 255, 0)),
    ("charge.refund.updated", "handled", (255, 255, 0)),
    ("charge.dispute.created", "handled", (255, 5, 250)),
    ("charge.dispute.funds_withdrawn", "handled", (255, 5, 250)),
    ("charge.dispute.updated", "handled", (255, 5, 250)),
    ("charge.dispute.closed", "handled", (255, 255, 0)),
    ("charge.dispute.funds_reinstated", "handled", (255, 255, 0)),
    ("checkout.session.expired", "handled", (255, 255, 0)),
]
PLAN_STORY = [
    ("customer.subscription.created", "handled", (5, 5, 0)),
    ("invoice.payment_failed", "handled", (5, 5, 0)),
    ("customer.subscription.updated", "handled", (5, 5, 0)),
    ("invoice.paid", "handled", (105, 105, 0)),
    ("invoice_payment.paid", "handled", (105, 105, 0)),
    ("checkout.session.completed", "handled", (105, 105, 0)),
    ("customer.subscription.deleted", "handled", (5, 5, 0)),
]


@pytest.fixture(params=SHAPES)
def told(request: pytest.FixtureRequest, shop: Shop) -> "Teller":
    return Teller(shop, shop.payer(), request.param)


class Teller:
    """Delivers the events of one shape to a shop, with a customer and ids of this test's own."""

    def __init__(self, shop: Shop, payer: Payer, shape: str) -> None:
        self.shop = shop
        self.payer = payer
        self.shape = shape
        self.ours = {fixtures.ACCOUNT: payer.id, CUSTOMER: payer.customer_id, SELLER: secrets.token_hex(5)}
        shop.value("select admin.set_plan_price('prpm_plus_individual', %s, 'as in the files')", self.our(PRICE))

    def our(self, invented: str) -> str:
        return invented.replace(SELLER, self.ours[SELLER])

    def tell(self, kind: str) -> str:
        """Delivers one event; what the inbox says."""
        body = fixtures.body(self.shape, kind, self.ours)
        self.shop.deliver(body)
        return str(self.shop.fate(json.loads(body)["id"]))

    def credits(self) -> tuple[int, int, int]:
        shown = self.shop.value("select api.get_balance(%s)", self.payer.id)
        return shown["balance"], shown["available"], shown["suspended"]

    def follow(self, story: list[tuple]) -> None:
        for kind, fate, credits in story:
            if fixtures.has(self.shape, kind):
                assert (kind, self.tell(kind), self.credits()) == (kind, fate, credits)

    def checkout(self) -> str:
        """A page for the plan, as the gateway asks for it."""
        statement = "select checkout_id from api.start_checkout(%s, %s, %s)"
        return str(self.shop.value(statement, self.payer.id, ADDRESS, ADDRESS))

    def buy_by_checkout(self) -> None:
        """A purchase that can be paid by the front end's form or on Stripe's page."""
        statement = "select purchase_id, checkout_id from api.start_purchase(%s, 'medium', %s, %s)"
        ((purchase_id, checkout_id),) = self.shop.rows(statement, self.payer.id, ADDRESS, ADDRESS)
        self.ours |= {fixtures.PURCHASE: str(purchase_id), fixtures.PACK_CHECKOUT: str(checkout_id)}
        self.shop.record(self.payer, purchase_id, self.our(PAYMENT_INTENT))

    def statuses(self) -> list[tuple]:
        return self.shop.rows(
            "select status, checkout_session_id from playground.checkouts where account_id = %s", self.payer.id
        )


def test_a_pack_is_bought_refunded_disputed_and_won_back(told: Teller):
    told.buy_by_checkout()
    told.follow(PACK_STORY)
    ((shown,),) = told.shop.rows("select api.list_purchases(%s) -> 'purchases' -> 0", told.payer.id)
    assert (shown["status"], shown["failure"], shown["refunded"], shown["disputed"]) == ("succeeded", None, 0, 0)
    assert shown["receiptUrl"].startswith("https://pay.stripe.com/receipts/")
    assert [status for status, _ in told.statuses()] == ["expired"]


def test_what_is_not_known_yet_is_found_by_customer_and_metadata(told: Teller):
    """Paid on Stripe's page: the PaymentIntent comes into being there, and nobody recorded it."""
    told.ours[fixtures.PURCHASE] = told.shop.purchase(told.payer)
    told.follow(PACK_STORY[:-1])


def test_a_plan_is_declined_paid_and_ended(told: Teller):
    told.ours[fixtures.PLAN_CHECKOUT] = told.checkout()
    told.follow(PLAN_STORY)
    assert told.statuses() == [("completed", "cs_test_a1Kp4VtLw0Gd9NsYxQ2bRfE7hJm3UcZoT6iAv8WqDkB5nXlPyO")]
    # Which payment paid the invoice is known in either shape: its refund would find the period.
    assert told.shop.rows(
        "select payment_intent_id, invoice_id, credits::bigint from playground.payments where account_id = %s",
        told.payer.id,
    ) == [(told.our("pi_3SVqXnJmT4nKxW2R0jMbS6Xg"), told.our("in_1SVqXnJmT4nKxW2R6vTqH1Ns"), 100)]


def test_a_failed_card_is_told_with_its_reason(told: Teller):
    told.ours[fixtures.PURCHASE] = told.shop.purchase(told.payer, told.our(PAYMENT_INTENT))
    told.tell("payment_intent.payment_failed")
    assert told.shop.value("select api.list_purchases(%s) -> 'purchases' -> 0 -> 'failure'", told.payer.id) == {
        "code": "generic_decline",
        "message": "Your card was declined.",
    }


class TestTheFiles:
    def test_every_listed_event_has_its_file(self):
        present = {path.stem for path in fixtures.files(SHAPES[0])}
        assert present >= LISTED
        assert present - LISTED == {"charge.dispute.updated", "charge.succeeded"}

    def test_the_older_shape_lacks_what_did_not_exist(self):
        present = {path.stem for path in fixtures.files(SHAPES[1])}
        assert {path.stem for path in fixtures.files(SHAPES[0])} - present == {"invoice_payment.paid", "refund.failed"}

    def test_the_sdk_speaks_the_version_of_today(self):
        assert stripe.api_version == SHAPES[0]

    @pytest.mark.parametrize("path", fixtures.files(SHAPES[0]), ids=lambda path: path.stem)
    def test_an_event_has_the_fields_that_the_sdk_documents(self, path):
        event = json.loads(path.read_text())
        assert (event["type"], event["api_version"]) == (path.stem, SHAPES[0])
        compare(stripe.Event, event, left_out={"account", "context"})
        obj = event["data"]["object"]
        kind, left_out = OBJECTS[obj["object"]]
        compare(kind, obj, left_out)
        for item in obj.get("items", {}).get("data", []):
            compare(stripe.SubscriptionItem, item)
        for each in obj["lines"]["data"] if "lines" in obj else []:
            compare(stripe.InvoiceLineItem, each)


OBJECTS: dict[str, tuple[type, set[str]]] = {
    "payment_intent": (stripe.PaymentIntent, set()),
    "charge": (stripe.Charge, set()),
    "refund": (stripe.Refund, set()),
    "dispute": (stripe.Dispute, set()),
    "subscription": (stripe.Subscription, set()),
    "invoice": (stripe.Invoice, {"confirmation_secret", "payments", "threshold_reason"}),
    "invoice_payment": (stripe.InvoicePayment, set()),
    "checkout.session": (stripe.checkout.Session, {"line_items"}),
}


def compare(kind: type, obj: dict, left_out: set[str] = frozenset()) -> None:  # type: ignore[assignment]
    """The fields of an object are those of its class, but for what Stripe writes only when asked to."""
    documented = {name for name in inspect.get_annotations(kind) if name.islower() and name != "deleted"}
    assert set(obj) == documented - left_out


class TestBothShapesReadAlike:
    @pytest.mark.parametrize(
        ("reader", "kind"),
        [
            ("read_subscription", "customer.subscription.created"),
            ("read_subscription", "customer.subscription.updated"),
            ("read_subscription", "customer.subscription.deleted"),
            ("read_invoice", "invoice.paid"),
            ("read_invoice", "invoice.payment_failed"),
        ],
    )
    def test_what_is_read_is_the_same_and_whole(self, database: Database, reader: str, kind: str):
        new, old = (
            database.value(
                f"select to_jsonb(r) from engine.{reader}(%s::jsonb) as r",
                [json.dumps(fixtures.read(shape, kind)["data"]["object"])],
            )
            for shape in SHAPES
        )
        # Today an invoice names its payment only when asked to; invoice_payment.paid tells it.
        assert new.pop("payment_intent_id", None) is None
        assert old.pop("payment_intent_id", None) in (None, "pi_3SVqXnJmT4nKxW2R0jMbS6Xg")
        assert new == old
        assert {name for name, value in new.items() if value is None} <= {"ends_at", "ended_at", "paid_at"}
