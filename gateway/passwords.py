"""Password hashing: slow by design, so in a thread, a few at a time, with a bounded queue."""

import asyncio
import os
import secrets

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from gateway.errors import UNAVAILABLE, Refusal

HASHER = PasswordHasher(time_cost=2, memory_cost=19456, parallelism=1)
# What an unknown e-mail's password is compared with: the same work as for a known one, and never a match.
NOBODY = HASHER.hash(secrets.token_urlsafe(32))
# About a second of work; who would wait longer is told to come back.
LONGEST_QUEUE = 40


class Passwords:
    """One worker's turns at hashing."""

    def __init__(self, at_once: int = max(1, (os.cpu_count() or 2) // 2)) -> None:
        self._turns = asyncio.Semaphore(at_once)
        self._waiting = 0

    async def hash(self, password: str) -> str:
        """A salted hash in PHC format. Raises Refusal 503 when too many wait."""
        return await self._in_turn(HASHER.hash, password)

    async def verify(self, known_hash: str | None, password: str) -> bool:
        """Whether the password is the one behind `known_hash`; None costs the same time and is False."""
        matches = await self._in_turn(_matches, known_hash or NOBODY, password)
        return matches and known_hash is not None

    async def _in_turn(self, work, *arguments):
        if self._waiting >= LONGEST_QUEUE:
            raise Refusal(UNAVAILABLE, details={"retryAfter": 2})
        self._waiting += 1
        try:
            async with self._turns:
                return await asyncio.to_thread(work, *arguments)
        finally:
            self._waiting -= 1


def _matches(known_hash: str, password: str) -> bool:
    try:
        return HASHER.verify(known_hash, password)
    except (VerificationError, InvalidHashError):
        return False
