"""Notices at a mail server: each arrives once, whatever the server says and however many gateways there are."""

import signal
from collections import Counter
from pathlib import Path

import pytest

from tests.py.billing.outbox.conftest import StartGateway
from tests.py.billing.outbox.notices import DETAILS, LONG, Outbox
from tests.py.billing.outbox.post_office import PostOffice
from tests.py.endtoend.waiting import until
from tests.py.support.database import Clock
from tests.py.support.proxy import DatabaseProxy

STRANGER = "eve@elsewhere.example"


async def test_each_kind_of_message_arrives_once(
    outbox: Outbox, office: PostOffice, start_posting: StartGateway, clock: Clock
) -> None:
    person = outbox.person()
    written = {kind: outbox.write(person, kind, email=STRANGER if kind == "gift_waiting" else None) for kind in DETAILS}
    await start_posting()
    await office.has_taken(len(written))
    await nothing_more_comes(outbox, office, clock, len(written))
    for kind, notice_id in written.items():
        taken = office.mailbox[f"<{notice_id}@post.example>"]
        assert taken.recipients == (STRANGER if kind == "gift_waiting" else person.email,)
        assert str(DETAILS[kind].get("credits", "")) in taken.text.replace(",", "")
        # A stranger is not called by the name of the person who writes.
        assert ("Hello," in taken.text) == (kind == "gift_waiting")
        assert outbox.state(notice_id) == ("sent", 1, None)


async def nothing_more_comes(outbox: Outbox, office: PostOffice, clock: Clock, count: int) -> None:
    """A later notice is sent, and nothing else, however long the gateway waits."""
    # Taken is not told yet: with its claim over, the next gateway would rightly send it again.
    await until(outbox.is_done, "the gateways to tell of what was taken")
    clock.advance(LONG)
    last = outbox.write(outbox.person())
    await office.has_taken(count + 1)
    assert [taken.message_id for taken in office.taken[count:]] == [f"<{last}@post.example>"]


async def test_a_message_put_off_by_the_server_arrives_later_and_once(
    outbox: Outbox, office: PostOffice, start_posting: StartGateway, clock: Clock
) -> None:
    office.answer("RCPT", "451 4.7.1 try later")
    office.answer("CONTENT", "452 4.3.1 no room")
    notice_id = outbox.write(outbox.person())
    await start_posting()
    for tries, error in enumerate(["451 4.7.1 recipient", "452 4.3.1 data"], 1):
        await until(lambda tries=tries: outbox.has_failed(notice_id, tries), "a try that fails")
        assert outbox.state(notice_id) == ("due", tries, error)
        clock.advance(LONG)
    await office.has_taken(1)
    await nothing_more_comes(outbox, office, clock, 1)
    assert outbox.state(notice_id) == ("sent", 3, None)


@pytest.mark.parametrize(("command", "step"), [("RCPT", "recipient"), ("CONTENT", "data")])
async def test_a_message_refused_for_good_is_not_tried_again(
    command: str, step: str, outbox: Outbox, office: PostOffice, start_posting: StartGateway, clock: Clock
) -> None:
    office.answer(command, "550 5.1.1 <somebody@scrip.example> is unknown here")
    person = outbox.person()
    notice_id = outbox.write(person)
    gateway = await start_posting()
    given_up = await gateway.logged("billing work given up")
    assert given_up["reason"] == f"550 5.1.1 {step}"
    assert outbox.state(notice_id) == ("failed", 1, f"550 5.1.1 {step}")
    await nothing_more_comes(outbox, office, clock, 0)
    assert office.visits == 2


async def test_what_there_are_no_words_for_stays_due_and_holds_nobody_up(
    outbox: Outbox, office: PostOffice, start_posting: StartGateway
) -> None:
    person = outbox.person()
    unknown = outbox.write(person, "lottery", details={"credits": 1})
    torn = outbox.write(person, "dispute", details={})
    outbox.write(person)
    await start_posting()
    await office.has_taken(1)
    for notice_id in (unknown, torn):
        assert outbox.state(notice_id) == ("due", 1, "no words for it")


async def test_a_server_that_is_away_is_told_of_once_and_nothing_is_lost(
    outbox: Outbox, office: PostOffice, start_posting: StartGateway, clock: Clock
) -> None:
    await office.close()
    notice_ids = [outbox.write(outbox.person()) for _ in range(3)]
    gateway = await start_posting()
    for tries in (1, 2, 3):
        for notice_id in notice_ids:
            await until(lambda notice_id=notice_id, tries=tries: outbox.has_failed(notice_id, tries), "a try in vain")
        clock.advance(LONG)
    assert len(gateway.log("billing work waits")) == 1
    assert gateway.log("billing work waits")[0]["away"] == "mail server"
    assert gateway.log("billing work goes on") == []
    await office.open()
    clock.advance(LONG)
    await office.has_taken(len(notice_ids))
    await nothing_more_comes(outbox, office, clock, len(notice_ids))
    assert len(office.mailbox) == len(notice_ids) + 1
    assert len(gateway.log("billing work waits")) == len(gateway.log("billing work goes on")) == 1


