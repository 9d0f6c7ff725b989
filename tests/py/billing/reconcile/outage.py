"""One simulated Stripe and two copies of the books: one hears of everything, the other's webhooks are switched off."""

import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any

from psycopg.rows import namedtuple_row

from gateway.billing.client import Line, Stripe
from tests.py.billing.simulator.simulated import SECRET, Browser, Json, Page, SimulatedStripe
from tests.py.support.database import Database

BACK = {"success_url": "http://127.0.0.1:1/done", "cancel_url": "http://127.0.0.1:1/back"}
VISA = "4242424242424242"


class Books:
    """One database, and which events it has heard of."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._heard: set[str] = set()

    def copy_of(self, other: "Books") -> "Books":
        self._heard = set(other._heard)
        return self

    def call(self, function: str, **arguments: Any) -> Any:
        """The only row of a function of schema api, as the gateway calls it."""
        named = ", ".join(f"p_{name} => %({name})s" for name in arguments)
        with self.database.connect("scrip_gateway") as connection:
            cursor = connection.cursor(row_factory=namedtuple_row)
            row = cursor.execute(f"select * from api.{function}({named})".encode(), arguments).fetchone()
        assert row is not None
        return row

    def hear(self, events: list[Json]) -> None:
        """Deliveries of what was not delivered before, signed."""
        for event in events:
            if event["id"] in self._heard:
                continue
            payload = json.dumps(event).encode()
            instant = int(self.database.clock.now().timestamp())
            signed = hmac.new(SECRET.encode(), f"{instant}.".encode() + payload, hashlib.sha256).hexdigest()
            self.call("record_stripe_event", payload=payload, signature=f"t={instant},v1={signed}")
            self._heard.add(event["id"])

    def touch_all(self) -> None:
        """What a visit of everybody, and the jobs, would do."""
        self.database.rows("select engine.touch_account(account_id) from playground.accounts order by account_id")

    def state(self) -> dict[str, list[tuple]]:
        """What both copies must agree on: all but the numbers of lines and when we heard of something."""
        return {name: sorted(self.database.rows(statement), key=repr) for name, statement in STATE.items()}


class World:
    """People, what they do at Stripe, and time that is the same everywhere."""

    def __init__(self, books: Books, simulated: SimulatedStripe) -> None:
        self.copies = [books]
        self.simulated = simulated
        self.stripe = Stripe(simulated.client)
        self.browser = Browser(simulated.session)
        self.now = datetime(2026, 11, 1, 12, tzinfo=UTC)

    @property
    def books(self) -> Books:
        """Where people are registered and begin to buy, until there are two copies."""
        (books,) = self.copies
        return books

    async def pass_time(self, time: timedelta = timedelta(0)) -> None:
        """Moves every clock on."""
        self.now += time
        for books in self.copies:
            books.database.clock.freeze(self.now)
        await self.simulated.direct("clock", {"now": int(self.now.timestamp())})

    async def events(self) -> list[Json]:
        """All of the account so far, oldest first."""
        found: list[Json] = []
        more, after = True, ""
        while more:
            _, page, _ = await self.simulated.raw("GET", f"/v1/events?limit=100{after}")
            found += page["data"]
            more = page["has_more"]
            after = f"&starting_after={found[-1]['id']}" if found else ""
        return list(reversed(found))

    async def deliver(self, books: Books) -> None:
        books.hear(await self.events())

    def register(self, name: str) -> str:
        statement = "select api.register_user(%s, null, 'no hash', sha256('no token')) ->> 'id'"
        return self.books.database.value(statement, [f"{name}@scrip.example"])

    async def begin_purchase(self, user_id: str, pack: str) -> str:
        """The PaymentIntent of a pack that is not paid yet, made as the gateway makes it."""
        row = self.books.call("start_purchase", user_id=user_id, pack=pack)
        payment = await self.stripe.create_payment_intent(
            purchase_id=str(row.purchase_id),
            customer_id=await self._customer(user_id, row),
            amount_cents=row.price_cents,
            currency=row.currency,
            description=row.pack_name,
            metadata={"purchase_id": str(row.purchase_id), "account_id": str(row.account_id)},
        )
        purchase: dict[str, Any] = {"purchase_id": row.purchase_id, "payment_intent_id": payment.id, "body": "{}"}
        self.books.call("record_purchase", user_id=user_id, **purchase)
        return payment.id

    async def begin_subscription(self, user_id: str) -> Page:
        """The page that sells a plan."""
        row = self.books.call("start_checkout", user_id=user_id, **BACK)
        marks = {"account_id": str(row.account_id), "checkout_id": str(row.checkout_id), "plan_price": row.plan_price}
        made = await self.stripe.create_checkout(
            checkout_id=str(row.checkout_id),
            customer_id=await self._customer(user_id, row),
            line=Line(row.plan_price, row.stripe_price_id),
            metadata=marks,
            is_subscription=True,
            **BACK,
        )
        checkout: dict[str, Any] = {"checkout_id": row.checkout_id, "checkout_session_id": made.id}
        self.books.call("record_checkout", user_id=user_id, url=made.url, expires_at=made.expires_at, **checkout)
        return await self.browser.open(made.url)

    async def _customer(self, user_id: str, row: Any) -> str:
        made = await self.stripe.create_customer(str(row.account_id), row.email)
        return self.books.call("record_customer", user_id=user_id, customer_id=made)[0]

    async def pay(self, payment_intent_id: str, card: str = "pm_card_visa") -> None:
        """The buyer's browser; a declined card is the buyer's affair."""
        path = f"/v1/payment_intents/{payment_intent_id}/confirm"
        await self.simulated.raw("POST", path, f"payment_method={card}&return_url={BACK['success_url']}")

    async def pay_on(self, page: Page, card: str = VISA) -> None:
        await self.browser.press(page, "pay", number=card)

    async def plan_of(self, user_id: str) -> Json:
        """The newest plan that somebody has at Stripe, also when no copy of the books heard of it."""
        return (await self._list(f"/v1/subscriptions?customer={self._customer_of(user_id)}&status=all"))[0]

    async def payment_of_plan(self, user_id: str) -> str:
        """The PaymentIntent of somebody's newest paid invoice."""
        path = f"/v1/invoices?customer={self._customer_of(user_id)}&status=paid&expand[]=data.payments"
        (paid,) = (await self._list(path))[0]["payments"]["data"]
        return paid["payment"]["payment_intent"]

    def _customer_of(self, user_id: str) -> str:
        statement = "select customer_id from playground.customers where account_id = %s"
        return self.copies[0].database.value(statement, [user_id])

    async def _list(self, path: str) -> list[Json]:
        _, found, _ = await self.simulated.raw("GET", path)
        return found["data"]

    async def take_card_away(self, user_id: str) -> None:
        """From now on somebody's plan is paid by a card that declines."""
        path = "/v1/payment_methods/pm_card_chargeCustomerFail/attach"
        _, card, _ = await self.simulated.raw("POST", path, f"customer={self._customer_of(user_id)}")
        await self._change_plan(user_id, f"default_payment_method={card['id']}")

    async def cancel_plan(self, user_id: str) -> None:
        """At the end of its period."""
        await self._change_plan(user_id, "cancel_at_period_end=true")

    async def end_plan(self, user_id: str) -> None:
        """At once."""
        status, _, _ = await self.simulated.raw("DELETE", f"/v1/subscriptions/{(await self.plan_of(user_id))['id']}")
        assert status == 200

    async def _change_plan(self, user_id: str, form: str) -> None:
        plan = await self.plan_of(user_id)
        status, _, _ = await self.simulated.raw("POST", f"/v1/subscriptions/{plan['id']}", form)
        assert status == 200

    async def refund(self, payment_intent_id: str, more: str = "") -> str:
        _, made, _ = await self.simulated.raw("POST", "/v1/refunds", f"payment_intent={payment_intent_id}{more}")
        return made["id"]

    async def dispute(self, payment_intent_id: str) -> str:
        return (await self.simulated.direct("disputes", {"payment_intent": payment_intent_id}))["id"]


