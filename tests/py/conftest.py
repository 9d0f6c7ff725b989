"""Fixtures of all tests that need a database. Without one they fail, they are never skipped."""

from collections.abc import AsyncIterator, Callable, Iterator

import pytest
from hypothesis import HealthCheck, settings

from scripts.setup.cluster import Cluster
from tests.py.support import clusters
from tests.py.support.database import Clock, Database
from tests.py.support.proxy import DatabaseProxy
from tests.py.support.server import Server
from tests.py.support.tokens import tell_token_secret

# The same examples each time, however slow the machine: nothing fails by chance. `--hypothesis-profile=default` looks
# for others.
settings.register_profile(
    "steady", deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("steady")


@pytest.fixture(scope="session")
def server() -> Server:
    """The server of SCRIP_TEST_ADMIN_URL."""
    try:
        server = Server.from_environment()
    except LookupError as missing:
        pytest.fail(str(missing), pytrace=False)
    server.drop_left_over()
    return server


@pytest.fixture(scope="session")
def template(server: Server) -> str:
    """The name of a database with all migrations and all code, to be copied."""
    return server.template()


@pytest.fixture(scope="module")
def database(server: Server, template: str) -> Iterator[Database]:
    """A copy of the template for the tests of one module."""
    copy = server.copy(template)
    tell_token_secret(copy)
    yield copy
    server.drop(copy)


@pytest.fixture
def fresh_database(server: Server, template: str) -> Iterator[Database]:
    """A copy of the template for one test."""
    copy = server.copy(template)
    tell_token_secret(copy)
    yield copy
    server.drop(copy)


@pytest.fixture
def empty_database(server: Server) -> Iterator[Database]:
    """A database with nothing in it, not even bootstrapped."""
    empty = server.empty()
    yield empty
    server.drop(empty)


@pytest.fixture
def clock(database: Database) -> Iterator[Clock]:
    """The clock of the module's database; runs again after the test."""
    yield database.clock
    database.clock.release()


@pytest.fixture
def off_the_hour(clock: Clock) -> None:
    """No hour, day or month of the module's database ends within the test."""
    clock.keep_off_the_hour()


@pytest.fixture
def verify_ledger(database: Database) -> Callable[[], None]:
    """Fails naming each violated invariant of the module's database."""
    return database.assert_ledger_holds


@pytest.fixture
async def database_proxy(database: Database) -> AsyncIterator[DatabaseProxy]:
    """A proxy in front of the module's database that stops at named points."""
    async with DatabaseProxy(database.url("scrip_gateway")) as proxy:
        yield proxy


@pytest.fixture
def private_cluster() -> Iterator[Cluster]:
    """A cluster of this test's own, durable, to be killed and started again. No code is loaded into it yet."""
    with clusters.private_cluster() as cluster:
        yield cluster
