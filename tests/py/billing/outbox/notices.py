"""Notices as the database writes them, and the gateways that deliver them."""

import json
import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from psycopg.types.json import Jsonb

from tests.py.support.database import Database

MAIL_FROM = "Scrip <scrip@post.example>"
# What the lease of a claim and the first pauses between two tries are shorter than.
LONG = timedelta(minutes=10)

DETAILS: dict[str, dict[str, Any]] = {
    "purchase": {"packName": "Medium", "credits": 250, "price": 1000, "currency": "usd", "balance": 255},
    "refund": {"credits": 250, "refunded": 1000, "currency": "usd", "balance": 5, "shortfall": 30},
    "dispute": {"credits": 250},
    "past_due": {"plan": "PRPM+", "periodEnd": "2031-03-03T10:00:00+00:00"},
    "subscription_ended": {"plan": "Verified organisation", "endedAt": "2031-03-03T10:00:00+00:00"},
    "credits_expire": {"credits": 1, "expiresAt": "2031-03-03T10:00:00+00:00"},
    "gift_received": {"from": "bob", "credits": 1250, "message": "Enjoy!"},
    "gift_waiting": {"from": "bob", "credits": 10, "message": None, "expiresAt": "2031-03-03T10:00:00+00:00"},
    "gift_returned": {"credits": 10, "toEmail": "eve@scrip.example"},
    "cost_alert": {
        "percent": 90,
        "usedUsd": "0.45",
        "limitUsd": "0.50",
        "resetsAt": "2031-04-01T00:00:00+00:00",
    },
    "throttled": {"until": "2031-03-03T10:00:00+00:00"},
    "platform_alert": {
        "alertId": "6d3ba6c0-3e9d-44a8-9c8b-5b6d0b1f7a11",
        "kind": "provider_spend_100: anthropic",
        "userId": None,
        "details": {"costUsd": 101.5, "limitUsd": 100, "stops": False},
        "statement": "select * from admin.providers;",
        "createdAt": "2031-03-03T10:00:00+00:00",
    },
}


@dataclass(frozen=True)
class Addressee:
    """Somebody registered."""

    user_id: str
    email: str


class Outbox:
    """The notices of a database."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def empty(self) -> None:
        self.database.rows("delete from playground.notices")

    def person(self) -> Addressee:
        email = f"{secrets.token_hex(6)}@scrip.example"
        user_id = self.database.value(
            """
            select api.register_user(
              p_email => %s, p_username => %s, p_password_hash => '$argon2id$not-a-real-hash',
              p_refresh_token_hash => sha256(gen_random_uuid()::text::bytea)) ->> 'id'
            """,
            [email, email.partition("@")[0]],
        )
        return Addressee(user_id, email)

    def write(
        self, person: Addressee, kind: str = "dispute", email: str | None = None, details: object | None = None
    ) -> str:
        """Writes a notice of that kind and returns its id."""
        subject = secrets.token_hex(6)
        self.database.rows(
            "select engine.write_notice(%s, %s, %s, %s, engine.now(), %s)",
            [person.user_id, kind, subject, Jsonb(DETAILS[kind] if details is None else details), email],
        )
        return self.database.value(
            "select notice_id::text from playground.notices where user_id = %s and subject = %s",
            [person.user_id, subject],
        )

    def state(self, notice_id: str) -> tuple[str, int, str | None]:
        """State, attempts and the last error of a notice."""
        ((state, attempts, error),) = self.database.rows(
            "select state, attempts, last_error from playground.notices where notice_id = %s", [notice_id]
        )
        return state, attempts, error

    def is_state(self, notice_id: str, state: str) -> bool:
        return self.state(notice_id)[0] == state

    def is_done(self) -> bool:
        """Whether no message is due any more, neither waiting nor in the hands of a gateway."""
        return self.database.value("select not exists (select from playground.notices where state = 'due')")

    def has_failed(self, notice_id: str, times: int) -> bool:
        """Whether so many tries have ended badly; the clock stands still, so a claim under way shows by its length."""
        return self.database.value(
            """
            select state = 'due' and attempts = %s and next_try_at = engine.now() + engine.pause_after(attempts)
            from playground.notices where notice_id = %s
            """,
            [times, notice_id],
        )


def body(details: object) -> bytes:
    return json.dumps(details).encode()
