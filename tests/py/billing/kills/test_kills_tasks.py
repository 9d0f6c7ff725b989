"""kill -9 of the gateway while it gives money back: one refund at Stripe, one line of it here, whoever finishes it."""

from typing import Any

import pytest

from tests.py.billing.kills.conftest import Kill
from tests.py.billing.kills.points import Point, Scene, after, asking, before, done
from tests.py.billing.kills.sides import at_stripe, lines, listed, refunds_of
from tests.py.billing.shop import PAGES, Shop
from tests.py.endtoend.waiting import until
from tests.py.gateway.world import Person
from tests.py.support.proxy import DatabaseProxy

REFUNDS, SUBSCRIPTIONS = "/v1/refunds", "/v1/subscriptions"
FINISHING = (before("finish_billing_task"), after("finish_billing_task"))
TOLD = after("finish_billing_task")


def tasks(shop: Shop, person: Person, kind: str) -> list[tuple[str, int]]:
    """State and attempts of what is to be done at Stripe for somebody."""
    statement = "select state, attempts from playground.billing_tasks where account_id = %s and kind = %s"
    return shop.database.rows(statement, [person.id, kind])


async def bring(shop: Shop, proxy: DatabaseProxy, point: Point, cause: Any) -> Scene:
    """Brings the worker's refund to the point: it is the last thing the task asks of Stripe."""
    scene = Scene(shop, proxy, point)
    if point.is_at_stripe:
        await scene.arm()
        await cause()
    else:
        # Other tasks end as well: only this one is to be stopped.
        refund = Scene(shop, proxy, asking(REFUNDS))
        await refund.arm()
        await cause()
        await refund.reached()
        await scene.arm()
        await refund.cut()
    await scene.reached()
    return scene


async def is_finished_by_another(shop: Shop, person: Person, kind: str, point: Point, scene: Scene, kill: Kill) -> None:
    """The worker dies; when its claim is over, another one does what is left."""
    shop.gateway.kill()
    await scene.left()
    ((state, attempts),) = tasks(shop, person, kind)
    assert (state, attempts) == ("done" if point == TOLD else "due", 1)
    await kill()
    shop.database.rows(
        "update playground.billing_tasks set next_try_at = engine.now() where account_id = %s and state = 'due'",
        [person.id],
    )
    await until(lambda: tasks(shop, person, kind)[0][0] == "done", "the task to be done")
    assert tasks(shop, person, kind) == [("done", 1 if point == TOLD else 2)]
    await shop.idle()


@pytest.mark.parametrize("point", [asking(REFUNDS), done(REFUNDS), *FINISHING], ids=str)
async def test_a_purchase_paid_twice_is_credited_once_and_given_back_once(
    point: Point, shop: Shop, proxy: DatabaseProxy, kill: Kill
) -> None:
    ann = shop.person()
    bought = await shop.buy(ann, **PAGES)
    await shop.idle()

    async def pay_both_ways() -> None:
        await shop.control("switches", {"paused": True})
        assert await shop.pay(bought.json["clientSecret"]) == 200
        assert await shop.pay_page(bought.json["checkoutUrl"]) == 303
        await shop.control("switches", {"paused": False})

    scene = await bring(shop, proxy, point, pay_both_ways)
    await is_finished_by_another(shop, ann, "refund_payment_intent", point, scene, kill)
    payments = [each["id"] for each in await at_stripe(shop, "payment_intents", ann)]
    assert len(payments) == 2
    assert sorted([await refunds_of(shop, payment) for payment in payments]) == [[], [1000]]
    assert lines(shop, ann, "purchase") == [250]
    assert lines(shop, ann, "refund") == []
    assert await shop.balance(ann) == 255


@pytest.mark.parametrize(
    "point", [asking(SUBSCRIPTIONS), done(SUBSCRIPTIONS), asking(REFUNDS), done(REFUNDS), *FINISHING], ids=str
)
async def test_a_second_subscription_is_cancelled_and_given_back_once(
    point: Point, shop: Shop, proxy: DatabaseProxy, kill: Kill
) -> None:
    # News of an end of the first is not waited for.
    shop.database.rows("update playground.platform_settings set second_subscription_delay = interval '0'")
    ben = shop.person()
    await shop.subscribed(ben)
    (first,) = await at_stripe(shop, "subscriptions", ben)
    await shop.later()

    async def subscribe_again() -> None:
        await shop.api(
            "POST",
            "subscriptions",
            customer=first["customer"],
            default_payment_method=first["default_payment_method"],
            **{"items[0][price]": "price_prpm_plus_individual"},
            **{f"metadata[{name}]": value for name, value in first["metadata"].items()},
        )

    scene = await bring(shop, proxy, point, subscribe_again)
    await is_finished_by_another(shop, ben, "cancel_and_refund_subscription", point, scene, kill)
    known = await listed(shop, "subscriptions", status="all", customer=first["customer"])
    states = {each["id"]: each["status"] for each in known}
    assert sorted(states.values()) == ["active", "canceled"]
    assert states[first["id"]] == "active"
    charges = await listed(shop, "charges", customer=first["customer"])
    assert sorted(each["amount_refunded"] for each in charges) == [0, 600]
    assert len(await refunds_of_charges(shop, charges)) == 1
    assert lines(shop, ben, "monthly") == [100]
    assert (await shop.get("/playground/subscription", ben)).json["isActive"]
    assert await shop.balance(ben) == 105


async def refunds_of_charges(shop: Shop, charges: list[dict[str, Any]]) -> list[int]:
    return [refund["amount"] for each in charges for refund in await listed(shop, "refunds", charge=each["id"])]