async def test_a_database_that_is_away_is_told_of_once_and_survived(
    outbox: Outbox, office: PostOffice, start_posting: StartGateway, proxy: tuple[DatabaseProxy, str]
) -> None:
    database_proxy, url = proxy
    gateway = await start_posting(url, database_wait_seconds=1)
    await until(lambda: database_proxy.calls["claim_notices"] > 0, "the first look")
    worker = gateway.worker()
    database_proxy.refuse()
    database_proxy.cut_all()
    await gateway.logged("billing work waits")
    # One line of the pool for each try in vain.
    await until(lambda: len(gateway.log("library")) >= 3, "more tries")
    outbox.write(outbox.person())
    database_proxy.accept()
    await office.has_taken(1)
    assert gateway.worker() == worker
    assert gateway.log("database unavailable") == []
    assert [line["away"] for line in gateway.log("billing work waits")] == ["database"]
    assert (await gateway.logged("billing work goes on"))["back"] == "database"
    assert len(gateway.log("billing work goes on")) == 1


async def test_several_workers_send_each_message_once(
    outbox: Outbox, office: PostOffice, start_posting: StartGateway, clock: Clock
) -> None:
    count = 60
    people = [outbox.person() for _ in range(6)]
    hold = office.hold("DATA")
    for number in range(count):
        outbox.write(people[number % len(people)])
    gateways = [await start_posting(workers=2), await start_posting(workers=1)]
    # Each has one in its hands before any of them goes on.
    await hold.reached(3)
    hold.resume()
    await office.has_taken(count)
    await nothing_more_comes(outbox, office, clock, count)
    assert Counter(taken.message_id for taken in office.taken).most_common(1)[0][1] == 1

    def done() -> list[int]:
        return [len(gateway.log("billing work done")) for gateway in gateways]

    await until(lambda: sum(done()) == count + 1, "the last line of the log")
    assert all(done())


async def test_without_a_mail_server_the_log_shows_that_there_was_a_message_and_nothing_personal(
    outbox: Outbox, start_gateway: StartGateway, tmp_path: Path
) -> None:
    person = outbox.person()
    gift = {"from": "bob-the-sender", "credits": 7, "message": "between you and me"}
    notice_id = outbox.write(person, "gift_received", details=gift)
    gateway = await start_gateway(demo="true")
    shown = await gateway.logged("notice")
    assert (shown["kind"], shown["subject"]) == ("gift_received", "A gift of 7 credits for you")
    await until(lambda: outbox.is_state(notice_id, "sent"), "the notice to count as sent")
    for secret in (person.email, person.email.partition("@")[0], "bob-the-sender", "between you and me"):
        assert secret not in everything_logged(tmp_path)


def everything_logged(folder: Path) -> str:
    return "".join(path.read_text() for path in folder.glob("gateway-*.log"))


async def test_no_address_and_no_text_is_logged_when_messages_are_sent_or_refused(
    outbox: Outbox, office: PostOffice, start_posting: StartGateway, tmp_path: Path
) -> None:
    person = outbox.person()
    office.answer("RCPT", f"550 <{person.email}> unknown", f"451 <{person.email}> later")
    gift = {"from": "bob-the-sender", "credits": 7, "message": "between you and me"}
    for _ in range(3):
        outbox.write(person, "gift_received", details=gift)
    gateway = await start_posting(log_level="debug")
    await office.has_taken(1)
    await gateway.logged("billing work done")
    await gateway.logged("billing work put off")
    for secret in (person.email, "bob-the-sender", "between you and me"):
        assert secret not in everything_logged(tmp_path)


async def test_told_to_end_it_first_ends_the_message_under_way_and_begins_no_other(
    outbox: Outbox, office: PostOffice, start_posting: StartGateway
) -> None:
    hold = office.hold("CONTENT")
    notice_ids = [outbox.write(outbox.person()) for _ in range(2)]
    gateway = await start_posting()
    await hold.reached()
    gateway.tell(signal.SIGTERM)
    await gateway.logged("draining")
    hold.resume()
    await until(lambda: not gateway.is_running, "the gateway's end")
    assert gateway.status == 0
    assert len(office.taken) == 1
    assert sorted(outbox.state(notice_id)[0] for notice_id in notice_ids) == ["due", "sent"]


async def test_told_to_end_it_does_not_wait_for_ever_and_the_next_gateway_sends_the_message(
    outbox: Outbox, office: PostOffice, start_posting: StartGateway, clock: Clock
) -> None:
    hold = office.hold("DATA")
    notice_id = outbox.write(outbox.person())
    gateway = await start_posting()
    await hold.reached()
    gateway.tell(signal.SIGTERM)
    await until(lambda: not gateway.is_running, "the gateway's end")
    assert gateway.status == 0
    assert len(gateway.log("billing work cut short")) == 1
    hold.resume()
    assert outbox.state(notice_id)[0] == "due"
    clock.advance(LONG)
    await start_posting()
    await office.has_taken(1)
    await until(lambda: outbox.is_state(notice_id, "sent"), "the notice to count as sent")
    assert len(office.taken) == 1
