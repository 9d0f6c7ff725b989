"""What a fresh Scrip shows: two packages written for it, one person who may run them, and one who may see everybody."""

import hashlib
import secrets
from pathlib import Path
from typing import LiteralString, NamedTuple

import psycopg
from argon2 import PasswordHasher

from scripts.packages.importer import Owner, publish
from scripts.packages.package import Package, package_of

PACKAGES = Path(__file__).parent / "demo_packages"
CREDITS = 100
EMAIL_TAKEN = "SCA03"
REGISTER = """
    select api.register_user(p_email => %s, p_username => %s, p_password_hash => %s, p_refresh_token_hash => %s)
"""
ENDOW = """
    select admin.grant_credits(
      p_user_id => admin.find_user(p_email => %s), p_credits => %s, p_reason => %s, p_type => %s)
"""
EMPOWER = "select admin.set_admin(p_user_id => admin.find_user(p_email => %s), p_is_admin => true, p_reason => %s)"


class DemoLogin(NamedTuple):
    """What the person at the terminal signs in with."""

    email: str
    password: str


# The same on every machine, so that a second start can print it again: a demo answers on loopback only.
LOGIN = DemoLogin("demo@scrip.example", "demo-of-scrip")
ADMIN = DemoLogin("admin@scrip.example", "admin-of-scrip")


def load_demo(database_url: str) -> DemoLogin:
    """Put the demo packages, the demo person and an admin into a migrated database, once; a repeat changes nothing.

    `database_url` is an administrator's. Raises PackageRefused when a demo package was changed without a new version.
    """
    with psycopg.connect(database_url, autocommit=True) as connection:
        for package in demo_packages():
            publish(connection, package, Owner())
        _register(connection, LOGIN, ENDOW, (LOGIN.email, CREDITS, "credits to try the demo with", "bonus"))
        _register(connection, ADMIN, EMPOWER, (ADMIN.email, "the admin of the demo"))
    return LOGIN


def demo_packages() -> list[Package]:
    """The packages of the demo, read from their folders by the same rules as any archive."""
    packages = []
    for folder in sorted(path for path in PACKAGES.iterdir() if path.is_dir()):
        files = (path for path in sorted(folder.rglob("*")) if path.is_file())
        packages.append(package_of({path.relative_to(folder).as_posix(): path.read_bytes() for path in files}))
    return packages


def _register(
    connection: psycopg.Connection, login: DemoLogin, gift: LiteralString, arguments: tuple[object, ...]
) -> None:
    """Registers a person and gives them what they are to have, once."""
    row = connection.execute("select admin.find_user(p_email => %s)", (login.email,)).fetchone()
    if row is not None and row[0] is not None:
        return
    password_hash = PasswordHasher(time_cost=2, memory_cost=19456, parallelism=1).hash(login.password)
    # Nobody holds the token of this first sign-in; it expires unused.
    unused_token_hash = hashlib.sha256(secrets.token_bytes(32)).digest()
    username = login.email.partition("@")[0]
    try:
        # One transaction: a person without what they are to have would stay so for ever.
        with connection.transaction():
            connection.execute(REGISTER, (login.email, username, password_hash, unused_token_hash))
            connection.execute(gift, arguments)
    except psycopg.Error as error:
        # Two starts at once: the other one registered first.
        if error.sqlstate != EMAIL_TAKEN:
            raise
