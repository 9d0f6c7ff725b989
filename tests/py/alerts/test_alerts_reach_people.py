"""Alerts at a real endpoint and a real mail server: each arrives as one message, whatever dies or is away meanwhile."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import aiohttp
import pytest
from psycopg.types.json import Jsonb
from psycopg_pool import AsyncConnectionPool

from gateway.billing.alert_webhook import AlertWebhook
from gateway.billing.loops import Outage
from gateway.billing.worker import Alarm
from gateway.db import make_pool
from gateway.settings import Settings
from tests.py.alerts.receiver import SECRET, Receiver
from tests.py.billing.outbox.conftest import StartGateway
from tests.py.billing.outbox.notices import LONG, Outbox
from tests.py.billing.outbox.post_office import PostOffice
from tests.py.endtoend.waiting import until
from tests.py.support.database import Clock, Database
from tests.py.support.proxy import DatabaseProxy, Stop

PLATFORM = "00000000-0000-0000-0000-000000000000"
SETTLES = 8


def raise_alert(database: Database, kind: str, user_id: str = PLATFORM, **details: object) -> str:
    """Raises an alert and returns its id."""
    database.rows(
        "select engine.alert_once(%s, date_trunc('day', engine.now(), 'UTC'), %s, %s, engine.now())",
        [user_id, kind, Jsonb(details)],
    )
    return database.value("select alert_id::text from playground.alerts where kind = %s", [kind])


def state(database: Database, alert_id: str) -> tuple[str, int, str | None]:
    """State, attempts and last error of a delivery."""
    ((state, attempts, error),) = database.rows(
        "select state, attempts, last_error from playground.alert_deliveries where alert_id = %s", [alert_id]
    )
    return state, attempts, error


def is_done(database: Database) -> bool:
    """Whether no alert is due any more, neither waiting nor in the hands of a gateway."""
    return database.value("select not exists (select from playground.alert_deliveries where state = 'due')")


def at_once(call: Callable[[Any], Any], arguments: list[Any]) -> list[Any]:
    with ThreadPoolExecutor(len(arguments)) as threads:
        return list(threads.map(call, arguments))


async def test_eight_settles_at_once_and_two_gateways_make_one_message_of_each_alert(
    database: Database, outbox: Outbox, receiver: Receiver, office: PostOffice, start_telling: StartGateway
) -> None:
    database.rows("""
        select admin.import_package(
          p_name => 'demo', p_version => '1.0.0', p_description => 'For tests', p_format => 'claude',
          p_subtype => 'skill', p_files => '[{"path": "SKILL.md", "content": "Answer."}]',
          p_manifest => '{"name": "demo", "version": "1.0.0"}')
    """)
    limit = "update playground.tiers set monthly_cost_limit_usd = %s, daily_cost_limit_usd = 1000 where tier = 'free'"
    person = outbox.person()
    database.rows(limit, [1000])
    reserve = """
        select refusal, hold_id
        from api.reserve_run(%s, 'demo', null, 'Hi', null, null, false, null, null, null, null)
    """
    holds = [database.rows(reserve, [person.user_id])[0][1] for _ in range(2)]
    database.rows("select admin.grant_credits(%s, 100, 'for a test')", [person.user_id])
    holds += [database.rows(reserve, [person.user_id])[0][1] for _ in range(SETTLES - len(holds))]
    database.rows(limit, ["0.12"])
    for _ in range(2):
        await start_telling()

    def settle(hold_id: str) -> None:
        database.rows(
            "select api.settle_run(%s, %s, 'completed', 'Hi', 'Hello', 1, 1000, 0, 0, null, 'end_turn', 1, true)",
            [person.user_id, hold_id],
        )

    await asyncio.to_thread(at_once, settle, holds)
    thresholds = [f"cost_month_{percent}" for percent in (50, 75, 80, 90)]
    await receiver.has(len(thresholds))
    await until(lambda: any("90 %" in letter.subject for letter in office.taken), "the mail of the last threshold")
    refusals = await asyncio.to_thread(at_once, lambda _: database.rows(reserve, [person.user_id])[0][0], [None] * 8)
    assert set(refusals) == {"SCT02"}
    await receiver.has(len(thresholds) + 1)
    await until(lambda: any("not let runs through" in letter.subject for letter in office.taken), "the mail of refusal")

    # Arrived is not told yet: with its claim over, the other gateway would rightly send it again.
    await until(lambda: is_done(database) and outbox.is_done(), "the gateways to tell of what arrived")
    database.clock.advance(LONG)
    last = raise_alert(database, "last")
    await until(lambda: state(database, last)[0] == "sent", "a later alert")
    expected = [*thresholds, "limit_exceeded_cost_month", "last"]
    assert Counter(message.json["kind"] for message in receiver.arrived) == Counter(expected)
    assert len({message.id for message in receiver.arrived}) == len(expected)
    for message in receiver.arrived:
        assert message.is_signed
        assert abs(message.timestamp - time.time()) < 300
        assert message.json["id"] == message.id
        assert set(message.json) == {"id", "kind", "userId", "window", "details", "createdAt"}
        assert person.email.encode() not in message.body
    (ninety,) = receiver.of("cost_month_90")
    assert ninety.json["userId"] == person.user_id
    assert (ninety.json["details"]["percent"], ninety.json["details"]["limitUsd"]) == (90, 0.12)
    assert receiver.of("last")[0].json["userId"] is None
    # A threshold overtaken before it could be sent is not mailed; none is mailed twice, and nobody else is written to.
    subjects = Counter(letter.subject for letter in office.taken)
    assert max(subjects.values()) == 1
    assert {subject.partition(" %")[0] for subject in subjects if "%" in subject} <= {"75", "80", "90"}
    assert {letter.recipients for letter in office.taken} == {(person.email,)}


async def test_an_endpoint_that_is_away_gets_all_of_it_later_each_once(
    database: Database, outbox: Outbox, receiver: Receiver, start_telling: StartGateway, clock: Clock
) -> None:
    await receiver.close()
    alert_ids = [raise_alert(database, f"away {number}") for number in range(3)]
    gateway = await start_telling()
    for alert_id in alert_ids:
        await until(lambda alert_id=alert_id: state(database, alert_id)[2] is not None, "a try in vain")
        assert state(database, alert_id) == ("due", 1, "ClientConnectorError")
    assert [line["away"] for line in gateway.log("billing work waits")] == ["alert webhook"]
    await receiver.open()
    clock.advance(LONG)
    for alert_id in alert_ids:
        await until(lambda alert_id=alert_id: state(database, alert_id)[0] == "sent", "the alert")
    assert Counter(message.id for message in receiver.arrived) == Counter(alert_ids)
    # What the log tells of an alert is its kind and id, after the database knows.
    await gateway.logged("billing work done", len(alert_ids))
    assert {line["kind"] for line in gateway.log("billing work done")} == {"away 0", "away 1", "away 2"}


@pytest.fixture
async def pool(database: Database) -> AsyncIterator[AsyncConnectionPool]:
    """Connections as a gateway has them."""
    pool = make_pool(Settings(database_url=database.url("scrip_gateway"), jwt_secret="x" * 32))
    await pool.open()
    yield pool
    await pool.close()


async def test_each_answer_means_done_again_or_never_and_the_pause_grows(
    database: Database, outbox: Outbox, receiver: Receiver, pool: AsyncConnectionPool, clock: Clock
) -> None:
    pause_of = """
        select extract(epoch from next_try_at - engine.now())::integer
        from playground.alert_deliveries where alert_id = %s
    """
    async with aiohttp.ClientSession() as session:
        alarm = Alarm(pool, AlertWebhook(session, receiver.url, SECRET))
        alert_id = raise_alert(database, "put off")
        for tries, (status, is_outage, pause) in enumerate([(500, True, 60), (302, False, 120), (400, False, 240)], 1):
            receiver.answers.append(status)
            if is_outage:
                with pytest.raises(Outage, match="alert webhook"):
                    await alarm.ring_next()
            else:
                assert await alarm.ring_next()
            assert state(database, alert_id) == ("due", tries, f"HTTP {status}")
            assert database.value(pause_of, [alert_id]) == pause
            # Nobody hurries it.
            assert not await alarm.ring_next()
            clock.advance(LONG)
        assert await alarm.ring_next()
        assert state(database, alert_id) == ("sent", 4, None)
        assert {message.id for message in receiver.arrived} == {alert_id}
        assert all(message.is_signed for message in receiver.arrived)
        assert receiver.elsewhere == 0

        gone = raise_alert(database, "gone")
        receiver.answers.append(410)
        assert await alarm.ring_next()
        clock.advance(LONG)
        assert not await alarm.ring_next()
        assert state(database, gone) == ("failed", 1, "HTTP 410")


async def test_an_endpoint_that_hangs_is_left_at_the_deadline_and_asked_again(
    database: Database, outbox: Outbox, receiver: Receiver, pool: AsyncConnectionPool, clock: Clock
) -> None:
    alert_id = raise_alert(database, "hung up")
    receiver.hangs = True
    async with aiohttp.ClientSession() as session:
        with pytest.raises(Outage, match="alert webhook"):
            await Alarm(pool, AlertWebhook(session, receiver.url, SECRET, seconds=1)).ring_next()
        assert receiver.waiting == 1
        assert state(database, alert_id) == ("due", 1, "took too long")
        receiver.hangs = False
        clock.advance(LONG)
        assert await Alarm(pool, AlertWebhook(session, receiver.url, SECRET)).ring_next()
    assert state(database, alert_id) == ("sent", 2, None)


Point = Callable[[DatabaseProxy], Stop]


@pytest.mark.parametrize(
    ("point", "copies"),
    [
        pytest.param(lambda proxy: proxy.stop_after("claim_alerts"), 1, id="claimed"),
        pytest.param(lambda proxy: proxy.stop_before("finish_alert"), 2, id="taken"),
    ],
)
async def test_a_killed_gateway_loses_no_alert_and_a_second_copy_bears_the_same_id(
    point: Point,
    copies: int,
    database: Database,
    outbox: Outbox,
    receiver: Receiver,
    start_telling: StartGateway,
    clock: Clock,
    proxy: tuple[DatabaseProxy, str],
) -> None:
    database_proxy, url = proxy
    alert_id = raise_alert(database, "deadly", figure=1)
    here = point(database_proxy)
    gateway = await start_telling(url)
    await here.reached()
    assert len(receiver.arrived) == copies - 1
    gateway.kill()
    here.cut()
    await start_telling(url)
    other = raise_alert(database, "other")
    await until(lambda: state(database, other)[0] == "sent", "another alert")
    # As long as the claim lasts nobody else touches it.
    assert state(database, alert_id)[:2] == ("due", 1)
    clock.advance(LONG)
    await until(lambda: state(database, alert_id)[0] == "sent", "the alert")
    assert Counter(message.id for message in receiver.arrived) == {alert_id: copies, other: 1}
    # Who keeps one message of each id has lost nothing: the copies say the same.
    assert len({message.body for message in receiver.of("deadly")}) == 1
    assert all(message.is_signed for message in receiver.arrived)


async def test_operators_hear_of_the_platform_by_webhook_and_by_mail_once_each(
    database: Database, outbox: Outbox, receiver: Receiver, office: PostOffice, start_telling: StartGateway
) -> None:
    database.rows("select admin.set_setting('alert_email', 'ops@scrip.example', 'for a test')")
    # Who the other tests refused is none of this one's business.
    database.rows("select admin.set_setting('throttled_alert_percent', '100', 'for a test')")
    database.rows("delete from playground.provider_spend")
    database.rows("select engine.count_spend('sonnet', engine.now(), 100.25)")
    person = outbox.person()
    throttle = "select admin.throttle(%s, 'sounds like a robot', engine.now() + interval '1 day')"
    database.rows(throttle, [person.user_id])
    at_once(lambda _: database.rows("select jobs.watch_platform()", role="scrip_cron"), [None] * 4)
    await start_telling()
    await receiver.has(2)
    await office.has_taken(3)
    last = raise_alert(database, "last")
    await until(lambda: state(database, last)[0] == "sent", "a later alert")
    await office.has_taken(4)
    kinds = ["last", "provider_spend_100: anthropic", "provider_spend_80: anthropic"]
    assert sorted(message.json["kind"] for message in receiver.arrived) == kinds
    (ceiling,) = receiver.of("provider_spend_100: anthropic")
    assert ceiling.json["details"]["costUsd"] == 100.25
    assert ceiling.json["details"]["limitUsd"] == 100
    assert sorted((letter.subject, *letter.recipients) for letter in office.taken) == [
        *((f"Scrip alert: {kind}", "ops@scrip.example") for kind in kinds),
        ("Your runs are paused", person.email),
    ]
    (letter,) = [letter for letter in office.taken if "_100" in letter.subject]
    assert "costUsd 100.25" in letter.text
    assert f"admin.acknowledge_alert('{ceiling.id}'" in letter.text
    # Who is throttled is told until when, and not why.
    assert not any("robot" in letter.message.as_string() for letter in office.taken)


async def test_a_gateway_that_could_not_sign_does_not_start(receiver: Receiver, start_gateway: StartGateway) -> None:
    with pytest.raises(AssertionError, match="ALERT_WEBHOOK_SECRET"):
        await start_gateway(alert_webhook_url=receiver.url, alert_webhook_secret="whsec_c2hvcnQ=")
