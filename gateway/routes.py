"""How one line of the route table looks, and what each line promises."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import Enum, auto
from functools import cached_property
from typing import Any

from aiohttp import web

from gateway.errors import Kind

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

SMALL_BODY = 16 * 1024
RUN_BODY = 256 * 1024


class Access(Enum):
    """Who may call. A route that says nothing is for a known user."""

    USER = auto()
    # An API key travels on to the database with the call itself, to save a round trip.
    USER_KEY_UNCHECKED = auto()
    # Open, but shows more to a known user.
    OPTIONAL = auto()
    OPEN = auto()
    CRON = auto()


@dataclass(frozen=True, kw_only=True)
class Route:
    """One method of one address: what it takes, what it answers, how it refuses."""

    method: str
    path: str
    handler: Handler
    summary: str
    access: Access = Access.USER
    query: type[Any] | None = None
    body: type[Any] | None = None
    max_body: int = SMALL_BODY
    # A body that is passed on as it came, and the header that vouches for it.
    signature: str | None = None
    is_idempotent: bool = False
    # The class of requests whose limits count it; a route that changes something has one, or says that it has none.
    limited: str | None = None
    reads_database: bool = True
    status: int = 200
    answer: Any = None
    other_media: tuple[str, ...] = ()
    other_answers: dict[int, Any] = field(default_factory=dict)
    refuses: tuple[Kind, ...] = ()

    @cached_property
    def shown_path(self) -> str:
        """The path for people: without the expressions that only the router reads."""
        return re.sub(r"\{(\w+):[^}]*\}", r"{\1}", self.path)

    @property
    def operation_id(self) -> str:
        """A name that is unique and made of words only."""
        words = re.findall(r"[A-Za-z0-9]+", self.shown_path)
        return "_".join([self.method.lower(), *words])


def get(path: str, handler: Handler, summary: str, **more: Any) -> Route:
    return Route(method="GET", path=path, handler=handler, summary=summary, **more)


def post(path: str, handler: Handler, summary: str, *, limited: str | None = "writes", **more: Any) -> Route:
    return Route(method="POST", path=path, handler=handler, summary=summary, limited=limited, **more)


def put(path: str, handler: Handler, summary: str, *, limited: str | None = "writes", **more: Any) -> Route:
    return Route(method="PUT", path=path, handler=handler, summary=summary, limited=limited, **more)


def patch(path: str, handler: Handler, summary: str, *, limited: str | None = "writes", **more: Any) -> Route:
    return Route(method="PATCH", path=path, handler=handler, summary=summary, limited=limited, **more)


def delete(
    path: str, handler: Handler, summary: str, *, limited: str | None = "writes", status: int = 204, **more: Any
) -> Route:
    return Route(method="DELETE", path=path, handler=handler, summary=summary, limited=limited, status=status, **more)
