"""What the database has to know of the gateway's tokens, taken from the environment: the secrets that sign them."""

from collections.abc import Mapping

from scripts.setup.configuration import as_owner, call_admin
from scripts.setup.console import say

CURRENT, PREVIOUS = "JWT_SECRET", "JWT_SECRET_PREVIOUS"


def configure_tokens(admin_url: str, environment: Mapping[str, str]) -> None:
    """Tells the database what the gateway signs access tokens with: only what is set, and changes only.

    Each change is audited. Prints names, never values. Raises SetupError naming the variable that was refused.
    """
    known = {name: value for name in (CURRENT, PREVIOUS) if (value := environment.get(name, "").strip())}
    if CURRENT not in known:
        return
    with as_owner(admin_url) as connection:
        statement = "select from playground.token_secrets where secret = %s"
        # One that the database ever knew has its end there already.
        if PREVIOUS in known and connection.execute(statement, (known[PREVIOUS],)).fetchone() is None:
            call_admin(connection, PREVIOUS, "set_token_secret", known[PREVIOUS], f"set from {PREVIOUS}")
        call_admin(connection, CURRENT, "set_token_secret", known[CURRENT], f"set from {CURRENT}")
    say(f"the database has {CURRENT}")
