"""What Stripe signed is never turned away: what cannot be used is kept as it came, says why, and credits nothing."""

import hashlib
import json
from datetime import timedelta
from typing import Any

import pytest

from tests.py.stripe.objects import charge, event, invoice, new_id, payment_intent, subscription
from tests.py.stripe.shop import NOW, Fate, Payer, Shop, as_bytes

MALFORMED = Fate("parked", "malformed")
UNREADABLE = Fate("parked", "unreadable")
LONG = "x" * 10_000
DEEP = b"[" * 100_000 + b"]" * 100_000


@pytest.fixture
def payer(shop: Shop) -> Payer:
    return shop.payer()


@pytest.fixture
def paid(shop: Shop, payer: Payer) -> dict[str, Any]:
    """An event that is worth 250 credits as it stands."""
    intent_id = new_id("pi")
    return event("payment_intent.succeeded", payment_intent(payer, intent_id, shop.purchase(payer, intent_id)))


def name_of(body: bytes) -> str:
    return f"unreadable_{hashlib.sha256(body).hexdigest()}"


def kept(shop: Shop, event_id: str) -> bytes:
    return shop.value("select payload from playground.stripe_events where event_id = %s", event_id)


def unreadable_bodies() -> dict[str, bytes]:
    whole = as_bytes(event("payment_intent.succeeded", {"id": "pi_x", "note": "here"}))

    def noted(value: bytes) -> bytes:
        return whole.replace(b'"here"', value)

    return {
        "nothing": b"",
        "blanks": b" \n",
        "no JSON": b"payment_intent.succeeded",
        "half of it": whole[: len(whole) // 2],
        "two of them": whole + whole,
        "null": b"null",
        "a number": b"1000",
        "a text": b'"evt_1"',
        "a list of events": b"[" + whole + b"]",
        "no object": b"[]",
        "an empty object": b"{}",
        "NUL escaped": noted(b'"\\u0000"'),
        "NUL": noted(b'"\0"'),
        "half a surrogate": noted(b'"\\ud800"'),
        "surrogates the wrong way round": noted(b'"\\udc00\\ud800"'),
        "surrogates in UTF-8": noted(b'"\xed\xa0\x80"'),
        "no UTF-8": noted(b'"\xff\xfe"'),
        "UTF-16": whole.decode().encode("utf-16"),
        "byte order mark": b"\xef\xbb\xbf" + whole,
        "deep": DEEP,
        "deep inside": noted(DEEP),
        "deep objects": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
        "no number": noted(b"NaN"),
        "infinite": noted(b"Infinity"),
        "beyond any number": noted(b"1e999999"),
        "a key of NUL": noted(b'{"\\u0000": 1}'),
        "trailing comma": noted(b"[1,]"),
        "no id": as_bytes({**event("payment_intent.succeeded", {"id": "pi_x"}), "id": None}),
        "id of a number": as_bytes({**event("payment_intent.succeeded", {"id": "pi_x"}), "id": 7}),
        "id of an object": as_bytes({**event("payment_intent.succeeded", {"id": "pi_x"}), "id": {"id": "evt_1"}}),
        "empty id": as_bytes({**event("payment_intent.succeeded", {"id": "pi_x"}), "id": ""}),
        "id of 10,000 characters": as_bytes({**event("payment_intent.succeeded", {"id": "pi_x"}), "id": LONG}),
    }


@pytest.mark.parametrize("body", unreadable_bodies().values(), ids=unreadable_bodies().keys())
def test_what_cannot_be_read_is_kept_as_it_came(shop: Shop, body: bytes):
    shop.deliver(body)
    assert shop.fate(name_of(body)) == UNREADABLE
    assert kept(shop, name_of(body)) == body
    assert shop.alerts() == {"stripe_event_parked: unreadable"}
    # Again, by Stripe, the job or an operator: still the same row.
    shop.deliver(body)
    assert shop.replay(name_of(body)).state == "parked"
    assert kept(shop, name_of(body)) == body


def test_an_event_that_lost_its_id_never_credits_later_either(shop: Shop, payer: Payer, paid: dict):
    body = as_bytes({**paid, "id": None})
    shop.deliver(body)
    shop.database.clock.advance(timedelta(days=1))
    shop.run_job()
    assert shop.fate(name_of(body)).state == "parked"
    assert shop.bought(payer) == 0


def test_unreadable_ones_do_not_keep_the_job_from_what_can_be_done(shop: Shop, payer: Payer):
    """Two hundred of them are due, and come before it."""
    for number in range(200):
        shop.deliver(b"garbage %d" % number)
    intent_id = new_id("pi")
    early = event(
        "payment_intent.succeeded", payment_intent(payer, intent_id, shop.purchase(payer, intent_id), currency="eur")
    )
    assert shop.deliver(early) == Fate("parked", "wrong_currency")
    shop.value("update playground.purchases set currency = 'eur' where account_id = %s", payer.id)
    shop.database.clock.advance(timedelta(hours=6))
    shop.run_job()
    assert shop.fate(early["id"]) == Fate("handled", None)


MALFORMED_CHANGES: dict[str, dict[str, Any]] = {
    "type null": {"type": None},
    "type of a number": {"type": 7},
    "type of 10,000 characters": {"type": LONG},
    "created null": {"created": None},
    "created a text": {"created": str(int(NOW.timestamp()))},
    "created with a fraction": {"created": NOW.timestamp() + 0.5},
    "created before 1970": {"created": -1},
    "created in the year 9999": {"created": 253_402_300_799},
    "created beyond any time": {"created": 10**30},
    "object null": {"data": {"object": None}},
    "object a list": {"data": {"object": []}},
    "object a text": {"data": {"object": "pi_x"}},
    "object without id": {"data": {"object": {"object": "payment_intent"}}},
    "object with an id of 10,000 characters": {"data": {"object": {"id": LONG}}},
    "object with an id of a number": {"data": {"object": {"id": 5}}},
    "data null": {"data": None},
    "data a list": {"data": [1]},
    "data a text": {"data": "x"},
}


@pytest.mark.parametrize("changes", MALFORMED_CHANGES.values(), ids=MALFORMED_CHANGES.keys())
def test_an_event_of_another_form_is_parked_as_malformed(shop: Shop, payer: Payer, paid: dict, changes: dict):
    assert shop.deliver(paid | changes) == MALFORMED
    assert kept(shop, paid["id"]) == as_bytes(paid | changes)
    assert shop.alerts() == {"stripe_event_parked: malformed"}
    assert shop.bought(payer) == 0


NO_PRICE = [
    b"10.5", b"1000.5", b"-1", b"-1000", b'"1000"', b"null", b"true", b"[1000]", b"{}", b"9" * 5_000, b"1" + b"0" * 15,
    b"999", b"1001", b"0", b"1e2", b"1000.0", b"0.1e5",
]  # fmt: skip


@pytest.mark.parametrize("written", NO_PRICE, ids=lambda value: repr(value)[:20])
def test_an_amount_that_is_not_the_price_in_whole_cents_credits_nothing(
    shop: Shop, payer: Payer, paid: dict, written: bytes
):
    body = as_bytes(paid).replace(b'"amount_received": 1000', b'"amount_received": ' + written)
    shop.deliver(body)
    assert shop.fate(paid["id"]) == Fate("parked", "wrong_amount")
    assert kept(shop, paid["id"]) == body
    assert shop.bought(payer) == 0


def test_ten_hundreds_in_another_notation_are_a_thousand(shop: Shop, payer: Payer, paid: dict):
    """JSON knows one kind of number: 1e3 is 1000, and the price is paid."""
    shop.deliver(as_bytes(paid).replace(b'"amount_received": 1000', b'"amount_received": 1e3'))
    assert shop.bought(payer) == 250


@pytest.mark.parametrize(
    "amount",
    [b"10.5", b"-1", b'"400"', b"null", b"9" * 5_000, b"[]", b"{}", b"true"],
    ids=lambda value: repr(value)[:20],
)
def test_amounts_that_are_no_whole_cents_take_nothing_back(shop: Shop, payer: Payer, paid: dict, amount: bytes):
    intent_id = paid["data"]["object"]["id"]
    shop.deliver(paid)
    for each in (
        event("charge.refunded", charge(payer, intent_id, refunded=424242)),
        event(
            "refund.created", {"id": new_id("re"), "payment_intent": intent_id, "amount": 424242, "status": "succeeded"}
        ),
        event(
            "charge.dispute.created",
            {"id": new_id("du"), "payment_intent": intent_id, "amount": 424242, "status": "lost"},
        ),
    ):
        shop.deliver(as_bytes(each).replace(b"424242", amount))
        assert shop.fate(each["id"]) == MALFORMED
    assert shop.bought(payer) == 250


def test_every_field_that_is_read_may_hold_anything(shop: Shop, payer: Payer):
    """Each field of each object that is listened to, replaced by each kind of value: taken, and no credit too many."""
    intent_id, subscription_id = new_id("pi"), new_id("sub")
    purchase_id = shop.purchase(payer, intent_id)
    kinds = {
        "payment_intent.succeeded": payment_intent(payer, intent_id, purchase_id),
        "payment_intent.payment_failed": payment_intent(
            payer, intent_id, purchase_id, last_payment_error={"code": "x"}
        ),
        "charge.refunded": charge(payer, intent_id, 0),
        "refund.updated": {
            "id": new_id("re"),
            "payment_intent": intent_id,
            "amount": 1,
            "status": "failed",
            "created": 1,
        },
        "charge.dispute.created": {"id": new_id("du"), "payment_intent": intent_id, "amount": 1, "status": "won"},
        "customer.subscription.updated": subscription(payer, subscription_id, "incomplete"),
        "invoice.paid": invoice(payer, subscription_id, currency="eur"),
        "invoice.payment_failed": invoice(payer, subscription_id),
        "invoice_payment.paid": {"id": new_id("inpay"), "invoice": "in_x", "payment": {"payment_intent": intent_id}},
        "checkout.session.completed": {
            "id": new_id("cs"),
            "metadata": {"checkout_id": purchase_id, "account_id": payer.id},
        },
    }
    values = [
        None,
        True,
        -1,
        10**20,
        1.5,
        "",
        "x",
        LONG,
        [],
        [[]],
        {},
        {"id": None},
        {"id": LONG},
        {"data": "x"},
        {"data": [7]},
    ]
    for kind, obj in kinds.items():
        for path in paths_of(obj):
            for value in values:
                each = event(kind, with_value(obj, path, value))
                assert shop.deliver(each).state in {"handled", "parked", "ignored"}, (kind, path, value)
                reason = shop.fate(each["id"]).reason or ""
                assert not reason.startswith("failed"), (kind, path, value, reason)
    assert shop.bought(payer) <= 250


def paths_of(obj: Any, before: tuple = ()) -> list[tuple]:
    """Where values lie in an object, the containers too; not its own id."""
    if isinstance(obj, dict):
        inner = [path for name, value in obj.items() for path in paths_of(value, (*before, name))]
    elif isinstance(obj, list):
        inner = [path for number, value in enumerate(obj) for path in paths_of(value, (*before, number))]
    else:
        inner = []
    return ([before] if before and before != ("id",) else []) + inner


def with_value(obj: Any, path: tuple, value: Any) -> Any:
    copy = json.loads(json.dumps(obj))
    holder = copy
    for name in path[:-1]:
        holder = holder[name]
    holder[path[-1]] = value
    return copy


class TestLarge:
    def test_a_mebibyte_of_array_is_kept(self, shop: Shop, payer: Payer, paid: dict):
        body = as_bytes(paid | {"filling": list(range(150_000))})
        assert len(body) > 1024 * 1024
        shop.deliver(body)
        assert shop.fate(paid["id"]) == Fate("handled", None)
        assert kept(shop, paid["id"]) == body

    def test_a_number_of_five_thousand_digits_beside_it_does_no_harm(self, shop: Shop, payer: Payer, paid: dict):
        body = as_bytes(paid).replace(b'"pending_webhooks": 1', b'"pending_webhooks": ' + b"9" * 5_000)
        shop.deliver(body)
        assert shop.fate(paid["id"]) == Fate("handled", None)
        assert kept(shop, paid["id"]) == body


@pytest.mark.parametrize(
    "kind", ["customer.created", "payment_intent.created", "v2.core.event_destination.ping", "x", "ü"]
)
def test_other_types_are_kept_as_ignored(shop: Shop, payer: Payer, kind: str):
    each = event(kind, {"id": "x_1", "credits": 999_999})
    assert shop.deliver(each) == Fate("ignored", "not_listened_to")
    assert kept(shop, each["id"]) == as_bytes(each)
    assert shop.alerts() == set()
