"""Gateways and the tasks of the database: each is done at Stripe once, whatever dies or is away in between."""

import secrets
from datetime import timedelta

import pytest

from tests.py.billing.outbox.conftest import StartGateway
from tests.py.billing.outbox.notices import LONG, Outbox
from tests.py.billing.simulator.simulated import SimulatedStripe
from tests.py.endtoend.programs import Gateway
from tests.py.endtoend.waiting import until
from tests.py.support.database import Clock, Database
from tests.py.support.proxy import DatabaseProxy

LEASE = timedelta(minutes=5)


class Tasks:
    """The tasks of a database for one payer, and what Stripe has seen of them."""

    def __init__(self, database: Database, simulated: SimulatedStripe, account_id: str) -> None:
        self.database = database
        self.simulated = simulated
        self.account_id = account_id

    async def refund(self) -> str:
        """Leaves a task to give a payment back; returns the payment's id."""
        paid = (await self.simulated.paid()).id
        self.ask("refund_payment_intent", paid)
        return paid

    def ask(self, kind: str, stripe_id: str) -> None:
        self.database.rows("select engine.ask_stripe(%s, %s, %s, engine.now())", [self.account_id, kind, stripe_id])

    def state(self, stripe_id: str) -> tuple[str, int, str | None]:
        ((state, attempts, error),) = self.database.rows(
            "select state, attempts, last_error from playground.billing_tasks where stripe_id = %s", [stripe_id]
        )
        return state, attempts, error

    async def is_state(self, stripe_id: str, state: str) -> None:
        await until(lambda: self.state(stripe_id)[0] == state, f"the task to be {state}")

    async def refunds(self, intent_id: str) -> list[int]:
        return [
            refund.amount
            for refund in (await self.simulated.api.refunds.list_async({"payment_intent": intent_id})).data
        ]


@pytest.fixture
def tasks(outbox: Outbox, simulated: SimulatedStripe) -> Tasks:
    outbox.database.rows("delete from playground.billing_tasks")
    return Tasks(outbox.database, simulated, outbox.person().user_id)


@pytest.fixture
def start_paying(start_gateway: StartGateway, stripe_address: str) -> StartGateway:
    """Starts gateways that ask the simulated Stripe."""

    async def start(database_url: str | None = None, **settings: object) -> Gateway:
        stripe = {"stripe_secret_key": "sk_test_tasks", "stripe_base_url": stripe_address}
        return await start_gateway(database_url, **stripe, **settings)

    return start


async def test_what_the_database_asks_for_is_done_once(tasks: Tasks, start_paying: StartGateway, clock: Clock) -> None:
    intents = [await tasks.refund() for _ in range(5)]
    await start_paying(workers=2)
    await start_paying()
    for intent in intents:
        await tasks.is_state(intent, "done")
    clock.advance(LONG)
    intents.append(await tasks.refund())
    await tasks.is_state(intents[-1], "done")
    for intent in intents:
        assert await tasks.refunds(intent) == [500]
        assert tasks.state(intent) == ("done", 1, None)


async def test_what_stripe_refuses_for_good_fails_and_operators_hear_of_it(
    tasks: Tasks, start_paying: StartGateway
) -> None:
    tasks.ask("refund_payment_intent", "pi_unknown")
    await start_paying()
    await tasks.is_state("pi_unknown", "failed")
    assert tasks.state("pi_unknown") == ("failed", 1, "InvalidRequestError 404 resource_missing")
    assert tasks.database.value("select count(*) from playground.alerts where kind = 'billing_task_failed'") == 1


async def test_while_stripe_is_away_tasks_wait_and_it_is_told_once(
    tasks: Tasks, start_paying: StartGateway, clock: Clock
) -> None:
    paid = await tasks.refund()
    away = {"action": "500", "path": "/v1/payment_intents", "times": 1000}
    await tasks.simulated.direct("faults", away)
    gateway = await start_paying()
    for tries in (1, 2):
        await until(lambda tries=tries: tasks.state(paid)[1:] == (tries, "APIError 500"), "a try in vain")
        clock.advance(LONG)
    await gateway.logged("billing work waits")
    assert await tasks.refunds(paid) == []
    await tasks.simulated.direct("reset")
    again = await tasks.refund()
    clock.advance(LONG)
    await tasks.is_state(again, "done")
    await gateway.logged("billing work goes on")
    assert len(gateway.log("billing work waits")) == len(gateway.log("billing work goes on")) == 1
    assert gateway.log("stripe refused") == []


@pytest.mark.parametrize("point", ["claimed", "done", "told"])
async def test_a_killed_gateway_gives_nothing_back_twice(
    point: str, tasks: Tasks, start_paying: StartGateway, clock: Clock, proxy: tuple[DatabaseProxy, str]
) -> None:
    database_proxy, url = proxy
    paid = await tasks.refund()
    here = {
        "claimed": database_proxy.stop_after,
        "done": database_proxy.stop_before,
        "told": database_proxy.stop_after,
    }[point]("claim_billing_tasks" if point == "claimed" else "finish_billing_task")
    gateway = await start_paying(url)
    await here.reached()
    assert await tasks.refunds(paid) == ([] if point == "claimed" else [500])
    gateway.kill()
    here.cut()
    await start_paying()
    clock.advance(LEASE)
    await tasks.is_state(paid, "done")
    assert await tasks.refunds(paid) == [500]
    assert tasks.state(paid)[1] == (1 if point == "told" else 2)


async def test_without_a_key_for_stripe_tasks_stay_due(
    tasks: Tasks, outbox: Outbox, start_gateway: StartGateway
) -> None:
    tasks.ask("refund_payment_intent", f"pi_{secrets.token_hex(6)}")
    notice_id = outbox.write(outbox.person())
    await start_gateway(demo="true")
    await until(lambda: outbox.is_state(notice_id, "sent"), "the other loop")
    assert tasks.database.rows("select state, attempts from playground.billing_tasks") == [("due", 0)]
