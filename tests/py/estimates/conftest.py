"""Runs whose input is a given text, at SQL level: what was held, charged, recorded and alerted."""

from collections.abc import Iterator

import pytest

from tests.py.estimates.runs import Runs
from tests.py.ledger import world
from tests.py.support.database import Database


@pytest.fixture(scope="module")
def platform(database: Database) -> Database:
    """The module's database with a package that everybody may run."""
    world.import_package(database)
    return database


@pytest.fixture
def runs(platform: Database) -> Iterator[Runs]:
    """Runs of somebody new, without cost limits and with plenty of credits."""
    with platform.connect("scrip_gateway") as connection:
        user_id = world.new_user(platform, 1000, is_unlimited=True)
        yield Runs(platform, world.Caller(connection), user_id)
