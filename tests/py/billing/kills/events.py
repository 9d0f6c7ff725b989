"""An event of Stripe's that brings credits: how it comes to be, stands in its middle, and ends well."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from tests.py.billing.kills.conftest import listen
from tests.py.billing.kills.sides import lines
from tests.py.billing.shop import Shop
from tests.py.gateway.world import Person, Reply
from tests.py.support.database import Database

PAID = "payment_intent.succeeded"
WAITING = """
    select pid from pg_stat_activity
    where datname = current_database() and application_name = 'scrip-gateway' and wait_event_type = 'Lock'
"""


async def about_to_pay(shop: Shop) -> tuple[Person, Reply]:
    """Somebody with a purchase. Of all that Stripe tells, only that it was paid is of interest from now on."""
    person = shop.person()
    reply = await shop.buy(person)
    assert reply.status == 200, reply.octets
    await shop.idle()
    await listen(shop, PAID)
    return person, reply


async def delivery(shop: Shop) -> dict[str, Any]:
    """The newest delivery of a payment's success, as Stripe sees it."""
    return [each for each in await shop.state("deliveries") if each["type"] == PAID][-1]


async def is_credited_once(shop: Shop, person: Person) -> dict[str, Any]:
    """Once Stripe has nothing more to tell; the delivery."""
    await shop.idle()
    assert lines(shop, person, "purchase") == [250]
    assert await shop.balance(person) == 255
    told = await delivery(shop)
    assert (told["state"], told["last_status"]) == ("delivered", 200)
    statement = "select state::text from playground.stripe_events where event_id = %s"
    assert shop.database.rows(statement, [told["event"]]) == [("handled",)]
    return told


@asynccontextmanager
async def stopped_in_the_middle(database: Database, person: Person) -> AsyncIterator[None]:
    """Somebody else's transaction has the purchase's row: who credits it has given the credits, and not committed."""
    connection = await database.connect_async()
    try:
        await connection.execute("begin")
        await connection.execute(
            "select from playground.purchases where account_id = %s for no key update", [person.id]
        )
        yield
    finally:
        await connection.close()
