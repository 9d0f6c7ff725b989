"""Takes what Stripe has to the database, as if its events had come: one customer after the other, or for show only."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import psycopg
from psycopg import errors
from psycopg.types.json import Jsonb

from scripts.billing.listing import Item
from scripts.setup.console import SetupError

# What a try some moments later gets past.
PASSING = (errors.LockNotAvailable, errors.DeadlockDetected, errors.SerializationFailure, errors.QueryCanceled)
ATTEMPTS = 3
CALL = """
select outcome, reason, is_change
from admin.reconcile_stripe_object(p_type => %s, p_object => %s, p_retrieved_at => %s, p_reason => %s)
"""


@dataclass(frozen=True)
class Found:
    """What became of one object. `outcome`: handled, ignored or parked, or failed: it could not be asked."""

    item: Item
    outcome: str
    reason: str | None
    is_change: bool


def feed(connection: psycopg.Connection, items: Iterable[Item], *, reason: str, is_applied: bool) -> Iterator[Found]:
    """What each object changes, or would change. A customer's are one transaction: no other account waits meanwhile.

    Raises SetupError for an account that these books are not of.
    """
    customers: dict[str, list[Item]] = {}
    for item in items:
        customers.setdefault(item.customer, []).append(item)
    for own in customers.values():
        yield from _feed_customer(connection, own, reason, is_applied)


def _feed_customer(connection: psycopg.Connection, items: list[Item], reason: str, is_applied: bool) -> list[Found]:
    for attempt in range(1, ATTEMPTS + 1):
        found: list[Found] = []
        try:
            with connection.transaction(force_rollback=not is_applied):
                for item in items:
                    found.append(_feed_one(connection, item, reason))
            return found
        except PASSING as error:
            if attempt == ATTEMPTS:
                said = f"{error.sqlstate} {error.diag.message_primary}"
                return [Found(item, "failed", said, False) for item in items]
        except psycopg.Error as error:
            # The key is of the other mode than the webhook secrets, for one: nothing of this account belongs here.
            if not (error.sqlstate or "").startswith("SC"):
                raise
            raise SetupError(f"{items[0].customer}: {error.diag.message_primary}") from None
    raise AssertionError("unreachable")


def _feed_one(connection: psycopg.Connection, item: Item, reason: str) -> Found:
    row = connection.execute(CALL, (item.type, Jsonb(item.object), item.at, reason)).fetchone()
    if row is None:
        raise AssertionError("admin.reconcile_stripe_object answers with one row")
    outcome, why, is_change = row
    return Found(item, outcome, why, is_change)
