"""Refusals in the words and shapes that the real API uses."""

from typing import Any

__all__ = ["Refused", "card_declined", "conflict", "invalid", "missing"]


class Refused(Exception):
    """An error reply. `began` says that the request was valid and was begun: only then its key keeps the reply."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        type: str = "invalid_request_error",
        code: str | None = None,
        param: str | None = None,
        began: bool = False,
        **details: Any,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.began = began
        error = {"code": code, "message": message, "param": param, "type": type, **details}
        # Rendered by the server, since details may hold objects.
        self.error = {name: value for name, value in error.items() if value is not None}


def invalid(message: str, param: str | None = None, code: str | None = None) -> Refused:
    """A request that could never work: nothing was begun."""
    return Refused(400, message, code=code, param=param)


def conflict(message: str, code: str | None = None, param: str | None = None, **details: Any) -> Refused:
    """A valid request that the state of its object does not allow."""
    return Refused(400, message, code=code, param=param, began=True, **details)


def missing(kind: str, wanted: str, param: str = "id") -> Refused:
    noun = kind.replace("_", "").replace(".", " ")
    return Refused(404 if param == "id" else 400, f"No such {noun}: '{wanted}'", code="resource_missing", param=param)


def card_declined(message: str, code: str, decline_code: str | None = None, **details: Any) -> Refused:
    return Refused(402, message, type="card_error", code=code, decline_code=decline_code, began=True, **details)
