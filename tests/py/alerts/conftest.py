"""Fixtures of alerts on their way: an endpoint of operators, a mail server, gateways that deliver."""

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.py.alerts.receiver import SECRET, Receiver
from tests.py.billing.outbox.conftest import StartGateway, office, proxy, start_gateway
from tests.py.billing.outbox.notices import MAIL_FROM, Outbox
from tests.py.billing.outbox.post_office import PostOffice
from tests.py.endtoend.programs import Gateway
from tests.py.support.database import Database

__all__ = ["office", "proxy", "start_gateway"]


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """An endpoint that is open."""
    receiver = Receiver()
    await receiver.open()
    yield receiver
    await receiver.close()


@pytest.fixture
def outbox(database: Database) -> Iterator[Outbox]:
    """The module's outboxes, empty at first. The clock stands still until the end of the test."""
    for table in ("notices", "alert_deliveries", "alerts"):
        database.rows(f"delete from playground.{table}")
    database.clock.freeze(database.clock.now())
    yield Outbox(database)
    database.rows("select admin.set_setting('alert_email', null, 'end of the test')")
    database.clock.release()


@pytest.fixture
def start_telling(start_gateway: StartGateway, office: PostOffice, receiver: Receiver) -> StartGateway:
    """Starts gateways that tell operators by webhook and everybody by mail."""

    async def start(database_url: str | None = None, **settings: object) -> Gateway:
        webhook = {"alert_webhook_url": receiver.url, "alert_webhook_secret": SECRET}
        server = {"smtp_url": f"smtp://127.0.0.1:{office.port}", "mail_from": MAIL_FROM}
        return await start_gateway(database_url, **(webhook | server | settings))

    return start
