"""One shop a module; its clock stands at shop.NOW unless a test moves it."""

from collections.abc import Iterator

import pytest

from tests.py.stripe.shop import NOW, Shop, open_shop
from tests.py.support.database import Database


@pytest.fixture(scope="module")
def shop_of_module(database: Database) -> Iterator[Shop]:
    with open_shop(database) as shop:
        yield shop


@pytest.fixture
def shop(shop_of_module: Shop) -> Iterator[Shop]:
    """The shop at NOW, with nothing told to operators yet. Its books are in order after the test."""
    shop_of_module.database.clock.freeze(NOW)
    shop_of_module.forget_alerts()
    yield shop_of_module
    shop_of_module.assert_books()
