"""The Stripe simulator as a process of its own, with Stripe's SDK, a browser without JavaScript, and a webhook."""

import itertools
import os
import sys
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import aiohttp
import stripe
from aiohttp import web

from gateway.version import ROOT
from scripts.setup.processes import Child, start
from tests.py.endtoend.waiting import LOOK_AGAIN_SECONDS, PATIENCE_SECONDS

SECRET = "whsec_of_the_tests"
READY = "simulated Stripe at "
_numbers = itertools.count(1)

Json = Any


@contextmanager
def simulator_process(folder: Path, *arguments: str) -> Iterator[tuple[Child, str]]:
    """Gives the process and the address at which it answers."""
    log = folder / f"stripe-{next(_numbers)}.log"
    child = start(
        "the Stripe simulator",
        [sys.executable, "-P", "-m", "gateway.billing.simulator", "--port", "0", *arguments],
        log=log,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
        cwd=ROOT,
    )
    try:
        yield child, _address(child)
    finally:
        child.stop(wait=5)


def _address(child: Child) -> str:
    """Waits until it is printed. Fails with the last words of a process that ended instead."""
    give_up = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < give_up:
        for line in child.last_lines().splitlines():
            if line.startswith(READY):
                return line.removeprefix(READY)
        assert child.process.poll() is None, f"the Stripe simulator ended:\n{child.last_lines()}"
        time.sleep(LOOK_AGAIN_SECONDS)
    raise AssertionError("the Stripe simulator never printed its address")


class SimulatedStripe:
    """An empty account: the SDK before it, and what directs it."""

    def __init__(self, address: str, session: aiohttp.ClientSession) -> None:
        self.address = address
        self.session = session
        self._http_client = stripe.AIOHTTPClient()
        self.client = self.client_of()
        # The parameters of the SDK are typed dicts, which no helper can put together.
        self.api: Any = self.client.v1

    def client_of(self, version: str | None = None) -> stripe.StripeClient:
        """One that retries nothing by itself."""
        return stripe.StripeClient(
            "sk_test_of_the_tests",
            http_client=self._http_client,
            base_addresses={"api": self.address},
            stripe_version=version,
            max_network_retries=0,
        )

    async def close(self) -> None:
        await self._http_client.close_async()

    async def direct(self, path: str, asked: Json = None, *, status: int = 200) -> Json:
        """`POST /_sim/…`; fails for another status."""
        async with self.session.post(f"{self.address}/_sim/{path}", json=asked or {}) as answer:
            assert answer.status == status, await answer.text()
            return await answer.json()

    async def shown(self, path: str) -> Json:
        async with self.session.get(f"{self.address}/_sim/{path}") as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()

    async def switch(self, **switches: Json) -> None:
        await self.direct("switches", switches)

    async def raw(self, method: str, path: str, form: str = "", **headers: str) -> tuple[int, Json, Mapping[str, str]]:
        """A request without the SDK: status, body, headers."""
        headers = {"Authorization": "Bearer sk_test_of_the_tests", **headers}
        if method == "POST":
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        async with self.session.request(
            method, self.address + path, data=form if method == "POST" else None, headers=headers
        ) as answer:
            return answer.status, await answer.json(), answer.headers

    async def events(self, kind: str = "*") -> list[stripe.Event]:
        """All so far, oldest first."""
        listed = await self.api.events.list_async({"limit": 100, "type": kind})
        return list(reversed([event async for event in listed.auto_paging_iter()]))

    async def types(self, since: int = 0) -> list[str]:
        """What kinds of events there were, oldest first, without the first `since`."""
        return [event.type for event in await self.events()][since:]

    async def customer(self, **fields: Json) -> stripe.Customer:
        return await self.api.customers.create_async({"email": "person@example.com", **fields})

    async def paid(self, amount: int = 500, card: str = "pm_card_visa", **fields: Json) -> stripe.PaymentIntent:
        """A payment intent confirmed at once."""
        return await self.api.payment_intents.create_async(
            {"amount": amount, "currency": "usd", "payment_method": card, "confirm": True, **fields}
        )

    async def monthly(self, price: str = "price_monthly", cents: int = 600) -> str:
        await self.direct("prices", {"id": price, "unit_amount": cents, "interval": "month", "product": "Plus"})
        return price

    async def subscribed(self, card: str = "pm_card_visa", **fields: Json) -> stripe.Subscription:
        """A customer of its own with a monthly subscription, on a clock that stands still."""
        price, customer = await self.monthly(), await self.customer()
        method = await self.api.payment_methods.attach_async(card, {"customer": customer.id})
        return await self.api.subscriptions.create_async(
            {"customer": customer.id, "items": [{"price": price}], "default_payment_method": method.id, **fields}
        )


