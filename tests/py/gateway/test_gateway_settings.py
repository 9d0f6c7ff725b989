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
    }
    assert "hush" not in repr(read_settings(values))
    with pytest.raises(SettingError) as caught:
        read_settings(values | {"CRON_TOKEN": "hush"})
    assert "hush" not in str(caught.value)


def test_origins_are_a_list():
    settings = read_settings(GOOD | {"CORS_ORIGINS": "https://a.example, http://localhost:3000 ,"})
    assert settings.cors_origins == {"https://a.example", "http://localhost:3000"}


def test_settings_cannot_change():
    settings = read_settings(GOOD)
    with pytest.raises(AttributeError):
        settings.port = 1  # pyright: ignore[reportAttributeAccessIssue]
    assert isinstance(settings, Settings)
