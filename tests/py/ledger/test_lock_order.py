"""Account, organisation, person, then everything else: whoever waits for one of them holds nothing of what comes later,
so no two doors can wait for each other."""

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from tests.py.ledger import world
from tests.py.ledger.crowds import crowd, deadlocks_of
from tests.py.ledger.world import AsyncCaller, Caller, Query, Refused, Row, call, reserve, settle
from tests.py.support.database import Database, wait_until

Door = Callable[[UUID], Query]


def door(function: str, **arguments: object) -> Door:
    """An operator's call about a person."""
    return lambda user_id: call(f"admin.{function}", user_id=user_id, reason="for a test", **arguments)


OF_THE_ACCOUNT: dict[str, Door] = {
    "grant_credits": door("grant_credits", credits=1),
    "set_plan": door("set_plan", plan_price="prpm_plus_individual", anchor=None),
    "end_plan": door("end_plan", at_period_end=False),
    "unthrottle": door("unthrottle"),
    "delete_user": door("delete_user"),
    "check_and_throttle_user": lambda user_id: call("admin.check_and_throttle_user", user_id=user_id, cost=1),
    "forget_customer": lambda user_id: call("admin.forget_customer", account_id=user_id, reason="for a test"),
    "set_cost_cap": lambda user_id: call("api.set_cost_cap", user_id=user_id, monthly_usd=Decimal("0.1")),
    "reserve_run": reserve,
}
OF_THE_PERSON: dict[str, Door] = {
    "set_user_limit": door("set_user_limit", daily_usd=1),
    "end_user_limit": door("end_user_limit"),
    "throttle": door("throttle"),
    "set_unlimited": door("set_unlimited", is_unlimited=True),
    "set_admin": door("set_admin", is_admin=False),
    "verify_author": door("verify_author", is_verified=True),
    "create_organization": lambda user_id: call(
        "admin.create_organization", name="Acme", owner=user_id, reason="for a test"
    ),
}
OF_BOTH = {name: OF_THE_ACCOUNT[name] for name in ("unthrottle", "delete_user", "set_cost_cap")}
BEFORE_THE_PERSON = {"accounts", "organizations", "users"}


@pytest.fixture
def user_id(ledger: Database) -> UUID:
    """Somebody with credits, a customer at Stripe, limits of their own and an organisation with another owner."""
    user_id, other_id = world.new_user(ledger, credits=50), world.new_user(ledger)
    with ledger.connect("scrip_owner") as connection:
        owner = Caller(connection)
        owner.get(call("api.record_customer", user_id=user_id, customer_id=f"cus_{user_id}"))
        owner.get(OF_THE_PERSON["set_user_limit"](user_id))
        make_organization(owner, user_id, other_id)
    return user_id


def make_organization(owner: Caller, *owners: UUID) -> UUID:
    first, *others = owners
    organization_id = owner.value(
        call("admin.create_organization", name=f"Acme {uuid4()}", owner=first, reason="for a test")
    )
    for user_id in others:
        owner.get(set_member(organization_id, user_id, "owner"))
    return organization_id


def set_member(organization_id: UUID, user_id: UUID, role: str) -> Query:
    return call("admin.set_member", organization_id=organization_id, user_id=user_id, role=role, reason="for a test")


@contextmanager
def held(ledger: Database, table: str, user_id: UUID) -> Iterator[None]:
    """Somebody else is at this row."""
    key = {"accounts": "account_id", "users": "user_id"}[table]
    with ledger.connect("postgres") as keeper, keeper.transaction():
        keeper.execute(f"select from playground.{table} where {key} = %s for update", [user_id])  # type: ignore[arg-type]
        yield


def wait_for(ledger: Database, connection: psycopg.Connection[Any], asked: Future[Row | Refused]) -> None:
    """Returns when the call on this connection waits for a lock, or has ended."""
    waits = "select wait_event_type = 'Lock' from pg_catalog.pg_stat_activity where pid = %s"
    pid = connection.info.backend_pid
    wait_until(lambda: asked.done() or ledger.value(waits, [pid]) is True, "the call to wait")


