"""Reading the card that somebody typed into a page."""

import re
from typing import TYPE_CHECKING

from aiohttp import web

from gateway.billing.simulator.cards import card_by_number
from gateway.billing.simulator.errors import invalid
from gateway.billing.simulator.resources.payment_methods import billing_details, new_payment_method
from gateway.billing.simulator.world import Object, RequestContext

if TYPE_CHECKING:
    from gateway.billing.simulator.server import Simulator

__all__ = ["Form", "context", "read_form", "typed_card"]

EXPIRES = re.compile(r"\s*(\d{1,2})\s*/\s*(\d{2}|\d{4})\s*")

Form = dict[str, str]


async def read_form(request: web.Request) -> Form:
    """The fields of a posted form; files are not expected."""
    return {name: value for name, value in (await request.post()).items() if isinstance(value, str)}


def context(simulator: "Simulator", request: web.Request) -> RequestContext:
    """What happens on a page was not caused by a request to the API."""
    return RequestContext(path=request.path, base_url=simulator.reached_at(request))


def typed_card(simulator: "Simulator", form: Form) -> Object:
    """A payment method of what was typed. Raises `Refused`, to be shown to the person."""
    card = card_by_number(form.get("number", ""))
    found = EXPIRES.fullmatch(form.get("expires", ""))
    if found is None or not 1 <= int(found.group(1)) <= 12:
        raise invalid("Your card's expiration date is invalid.")
    if not re.fullmatch(r"\d{3,4}", form.get("cvc", ""), re.ASCII):
        raise invalid("Your card's security code is invalid.")
    expiry = {"exp_month": int(found.group(1)), "exp_year": 2000 + int(found.group(2)) % 100}
    details = billing_details(email=form.get("email") or None)
    return new_payment_method(simulator.world, card, expiry=expiry, details=details)
