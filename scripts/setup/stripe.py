"""What the database has to know of the account at Stripe, taken from the environment: webhook secrets and price ids."""

from collections.abc import Mapping

import psycopg

from scripts.setup.configuration import as_owner, call_admin
from scripts.setup.console import SetupError, say

# Variable → the secret's name in the database. All that are set are valid: each endpoint at Stripe has one of its own.
SECRETS = {
    "STRIPE_PLAYGROUND_WEBHOOK_SECRET": "playground",
    "STRIPE_WEBHOOK_SECRET_CREDITS": "credits",
    "STRIPE_WEBHOOK_SECRET": "default",
}
PLAN_PRICES = {
    "STRIPE_PRPM_PLUS_PRICE_ID": "prpm_plus_individual",
    "STRIPE_PRPM_PLUS_ORG_MEMBER_PRICE_ID": "prpm_plus_org",
    "STRIPE_VERIFIED_PLAN_PRICE_ID": "verified",
}
PACK_PRICES = {
    "STRIPE_SMALL_PACK_PRICE_ID": "small",
    "STRIPE_MEDIUM_PACK_PRICE_ID": "medium",
    "STRIPE_LARGE_PACK_PRICE_ID": "large",
}
# What a demo without an account at Stripe uses instead; nothing of it may count where a real account is.
SIMULATOR = "simulator"
SIMULATED_KEY = "sk_test_simulator"
# Price of a plan → its id there, and cents a month.
SIMULATED_PRICES = {
    "prpm_plus_individual": ("price_demo_individual", 600),
    "prpm_plus_org": ("price_demo_org", 300),
    "verified": ("price_demo_verified", 2000),
}
LIVE_KEYS = ("sk_live_", "rk_live_", "pk_live_")


def configure_stripe(admin_url: str, environment: Mapping[str, str]) -> None:
    """Tells the database what `environment` says of our account at Stripe: only what is set, and changes only.

    Each change is audited. Prints names, never values. Raises SetupError naming the variable that was refused, and
    when this database has customers of the simulator while `environment` has the key of a real account.
    """
    known = {name: value.strip() for name, value in environment.items() if value.strip()}
    is_live = any(known.get(name, "").startswith(LIVE_KEYS) for name in ("STRIPE_SECRET_KEY", "STRIPE_PUBLISHABLE_KEY"))
    with as_owner(admin_url) as connection:
        if "STRIPE_SECRET_KEY" in known:
            _forget_simulator(connection)
        for name in filter(known.get, SECRETS):
            call_admin(connection, name, "set_webhook_secret", SECRETS[name], known[name], is_live, f"set from {name}")
        for name in filter(known.get, PLAN_PRICES):
            call_admin(connection, name, "set_plan_price", PLAN_PRICES[name], known[name], f"set from {name}")
        for name in filter(known.get, PACK_PRICES):
            call_admin(connection, name, "set_pack_price", PACK_PRICES[name], known[name], f"set from {name}")
    if told := [name for name in (*SECRETS, *PLAN_PRICES, *PACK_PRICES) if name in known]:
        say(f"the database has {', '.join(told)} ({'live' if is_live else 'test'} mode)")


def configure_simulated_stripe(admin_url: str, webhook_secret: str) -> None:
    """Lets the simulator's webhooks in and sells plans at its prices. Raises SetupError where live mode is set up."""
    reason = "without STRIPE_SECRET_KEY the simulator is paid"
    with as_owner(admin_url) as connection:
        name = "the simulator's webhook secret"
        call_admin(connection, name, "set_webhook_secret", SIMULATOR, webhook_secret, False, reason)
        for plan_price, (price_id, cents) in SIMULATED_PRICES.items():
            call_admin(connection, price_id, "set_plan_price", plan_price, price_id, reason, cents)


def _forget_simulator(connection: psycopg.Connection) -> None:
    """Customers of the simulator exist in no real account, and what it confirmed was never paid."""
    known = "select 1 from playground.webhook_secrets where name = %s limit 1"
    if connection.execute(known, (SIMULATOR,)).fetchone() is None:
        return
    if connection.execute("select 1 from playground.customers where customer_id is not null limit 1").fetchone():
        raise SetupError(
            "STRIPE_SECRET_KEY is set, but people of this database bought from the simulated Stripe: "
            "start over (scripts/serve --reset), or use another database (--data DIR, DATABASE_URL)"
        )
    reason = "STRIPE_SECRET_KEY is set: a real account takes the simulator's place"
    connection.execute("select admin.set_webhook_secret(%s, null, null, %s)", (SIMULATOR, reason))
    connection.execute(
        """
        select admin.set_plan_price(plan_price, null, %s)
        from playground.stripe_prices
        where is_current and stripe_price_id = any(%s)
        """,
        (reason, [price_id for price_id, _ in SIMULATED_PRICES.values()]),
    )
