"""`/`: what the shop's owner would see at Stripe, and could do there: refund, dispute, move time on."""

from datetime import UTC, datetime
from html import escape
from typing import TYPE_CHECKING

from aiohttp import web

from gateway.billing.simulator.errors import Refused, invalid
from gateway.billing.simulator.pages.card import Form, context, read_form
from gateway.billing.simulator.pages.html import button, day, every, hidden, message, money, page, table
from gateway.billing.simulator.resources.disputes import close_dispute, open_dispute
from gateway.billing.simulator.resources.refunds import new_refund
from gateway.billing.simulator.world import Object

if TYPE_CHECKING:
    from gateway.billing.simulator.server import Simulator

__all__ = ["Dashboard"]

SHOWN = 50
DAY = 86400


class Dashboard:
    def __init__(self, simulator: "Simulator") -> None:
        self._simulator = simulator
        self._world = simulator.world

    async def show(self, request: web.Request) -> web.Response:
        self._world.run_due()
        return page("Dashboard", self._body(), is_wide=True)

    async def act(self, request: web.Request) -> web.Response:
        form = await read_form(request)
        try:
            with self._world.during(context(self._simulator, request)):
                self._act(form)
        except Refused as refused:
            return page("Dashboard", self._body(str(refused)), status=400, is_wide=True)
        raise web.HTTPSeeOther("/")

    def _act(self, form: Form) -> None:
        world, action, wanted = self._world, form.get("action"), form.get("id", "")
        if action == "refund":
            new_refund(world, world.get("charge", wanted), amount=_cents(form.get("dollars", "")))
        elif action == "dispute":
            open_dispute(world, world.get("charge", wanted))
        elif action in ("won", "lost", "warning_closed"):
            close_dispute(world, world.get("dispute", wanted), action)
        elif action == "advance":
            days = form.get("days", "")
            if not days.isdecimal() or len(days) > 4:
                raise invalid("Give a number of days.")
            world.clock.advance(int(days) * DAY)
        world.run_due()

    def _body(self, error: str | None = None) -> str:
        now = datetime.fromtimestamp(self._world.now(), UTC)
        clock = (
            f'<p>The clock shows {now:%Y-%m-%d %H:%M} UTC.</p><form method="post"><input class="small" name="days" '
            f'value="31" inputmode="numeric" aria-label="days">{button("advance", "days later", is_plain=True)}</form>'
        )
        charges = [self._charge(each) for each in self._world.all("charge")[:SHOWN]]
        disputes = [self._dispute(each) for each in self._world.all("dispute")[:SHOWN]]
        subscriptions = [self._subscription(each) for each in self._world.all("subscription")[:SHOWN]]
        sections = [
            ("Payments", table(["Paid", "When", "By", "State", ""], charges) if charges else ""),
            ("Disputes", table(["Amount", "State", ""], disputes) if disputes else ""),
            ("Subscriptions", table(["Customer", "Price", "State", "Until"], subscriptions) if subscriptions else ""),
            ("Webhooks", self._webhooks()),
        ]
        listed = "".join(f"<h2>{name}</h2>{shown or '<p class=quiet>None yet.</p>'}" for name, shown in sections)
        return message(error) + clock + listed

    def _charge(self, charge: Object) -> list[str]:
        refunded = money(charge["amount_refunded"], charge["currency"])
        state = charge["status"]
        if charge["amount_refunded"]:
            state = f"{refunded} refunded"
        elif charge["failure_message"]:
            state = charge["failure_message"]
        forms = ""
        if charge["paid"] and not charge["refunded"]:
            dollars = '<input class="small" name="dollars" placeholder="all" aria-label="dollars">'
            forms += _form(charge["id"], dollars + button("refund", "Refund", is_plain=True))
        if charge["paid"] and not charge["disputed"]:
            forms += _form(charge["id"], button("dispute", "Dispute", is_plain=True))
        amount = money(charge["amount"], charge["currency"])
        return [escape(amount), day(charge["created"]), self._who(charge["customer"]), escape(state), forms]

    def _dispute(self, dispute: Object) -> list[str]:
        state, endings = dispute["status"], []
        if state.startswith("warning") and state != "warning_closed":
            endings = ["warning_closed"]
        elif state not in ("won", "lost", "warning_closed"):
            endings = ["won", "lost"]
        buttons = "".join(button(each, each.replace("_", " "), is_plain=True) for each in endings)
        amount = money(dispute["amount"], dispute["currency"])
        return [escape(amount), escape(state.replace("_", " ")), _form(dispute["id"], buttons) if endings else ""]

    def _subscription(self, subscription: Object) -> list[str]:
        item = subscription["items"]["data"][0]
        price = f"{money(item['price']['unit_amount'], subscription['currency'])} {every(item['price'])}"
        state = subscription["status"].replace("_", " ")
        if subscription["cancel_at"] is not None and subscription["ended_at"] is None:
            state += ", will end"
        until = subscription["ended_at"] or item["current_period_end"]
        return [self._who(subscription["customer"]), escape(price), escape(state), day(until)]

    def _webhooks(self) -> str:
        courier = self._simulator.courier
        lines = [
            [escape(each.type), f"<code>{escape(each.event)}</code>", escape(each.state), str(each.last_status or "–")]
            for each in list(courier.log)[-SHOWN:][::-1]
        ]
        addresses = ", ".join(escape(each.url) for each in courier.endpoints) or "nowhere"
        shown = table(["Event", "Id", "State", "Answer"], lines) if lines else ""
        return f'<p class="quiet">Sent to {addresses}. {courier.pending} under way, {courier.held} held.</p>{shown}'

    def _who(self, customer: str | None) -> str:
        found = self._world.find(customer or "") or {}
        return escape(found.get("email") or customer or "–")


def _form(wanted: str, inner: str) -> str:
    return f'<form method="post">{hidden("id", wanted)}{inner}</form>'


def _cents(dollars: str) -> int | None:
    """Nothing means all. Raises `Refused`."""
    text = dollars.strip().removeprefix("$")
    if not text:
        return None
    whole, _, part = text.partition(".")
    if not (whole + part).isdecimal() or len(part) > 2 or len(whole) > 6:
        raise invalid("Give an amount such as 1.50.")
    return int(whole or "0") * 100 + int(part.ljust(2, "0") or "0")
