"""The customer portal: subscriptions to be cancelled or resumed, the card to be replaced, a way back."""

from html import escape
from typing import TYPE_CHECKING

from aiohttp import web

from gateway.billing.simulator.errors import Refused
from gateway.billing.simulator.pages.card import Form, context, read_form, typed_card
from gateway.billing.simulator.pages.html import button, card_fields, day, every, hidden, message, money, page, rows
from gateway.billing.simulator.resources.invoices import collect
from gateway.billing.simulator.resources.payment_methods import attach
from gateway.billing.simulator.resources.renewals import period_end_of, set_cancel_at, set_cancel_at_period_end
from gateway.billing.simulator.world import Object

if TYPE_CHECKING:
    from gateway.billing.simulator.server import Simulator

__all__ = ["PortalPage"]

TITLE = "Your subscription"


class PortalPage:
    def __init__(self, simulator: "Simulator") -> None:
        self._simulator = simulator
        self._world = simulator.world

    async def show(self, request: web.Request) -> web.Response:
        self._world.run_due()
        session = self._session(request)
        return page(TITLE, self._body(session)) if session else _gone()

    async def act(self, request: web.Request) -> web.Response:
        form = await read_form(request)
        self._world.run_due()
        session = self._session(request)
        if session is None:
            return _gone()
        try:
            with self._world.during(context(self._simulator, request)):
                refusal = self._act(session, form)
        except Refused as refused:
            refusal = refused
        if refusal is not None:
            return page(TITLE, self._body(session, str(refusal)), status=402)
        raise web.HTTPSeeOther(request.path)

    def _act(self, session: Object, form: Form) -> Refused | None:
        subscription = self._world.get("subscription", form.get("subscription", ""))
        if subscription["customer"] != session["customer"] or subscription["ended_at"] is not None:
            return Refused(400, "This subscription has ended.")
        if form.get("action") == "card":
            return self._replace_card(session, subscription, form)
        with self._world.updating(subscription, "customer.subscription.updated"):
            if form.get("action") == "resume":
                set_cancel_at(self._world, subscription, None)
                subscription["cancel_at_period_end"] = False
            elif self._world.switches.portal_cancels_with == "cancel_at":
                set_cancel_at(self._world, subscription, period_end_of(subscription))
            else:
                set_cancel_at_period_end(self._world, subscription, True)
        return None

    def _replace_card(self, session: Object, subscription: Object, form: Form) -> Refused | None:
        """What is owed is taken from the new card at once."""
        method = typed_card(self._simulator, form)
        attach(self._world, method, self._world.get("customer", session["customer"]))
        with self._world.updating(subscription, "customer.subscription.updated"):
            subscription["default_payment_method"] = method["id"]
        return collect(self._world, self._world.get("invoice", subscription["latest_invoice"]), method)

    def _session(self, request: web.Request) -> Object | None:
        found = self._world.find(request.match_info["id"])
        return found if found is not None and found["object"] == "billing_portal.session" else None

    def _body(self, session: Object, error: str | None = None) -> str:
        customer = self._world.find(session["customer"]) or {}
        theirs = [each for each in self._world.all("subscription") if each["customer"] == session["customer"]]
        shown = "".join(self._one(each) for each in theirs) or "<p>There is no subscription.</p>"
        back = session["return_url"]
        address = f'<p><a href="{escape(back)}">Back to the shop</a></p>' if _is_web(back) else ""
        return f'<p class="quiet">{escape(customer.get("email") or "")}</p>{message(error)}{shown}{address}'

    def _one(self, subscription: Object) -> str:
        item = subscription["items"]["data"][0]
        product = self._world.find(item["price"]["product"])
        name = product["name"] if product else item["price"]["id"]
        price = f"{money(item['price']['unit_amount'], subscription['currency'])} {every(item['price'])}"
        ends, period_end = subscription["cancel_at"], day(item["current_period_end"])
        facts = [("Price", escape(price)), ("Status", escape(subscription["status"].replace("_", " ")))]
        if subscription["ended_at"] is not None:
            return f"<h2>{escape(name)}</h2>" + rows([*facts, ("Ended", day(subscription["ended_at"]))])
        facts.append(("Ends", day(ends)) if ends is not None else ("Renews", period_end))
        change = button("resume", "Do not cancel") if ends is not None else button("cancel", "Cancel at period end")
        known = hidden("subscription", subscription["id"])
        return (
            f'<h2>{escape(name)}</h2>{rows(facts)}<form method="post">{known}{change}</form>'
            f"<details><summary>Replace the card</summary>"
            f'<form method="post">{known}{card_fields()}{button("card", "Use this card")}</form></details>'
        )


def _is_web(address: str | None) -> bool:
    return address is not None and address.startswith(("http://", "https://"))


def _gone() -> web.Response:
    return page(TITLE, message("There is no such portal session."), status=404)
