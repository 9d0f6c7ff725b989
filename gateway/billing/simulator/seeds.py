"""Prices that are there from the start, with ids of one's own choice."""

import msgspec

from gateway.billing.simulator.resources.catalogue import INTERVALS, new_price, new_product
from gateway.billing.simulator.world import World

__all__ = ["Price", "seed_price"]


class Price(msgspec.Struct, forbid_unknown_fields=True):
    """A price with an id of one's own choice; `unit_amount` in the smallest unit."""

    id: str
    unit_amount: int
    currency: str = "usd"
    interval: str | None = None
    interval_count: int = 1
    product: str = "Simulated product"
    product_id: str | None = None


def seed_price(world: World, price: Price) -> None:
    """Raises ValueError for an interval that there is not."""
    if world.find(price.id) is not None:
        return
    if price.interval is not None and price.interval not in INTERVALS:
        raise ValueError(f"an interval is one of {', '.join(INTERVALS)}")
    product = world.find(price.product_id or "") or new_product(world, price.product, wanted=price.product_id)
    new_price(
        world,
        product,
        price.unit_amount,
        price.currency,
        interval=price.interval,
        interval_count=price.interval_count,
        wanted=price.id,
    )
