"""kill -9 of the gateway between any two steps of a delivery: each message arrives, and people see it once."""

from collections.abc import Awaitable, Callable

import pytest

from tests.py.billing.outbox.conftest import StartGateway
from tests.py.billing.outbox.notices import LONG, Outbox
from tests.py.billing.outbox.post_office import Hold, PostOffice
from tests.py.endtoend.programs import Gateway
from tests.py.endtoend.waiting import until
from tests.py.support.database import Clock
from tests.py.support.proxy import DatabaseProxy, Stop

Point = Callable[[PostOffice, DatabaseProxy], Stop | Hold]

# Where it dies, how often the server takes the message in all, and whether another gateway has to send it.
CLAIMED = pytest.param(lambda _, proxy: proxy.stop_after("claim_notices"), 1, True, id="claimed")
TALKING = pytest.param(lambda office, _: office.hold("RCPT"), 1, True, id="talking")
IN_DATA = pytest.param(lambda office, _: office.hold("DATA"), 1, True, id="in-data")
TAKEN = pytest.param(lambda _, proxy: proxy.stop_before("finish_notice"), 2, True, id="taken")
TOLD = pytest.param(lambda _, proxy: proxy.stop_after("finish_notice"), 1, False, id="told")


async def kill_all(gateway: Gateway) -> None:
    gateway.kill()


async def kill_worker(gateway: Gateway) -> None:
    await gateway.kill_worker()


@pytest.mark.parametrize("kill", [pytest.param(kill_all, id="all"), pytest.param(kill_worker, id="worker")])
@pytest.mark.parametrize(("point", "copies", "is_sent_again"), [CLAIMED, TALKING, IN_DATA, TAKEN, TOLD])
async def test_a_killed_gateway_loses_no_message_and_shows_none_twice(
    point: Point,
    copies: int,
    is_sent_again: bool,
    kill: Callable[[Gateway], Awaitable[None]],
    outbox: Outbox,
    office: PostOffice,
    start_posting: StartGateway,
    clock: Clock,
    proxy: tuple[DatabaseProxy, str],
) -> None:
    database_proxy, url = proxy
    notice_id = outbox.write(outbox.person())
    here = point(office, database_proxy)
    gateway = await start_posting(url)
    await here.reached()
    await kill(gateway)
    here.resume() if isinstance(here, Hold) else here.cut()
    if not gateway.is_running:
        gateway = await start_posting(url)

    # As long as the claim lasts nobody else touches it; others go out meanwhile.
    before = len(office.taken)
    other = outbox.write(outbox.person())
    await until(lambda: outbox.is_state(other, "sent"), "another message")
    assert [taken.message_id for taken in office.taken[before:]] == [f"<{other}@post.example>"]
    assert outbox.is_state(notice_id, "due") == is_sent_again

    clock.advance(LONG)
    last = outbox.write(outbox.person())
    for each in (notice_id, last):
        await until(lambda each=each: outbox.is_state(each, "sent"), "the message")
    assert outbox.state(notice_id)[1] == 1 + is_sent_again
    message_id = f"<{notice_id}@post.example>"
    assert [taken.message_id for taken in office.taken].count(message_id) == copies
    assert set(office.mailbox) == {message_id, f"<{other}@post.example>", f"<{last}@post.example>"}
    # Copies do not differ in a letter, so it does not matter which one a mailbox keeps.
    assert len({taken.message.as_bytes() for taken in office.taken if taken.message_id == message_id}) == 1
