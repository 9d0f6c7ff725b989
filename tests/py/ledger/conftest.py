"""The ledger's tests share one database a module, with one package in it."""

from collections.abc import Iterator

import pytest

from tests.py.ledger import world
from tests.py.ledger.world import Caller
from tests.py.support.database import Database


@pytest.fixture(scope="module")
def ledger(database: Database) -> Database:
    """The module's database with a package that everybody may run."""
    world.import_package(database)
    return database


@pytest.fixture
def gateway(ledger: Database) -> Iterator[Caller]:
    with ledger.connect("scrip_gateway") as connection:
        yield Caller(connection)


@pytest.fixture
def scheduler(ledger: Database) -> Iterator[Caller]:
    with ledger.connect("scrip_cron") as connection:
        yield Caller(connection)


@pytest.fixture
def operator(ledger: Database) -> Iterator[Caller]:
    with ledger.connect("scrip_operator") as connection:
        yield Caller(connection)
