"""Balance transactions: what payments, refunds and disputes do to the simulated account."""

from gateway.billing.simulator.api import endpoint
from gateway.billing.simulator.form import Params
from gateway.billing.simulator.lists import PAGED, page
from gateway.billing.simulator.world import Object, World

__all__ = ["ENDPOINTS", "fee_of", "new_balance_transaction"]

DISPUTE_FEE = 1500
DAYS_UNTIL_AVAILABLE = 2


def fee_of(amount: int) -> int:
    """2.9 % and 30 cents, in cents rounded half up."""
    return (amount * 29 + 500) // 1000 + 30


def new_balance_transaction(world: World, kind: str, source: Object, amount: int, fee: int, description: str) -> Object:
    """`amount` and `fee` in the smallest unit; money that leaves is negative."""
    fees = [
        {"amount": fee, "application": None, "currency": source["currency"], "description": None, "type": "stripe_fee"}
    ]
    return world.add(
        {
            "id": world.new_id("txn_1"),
            "object": "balance_transaction",
            "amount": amount,
            "available_on": world.now() + DAYS_UNTIL_AVAILABLE * 86400,
            "balance_type": "payments",
            "created": world.now(),
            "currency": source["currency"],
            "description": description,
            "exchange_rate": None,
            "fee": fee,
            "fee_details": fees if fee else [],
            "net": amount - fee,
            "reporting_category": "dispute" if kind == "adjustment" else kind,
            "source": source["id"],
            "status": "available" if kind != "charge" else "pending",
            "type": kind,
        }
    )


def _list(world: World, params: Params) -> Object:
    return page(world, "balance_transaction", params, equal=("source", "type", "currency"))


ENDPOINTS = (
    endpoint("GET", "/v1/balance_transactions", _list, f"{PAGED} source type currency created"),
    endpoint(
        "GET",
        "/v1/balance_transactions/{transaction}",
        lambda world, params, wanted: world.get("balance_transaction", wanted),
    ),
)
