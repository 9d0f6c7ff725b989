"""Webhooks are lost for four days; scripts/reconcile then makes the books what they would have been."""

import asyncio
import os
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import aiohttp
import pytest
import stripe

from gateway.billing.simulator.switches import CURRENT_VERSION, OLD_VERSION
from scripts.billing import listing
from scripts.billing.listing import Listing
from scripts.setup.paths import SCRIPTS
from scripts.setup.stripe import configure_stripe
from scripts.setup.testing import SETTINGS
from tests.py.billing.reconcile.outage import Books, World
from tests.py.billing.simulator.simulated import SECRET, SimulatedStripe, simulator_process
from tests.py.support.database import Database
from tests.py.support.server import Server

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
PRICES = {"price_individual": 600, "price_org": 300, "price_verified": 2000}
ENVIRONMENT = {
    "STRIPE_WEBHOOK_SECRET": SECRET,
    "STRIPE_PRPM_PLUS_PRICE_ID": "price_individual",
    "STRIPE_PRPM_PLUS_ORG_MEMBER_PRICE_ID": "price_org",
    "STRIPE_VERIFIED_PLAN_PRICE_ID": "price_verified",
}


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Stripe of this module's own."""
    with simulator_process(tmp_path_factory.mktemp("stripe")) as (_, address):
        yield address


@pytest.fixture
async def simulated(address: str) -> AsyncIterator[SimulatedStripe]:
    """An empty account, whose events nobody is sent."""
    async with aiohttp.ClientSession() as session:
        simulated = SimulatedStripe(address, session)
        await simulated.direct("reset")
        yield simulated
        await simulated.close()


@pytest.fixture
async def world(fresh_database: Database, simulated: SimulatedStripe) -> World:
    """Nobody yet, on the first of November."""
    configure_stripe(fresh_database.url("postgres"), ENVIRONMENT)
    world = World(Books(fresh_database), simulated)
    await world.pass_time()
    for price, cents in PRICES.items():
        await simulated.direct("prices", {"id": price, "unit_amount": cents, "interval": "month"})
    return world


@dataclass
class Reconciled:
    """What scripts/reconcile printed and ended with."""

    status: int
    lines: list[str]
    complaint: str

    @property
    def summary(self) -> str:
        return self.lines[-1]

    def words(self) -> set[str]:
        """What was said of objects: lacking, repaired, parked, failed."""
        return {line.split()[2] for line in self.lines[:-1]}

    def types(self) -> set[str]:
        return {line.split()[0] for line in self.lines[:-1]}


async def reconcile(world: World, books: Books, *arguments: str, prints: bool = True) -> Reconciled:
    """scripts/reconcile on one copy of the books; fails when it should print a summary and does not."""
    settings = {
        "DATABASE_URL": books.database.url("postgres"),
        "STRIPE_SECRET_KEY": "sk_test_of_the_tests",
        "STRIPE_BASE_URL": world.simulated.address,
    }
    done = await run(settings, *arguments)
    assert bool(done.lines) is prints, done.complaint
    return done


