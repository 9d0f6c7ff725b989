"""Organisations whose owners act at the same moment."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import psycopg

from tests.py.people.giving import Person, person, set_setting
from tests.py.support.database import Database

CREATE = "select (api.create_organization(%s, 'Acme') ->> 'id')::uuid"
REMOVE = "select api.remove_member(%s, %s, %s)"


def outcome_of(database: Database, statement: str, arguments: list[object]) -> str:
    try:
        database.rows(statement, arguments, "scrip_gateway")
    except psycopg.DatabaseError as error:
        return str(error.sqlstate)
    return "done"


def owners_of(database: Database, organization_id: UUID) -> int:
    return database.value(
        "select count(*) from playground.organization_members where organization_id = %s and role = 'owner'",
        [organization_id],
    )


def test_nobody_owns_more_because_they_are_made_at_once(database: Database) -> None:
    set_setting(database, "organizations_per_person", "3")
    owner = person(database)
    with ThreadPoolExecutor(16) as pool:
        outcomes = Counter(pool.map(lambda _: outcome_of(database, CREATE, [owner.user_id]), range(16)))
    assert outcomes == {"done": 3, "SCN05": 13}


def test_owners_who_remove_each_other_at_once_leave_one(database: Database) -> None:
    owners = [person(database) for _ in range(8)]
    organization_id: UUID = database.value(CREATE, [owners[0].user_id])
    for owner in owners[1:]:
        database.rows("select api.add_member(%s, %s, %s, 'owner')", [owners[0].user_id, organization_id, owner.email])

    def remove_the_next(number: int) -> str:
        whom: Person = owners[(number + 1) % len(owners)]
        return outcome_of(database, REMOVE, [owners[number].user_id, organization_id, whom.user_id])

    with ThreadPoolExecutor(8) as pool:
        outcomes = Counter(pool.map(remove_the_next, range(8)))
    assert owners_of(database, organization_id) == 8 - outcomes["done"] >= 1
    assert set(outcomes) <= {"done", "SCN01", "SCN03", "SCN04"}


def test_the_last_two_owners_leave_at_once_and_one_must_stay(database: Database) -> None:
    first, second = person(database), person(database)
    organization_id: UUID = database.value(CREATE, [first.user_id])
    database.rows("select api.add_member(%s, %s, %s, 'owner')", [first.user_id, organization_id, second.email])

    def leave(who: Person) -> str:
        return outcome_of(database, REMOVE, [who.user_id, organization_id, who.user_id])

    with ThreadPoolExecutor(2) as pool, database.connect() as keeper:
        with keeper.transaction():
            keeper.execute(
                "select from playground.organizations where organization_id = %s for update", [organization_id]
            )
            calls = [pool.submit(leave, who) for who in (first, second)]
            database.wait_for_lock_waits(2)
        assert Counter(call.result() for call in calls) == {"done": 1, "SCN04": 1}
    assert owners_of(database, organization_id) == 1
