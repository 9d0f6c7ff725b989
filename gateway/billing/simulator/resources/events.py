"""Events, as they can be asked for: thirty days of them at Stripe, all of them here."""

from fnmatch import fnmatchcase

from gateway.billing.simulator.api import endpoint
from gateway.billing.simulator.errors import invalid
from gateway.billing.simulator.form import Params
from gateway.billing.simulator.lists import PAGED, page
from gateway.billing.simulator.world import Object, World

__all__ = ["ENDPOINTS"]

MOST_TYPES = 20


def _list(world: World, params: Params) -> Object:
    types = params.texts("types")
    one = params.text("type")
    if types and one:
        raise invalid("You can only specify one of these parameters: type, types.", "types")
    if len(types) > MOST_TYPES:
        raise invalid("You can pass up to 20 types.", "types")
    # `type` may end in a star: charge.*
    patterns = types or ([one] if one else ["*"])
    delivered = params.flag("delivery_success")
    return page(
        world,
        "event",
        params,
        lambda event: (
            any(fnmatchcase(event["type"], each) for each in patterns)
            and delivered in (None, event.get("_delivered", False))
        ),
    )


ENDPOINTS = (
    endpoint("GET", "/v1/events", _list, f"{PAGED} type types created delivery_success"),
    endpoint("GET", "/v1/events/{event}", lambda world, params, wanted: world.get("event", wanted)),
)