def locked_while_waiting(ledger: Database, table: str, user_id: UUID, query: Query) -> set[str]:
    """The tables in which a call has locked or written rows by the time at which it waits for that row."""
    with ThreadPoolExecutor(1) as pool, ledger.connect("scrip_owner") as connection:
        with held(ledger, table, user_id):
            asked = pool.submit(Caller(connection).ask, query)
            wait_for(ledger, connection, asked)
            assert not asked.done(), asked.result()
            locked = ledger.rows(
                """
                select distinct c.relname from pg_locks l join pg_class c on c.oid = l.relation
                where l.pid = %s and l.granted and l.locktype = 'relation' and c.relkind in ('r', 'p')
                  and l.mode in ('RowShareLock', 'RowExclusiveLock')
                """,
                [connection.info.backend_pid],
            )
        asked.result()
    return {name for (name,) in locked}


@pytest.mark.parametrize("name", OF_THE_ACCOUNT)
def test_who_waits_for_an_account_holds_nothing_else(ledger: Database, user_id: UUID, name: str) -> None:
    assert locked_while_waiting(ledger, "accounts", user_id, OF_THE_ACCOUNT[name](user_id)) == {"accounts"}


@pytest.mark.parametrize("name", OF_THE_PERSON | OF_BOTH)
def test_who_waits_for_a_person_holds_nothing_that_comes_later(ledger: Database, user_id: UUID, name: str) -> None:
    query = (OF_THE_PERSON | OF_BOTH)[name](user_id)
    assert locked_while_waiting(ledger, "users", user_id, query) <= BEFORE_THE_PERSON


def test_who_makes_somebody_a_member_comes_from_the_organization(ledger: Database, user_id: UUID) -> None:
    with ledger.connect("scrip_owner") as connection:
        organization_id = make_organization(Caller(connection), world.new_user(ledger))
    query = set_member(organization_id, user_id, "member")
    assert locked_while_waiting(ledger, "users", user_id, query) == {"organizations", "users"}


@pytest.mark.parametrize("name", OF_THE_PERSON)
def test_who_changes_a_person_never_waits_for_the_account(ledger: Database, user_id: UUID, name: str) -> None:
    with held(ledger, "accounts", user_id), ledger.connect("scrip_owner") as connection:
        connection.execute("set lock_timeout = '5s'")
        Caller(connection).get(OF_THE_PERSON[name](user_id))


def test_of_two_last_owners_only_one_can_be_deleted(ledger: Database) -> None:
    one, other = world.new_user(ledger), world.new_user(ledger)
    with ThreadPoolExecutor(1) as pool, ledger.connect("scrip_owner") as first, ledger.connect("scrip_owner") as second:
        organization_id = make_organization(Caller(first), one, other)
        first.execute("begin")
        Caller(first).get(OF_THE_ACCOUNT["delete_user"](one))
        asked = pool.submit(Caller(second).ask, OF_THE_ACCOUNT["delete_user"](other))
        wait_for(ledger, second, asked)
        first.execute("commit")
        answer = asked.result()
        assert isinstance(answer, Refused)
        assert answer.code == "SCD05"
    owners = "select user_id from playground.organization_members where organization_id = %s and role = 'owner'"
    assert ledger.rows(owners, [organization_id]) == [(other,)]


async def test_all_doors_at_once_on_one_person_end_without_a_deadlock(ledger: Database, user_id: UUID) -> None:
    async def run(caller: AsyncCaller) -> None:
        for _ in range(3):
            answer = await caller.ask(reserve(user_id))
            if not isinstance(answer, Refused):
                await caller.get(settle(user_id, answer.hold_id))

    async def operate(caller: AsyncCaller, query: Query) -> None:
        for _ in range(3):
            await caller.ask(query)

    doors = [door for name, door in (OF_THE_ACCOUNT | OF_THE_PERSON).items() if name != "delete_user"]
    async with crowd(ledger, len(doors) + 6, "scrip_owner") as callers:
        await asyncio.gather(
            *(run(caller) for caller in callers[:6]),
            *(operate(caller, door(user_id)) for caller, door in zip(callers[6:], doors, strict=True)),
        )
    assert await deadlocks_of(ledger) == 0
    ledger.assert_ledger_holds()
