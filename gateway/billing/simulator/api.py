"""The table of endpoints, and how a path finds its row."""

import re
from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from gateway.billing.simulator.form import Params
from gateway.billing.simulator.world import Object, World

__all__ = ["Endpoint", "Table", "endpoint"]

Handler = Callable[..., Object]


class Endpoint(msgspec.Struct, frozen=True):
    """`handle(world, params, *ids in the path)` gives the object to show, or raises `Refused`."""

    method: str
    path: re.Pattern[str]
    handle: Handler
    accepts: frozenset[str]


def endpoint(method: str, path: str, handle: Handler, accepts: str = "") -> Endpoint:
    """`accepts` names the parameters, separated by blanks; `expand` always is one."""
    pattern = re.compile(re.sub(r"\{\w+\}", "([^/]+)", path))
    return Endpoint(method, pattern, handle, frozenset([*accepts.split(), "expand"]))


class Table:
    """First match wins, so `/v1/customers/search` stands before `/v1/customers/{customer}`."""

    def __init__(self, *families: Iterable[Endpoint]) -> None:
        self._endpoints = [each for family in families for each in family]

    def find(self, method: str, path: str) -> tuple[Endpoint, list[str]] | None:
        for each in self._endpoints:
            if each.method == method and (found := each.path.fullmatch(path)) is not None:
                return each, list(found.groups())
        return None


def call(world: World, found: tuple[Endpoint, list[str]], params: Params) -> Any:
    """Raises `Refused`."""
    each, ids = found
    params.accept(each.accepts)
    return each.handle(world, params, *ids)
