"""A random half year of a shop: packs, plans, refunds, disputes, gifts, codes, runs; some of it heard of late."""

import random
from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from tests.py.ledger import world
from tests.py.ledger.world import Caller, Refused
from tests.py.money.lives import PERIOD, live, pick_packs
from tests.py.money.payments import Payment, refund_of
from tests.py.money.plans import Plan
from tests.py.money.shop import PACKS, Event, Payer, Post, at, make_payers, open_shop, start_purchases
from tests.py.people import giving
from tests.py.people.giving import Person
from tests.py.support.database import Database

BUYERS = 6
OTHERS = 6
ACTIONS = 200
END = at(175)
EURO_PACK = "large"


class History:
    def __init__(self, database: Database, seed: int) -> None:
        self.database = database
        self.chance = random.Random(seed)
        self.owner = database.connect()
        self.gateway = Caller(database.connect("scrip_gateway"))
        self.post = Post(database)
        self.people: list[Person] = []
        self.codes: list[str] = []
        self.now = at(0)

    def live(self) -> None:
        """Everything, in the order of time; the sums are made now and then on the way."""
        database = self.database
        database.clock.freeze(self.now)
        world.import_package(database)
        open_shop(database)
        giving.set_setting(database, "gift_age", "0")
        giving.set_setting(database, "code_attempts", "1000000")
        happenings: list[tuple[datetime, Callable[[], object]]] = []
        for payer in make_payers(database, BUYERS):
            self._let_in(Person(payer.user_id, self._email_of(payer.user_id)))
            packs = pick_packs(self.chance)
            bought = {start_purchases(database, [payer], pack)[0]: pack for pack in packs}
            for event in live(payer, bought, self.chance, 60).events:
                happenings.append((self._heard_at(event), lambda event=event: self.hear(event)))
        for event in [*self._verified_plan(), *self._in_euros()]:
            happenings.append((event.created, lambda event=event: self.hear(event)))
        actions = [self.run, self.run, self.run, self.run, self.give, self.step, self.redeem, self.make_code, self.look]
        actions += [self.roll_up, self.grant, self.check_out]
        happenings += [(self._any_time(), self.chance.choice(actions)) for _ in range(ACTIONS)]
        happenings += [(self._any_time(), self.register) for _ in range(OTHERS)]
        happenings += [(self._any_time(), self.set_plan), (self._any_time(), self.join_two)]
        for moment, happening in sorted(happenings, key=lambda pair: pair[0]):
            self._turn_to(moment)
            happening()
        self._turn_to(END)
        self.owner.execute("select jobs.expire_holds()")
        for connection in (self.owner, self.gateway.connection, self.post.connection):
            connection.close()

    def _any_time(self) -> datetime:
        return at(self.chance.uniform(1, 170))

    def _heard_at(self, event: Event) -> datetime:
        """Mostly at once; now and then days later."""
        return min(END, event.created + timedelta(days=self.chance.choice([0] * 12 + [1, 4, 9])))

    def _turn_to(self, moment: datetime) -> None:
        self.now = max(self.now, moment)
        self.owner.execute("update tests.clock set stands_at = %s", [self.now])

    def _email_of(self, user_id: UUID) -> str:
        return self.database.value("select email from playground.users where user_id = %s", [user_id])

    def _let_in(self, person: Person) -> None:
        self.people.append(person)
        self.owner.execute("select admin.set_unlimited(%s, true, 'for a test')", [person.user_id])

    def someone(self) -> Person:
        return self.chance.choice(self.people)

    # ---------------------------------------------------------------------------------------------------------- money
    def hear(self, event: Event) -> None:
        self.post.deliver(event, self.now)

    def _verified_plan(self) -> list[Event]:
        """An organisation that pays two months, gets a part of one back, and pays one of them twice."""
        owner = self.people[0].user_id
        organization_id = self.database.value("select admin.create_organization('Paying', %s, 'for a test')", [owner])
        payer = Payer(organization_id)
        self.database.rows("select api.record_customer(%s, %s, %s)", [owner, payer.customer_id, organization_id])
        plan = Plan(payer, price="price_verified", cents=2000)
        first, second = (at(20), at(20) + PERIOD), (at(20) + PERIOD, at(20) + 2 * PERIOD)
        events = [
            plan.state("created", at(20), "active", first),
            plan.paid("0", at(20), first, "subscription_create"),
            plan.invoice_payment("0", at(20)),
            plan.paid("again", at(21), first),
            plan.paid("1", second[0], second),
            plan.state("updated", second[0], "active", second),
        ]
        refund = refund_of(plan.payment_intent_id("0"), "part", 700, "succeeded", at(30))
        return [*events, payer.event("part", "refund.created", at(30), refund)]

    def _in_euros(self) -> list[Event]:
        """A pack sold in another currency, and a part of it refunded."""
        payer = Payer(self.people[1].user_id)
        self.owner.execute("update playground.packs set currency = 'eur' where pack = %s", [EURO_PACK])
        [purchase_id] = start_purchases(self.database, [payer], EURO_PACK)
        self.owner.execute("update playground.packs set currency = 'usd' where pack = %s", [EURO_PACK])
        payment = Payment(payer, purchase_id, "euro", EURO_PACK)
        refund = payment.refund("part", at(75), PACKS[EURO_PACK][1] // 3, "succeeded", at(75), "refund.created")
        return [
            payment.event("succeeded", "payment_intent.succeeded", at(40), payment.intent(currency="eur")),
            refund,
        ]

    def check_out(self) -> None:
        who = self.someone().user_id
        self.owner.execute(
            """
            insert into playground.checkouts (
              account_id, checkout_id, user_id, plan_price, success_url, cancel_url, status, requested_at)
            values (%s, gen_random_uuid(), %s, 'prpm_plus_individual', 'https://x', 'https://x', %s, engine.now())
            """,
            [who, who, self.chance.choice(["started", "completed", "expired"])],
        )

    # --------------------------------------------------------------------------------------------------------- people
    def register(self) -> None:
        # Now and then somebody for whom a gift has waited.
        waiting = self.database.rows("select to_email from playground.gifts where state = 'waiting'")
        email = waiting[0][0] if waiting else None
        person = giving.person(self.database, email, bought=self.chance.choice([0, 0, 37]))
        self._let_in(person)

    def join_two(self) -> None:
        for name in ("One", "Two"):
            owner = self.people[2].user_id
            self.owner.execute("select admin.create_organization(%s, %s, 'for a test')", [name, owner])

    def set_plan(self) -> None:
        without = [p for p in self.people if p not in self.people[:BUYERS]]
        if without:
            self.owner.execute("select admin.set_plan(%s, 'prpm_plus_org', null, 'for a test')", [without[0].user_id])

    def look(self) -> None:
        self.owner.execute("select api.get_balance(%s)", [self.someone().user_id])

    # -------------------------------------------------------------------------------------------------------- credits
    def run(self) -> None:
        who = self.someone().user_id
        # Now and then everything that is there, so that every lot is used up some time.
        balance = self.owner.execute("select (api.get_balance(%s)::jsonb ->> 'available')::int", [who])
        available = balance.fetchall()[0][0]
        self.owner.execute(
            "update playground.models set multiplier = %s where model = 'sonnet'",
            [max(1, self.chance.choice([1, 7, 60, available, available]))],
        )
        answer = self.gateway.ask(world.reserve(who, model=self.chance.choice(["sonnet", "sonnet", "gpt-4o-mini"])))
        if not isinstance(answer, Refused):
            # One in ten is left to itself: nobody is charged for it.
            self._turn_to(self.now + timedelta(seconds=self.chance.choice([0, 20, 60])))
            kind = self.chance.choice([world.settle] * 7 + [world.release] * 2 + [None])
            if kind:
                self.gateway.get(kind(who, answer.hold_id))

    def give(self) -> None:
        giver, receiver = self.chance.sample(self.people, 2)
        to = receiver.email if self.chance.random() < 0.6 else f"{uuid4().hex}@scrip.example"
        giving.send(self.database, giver, to, self.chance.choice([1, 20, 55]))

    def step(self) -> None:
        giving.carry(self.database)

    def make_code(self) -> None:
        code = f"WELCOME-{len(self.codes)}"
        days = self.chance.choice([None, "20 days"])
        self.owner.execute("select admin.create_promo_code(%s, 30, 5, null, 'for a test', %s)", [code, days])
        self.codes.append(code)

    def redeem(self) -> None:
        if self.codes:
            giving.redeem(self.database, self.someone(), self.chance.choice(self.codes))

    def grant(self) -> None:
        kind = self.chance.choice(["admin", "bonus"])
        self.owner.execute("select admin.grant_credits(%s, 40, 'for a test', %s)", [self.someone().user_id, kind])

    def roll_up(self) -> None:
        self.owner.execute("select engine.roll_up()")