class Form(dict[str, str]):
    """What a form would send, without its buttons; `buttons` are the values of `action`."""

    def __init__(self) -> None:
        super().__init__()
        self.buttons: list[str] = []


class Page(HTMLParser):
    """A page as a browser without JavaScript sees it."""

    def __init__(self, url: str, status: int, text: str) -> None:
        super().__init__()
        self.url, self.status, self.source = url, status, text
        self.forms: list[Form] = []
        self.links: dict[str, str] = {}
        self.tags: set[str] = set()
        self._pieces: list[str] = []
        self._silent = False
        self.feed(text)
        self.text = " ".join(" ".join(self._pieces).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = {name: value or "" for name, value in attrs}
        self.tags.add(tag)
        self._silent = tag == "style"
        if tag == "form":
            self.forms.append(Form())
        elif tag == "input":
            self.forms[-1][known["name"]] = known.get("value", "")
        elif tag == "button":
            self.forms[-1].buttons.append(known["value"])
        elif tag == "a":
            self.links[known["href"]] = known["href"]

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self._pieces.append(data)

    def form_with(self, action: str) -> Form:
        """The first form that has a button for it."""
        for form in self.forms:
            if action in form.buttons:
                return form
        raise AssertionError(f"no button {action!r} on {self.text!r}")


class Browser:
    """Opens pages and presses buttons. Where a page leads elsewhere it stops and remembers the address."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def open(self, url: str) -> Page:
        async with self._session.get(url) as answer:
            return Page(str(answer.url), answer.status, await answer.text())

    async def press(self, page: Page, action: str, **typed: str) -> Page | str:
        """The next page; or the address on another site to which the browser would go."""
        form = page.form_with(action)
        unknown = typed.keys() - form.keys()
        assert not unknown, f"the form has no {unknown}"
        fields = {**form, **typed, "action": action}
        async with self._session.post(page.url, data=fields, allow_redirects=False) as answer:
            if answer.status == 303:
                address = urljoin(page.url, answer.headers["Location"])
                same_site = address.startswith(str(answer.url.origin()))
                return await self.open(address) if same_site else address
            return Page(page.url, answer.status, await answer.text())


class Hook:
    """An endpoint for webhooks that believes only what the SDK's own check believes."""

    def __init__(self) -> None:
        self.url = ""
        self.received: list[stripe.Event] = []
        self.headers: list[str] = []
        # The signatures of all deliveries, those refused too.
        self.seen: list[str] = []
        self.bodies: list[bytes] = []
        # What the next deliveries are answered with; 200 when nothing is left.
        self.answers: list[int] = []

    async def handle(self, request: web.Request) -> web.Response:
        body, header = await request.read(), request.headers["Stripe-Signature"]
        status = self.answers.pop(0) if self.answers else 200
        self.seen.append(header)
        if status == 200:
            self.bodies.append(body)
            self.headers.append(header)
            self.received.append(stripe.Webhook.construct_event(body, header, SECRET))
        return web.Response(status=status)

    @property
    def types(self) -> list[str]:
        return [event.type for event in self.received]


@asynccontextmanager
async def listening() -> AsyncIterator[Hook]:
    """A webhook on a port of its own."""
    hook = Hook()
    app = web.Application()
    app.router.add_post("/hook", hook.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    hook.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    try:
        yield hook
    finally:
        await runner.cleanup()
