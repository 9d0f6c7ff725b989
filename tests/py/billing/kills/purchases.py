"""The steps of a purchase, what there is at each of them, and how one ends well."""

from collections.abc import Callable, Coroutine, Iterable
from typing import Any

from tests.py.billing.kills.points import Point, Scene, after, asking, before, done
from tests.py.billing.kills.sides import at_stripe, lines, payments_at_stripe, purchase_rows
from tests.py.billing.shop import Shop
from tests.py.gateway.world import Person, Reply
from tests.py.support.proxy import DatabaseProxy

CUSTOMERS, PAYMENTS, SESSIONS = "/v1/customers", "/v1/payment_intents", "/v1/checkout/sessions"
# What there is at each point: purchases of ours, customers and payments of Stripe's.
MADE = {
    before("start_purchase"): ([], 0, 0),
    after("start_purchase"): (["started"], 0, 0),
    asking(CUSTOMERS): (["started"], 0, 0),
    done(CUSTOMERS): (["started"], 1, 0),
    before("record_customer"): (["started"], 1, 0),
    after("record_customer"): (["started"], 1, 0),
    asking(PAYMENTS): (["started"], 1, 0),
    done(PAYMENTS): (["started"], 1, 1),
    before("record_purchase"): (["started"], 1, 1),
    after("record_purchase"): (["pending"], 1, 1),
}
ANSWERED = after("record_purchase")
UNANSWERED = tuple(point for point in MADE if point != ANSWERED)
PAGE_POINTS = (asking(SESSIONS), done(SESSIONS), before("record_purchase"))


async def made(shop: Shop, person: Person) -> tuple[list[str], int, int]:
    """As in MADE."""
    customers = len(await at_stripe(shop, "customers", person))
    return purchase_rows(shop, person), customers, len(await payments_at_stripe(shop, person))


async def is_paid_once(shop: Shop, person: Person, bought: Reply) -> None:
    """What was bought is the one purchase there is, and brings its credits once."""
    assert bought.status == 200, bought.octets
    assert await made(shop, person) == (["pending"], 1, 1)
    if "checkoutUrl" in bought.json:
        (page,) = await at_stripe(shop, "checkout/sessions", person)
        assert bought.json["checkoutUrl"] == page["url"]
        await shop.pay_page(page["url"])
    else:
        await shop.pay(bought.json["clientSecret"])
    await shop.idle()
    assert purchase_rows(shop, person) == ["succeeded"]
    assert lines(shop, person, "purchase") == [250]
    assert await shop.balance(person) == 255


async def brought(
    shop: Shop, proxy: DatabaseProxy, points: Iterable[Point], request: Callable[[Person], Coroutine[Any, Any, Reply]]
) -> dict[Point, tuple[Person, Scene]]:
    """Somebody at each point, all at once."""
    crowd = {point: (shop.person(), Scene(shop, proxy, point)) for point in points}
    for person, scene in crowd.values():
        await scene.bring(request(person))
    return crowd
