"""Settings: each wrong one is refused by name, and no secret shows itself."""

import pytest

from gateway.settings import SettingError, Settings, read_settings

GOOD = {"DATABASE_URL": "postgresql://scrip_gateway@/scrip", "JWT_SECRET": "s" * 32}


def test_defaults_listen_on_this_machine_only():
    settings = read_settings(GOOD)
    assert settings.host == "127.0.0.1"
    assert settings.port == 8080
    assert settings.ai_evaluation_enabled
    assert settings.cors_origins == frozenset()
    assert settings.cron_token is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", ""),
        ("DATABASE_URL", "mysql://x"),
        ("JWT_SECRET", ""),
        ("JWT_SECRET", "s" * 31),
        ("JWT_SECRET_PREVIOUS", "short"),
        ("CRON_TOKEN", "short"),
        ("METRICS_TOKEN", "short"),
        ("PORT", "http"),
        ("PORT", "65536"),
        ("PORT", "-1"),
        ("PORT", "9" * 5000),
        ("WORKERS", "0"),
        ("WORKERS", "1.5"),
        ("DEMO", "maybe"),
        ("AI_EVALUATION_ENABLED", "off?"),
        ("DRAIN_SECONDS", "nan"),
        ("DRAIN_SECONDS", "soon"),
        ("BODY_SECONDS", "inf"),
        ("ANTHROPIC_BASE_URL", "ftp://x"),
        ("OPENAI_BASE_URL", "http://"),
        ("OPENAI_BASE_URL", "http://[broken"),
        ("CORS_ORIGINS", "*"),
        ("CORS_ORIGINS", "https://a.example/path"),
        ("CORS_ORIGINS", "https://a.example/"),
        ("REDIRECT_ORIGINS", "https://ann@a.example"),
        ("REDIRECT_ORIGINS", "https://a.example#b"),
        ("REDIRECT_ORIGINS", "a.example"),
        ("FRONTEND_URL", "a.example"),
        ("TRUSTED_PROXIES", "proxy.example"),
        ("TRUSTED_PROXIES", "10.0.0.0/33"),
        ("STRIPE_SECRET_KEY", "pk_test_1"),
        ("STRIPE_SECRET_KEY", "sk_test"),
        ("STRIPE_PUBLISHABLE_KEY", "sk_test_1"),
        ("STRIPE_BASE_URL", "ftp://x"),
        ("STRIPE_TIMEOUT_SECONDS", "0"),
        ("BILLING_POLL_SECONDS", "0"),
        ("SMTP_URL", "https://mail.example"),
        ("SMTP_URL", "smtp://"),
        ("MAIL_FROM", "nobody"),
        ("ALERT_WEBHOOK_URL", "ops.example"),
        ("ALERT_WEBHOOK_SECRET", "whsec_short"),
        ("ALERT_WEBHOOK_SECRET", "whsec_" + "*" * 32),
        ("ALERT_WEBHOOK_SECRET", "c2VjcmV0" * 8),
        ("ALERT_WEBHOOK_SECRET", "whsec_" + "AAAA" * 22),
        ("MAIL_FROM", "a@b.example\r\nBcc: c@d.example"),
        ("LOG_LEVEL", "loud"),
    ],
)
def test_a_wrong_setting_is_refused_by_name(name: str, value: str):
    with pytest.raises(SettingError, match=name):
        read_settings(GOOD | {name: value})


def test_only_the_demo_runs_without_a_strong_secret():
    weak = GOOD | {"JWT_SECRET": "weak"}
    with pytest.raises(SettingError, match="JWT_SECRET"):
        read_settings(weak)
    made_up = read_settings(weak | {"DEMO": "true"})
    assert len(made_up.jwt_secret) >= 32
    assert made_up.jwt_secret != read_settings(weak | {"DEMO": "true"}).jwt_secret


