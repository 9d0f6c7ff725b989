"""A gateway and the Stripe simulator as processes, wired to each other, with people who buy and pay in a browser."""

import json
import secrets
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import aiohttp

from gateway.tokens import issue_access_token
from gateway.version import ROOT
from scripts.setup.processes import Child, start
from tests.py.endtoend.programs import SETTINGS, Gateway
from tests.py.gateway.world import API, Person, Reply
from tests.py.support.database import Database, wait_until
from tests.py.support.ports import port_of_our_own

CARD = "4242 4242 4242 4242"
DECLINED_CARD = "4000 0000 0000 0002"
WEBHOOK_SECRET = "whsec_of_the_tests_of_billing"
FRONTEND = "https://shop.example.com"
PAGES = {"successUrl": f"{FRONTEND}/thanks?s={{CHECKOUT_SESSION_ID}}", "cancelUrl": f"{FRONTEND}/pity"}
PRICES = {"prpm_plus_individual": 600, "prpm_plus_org": 300, "verified": 2000}
STRIPE = {
    "stripe_secret_key": "sk_test_simulator",
    "stripe_publishable_key": "pk_test_simulator",
    "frontend_url": FRONTEND,
}


def start_stripe(folder: Path) -> tuple[Child, str]:
    """The simulator's process, with our prices, and its address; answers once this returns."""
    port = port_of_our_own()
    prices = [part for name, cents in PRICES.items() for part in ("--price", f"price_{name}={cents}:month")]
    child = start(
        "the Stripe simulator",
        [sys.executable, "-P", "-m", "gateway.billing.simulator", "--port", str(port), *prices],
        log=folder / "stripe.log",
        cwd=ROOT,
    )
    wait_until(lambda: "simulated Stripe at" in child.log.read_text(), "the Stripe simulator")
    return child, f"http://127.0.0.1:{port}"


def stock(database: Database) -> None:
    """The webhook's secret, and the ids that Stripe knows our prices by."""
    database.rows("select admin.set_webhook_secret('default', %s, false, 'tests')", [WEBHOOK_SECRET])
    for name in PRICES:
        database.rows("select admin.set_plan_price(%s, %s, 'tests')", [name, f"price_{name}"])


class Shop:
    """What people and Stripe do to one gateway."""

    def __init__(self, gateway: Gateway, stripe: str, database: Database, session: aiohttp.ClientSession) -> None:
        self.gateway = gateway
        self.stripe = stripe
        self.database = database
        self.session = session

    # people

    def person(self) -> Person:
        """Somebody new, with the five credits of everybody."""
        user_id = self.value(
            "select api.register_user(%s, null, 'no password', sha256(gen_random_uuid()::text::bytea)) ->> 'id'",
            f"{secrets.token_hex(8)}@example.com",
        )
        return Person(user_id, issue_access_token(SETTINGS, user_id))

    async def call(self, method: str, path: str, person: Person | None = None, **options: Any) -> Reply:
        headers = (person.headers if person else {}) | options.pop("headers", {})
        url = self.gateway.address + API + path
        async with self.session.request(method, url, headers=headers, **options) as response:
            return Reply(response.status, response.headers, await response.read())

    async def get(self, path: str, person: Person) -> Reply:
        return await self.call("GET", path, person)

    async def post(self, path: str, body: Any, person: Person | None = None, **options: Any) -> Reply:
        return await self.call("POST", path, person, json=body, **options)

    async def buy(self, person: Person, pack: str = "medium", *, key: str | None = None, **fields: Any) -> Reply:
        headers = {"Idempotency-Key": key} if key is not None else {}
        return await self.post("/playground/credits/purchase", {"package": pack, **fields}, person, headers=headers)

    async def balance(self, person: Person) -> int:
        return (await self.get("/playground/credits", person)).json["balance"]

    async def purchases(self, person: Person) -> list[dict[str, Any]]:
        return (await self.get("/playground/credits/purchases", person)).json["purchases"]

    async def subscribe(self, person: Person, of: str = "/playground") -> Reply:
        return await self.post(f"{of}/subscribe", PAGES, person)

    async def subscribed(self, person: Person, of: str = "/playground") -> None:
        """Has somebody take the plan and pay it."""
        reply = await self.subscribe(person, of)
        assert reply.status == 200, reply.octets
        await self.pay_page(reply.json["checkoutUrl"])
        await self.idle()

    # their browser, at Stripe

    async def pay(self, client_secret: str, card: str = CARD) -> int:
        """Types a card into the page that pays a bare payment. The page's status."""
        intent, _, _ = client_secret.partition("_secret_")
        return await self._submit(f"{self.stripe}/_sim/pay/{intent}", card, client_secret=client_secret)

    async def pay_page(self, url: str, card: str = CARD) -> int:
        """Types a card into a Checkout page. 303 leads back to the shop."""
        return await self._submit(url, card)

    async def _submit(self, url: str, card: str, **hidden: str) -> int:
        form = {"action": "pay", "number": card, "expires": "12/34", "cvc": "123", **hidden}
        async with self.session.post(url, data=form, allow_redirects=False) as response:
            return response.status

    async def click(self, url: str, **form: str) -> tuple[int, str]:
        """Posts a form of one of Stripe's pages, or opens the page when there is none."""
        method = "POST" if form else "GET"
        async with self.session.request(method, url, data=form or None, allow_redirects=False) as response:
            return response.status, await response.text()

    # Stripe

    async def control(self, path: str, body: Any = None) -> Any:
        async with self.session.post(f"{self.stripe}/_sim/{path}", json=body or {}) as response:
            assert response.status == 200, await response.text()
            return await response.json()

    async def idle(self) -> None:
        """Until Stripe has nothing more to tell us."""
        await self.control("idle")

    async def later(self) -> None:
        """What happens at Stripe from now on happens in a later second: its events tell no smaller times."""
        await self.control("clock", {"advance": 2})

    async def state(self, what: str) -> Any:
        async with self.session.get(f"{self.stripe}/_sim/{what}") as response:
            return await response.json()

    async def asked(self, path: str) -> list[dict[str, Any]]:
        """What was posted to one address of Stripe's API."""
        return [each for each in await self.state("requests") if (each["method"], each["path"]) == ("POST", path)]

    async def api(self, method: str, path: str, **fields: str) -> Any:
        """Something done at Stripe by somebody else: its dashboard, say."""
        headers = {"Authorization": "Bearer sk_test_simulator"}
        options: dict[str, Any] = {"params": fields} if method == "GET" else {"data": urlencode(fields)}
        if method != "GET":
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        async with self.session.request(method, f"{self.stripe}/v1/{path}", headers=headers, **options) as response:
            body = json.loads(await response.read())
            assert response.status == 200, body
            return body

    async def customers_of(self, person: Person) -> list[dict[str, Any]]:
        found = (await self.api("GET", "customers", limit="100"))["data"]
        return [each for each in found if each["metadata"].get("account_id") == person.id]

    async def payments_of(self, person: Person) -> list[dict[str, Any]]:
        found = (await self.api("GET", "payment_intents", limit="100"))["data"]
        return [each for each in found if each["metadata"].get("account_id") == person.id]

    # the books

    def value(self, statement: str, *parameters: Any) -> Any:
        return self.database.value(statement, list(parameters))
