"""The tests of money share one shop a module."""

import pytest

from tests.py.money.shop import open_shop
from tests.py.support.database import Database


@pytest.fixture(scope="module")
def shop(database: Database) -> Database:
    """The module's database, with prices that Stripe knows and a webhook secret."""
    open_shop(database)
    return database
