"""What a fresh Scrip shows: two packages written for it, and one person who may run them."""

import hashlib
import secrets
from pathlib import Path
from typing import NamedTuple

import psycopg
from argon2 import PasswordHasher

from scripts.packages.importer import Owner, publish
from scripts.packages.package import Package, package_of

PACKAGES = Path(__file__).parent / "demo_packages"
CREDITS = 100
EMAIL_TAKEN = "SCA03"


class DemoLogin(NamedTuple):
    """What the person at the terminal signs in with."""

    email: str
    password: str


# The same on every machine, so that a second start can print it again: a demo answers on loopback only.
LOGIN = DemoLogin("demo@scrip.example", "demo-of-scrip")


def load_demo(database_url: str) -> DemoLogin:
    """Put the demo packages and the demo person into a migrated database, once; a repeat changes nothing.

    `database_url` is an administrator's. Raises PackageRefused when a demo package was changed without a new version.
    """
    with psycopg.connect(database_url, autocommit=True) as connection:
        for package in demo_packages():
            publish(connection, package, Owner())
        row = connection.execute("select admin.find_user(p_email => %s)", (LOGIN.email,)).fetchone()
        if row is None or row[0] is None:
            _register(connection)
    return LOGIN


def demo_packages() -> list[Package]:
    """The packages of the demo, read from their folders by the same rules as any archive."""
    packages = []
    for folder in sorted(path for path in PACKAGES.iterdir() if path.is_dir()):
        files = (path for path in sorted(folder.rglob("*")) if path.is_file())
        packages.append(package_of({path.relative_to(folder).as_posix(): path.read_bytes() for path in files}))
    return packages


def _register(connection: psycopg.Connection) -> None:
    password_hash = PasswordHasher(time_cost=2, memory_cost=19456, parallelism=1).hash(LOGIN.password)
    # Nobody holds the token of this first sign-in; it expires unused.
    unused_token_hash = hashlib.sha256(secrets.token_bytes(32)).digest()
    try:
        # One transaction: a demo person without the credits would stay so for ever.
        with connection.transaction():
            connection.execute(
                "select api.register_user(p_email => %s, p_username => %s, p_password_hash => %s,"
                " p_refresh_token_hash => %s)",
                (LOGIN.email, "demo", password_hash, unused_token_hash),
            )
            connection.execute(
                "select admin.grant_credits(p_user_id => admin.find_user(p_email => %s), p_credits => %s,"
                " p_reason => %s, p_type => %s)",
                (LOGIN.email, CREDITS, "credits to try the demo with", "bonus"),
            )
    except psycopg.Error as error:
        # Two starts at once: the other one registered first.
        if error.sqlstate != EMAIL_TAKEN:
            raise
