"""Idempotency keys as Stripe defines them.

The same key with the same request gives the same reply, a failure included, once the request was begun. What failed
before (a parameter that is wrong, a limit) leaves no trace. The key of a request still under way refuses with 409,
a key with another request with 400. Keys are kept for 24 hours of the simulator's clock.
"""

from typing import Any

import msgspec

from gateway.billing.simulator.errors import Refused

__all__ = ["Kept", "Keys"]

KEPT_SECONDS = 86400
LONGEST = 255


class Kept(msgspec.Struct):
    """One key. Without a body its request is still under way."""

    request: tuple[str, str, Any]
    created: int
    request_id: str
    status: int = 0
    body: bytes | None = None


class Keys:
    def __init__(self) -> None:
        self._kept: dict[str, Kept] = {}

    def __getstate__(self) -> dict[str, Any]:
        """What is kept in a file: a request under way ends with its process."""
        return {"_kept": {key: kept for key, kept in self._kept.items() if kept.body is not None}}

    def forget_all(self) -> None:
        self._kept.clear()

    def begin(self, key: str, request: tuple[str, str, Any], request_id: str, now: int) -> Kept | None:
        """The reply to give again; None when the request is new and now under way. Raises `Refused`."""
        if len(key) > LONGEST:
            raise Refused(400, "Idempotency keys hold up to 255 characters.", type="idempotency_error")
        kept = self._kept.get(key)
        if kept is None or (kept.body is not None and now >= kept.created + KEPT_SECONDS):
            self._kept[key] = Kept(request, now, request_id)
            return None
        if kept.request != request:
            message = (
                "Keys for idempotent requests can only be used with the same parameters they were first used with. "
                "Try using a key other than the one given if you meant to execute a different request."
            )
            raise Refused(400, message, type="idempotency_error")
        if kept.body is None:
            message = (
                "There is currently another in-progress request using this Idempotent Key (that probably means you "
                "submitted twice, and the other request is still going through): please try again later."
            )
            raise Refused(409, message, type="idempotency_error", code="idempotency_key_in_use")
        return kept

    def finish(self, key: str, status: int, body: bytes) -> None:
        kept = self._kept[key]
        kept.status, kept.body = status, body

    def forget(self, key: str) -> None:
        """The request was not begun after all."""
        self._kept.pop(key, None)
