"""Addresses of databases keep what they say through every change of login and role."""

import pytest
from psycopg.conninfo import conninfo_to_dict

from scripts.setup import address

ADDRESSES = [
    "postgresql://ann:p%40ss%2Fw@db.example:6432/scrip?sslmode=require",
    "host=/run/a,/run/b port=1,2 user=ann dbname='a b'",
    "postgresql://ann@[::1]:5433/scrip",
    "postgresql:///scrip?host=/run/postgresql",
    "postgresql://ann@/scrip?host=%2Ftmp%2Fx&options=-c%20geqo%3Doff",
]


@pytest.mark.parametrize("given", ADDRESSES)
def test_a_url_says_the_same(given: str) -> None:
    url = address.as_url(given)
    assert url.startswith("postgresql://")
    assert conninfo_to_dict(url) == conninfo_to_dict(given)


@pytest.mark.parametrize("given", ADDRESSES)
def test_another_login_takes_no_password_along(given: str) -> None:
    parts = conninfo_to_dict(address.with_login(given, "scrip_gateway", None))
    assert parts["user"] == "scrip_gateway"
    assert "password" not in parts
    with_password = conninfo_to_dict(address.with_login(given, "scrip_gateway", "a:b@c/d"))
    assert with_password["password"] == "a:b@c/d"
    assert parts.get("host") == conninfo_to_dict(given).get("host")


def test_a_role_is_added_to_the_options_there_are() -> None:
    parts = conninfo_to_dict(address.with_role(ADDRESSES[-1], "scrip_operator"))
    assert parts["options"] == "-c geqo=off -c role=scrip_operator"


def test_what_is_shown_has_no_password() -> None:
    assert "p%40ss" not in address.without_password(ADDRESSES[0])


def test_the_given_database_is_entered_as_the_role(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", ADDRESSES[0])
    assert conninfo_to_dict(address.database_url("postgres")) == conninfo_to_dict(ADDRESSES[0])
    assert conninfo_to_dict(address.database_url("scrip_owner"))["options"] == "-c role=scrip_owner"


def test_without_any_database_the_message_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.setenv("SCRIP_DATA", str(tmp_path_factory.mktemp("data")))
    with pytest.raises(address.SetupError, match="start scripts/serve"):
        address.database_url("scrip_owner")


def test_what_is_no_address_is_not_repeated() -> None:
    with pytest.raises(address.SetupError, match="no address") as refused:
        address.as_url("ann:secret at db.example")
    assert "secret" not in str(refused.value)
