"""What every worker does between requests: deliver messages to people and alerts to operators, and do what the database
asks for at Stripe.

The database hands each piece to one worker at a time, for five minutes. A worker that dies leaves it to the next, so a
message may arrive twice, under one Message-ID, and is never lost.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import structlog
from aiohttp import ClientSession, DummyCookieJar, web
from psycopg_pool import AsyncConnectionPool

from gateway import db
from gateway.billing import notices, tasks
from gateway.billing.alert_webhook import AlertWebhook
from gateway.billing.client import Stripe
from gateway.billing.loops import DATABASE, Loop, NotDone, Outage
from gateway.billing.mail import Letter, Mailer
from gateway.billing.mail_server import MailServer
from gateway.errors import Refusal
from gateway.keys import BILLING_NUDGE, POOL, SETTINGS, STRIPE

# How long the news of what was done is offered to a database that is away; far less than a claim lasts.
TELLING_SECONDS = 60.0
# A task asks Stripe several times.
TASK_SECONDS = 120.0
# The supervisor grants a worker 20 seconds after its drain, and settling needs most of them.
ENDING_SECONDS = 5.0

log = structlog.get_logger()


async def billing_loops(app: web.Application) -> AsyncIterator[None]:
    """Runs the loops for as long as the application does; what is under way then has a few seconds to end."""
    settings, pool = app[SETTINGS], app[POOL]
    mailer = None
    if settings.smtp_url and settings.mail_from:
        mailer = Mailer(MailServer.from_url(settings.smtp_url), settings.mail_from)
    elif not settings.demo:
        log.warning("without SMTP_URL messages to people are only logged")
    loops = [Loop("notices", Post(pool, mailer, settings.frontend_url).deliver_next, settings.billing_poll_seconds)]
    if (stripe := app.get(STRIPE)) is not None:
        loops.append(Loop("tasks", Errands(pool, stripe).do_next, settings.billing_poll_seconds))
    session = ClientSession(cookie_jar=DummyCookieJar())
    if settings.alert_webhook_url and settings.alert_webhook_secret:
        webhook = AlertWebhook(session, settings.alert_webhook_url, settings.alert_webhook_secret)
        loops.append(Loop("alerts", Alarm(pool, webhook).ring_next, settings.billing_poll_seconds))
    running = [asyncio.create_task(loop.run()) for loop in loops]
    nudging = asyncio.create_task(_pass_on(app[BILLING_NUDGE], loops))
    yield
    nudging.cancel()
    for loop in loops:
        loop.end()
    _, unfinished = await asyncio.wait(running, timeout=ENDING_SECONDS)
    if unfinished:
        log.warning("billing work cut short", pieces=len(unfinished))
    for task in unfinished:
        task.cancel()
    await asyncio.gather(nudging, *running, return_exceptions=True)
    await session.close()


async def _pass_on(nudge: asyncio.Event, loops: list[Loop]) -> None:
    """One nudge wakes every loop."""
    while True:
        await nudge.wait()
        nudge.clear()
        for loop in loops:
            loop.wake()


class Post:
    """Messages to people: by mail or, where no mail server is set, one line of the log each."""

    def __init__(self, pool: AsyncConnectionPool, mailer: Mailer | None, site: str) -> None:
        self._pool = pool
        self._mailer = mailer
        self._site = site

    async def deliver_next(self) -> bool:
        """Delivers the next message that is due; False when there is none."""
        notice = await _claim(self._pool, "claim_notices")
        if notice is None:
            return False
        failure = None
        try:
            await self._deliver(notice)
        except NotDone as error:
            failure = error
        await _finish(self._pool, "finish_notice", failure, user_id=notice.user_id, notice_id=notice.notice_id)
        _tell(failure, "mail server", work="notice", kind=notice.kind, id=notice.notice_id)
        return True

    async def _deliver(self, notice: Any) -> None:
        try:
            wording = notices.word(notice.kind, notice.details, notice.username, self._site)
        except notices.UnknownNotice:
            # Perhaps a newer gateway can, so it stays due.
            raise NotDone("no words for it") from None
        if self._mailer is None:
            log.info("notice", kind=notice.kind, subject=wording.subject)
            return
        if not notice.email:
            raise NotDone("no address", is_final=True)
        letter = Letter(
            letter_id=notice.notice_id,
            to=notice.email,
            subject=wording.subject,
            text=wording.text,
            written_at=notice.created_at,
        )
        await self._mailer.send(letter)


class Alarm:
    """Alerts to the operators' webhook."""

    def __init__(self, pool: AsyncConnectionPool, webhook: AlertWebhook) -> None:
        self._pool = pool
        self._webhook = webhook

    async def ring_next(self) -> bool:
        """Delivers the next alert that is due; False when there is none."""
        alert = await _claim(self._pool, "claim_alerts")
        if alert is None:
            return False
        failure = None
        try:
            await self._webhook.send(alert.alert_id, alert.body.encode())
        except NotDone as error:
            failure = error
        await _finish(self._pool, "finish_alert", failure, user_id=alert.user_id, alert_id=alert.alert_id)
        _tell(failure, "alert webhook", work="alert", kind=alert.kind, id=alert.alert_id)
        return True


class Errands:
    """What the database asks for at Stripe."""

    def __init__(self, pool: AsyncConnectionPool, stripe: Stripe) -> None:
        self._pool = pool
        self._stripe = stripe

    async def do_next(self) -> bool:
        """Does the next task that is due; False when there is none."""
        task = await _claim(self._pool, "claim_billing_tasks")
        if task is None:
            return False
        failure = None
        try:
            async with asyncio.timeout(TASK_SECONDS):
                await tasks.do(self._stripe, task.kind, task.stripe_id, task.task_id, task.attempts)
        except NotDone as error:
            failure = error
        except TimeoutError:
            failure = NotDone("took too long", is_outage=True)
        await _finish(self._pool, "finish_billing_task", failure, account_id=task.account_id, task_id=task.task_id)
        _tell(failure, "Stripe", work="task", kind=task.kind, id=task.task_id)
        return True


async def _claim(pool: AsyncConnectionPool, function: str) -> Any:
    # One at a time: what a worker has not begun should wait for nobody's lease.
    try:
        return await db.call(pool, function, limit=1, is_quiet=True)
    except Refusal as refusal:
        raise Outage(DATABASE, refusal.kind.error) from None


async def _finish(pool: AsyncConnectionPool, function: str, failure: NotDone | None, **ids: str) -> None:
    until = asyncio.get_running_loop().time() + TELLING_SECONDS
    outcome = {"error": failure and failure.reason, "is_final": failure is not None and failure.is_final}
    try:
        await db.call(pool, function, until=until, is_quiet=True, **ids, **outcome)
    except Refusal as refusal:
        raise Outage(DATABASE, refusal.kind.error) from None


def _tell(failure: NotDone | None, party: str, **piece: str) -> None:
    """One line about a piece of work. Raises Outage when the next ones would fare the same."""
    if failure is None:
        log.info("billing work done", **piece)
    elif failure.is_outage:
        raise Outage(party, failure.reason)
    elif failure.is_final:
        log.warning("billing work given up", **piece, reason=failure.reason)
    else:
        log.info("billing work put off", **piece, reason=failure.reason)
