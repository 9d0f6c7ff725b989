"""How a Checkout session looks when it is new."""

from gateway.billing.simulator.resources.subscription_objects import Item
from gateway.billing.simulator.world import Object, World

__all__ = ["new_session"]


def new_session(world: World, session_id: str, mode: str, items: list[Item], total: int, expires_at: int) -> Object:
    off = {"enabled": False}
    return world.add(
        {
            "id": session_id,
            "object": "checkout.session",
            "adaptive_pricing": off,
            "after_expiration": None,
            "allow_promotion_codes": None,
            "amount_subtotal": total,
            "amount_total": total,
            "automatic_tax": {"enabled": False, "liability": None, "provider": None, "status": None},
            "billing_address_collection": None,
            "cancel_url": None,
            "client_reference_id": None,
            "client_secret": None,
            "collected_information": None,
            "consent": None,
            "consent_collection": None,
            "created": world.now(),
            "currency": items[0][0]["currency"],
            "currency_conversion": None,
            "custom_fields": [],
            "custom_text": dict.fromkeys(("after_submit", "shipping_address", "submit", "terms_of_service_acceptance")),
            "customer": None,
            "customer_account": None,
            "customer_creation": None,
            "customer_details": None,
            "customer_email": None,
            "discounts": [],
            "expires_at": expires_at,
            "invoice": None,
            "invoice_creation": None,
            "livemode": world.switches.livemode,
            "locale": None,
            "metadata": {},
            "mode": mode,
            "origin_context": None,
            "payment_intent": None,
            "payment_link": None,
            "payment_method_collection": "always" if mode == "subscription" else "if_required",
            "payment_method_configuration_details": None,
            "payment_method_options": {"card": {"request_three_d_secure": "automatic"}},
            "payment_method_types": ["card"],
            "payment_status": "unpaid",
            "permissions": None,
            "phone_number_collection": off,
            "recovered_from": None,
            "saved_payment_method_options": None,
            "setup_intent": None,
            "shipping_address_collection": None,
            "shipping_cost": None,
            "shipping_options": [],
            "status": "open",
            "submit_type": None,
            "subscription": None,
            "success_url": None,
            "total_details": {"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0},
            "ui_mode": "hosted_page",
            "url": f"{world.request.base_url or world.base_url}/c/pay/{session_id}",
            "wallet_options": None,
            "_line_items": [_line_item(world, item) for item in items],
            "_intent": None,
            "_subscription": None,
        }
    )


def _line_item(world: World, item: Item) -> Object:
    price, quantity, _ = item
    product = world.find(price["product"])
    amount = price["unit_amount"] * quantity
    return {
        "id": world.new_id("li_1"),
        "object": "item",
        "adjustable_quantity": None,
        "amount_discount": 0,
        "amount_subtotal": amount,
        "amount_tax": 0,
        "amount_total": amount,
        "currency": price["currency"],
        "description": product["name"] if product else None,
        "metadata": {},
        "price": price,
        "quantity": quantity,
    }
