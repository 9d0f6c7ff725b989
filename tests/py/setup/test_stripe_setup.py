"""What a deploy tells the database of the account at Stripe: what is set, once, audited, and never aloud."""

import pytest

from scripts.setup.console import SetupError
from scripts.setup.migrate import configure
from scripts.setup.stripe import configure_simulated_stripe, configure_stripe
from tests.py.support.database import Database

SECRET = "whsec_" + "s" * 32
ENVIRONMENT = {
    "STRIPE_SECRET_KEY": "sk_test_hush",
    "STRIPE_WEBHOOK_SECRET": SECRET,
    "STRIPE_WEBHOOK_SECRET_CREDITS": f"{SECRET}-credits",
    "STRIPE_PLAYGROUND_WEBHOOK_SECRET": f"{SECRET}-playground",
    "STRIPE_PRPM_PLUS_PRICE_ID": "price_individual",
    "STRIPE_PRPM_PLUS_ORG_MEMBER_PRICE_ID": "price_org",
    "STRIPE_VERIFIED_PLAN_PRICE_ID": "price_verified",
    "STRIPE_SMALL_PACK_PRICE_ID": "price_small",
    "STRIPE_MEDIUM_PACK_PRICE_ID": "price_medium",
    "STRIPE_LARGE_PACK_PRICE_ID": "price_large",
    "FRONTEND_URL": "https://scrip.example/app/",
}
LIVE = {"STRIPE_SECRET_KEY": "sk_live_hush"}


def secrets_of(database: Database) -> list[tuple]:
    """(name, secret, is live) of those that are valid."""
    return database.rows("""
        select name, secret, is_live_mode from playground.webhook_secrets
        where expires_at is null or expires_at > engine.now()
        order by name, set_at
    """)


def prices_of(database: Database) -> dict[str, str]:
    """What is sold by which id of Stripe."""
    statement = "select coalesce(plan_price, pack), stripe_price_id from playground.stripe_prices where is_current"
    return dict(database.rows(statement))


def changes_of(database: Database) -> int:
    return database.value("select count(*) from playground.audit_log")


def test_all_that_is_set_is_taken_over_once(fresh_database: Database, capsys: pytest.CaptureFixture[str]) -> None:
    admin = fresh_database.url("postgres")
    configure(admin, ENVIRONMENT)
    assert secrets_of(fresh_database) == [
        ("credits", f"{SECRET}-credits", False),
        ("default", SECRET, False),
        ("playground", f"{SECRET}-playground", False),
    ]
    assert prices_of(fresh_database) == {
        "prpm_plus_individual": "price_individual",
        "prpm_plus_org": "price_org",
        "verified": "price_verified",
        "small": "price_small",
        "medium": "price_medium",
        "large": "price_large",
    }
    frontend = fresh_database.value("select frontend_url from playground.platform_settings")
    assert frontend == "https://scrip.example/app"
    changes = changes_of(fresh_database)
    assert changes == 10
    configure(admin, ENVIRONMENT)
    assert changes_of(fresh_database) == changes

    printed = "".join(capsys.readouterr())
    assert "STRIPE_WEBHOOK_SECRET_CREDITS" in printed
    assert not [value for name, value in ENVIRONMENT.items() if name.startswith("STRIPE_") and value in printed]


def test_what_is_not_set_stays(fresh_database: Database) -> None:
    admin = fresh_database.url("postgres")
    configure(admin, ENVIRONMENT)
    secrets, prices, changes = secrets_of(fresh_database), prices_of(fresh_database), changes_of(fresh_database)
    configure(admin, dict.fromkeys(ENVIRONMENT, " "))
    configure(admin, {"STRIPE_VERIFIED_PLAN_PRICE_ID": "price_dearer"})
    assert secrets_of(fresh_database) == secrets
    assert prices_of(fresh_database) == prices | {"verified": "price_dearer"}
    assert changes_of(fresh_database) == changes + 1


@pytest.mark.parametrize(
    "keys", [LIVE, {"STRIPE_SECRET_KEY": "rk_live_hush"}, {"STRIPE_PUBLISHABLE_KEY": "pk_live_shown"}]
)
def test_the_keys_say_whether_secrets_are_of_live_mode(fresh_database: Database, keys: dict[str, str]) -> None:
    configure_stripe(fresh_database.url("postgres"), {"STRIPE_WEBHOOK_SECRET": SECRET, **keys})
    assert secrets_of(fresh_database) == [("default", SECRET, True)]


def test_a_refusal_names_the_variable_and_repeats_no_secret(fresh_database: Database) -> None:
    admin = fresh_database.url("postgres")
    configure_stripe(admin, ENVIRONMENT)
    with pytest.raises(SetupError, match=r"^STRIPE_WEBHOOK_SECRET: A secret of the other mode is valid") as refused:
        configure_stripe(admin, {"STRIPE_WEBHOOK_SECRET": "whsec_" + "l" * 32, **LIVE})
    assert "whsec_" not in str(refused.value)
    with pytest.raises(SetupError, match=r"^STRIPE_WEBHOOK_SECRET: ") as refused:
        configure_stripe(admin, {"STRIPE_WEBHOOK_SECRET": "whsec_short"})
    assert "whsec_" not in str(refused.value)
    with pytest.raises(SetupError, match=r"^STRIPE_LARGE_PACK_PRICE_ID: .* medium already"):
        configure_stripe(admin, {"STRIPE_LARGE_PACK_PRICE_ID": "price_medium"})
    with pytest.raises(SetupError, match=r"^FRONTEND_URL: "):
        configure(admin, {"FRONTEND_URL": "scrip.example"})


def test_a_real_account_takes_the_simulator_s_place(fresh_database: Database) -> None:
    admin = fresh_database.url("postgres")
    configure_simulated_stripe(admin, SECRET)
    assert secrets_of(fresh_database) == [("simulator", SECRET, False)]
    assert prices_of(fresh_database)["verified"] == "price_demo_verified"
    configure_stripe(admin, {"STRIPE_SECRET_KEY": "sk_live_hush", "STRIPE_VERIFIED_PLAN_PRICE_ID": "price_verified"})
    assert secrets_of(fresh_database) == []
    assert prices_of(fresh_database) == {"verified": "price_verified"}


def test_the_simulator_never_comes_beside_live_mode(fresh_database: Database) -> None:
    admin = fresh_database.url("postgres")
    configure_stripe(admin, ENVIRONMENT | LIVE)
    with pytest.raises(SetupError, match="other mode"):
        configure_simulated_stripe(admin, SECRET)
    assert "simulator" not in {name for name, *_ in secrets_of(fresh_database)}
    assert prices_of(fresh_database)["verified"] == "price_verified"


def test_customers_of_the_simulator_are_not_taken_to_a_real_account(fresh_database: Database) -> None:
    admin = fresh_database.url("postgres")
    configure_simulated_stripe(admin, SECRET)
    fresh_database.rows("""
        insert into playground.customers (account_id, customer_id, requested_at)
        select account_id, 'cus_simulated', engine.now() from (
          select (api.register_user('ann@scrip.example', null, 'hash', sha256('token')) ->> 'id')::uuid as account_id
        ) as registered
    """)
    with pytest.raises(SetupError, match="--reset"):
        configure_stripe(admin, {"STRIPE_SECRET_KEY": "sk_test_hush"})
    configure_simulated_stripe(admin, SECRET)
    assert secrets_of(fresh_database) == [("simulator", SECRET, False)]