STATE = {
    "accounts": "select account_id, last_balance, cost_budget_usd, is_owing from playground.accounts",
    "grants": """
        select account_id, bucket, source, granted, remaining, suspended, expires_at, purchase_id
        from playground.grants
    """,
    # What is taken back is taken when we hear of it.
    "lines": """
        select account_id, type, case when type <> 'refund' then effective_at end, sum(amount)
        from playground.transactions where type in ('signup', 'purchase', 'refund')
        group by 1, 2, 3 having sum(amount) <> 0
    """,
    "purchases": """
        select account_id, purchase_id, status, payment_intent_id, failure_code, failed_at, succeeded_at
        from playground.purchases
    """,
    "payments": """
        select account_id, payment_intent_id, purchase_id, invoice_id, paid_cents, paid_at, charge_id, receipt_url,
          refunded_cents, disputed_cents, lost_cents, credits, owed, taken, revoke_due, shortfall, suspended,
          budget_granted_usd, budget_usd, budget_due_usd
        from playground.payments
    """,
    "refunds": "select account_id, refund_id, payment_intent_id, amount_cents, status from playground.refunds",
    "disputes": "select account_id, dispute_id, payment_intent_id, amount_cents, status from playground.disputes",
    "subscriptions": """
        select account_id, stripe_subscription_id, plan_price, status, ends_at, ended_at, period_end, periods,
          suspend_at
        from playground.subscriptions
    """,
    "periods": "select account_id, period_start, period_end, paid_at, invoice_id from playground.periods",
    "invoices": "select account_id, invoice_id, paid_cents, period_start, period_end, paid_at from playground.invoices",
    "checkouts": "select account_id, checkout_id, status from playground.checkouts",
    "tasks": "select account_id, kind, stripe_id, state from playground.billing_tasks",
}
