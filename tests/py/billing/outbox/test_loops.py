"""Loops: one piece after the other, a rest when there is none, and nothing that ends them but being told to."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
import structlog
from structlog.typing import EventDict

from gateway.billing.loops import Loop, Outage
from tests.py.endtoend.waiting import until

NEVER = 3600.0
SOON = 0.001


class Work:
    """Pieces to do, and what befalls whoever does one."""

    def __init__(self, *troubles: Exception | None) -> None:
        self.due = 0
        self.done = 0
        self.looks = 0
        self.troubles = list(troubles)

    async def step(self) -> bool:
        self.looks += 1
        trouble = self.troubles.pop(0) if self.troubles else None
        if trouble is not None:
            raise trouble
        if not self.due:
            return False
        self.due -= 1
        self.done += 1
        return True


@asynccontextmanager
async def running(work: Work, poll_seconds: float) -> AsyncIterator[Loop]:
    loop = Loop("work", work.step, poll_seconds)
    task = asyncio.create_task(loop.run())
    yield loop
    loop.end()
    await task


def told(events: list[EventDict], event: str) -> list[EventDict]:
    return [each for each in events if each["event"] == event]


async def seen(condition: Callable[[], bool]) -> None:
    await until(condition, "the loop")


async def test_all_that_is_due_is_done_and_a_nudge_brings_the_next_at_once() -> None:
    work = Work()
    work.due = 5
    async with running(work, NEVER) as loop:
        await seen(lambda: work.looks == 6)
        work.due = 2
        loop.wake()
        await seen(lambda: work.looks == 9)
    assert work.done == 7


async def test_a_nudge_during_work_is_not_forgotten() -> None:
    work = Work()
    reached, go_on = asyncio.Event(), asyncio.Event()

    async def step() -> bool:
        found = await work.step()
        if work.looks == 1:
            reached.set()
            await go_on.wait()
        return found

    loop = Loop("work", step, NEVER)
    task = asyncio.create_task(loop.run())
    await reached.wait()
    work.due = 1
    loop.wake()
    go_on.set()
    await seen(lambda: work.done == 1)
    loop.end()
    await task


async def test_without_a_nudge_it_looks_again_by_itself() -> None:
    work = Work()
    async with running(work, SOON):
        await seen(lambda: work.looks > 2)
        work.due = 1
        await seen(lambda: work.done == 1)


async def test_told_to_end_it_begins_no_other_piece() -> None:
    work = Work()
    work.due = 10

    async def step() -> bool:
        if work.done == 3:
            loop.end()
        return await work.step()

    loop = Loop("work", step, NEVER)
    await loop.run()
    assert work.done == 4


@pytest.mark.parametrize("away", ["database", "mail server"])
async def test_an_outage_is_told_when_it_begins_and_when_it_ends(away: str) -> None:
    work = Work(*[Outage(away, "refused")] * 4)
    work.due = 1
    with structlog.testing.capture_logs() as events:
        async with running(work, SOON):
            await seen(lambda: work.looks >= 6)
    assert [(each["away"], each["reason"]) for each in told(events, "billing work waits")] == [(away, "refused")]
    assert [each["back"] for each in told(events, "billing work goes on")] == [away]
    assert work.done == 1


async def test_having_nothing_to_send_does_not_mean_that_the_mail_server_is_back() -> None:
    trouble = Outage("mail server", "refused")
    # In vain, nothing due, nothing due, in vain.
    work = Work(trouble, None, None, trouble)
    with structlog.testing.capture_logs() as events:
        async with running(work, SOON):
            await seen(lambda: work.looks >= 6)
    assert len(told(events, "billing work waits")) == 1
    assert told(events, "billing work goes on") == []


async def test_nobody_hurries_during_an_outage() -> None:
    work = Work(Outage("mail server", "refused"))
    async with running(work, NEVER) as loop:
        await seen(lambda: work.looks == 1)
        loop.wake()
        # Woken it would look within a few turns of the event loop.
        for _ in range(100):
            await asyncio.sleep(0)
        assert work.looks == 1


async def test_a_bug_in_one_piece_is_logged_and_the_next_is_done() -> None:
    work = Work(RuntimeError("a secret"))
    work.due = 1
    with structlog.testing.capture_logs() as events:
        async with running(work, SOON):
            await seen(lambda: work.done == 1)
    (line,) = told(events, "billing work failed")
    assert line["reason"] == "RuntimeError"
    assert "a secret" not in str(events)