async def run(settings: dict[str, str], *arguments: str) -> Reconciled:
    environment = {name: value for name, value in os.environ.items() if name not in SETTINGS}
    process = await asyncio.create_subprocess_exec(
        SCRIPTS / "reconcile",
        *arguments,
        env=environment | settings,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    printed, complaint = await process.communicate()
    assert process.returncode is not None
    return Reconciled(process.returncode, printed.decode().splitlines(), complaint.decode())


@pytest.fixture
async def outage(server: Server) -> AsyncIterator["Outage"]:
    outage = Outage(server)
    yield outage
    if outage.hearing is not None:
        server.drop(outage.hearing.database)


class Outage:
    """From `begin` on there are two copies of the books: one hears on, the other one is deaf."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self.hearing: Books | None = None

    async def begin(self, world: World) -> tuple[Books, Books]:
        deaf = world.books
        await world.deliver(deaf)
        self.hearing = Books(self._server.copy(deaf.database.name)).copy_of(deaf)
        world.copies.append(self.hearing)
        return deaf, self.hearing


def assert_equal(deaf: Books, hearing: Books) -> None:
    """Fails naming the rows that only one of the copies has."""
    heard = hearing.state()
    differing = {
        name: (set(rows) - set(heard[name]), set(heard[name]) - set(rows)) for name, rows in deaf.state().items()
    }
    assert not {name: rows for name, rows in differing.items() if any(rows)}


async def live_on(world: World, hearing: Books, time: timedelta) -> None:
    """Time passes; who hears does so within hours."""
    while time > timedelta(0):
        await world.pass_time(min(time, 6 * HOUR))
        await world.deliver(hearing)
        time -= 6 * HOUR


# The second outage outlives the three days for which credits wait for a renewal. Stripe's answers have the shape that
# its SDK asks for, its events that of the account.
@pytest.mark.parametrize(
    ("begins_after", "shape"), [(28 * DAY, CURRENT_VERSION), (29 * DAY + 4 * HOUR, OLD_VERSION)], ids=["new", "old"]
)
async def test_four_days_without_webhooks_are_made_good(
    world: World, outage: Outage, begins_after: timedelta, shape: str
) -> None:
    """Packs bought, declined, refunded and disputed, plans begun, renewed, past due and ended: all of it unheard."""
    await world.simulated.switch(api_version=shape)
    ann, bob, cat, dan, eve, fay, gus = map(world.register, ("ann", "bob", "cat", "dan", "eve", "fay", "gus"))
    for person in (bob, eve, fay):
        await world.pay_on(await world.begin_subscription(person))
    kept, disputed = await world.begin_purchase(bob, "medium"), await world.begin_purchase(cat, "small")
    regained, unrefunded = await world.begin_purchase(cat, "large"), await world.begin_purchase(fay, "small")
    for payment in (kept, disputed, regained, unrefunded):
        await world.pay(payment)
    won = await world.dispute(regained)
    await world.deliver(world.books)
    await world.pass_time(begins_after)
    await world.take_card_away(eve)
    bought, declined = await world.begin_purchase(ann, "medium"), await world.begin_purchase(gus, "large")
    page = await world.begin_subscription(dan)

    deaf, hearing = await outage.begin(world)
    await live_on(world, hearing, HOUR)
    await world.pay(bought)
    await world.pay(declined, "pm_card_visa_chargeDeclined")
    await live_on(world, hearing, 6 * HOUR)
    await world.pay_on(page)
    await world.refund(kept, "&amount=300")
    lost = await world.dispute(disputed)
    failing = await world.refund(unrefunded, "&metadata[simulate]=pending")
    await live_on(world, hearing, 2 * DAY)
    # The plans were renewed, eve's card declined.
    await world.refund(bought)
    await world.refund(await world.payment_of_plan(bob))
    await world.end_plan(fay)
    await world.simulated.direct(f"disputes/{lost}/lost")
    await live_on(world, hearing, DAY)
    await world.simulated.direct(f"disputes/{won}/won")
    await world.simulated.direct(f"refunds/{failing}/fail")
    await world.cancel_plan(dan)
    await live_on(world, hearing, 17 * HOUR)

    for books in (deaf, hearing):
        books.touch_all()
    unrepaired = deaf.state()
    assert unrepaired != hearing.state()
    shown = await reconcile(world, deaf, "--days", "4")
    assert shown.status == 0, shown.lines
    assert shown.words() == {"lacking"}
    assert shown.types() == {
        "customer.subscription.updated",
        "customer.subscription.deleted",
        "invoice.paid",
        "payment_intent.succeeded",
        "payment_intent.payment_failed",
        "charge.succeeded",
        "charge.refunded",
        "charge.dispute.closed",
    }
    assert deaf.state() == unrepaired, "without --apply nothing changes"

    repaired = await reconcile(world, deaf, "--days", "4", "--apply")
    assert repaired.status == 0, repaired.lines
    assert repaired.words() == {"repaired"}
    assert_equal(deaf, hearing)
    for books in (deaf, hearing):
        books.database.assert_ledger_holds()
    again = await reconcile(world, deaf, "--days", "4", "--apply")
    assert (again.status, again.lines) == (0, [again.summary])
    assert "0 repaired, 0 parked" in again.summary
    unneeded = await reconcile(world, hearing, "--days", "4", "--apply")
    assert (unneeded.status, unneeded.lines) == (0, [unneeded.summary])


async def test_what_cannot_be_used_is_parked_and_ends_with_1(world: World) -> None:
    """A payment that names our purchase, but is not what it costs."""
    ann, bob = world.register("ann"), world.register("bob")
    wrong, right = await world.begin_purchase(ann, "large"), await world.begin_purchase(bob, "small")
    path = f"/v1/payment_intents/{wrong}"
    assert (await world.simulated.raw("POST", path, "amount=1900"))[0] == 200
    await world.pay(wrong)
    await world.pay(right)
    await world.pass_time(HOUR)
    before = world.books.state()
    shown = await reconcile(world, world.books, "--days", "1")
    assert shown.status == 1
    assert [line.split() for line in shown.lines if "wrong_amount" in line] == [
        ["payment_intent.succeeded", wrong, "parked", "wrong_amount"]
    ]
    assert world.books.state() == before
    applied = await reconcile(world, world.books, "--days", "1", "--apply")
    assert applied.status == 1
    assert "repaired, 1 parked" in applied.summary
    parked = "select event_id from playground.stripe_events where state = 'parked' and reason = 'wrong_amount'"
    assert len(world.books.database.rows(parked)) == 1
    paid = "select payment_intent_id from playground.purchases where status = 'succeeded'"
    assert world.books.database.rows(paid) == [(right,)]
    world.books.database.assert_ledger_holds()


async def test_an_account_of_the_other_mode_is_refused(world: World) -> None:
    await world.simulated.switch(livemode=True)
    payment = await world.begin_purchase(world.register("ann"), "small")
    await world.pay(payment)
    before = world.books.state()
    refused = await reconcile(world, world.books, "--days", "1", "--apply", prints=False)
    assert refused.status == 1
    assert "The object is of the other mode." in refused.complaint
    assert "Traceback" not in refused.complaint
    assert world.books.state() == before


async def test_every_page_is_read(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    people = list(map(world.register, ("ann", "bob", "cat")))
    for person in people:
        await world.pay(await world.begin_purchase(person, "small"))
        await world.pay_on(await world.begin_subscription(person))
    client = stripe.StripeClient("sk_test_of_the_tests", base_addresses={"api": world.simulated.address})
    whole = await asyncio.to_thread(lambda: Listing(client, 1).items())
    monkeypatch.setattr(listing, "PAGE", 2)
    in_pages = await asyncio.to_thread(lambda: Listing(client, 1).items())
    assert Counter(item.type for item in whole)["payment_intent.succeeded"] == 2 * len(people)
    assert [(item.type, item.object["id"]) for item in in_pages] == [(item.type, item.object["id"]) for item in whole]


async def test_an_account_that_cannot_be_read_is_no_bare_traceback(world: World, tmp_path: Path) -> None:
    url = world.books.database.url("postgres")
    unreachable = {"STRIPE_SECRET_KEY": "sk_test_hush", "STRIPE_BASE_URL": "http://127.0.0.1:1"}
    for settings, complaint in ((unreachable, "Stripe could not be read"), ({}, "STRIPE_SECRET_KEY is missing")):
        done = await run({"DATABASE_URL": url, "SCRIP_DATA": str(tmp_path), **settings}, "--days", "1")
        assert done.status == 1
        assert complaint in done.complaint
        assert "hush" not in done.complaint
        assert "Traceback" not in done.complaint
