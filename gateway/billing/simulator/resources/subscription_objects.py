"""How a subscription looks when it is new."""

from gateway.billing.simulator.resources.catalogue import plan_of
from gateway.billing.simulator.resources.renewals import make_enders, move_period
from gateway.billing.simulator.world import Object, World

__all__ = ["Item", "new_subscription"]

# A recurring price, how often, and the item's own metadata.
Item = tuple[Object, int, Object]


def new_subscription(
    world: World,
    customer: str,
    items: list[Item],
    *,
    metadata: Object | None = None,
    method: Object | None = None,
    saves_method: bool = False,
    trial_days: int = 0,
    description: str | None = None,
) -> Object:
    """Incomplete (or in its trial), without an invoice or an event yet: see `renewals.begin`."""
    now, subscription_id = world.now(), world.new_id("sub_1")
    trial_end = now + trial_days * 86400 if trial_days else None
    subscription = world.add(
        {
            "id": subscription_id,
            "object": "subscription",
            "application": None,
            "application_fee_percent": None,
            "automatic_tax": {"disabled_reason": None, "enabled": False, "liability": None},
            "billing_cycle_anchor": trial_end or now,
            "billing_cycle_anchor_config": None,
            "billing_mode": {"flexible": None, "type": "classic"},
            "billing_schedules": [],
            "billing_thresholds": None,
            "cancel_at": None,
            "cancel_at_period_end": False,
            "canceled_at": None,
            "cancellation_details": {"comment": None, "feedback": None, "reason": None},
            "collection_method": "charge_automatically",
            "created": now,
            "currency": items[0][0]["currency"],
            "customer": customer,
            "customer_account": None,
            "days_until_due": None,
            "default_payment_method": method["id"] if method else None,
            "default_source": None,
            "default_tax_rates": [],
            "description": description,
            "discounts": [],
            "ended_at": None,
            "invoice_settings": {"account_tax_ids": None, "issuer": {"type": "self"}},
            "items": {
                "object": "list",
                "data": [_new_item(world, subscription_id, item) for item in items],
                "has_more": False,
                "url": f"/v1/subscription_items?subscription={subscription_id}",
            },
            "latest_invoice": None,
            "livemode": world.switches.livemode,
            "metadata": metadata or {},
            "next_pending_invoice_item_invoice": None,
            "on_behalf_of": None,
            "pause_collection": None,
            "payment_settings": {
                "payment_method_options": None,
                "payment_method_types": None,
                "save_default_payment_method": "on_subscription" if saves_method else "off",
            },
            "pending_invoice_item_interval": None,
            "pending_setup_intent": None,
            "pending_update": None,
            "schedule": None,
            "start_date": now,
            "status": "trialing" if trial_days else "incomplete",
            "test_clock": None,
            "transfer_data": None,
            "trial_end": trial_end,
            "trial_settings": {"end_behavior": {"missing_payment_method": "create_invoice"}},
            "trial_start": now if trial_days else None,
            "_period_before": now,
        }
    )
    move_period(subscription, 0)
    make_enders(world, subscription)
    return subscription


def _new_item(world: World, subscription_id: str, item: Item) -> Object:
    price, quantity, metadata = item
    return world.add(
        {
            "id": world.new_id("si_", 14),
            "object": "subscription_item",
            "billing_thresholds": None,
            "created": world.now(),
            "current_period_end": 0,
            "current_period_start": 0,
            "discounts": [],
            "metadata": metadata,
            "plan": plan_of(price),
            "price": price,
            "quantity": quantity,
            "subscription": subscription_id,
            "tax_rates": [],
        }
    )
