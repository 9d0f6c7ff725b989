"""A page to pay a bare payment intent by its client secret: what a shop's own form would do with Stripe's script."""

from html import escape
from typing import TYPE_CHECKING

from aiohttp import web

from gateway.billing.simulator.errors import Refused
from gateway.billing.simulator.pages.card import context, read_form, typed_card
from gateway.billing.simulator.pages.html import button, card_fields, hidden, message, money, page, rows
from gateway.billing.simulator.resources.paying import PAYABLE, pay
from gateway.billing.simulator.world import Object

if TYPE_CHECKING:
    from gateway.billing.simulator.server import Simulator

__all__ = ["PaymentPage"]

TITLE = "Payment"


class PaymentPage:
    """`/_sim/pay/<payment intent>?client_secret=…&return_url=…`; without a return address it ends here."""

    def __init__(self, simulator: "Simulator") -> None:
        self._simulator = simulator
        self._world = simulator.world

    async def show(self, request: web.Request) -> web.Response:
        self._world.run_due()
        query = dict(request.query)
        intent = self._intent(request, query)
        return page(TITLE, _body(intent, query)) if intent else _gone()

    async def act(self, request: web.Request) -> web.Response:
        form = await read_form(request)
        self._world.run_due()
        intent = self._intent(request, form)
        if intent is None:
            return _gone()
        if form.get("action") == "cancel":
            raise web.HTTPSeeOther(_return_address(form) or f"{request.path}?client_secret={intent['client_secret']}")
        try:
            with self._world.during(context(self._simulator, request)):
                refusal = pay(self._world, intent, typed_card(self._simulator, form))
        except Refused as refused:
            refusal = refused
        if refusal is not None:
            return page(TITLE, _body(intent, form, str(refusal)), status=402)
        if (address := _return_address(form)) is not None:
            joined = "&" if "?" in address else "?"
            raise web.HTTPSeeOther(f"{address}{joined}payment_intent={intent['id']}&redirect_status=succeeded")
        return page(TITLE, _body(intent, form))

    def _intent(self, request: web.Request, given: dict[str, str]) -> Object | None:
        found = self._world.find(request.match_info["id"])
        if found is None or found["object"] != "payment_intent":
            return None
        return found if given.get("client_secret") == found["client_secret"] else None


def _return_address(given: dict[str, str]) -> str | None:
    address = given.get("return_url", "")
    return address if address.startswith(("http://", "https://")) else None


def _body(intent: Object, given: dict[str, str], error: str | None = None) -> str:
    amount = money(intent["amount"], intent["currency"])
    shown = rows([(intent["description"] or "Payment", f"<strong>{escape(amount)}</strong>")])
    address = _return_address(given)
    back = f'<p><a href="{escape(address)}">Back to the shop</a></p>' if address else ""
    if intent["status"] == "succeeded":
        return shown + message("This is paid.", "done") + back
    if intent["status"] == "processing":
        return shown + message("The payment is being processed.", "done") + back
    if intent["status"] not in PAYABLE:
        return shown + message(f"This payment is {intent['status']}.") + back
    known = hidden("client_secret", intent["client_secret"]) + (hidden("return_url", address) if address else "")
    form = known + card_fields() + button("pay", f"Pay {amount}")
    return f'{shown}{message(error)}<form method="post">{form}</form>{back}'


def _gone() -> web.Response:
    return page(TITLE, message("There is no such payment, or its secret is another."), status=404)
