"""Fixtures of the deploy tests."""

from pathlib import Path

import pytest

from scripts.setup.migrate import bootstrap
from tests.py.deploy.checkouts import Checkout
from tests.py.support.database import Database


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    """migrations/ and sql/ of this checkout, to be changed before they are deployed."""
    return Checkout(tmp_path)


@pytest.fixture
def bootstrapped_database(empty_database: Database) -> Database:
    """A database with roles and extensions, but nothing of ours in it."""
    bootstrap(empty_database.admin_url)
    return empty_database
