"""Sessions of the customer portal; the page itself is in `pages/portal.py`."""

from gateway.billing.simulator.api import endpoint
from gateway.billing.simulator.form import Params
from gateway.billing.simulator.world import Object, World

__all__ = ["ENDPOINTS"]


def _create(world: World, params: Params) -> Object:
    customer = world.get("customer", params.required("customer"), "customer")
    session_id = world.new_id("bps_1")
    return world.add(
        {
            "id": session_id,
            "object": "billing_portal.session",
            "configuration": params.text("configuration") or "bpc_1Simulated",
            "created": world.now(),
            "customer": customer["id"],
            "customer_account": None,
            "flow": None,
            "livemode": world.switches.livemode,
            "locale": params.text("locale"),
            "on_behalf_of": None,
            "return_url": params.text("return_url"),
            "url": f"{world.request.base_url or world.base_url}/p/session/{session_id}",
        }
    )


ENDPOINTS = (endpoint("POST", "/v1/billing_portal/sessions", _create, "customer return_url configuration locale"),)
