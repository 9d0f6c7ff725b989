"""The pages that people click through: plain HTML forms, no JavaScript. Routes only; one file a page."""

from typing import TYPE_CHECKING

from aiohttp import web

from gateway.billing.simulator.pages.checkout import CheckoutPage
from gateway.billing.simulator.pages.dashboard import Dashboard
from gateway.billing.simulator.pages.payment import PaymentPage
from gateway.billing.simulator.pages.portal import PortalPage
from gateway.billing.simulator.pages.receipt import ReceiptPage

if TYPE_CHECKING:
    from gateway.billing.simulator.server import Simulator

__all__ = ["add_routes"]


def add_routes(app: web.Application, simulator: "Simulator") -> None:
    checkout, payment, portal = CheckoutPage(simulator), PaymentPage(simulator), PortalPage(simulator)
    dashboard, receipt = Dashboard(simulator), ReceiptPage(simulator)
    app.router.add_get("/", dashboard.show)
    app.router.add_post("/", dashboard.act)
    app.router.add_get("/c/pay/{id}", checkout.show)
    app.router.add_post("/c/pay/{id}", checkout.act)
    app.router.add_get("/p/session/{id}", portal.show)
    app.router.add_post("/p/session/{id}", portal.act)
    app.router.add_get("/_sim/pay/{id}", payment.show)
    app.router.add_post("/_sim/pay/{id}", payment.act)
    app.router.add_get("/_sim/receipts/{id}", receipt.show)
