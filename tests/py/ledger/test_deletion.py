"""Somebody is deleted while calls of theirs wait: what comes after keeps nothing of them."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import UUID

import pytest

from tests.py.ledger import world
from tests.py.ledger.world import Caller, Query, Refused
from tests.py.support.database import Clock, Database, wait_until

LEFT = """
    select (select count(*) from playground.sessions where user_id = %s),
      (select count(*) from playground.messages where user_id = %s),
      (select count(*) from playground.answers where user_id = %s),
      (select count(*) from playground.holds where user_id = %s and status = 'open')
"""
WAITS = "select exists (select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock')"


def waits_for_the_deletion(ledger: Database, user_id: UUID, query: Query) -> object:
    """What a call answers that a gateway began just before the person's deletion was committed."""

    def ask() -> object:
        with ledger.connect("scrip_gateway") as connection:
            return Caller(connection).ask(query)

    with ThreadPoolExecutor(1) as pool, ledger.connect() as owner:
        with owner.transaction():
            owner.execute("select admin.delete_user(%s, 'asked to be forgotten')", [user_id])
            answer = pool.submit(ask)
            wait_until(lambda: answer.done() or ledger.value(WAITS, role="postgres"), "the call to wait")
        return answer.result()


@pytest.mark.parametrize("key", [None, "a key"])
def test_a_late_answer_is_not_kept(ledger: Database, gateway: Caller, clock: Clock, key: str | None) -> None:
    user_id = world.new_user(ledger, 100)
    hold = gateway.get(world.reserve(user_id, idempotency_key=key))
    clock.advance(timedelta(minutes=10))
    late = world.settle(user_id, hold.hold_id, account_id=hold.account_id)
    assert waits_for_the_deletion(ledger, user_id, late) == Refused("SCA02")
    assert ledger.rows(LEFT, [user_id] * 4) == [(0, 0, 0, 0)]


def test_no_run_starts(ledger: Database) -> None:
    user_id = world.new_user(ledger, 100)
    run = world.reserve(user_id, idempotency_key="a key")
    assert waits_for_the_deletion(ledger, user_id, run) == Refused("SCA02")
    assert ledger.rows(LEFT, [user_id] * 4) == [(0, 0, 0, 0)]


def test_nobody_makes_them_a_member(ledger: Database) -> None:
    owner_id, user_id = world.new_user(ledger), world.new_user(ledger)
    email = ledger.value("select email from playground.users where user_id = %s", [user_id])
    organization_id = ledger.value("select admin.create_organization('Acme', %s, 'for a test')", [owner_id])
    added = world.call("api.add_member", user_id=owner_id, organization_id=organization_id, email=email, role="owner")
    assert waits_for_the_deletion(ledger, user_id, added) == Refused("SCN03")
    members = "select user_id from playground.organization_members where organization_id = %s"
    assert ledger.rows(members, [organization_id]) == [(owner_id,)]


def test_they_found_no_organization(ledger: Database) -> None:
    user_id = world.new_user(ledger)
    founded = world.call("api.create_organization", user_id=user_id, name="Theirs")
    assert waits_for_the_deletion(ledger, user_id, founded) == Refused("SCA02")
    assert ledger.rows("select from playground.organization_members where user_id = %s", [user_id]) == []
