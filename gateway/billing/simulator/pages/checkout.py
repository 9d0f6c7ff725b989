"""The page of a Checkout session: what is bought, a card, pay or go back."""

from html import escape
from typing import TYPE_CHECKING

from aiohttp import web

from gateway.billing.simulator.errors import Refused
from gateway.billing.simulator.pages.card import context, read_form, typed_card
from gateway.billing.simulator.pages.html import button, card_fields, every, message, money, page, rows
from gateway.billing.simulator.resources.checkout_paying import pay_session, success_address
from gateway.billing.simulator.world import Object

if TYPE_CHECKING:
    from gateway.billing.simulator.server import Simulator

__all__ = ["CheckoutPage"]


class CheckoutPage:
    def __init__(self, simulator: "Simulator") -> None:
        self._simulator = simulator
        self._world = simulator.world

    async def show(self, request: web.Request) -> web.Response:
        self._world.run_due()
        session = self._session(request)
        return page("Checkout", self._body(session)) if session else _gone()

    async def act(self, request: web.Request) -> web.Response:
        form = await read_form(request)
        self._world.run_due()
        session = self._session(request)
        if session is None:
            return _gone()
        if form.get("action") == "cancel":
            if session["cancel_url"] is None:
                return page("Checkout", message("This shop gave no address to go back to."), status=400)
            raise web.HTTPSeeOther(session["cancel_url"])
        if session["status"] != "open":
            return page("Checkout", self._body(session), status=409)
        try:
            with self._world.during(context(self._simulator, request)):
                method = typed_card(self._simulator, form)
                refusal = pay_session(self._world, session, method, form.get("email") or None)
        except Refused as refused:
            refusal = refused
        if refusal is not None:
            return page("Checkout", self._body(session, str(refusal)), status=402)
        raise web.HTTPSeeOther(success_address(session) or "/")

    def _session(self, request: web.Request) -> Object | None:
        found = self._world.find(request.match_info["id"])
        return found if found is not None and found["object"] == "checkout.session" else None

    def _body(self, session: Object, error: str | None = None) -> str:
        lines = [
            (f"{line['quantity']} × {line['description']}", escape(_price(line))) for line in session["_line_items"]
        ]
        due = money(session["amount_total"], session["currency"])
        bought = rows([*lines, ("Due now", f"<strong>{escape(due)}</strong>")])
        if session["status"] == "complete":
            return bought + message("This is paid.", "done")
        if session["status"] == "expired":
            return bought + message("This session has expired.")
        verb = f"Subscribe for {due}" if session["mode"] == "subscription" else f"Pay {due}"
        back = button("cancel", "Back to the shop", is_plain=True)
        return (
            f'{bought}{message(error)}<form method="post">{self._email(session)}{card_fields()}'
            f"{button('pay', verb)}</form>"
            f'<form method="post">{back}</form>'
        )

    def _email(self, session: Object) -> str:
        customer = self._world.find(session["customer"] or "")
        known = session["customer_email"] or (customer or {}).get("email")
        if known:
            return f"<p>{escape(known)}</p>"
        return '<label>E-mail<input name="email" type="email" autocomplete="off"></label>'


def _price(line: Object) -> str:
    shown = money(line["amount_total"], line["currency"])
    return f"{shown} {every(line['price'])}" if line["price"]["recurring"] else shown


def _gone() -> web.Response:
    return page("Checkout", message("There is no such Checkout session."), status=404)
