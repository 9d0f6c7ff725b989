"""The receipt of a charge: where its `receipt_url` leads."""

from html import escape
from typing import TYPE_CHECKING

from aiohttp import web

from gateway.billing.simulator.pages.html import day, message, money, page, rows

if TYPE_CHECKING:
    from gateway.billing.simulator.server import Simulator

__all__ = ["ReceiptPage"]


class ReceiptPage:
    def __init__(self, simulator: "Simulator") -> None:
        self._world = simulator.world

    async def show(self, request: web.Request) -> web.Response:
        charge = self._world.find(request.match_info["id"])
        if charge is None or charge["object"] != "charge" or not charge["paid"]:
            return page("Receipt", message("There is no such receipt."), status=404)
        card, currency = charge["payment_method_details"]["card"], charge["currency"]
        shown = [
            ("Paid", escape(money(charge["amount"], currency))),
            ("On", day(charge["created"])),
            ("For", escape(charge["description"] or "–")),
            ("Card", escape(f"{card['brand']} ending in {card['last4']}")),
        ]
        if charge["amount_refunded"]:
            shown.append(("Refunded", escape(money(charge["amount_refunded"], currency))))
        return page("Receipt", rows(shown))
