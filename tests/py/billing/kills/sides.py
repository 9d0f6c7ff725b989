"""Both sides of the money, ours and Stripe's, read past the gateway; after everything they must know the same."""

from typing import Any

from tests.py.billing.shop import Shop
from tests.py.gateway.world import Person

PAGE = 100


async def listed(shop: Shop, path: str, **query: str) -> list[dict[str, Any]]:
    """All that Stripe has of one kind."""
    found: list[dict[str, Any]] = []
    while True:
        after = {"starting_after": found[-1]["id"]} if found else {}
        page = await shop.api("GET", path, limit=str(PAGE), **query, **after)
        found += page["data"]
        if not page["has_more"]:
            return found


async def at_stripe(shop: Shop, path: str, person: Person) -> list[dict[str, Any]]:
    """What Stripe has of one kind that was made for somebody."""
    return [each for each in await listed(shop, path) if each["metadata"].get("account_id") == person.id]


async def payments_at_stripe(shop: Shop, person: Person) -> list[dict[str, Any]]:
    """Their PaymentIntents, except those that a Checkout page made."""
    made = await at_stripe(shop, "payment_intents", person)
    return [each for each in made if "checkout_id" not in each["metadata"]]


async def refunds_of(shop: Shop, payment_intent_id: str) -> list[int]:
    return [each["amount"] for each in await listed(shop, "refunds", payment_intent=payment_intent_id)]


def purchase_rows(shop: Shop, person: Person) -> list[str]:
    """The status of each purchase, oldest first."""
    rows = shop.database.rows(
        "select status::text from playground.purchases where account_id = %s order by requested_at", [person.id]
    )
    return [status for (status,) in rows]


def lines(shop: Shop, person: Person, kind: str) -> list[int]:
    """The amounts of somebody's transactions of one type."""
    rows = shop.database.rows(
        "select amount from playground.transactions where account_id = %s and type = %s order by number",
        [person.id, kind],
    )
    return [amount for (amount,) in rows]


def rows_of(shop: Shop, table: str) -> set[tuple]:
    statements = {
        "customers": "select account_id::text, customer_id from playground.customers where customer_id is not null",
        "purchases": "select purchase_id::text, payment_intent_id from playground.purchases",
        "payments": "select account_id::text, stripe_id from playground.stripe_ids where kind = 'payment_intent'",
        "refused": "select account_id::text, stripe_id from playground.stripe_ids where kind = 'refused_payment'",
        "pages": "select checkout_id::text, checkout_session_id from playground.checkouts",
    }
    return set(shop.database.rows(statements[table]))


async def assert_sides_agree(shop: Shop) -> None:
    """No orphan: each object at Stripe has its row, and each row its object, marked with the row's own id."""
    customers = {(each["metadata"]["account_id"], each["id"]) for each in await listed(shop, "customers")}
    assert rows_of(shop, "customers") == customers
    pages = {(each["metadata"]["checkout_id"], each["id"]) for each in await listed(shop, "checkout/sessions")}
    assert rows_of(shop, "pages") == pages

    sold = [each for each in await listed(shop, "payment_intents") if "purchase_id" in each["metadata"]]
    bought = rows_of(shop, "purchases")
    assert bought <= {(each["metadata"]["purchase_id"], each["id"]) for each in sold}
    assert {purchase for purchase, _ in bought} == {each["metadata"]["purchase_id"] for each in sold}
    # A payment that a page made and nobody paid is never told of.
    ours = [each for each in sold if "checkout_id" not in each["metadata"] or each["status"] == "succeeded"]
    known = rows_of(shop, "payments") | rows_of(shop, "refused")
    assert {(each["metadata"]["account_id"], each["id"]) for each in ours} <= known