def test_secrets_never_show_in_a_repr_or_a_complaint():
    values = {
        "DATABASE_URL": "postgresql://u:hush-database@/d",
        "JWT_SECRET": "hush-jwt".ljust(32, "x"),
        "JWT_SECRET_PREVIOUS": "hush-previous".ljust(32, "x"),
        "ANTHROPIC_API_KEY": "hush-anthropic",
        "OPENAI_API_KEY": "hush-openai",
        "CRON_TOKEN": "hush-cron".ljust(32, "x"),
        "METRICS_TOKEN": "hush-metrics".ljust(32, "x"),
        "STRIPE_SECRET_KEY": "sk_live_hush",
        "SMTP_URL": "smtp://scrip:hush-mail@mail.example",
        "MAIL_FROM": "scrip@example.com",
        "ALERT_WEBHOOK_URL": "https://ops.example/hush-path",
        "ALERT_WEBHOOK_SECRET": "whsec_" + "hush" * 8,
    }
    assert "hush" not in repr(read_settings(values))
    with pytest.raises(SettingError) as caught:
        read_settings(values | {"CRON_TOKEN": "hush"})
    assert "hush" not in str(caught.value)
    with pytest.raises(SettingError) as caught:
        read_settings(values | {"STRIPE_PUBLISHABLE_KEY": "sk_live_hush"})
    assert "hush" not in str(caught.value)
    with pytest.raises(SettingError) as caught:
        read_settings(values | {"ALERT_WEBHOOK_SECRET": "whsec_hush"})
    assert "hush" not in str(caught.value)


def test_alerts_are_sent_nowhere_without_something_to_sign_them_with():
    url, secret = {"ALERT_WEBHOOK_URL": "https://ops.example/alerts"}, {"ALERT_WEBHOOK_SECRET": "whsec_" + "c2Vj" * 8}
    with pytest.raises(SettingError, match="ALERT_WEBHOOK_SECRET is missing"):
        read_settings(GOOD | url)
    settings = read_settings(GOOD | url | secret)
    assert (settings.alert_webhook_url, settings.alert_webhook_secret) == (*url.values(), *secret.values())
    assert read_settings(GOOD).alert_webhook_url is None


def test_stripe_keys_are_of_one_mode():
    live = {"STRIPE_SECRET_KEY": "sk_live_1", "STRIPE_PUBLISHABLE_KEY": "pk_live_1"}
    assert read_settings(GOOD | live).stripe_publishable_key == "pk_live_1"
    with pytest.raises(SettingError, match="both"):
        read_settings(GOOD | live | {"STRIPE_PUBLISHABLE_KEY": "pk_test_1"})


def test_mail_needs_somebody_it_is_from():
    with pytest.raises(SettingError, match="MAIL_FROM"):
        read_settings(GOOD | {"SMTP_URL": "smtp://mail.example"})
    named = read_settings(GOOD | {"SMTP_URL": "smtp://mail.example", "MAIL_FROM": "Scrip <scrip@example.com>"})
    assert named.mail_from == "Scrip <scrip@example.com>"


def test_people_are_sent_back_to_where_the_pages_live_unless_told_otherwise():
    assert read_settings(GOOD).redirect_origins == {"http://localhost:8080"}
    frontend = GOOD | {"FRONTEND_URL": "https://Scrip.example:443/start"}
    assert read_settings(frontend).redirect_origins == {"https://scrip.example"}
    assert read_settings(frontend | {"DEMO": "true", "PORT": "81"}).redirect_origins == {
        "https://scrip.example",
        "http://127.0.0.1:81",
        "http://localhost:81",
    }
    listed = frontend | {"REDIRECT_ORIGINS": "https://a.example:444, http://[::1]:80", "DEMO": "true"}
    assert read_settings(listed).redirect_origins == {"https://a.example:444", "http://[::1]"}


def test_origins_are_a_list():
    settings = read_settings(GOOD | {"CORS_ORIGINS": "https://a.example, http://localhost:3000 ,"})
    assert settings.cors_origins == {"https://a.example", "http://localhost:3000"}


def test_settings_cannot_change():
    settings = read_settings(GOOD)
    with pytest.raises(AttributeError):
        settings.port = 1  # pyright: ignore[reportAttributeAccessIssue]
    assert isinstance(settings, Settings)
