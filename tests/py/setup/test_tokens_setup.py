"""What a deploy tells the database of the gateway's tokens: the secret of now and the one before, once, never aloud."""

import pytest

from gateway.settings import Settings
from gateway.tokens import issue_access_token
from scripts.setup.console import SetupError
from scripts.setup.migrate import configure
from tests.py.support.database import Database

FIRST, SECOND = "first-" + "s" * 32, "second-" + "s" * 32
VALID = """
    select array_agg(secret order by expires_at nulls last) from playground.token_secrets
    where expires_at is null or expires_at > engine.now()
"""


@pytest.fixture
def untold(fresh_database: Database) -> Database:
    """A database that knows no token secret."""
    fresh_database.rows("delete from playground.token_secrets")
    return fresh_database


def is_taken(database: Database, secret: str) -> bool:
    user_id = database.value("select api.register_user(%s, null, 'x', sha256('x')) ->> 'id'", [f"{secret}@a.example"])
    token = issue_access_token(Settings(database_url="", jwt_secret=secret), user_id)
    statement = "select engine.is_access_token(%s, %s, engine.now())"
    return database.value(statement, [token, user_id])


def test_what_is_set_is_told_once_and_never_aloud(untold: Database, capsys: pytest.CaptureFixture[str]) -> None:
    admin = untold.url("postgres")
    configure(admin, {"JWT_SECRET": f" {FIRST}\n"})
    configure(admin, {"JWT_SECRET": FIRST})
    configure(admin, {"JWT_SECRET": " ", "JWT_SECRET_PREVIOUS": SECOND})
    configure(admin, {})
    assert untold.value(VALID) == [FIRST]
    assert untold.value("select count(*) from playground.audit_log where action = 'set_token_secret'") == 1
    assert is_taken(untold, FIRST)
    printed = "".join(capsys.readouterr())
    assert "JWT_SECRET" in printed
    assert FIRST not in printed


def test_a_rolled_secret_and_the_one_before_are_both_taken(untold: Database) -> None:
    admin = untold.url("postgres")
    configure(admin, {"JWT_SECRET": FIRST})
    for _ in range(2):
        configure(admin, {"JWT_SECRET": SECOND, "JWT_SECRET_PREVIOUS": FIRST})
    assert untold.value(VALID) == [FIRST, SECOND]
    assert is_taken(untold, FIRST)
    assert is_taken(untold, SECOND)


def test_a_database_that_never_knew_the_one_before_is_told_both(untold: Database) -> None:
    configure(untold.url("postgres"), {"JWT_SECRET": SECOND, "JWT_SECRET_PREVIOUS": FIRST})
    assert untold.value(VALID) == [FIRST, SECOND]


def test_one_that_was_ended_does_not_come_back_as_the_one_before(untold: Database) -> None:
    admin = untold.url("postgres")
    configure(admin, {"JWT_SECRET": FIRST})
    untold.rows("select admin.set_token_secret(null, 'leaked')")
    configure(admin, {"JWT_SECRET": SECOND, "JWT_SECRET_PREVIOUS": FIRST})
    assert untold.value(VALID) == [SECOND]
    assert not is_taken(untold, FIRST)


def test_a_weak_one_is_refused_by_the_variable_s_name(untold: Database) -> None:
    with pytest.raises(SetupError, match=r"^JWT_SECRET: ") as refused:
        configure(untold.url("postgres"), {"JWT_SECRET": "hush-hush"})
    assert "hush" not in str(refused.value)
