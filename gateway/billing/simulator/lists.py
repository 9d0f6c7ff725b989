"""Lists with their pages, and search with its query language."""

import re
from collections.abc import Callable

from gateway.billing.simulator.errors import invalid
from gateway.billing.simulator.form import Params
from gateway.billing.simulator.world import Object, World

__all__ = ["PAGED", "SEARCHED", "page", "search"]

PAGED = "limit starting_after ending_before"
SEARCHED = "query limit page"

CLAUSE = re.compile(
    r"""\s*(?P<not>-)?(?P<field>\w+)(?:\[(?P<q>['"])(?P<key>(?:\\.|(?!(?P=q)).)+)(?P=q)\])?"""
    r"""\s*(?P<op>:|~|>=|<=|>|<)\s*(?:(?P<v>['"])(?P<text>(?:\\.|(?!(?P=v)).)*)(?P=v)|(?P<bare>[\w-]+))\s*"""
)
JOINED = re.compile(r"\s*(AND|OR)\s+|(?=\S)", re.IGNORECASE)

Test = Callable[[Object], bool]


def page(
    world: World, kind: str, params: Params, where: Test = lambda obj: True, *, equal: tuple[str, ...] = ()
) -> Object:
    """Newest first. `equal` names parameters that select objects with the same value in the same field."""
    if params.has("starting_after") and params.has("ending_before"):
        raise invalid("You can only specify one of these parameters: starting_after, ending_before.", "ending_before")
    limit = params.integer("limit", 1, 100) or 10
    wanted = {name: params.text(name) for name in equal if params.text(name) is not None}
    within = _created_within(params)
    found = [
        obj
        for obj in world.all(kind)
        if all(obj[name] == value for name, value in wanted.items()) and within(obj) and where(obj)
    ]
    if (after := params.text("starting_after")) is not None:
        number = world.get(kind, after, "starting_after")["_number"]
        found = [obj for obj in found if obj["_number"] < number]
    has_more = len(found) > limit
    if (before := params.text("ending_before")) is not None:
        number = world.get(kind, before, "ending_before")["_number"]
        found = [obj for obj in found if obj["_number"] > number]
        has_more = len(found) > limit
        return _list(world, found[-limit:], has_more)
    return _list(world, found[:limit], has_more)


def _list(world: World, found: list[Object], has_more: bool) -> Object:
    return {"object": "list", "data": found, "has_more": has_more, "url": world.request.path}


def _created_within(params: Params) -> Test:
    if not params.has("created"):
        return lambda obj: True
    if isinstance(params.values["created"], str):
        at = params.integer("created")
        return lambda obj: obj["created"] == at
    bounds = params.group("created")
    bounds.accept(frozenset({"gt", "gte", "lt", "lte"}))
    above, from_, below, to = (bounds.integer(name) for name in ("gt", "gte", "lt", "lte"))
    return lambda obj: (
        (above is None or obj["created"] > above)
        and (from_ is None or obj["created"] >= from_)
        and (below is None or obj["created"] < below)
        and (to is None or obj["created"] <= to)
    )


def search(world: World, kind: str, params: Params, fields: frozenset[str]) -> Object:
    """Newest first; pages by number. Objects younger than the switched lag are not found yet."""
    matches = _read_query(params.required("query"), fields)
    limit = params.integer("limit", 1, 100) or 10
    number = params.integer("page", 1) or 1
    indexed_until = world.now() - world.switches.search_lag_seconds
    found = [obj for obj in world.all(kind) if obj["created"] <= indexed_until and matches(obj)]
    start = (number - 1) * limit
    has_more = len(found) > start + limit
    return {
        "object": "search_result",
        "data": found[start : start + limit],
        "has_more": has_more,
        "next_page": str(number + 1) if has_more else None,
        "url": world.request.path,
    }


def _read_query(query: str, fields: frozenset[str]) -> Test:
    tests: list[Test] = []
    joints: set[str] = set()
    at = 0
    while at < len(query):
        if tests:
            joint = JOINED.match(query, at)
            if joint is None:
                break
            joints.add((joint.group(1) or "AND").upper())
            at = joint.end()
        found = CLAUSE.match(query, at)
        if found is None:
            raise invalid(f"We were unable to parse your search query near {query[at : at + 20]!r}.", "query")
        tests.append(_clause(found, fields))
        at = found.end()
    if len(joints) > 1:
        raise invalid("You cannot combine AND and OR in one search query.", "query")
    together = any if joints == {"OR"} else all
    return lambda obj: together(test(obj) for test in tests)


def _clause(found: re.Match[str], fields: frozenset[str]) -> Test:
    field, operator = found.group("field"), found.group("op")
    if field not in fields:
        raise invalid(f"Field `{field}` is an unsupported search field for this resource.", "query")
    key = None if found.group("key") is None else _plain(found.group("key"))
    if (field == "metadata") != (key is not None):
        raise invalid("Metadata are searched as metadata['key']:'value'.", "query")
    wanted = _plain(found.group("text")) if found.group("text") is not None else found.group("bare")

    def holds(obj: Object) -> bool:
        value = obj[field].get(key) if key is not None else obj[field]
        if wanted == "null" and found.group("bare"):
            return value is None
        if value is None:
            return False
        return _compare(value, operator, wanted)

    return (lambda obj: not holds(obj)) if found.group("not") else holds


def _compare(value: str | int, operator: str, wanted: str) -> bool:
    if isinstance(value, int) and wanted.isdigit():
        number = int(wanted)
        comparisons = {
            ":": value == number,
            ">": value > number,
            ">=": value >= number,
            "<": value < number,
            "<=": value <= number,
        }
        return comparisons.get(operator, False)
    text = str(value).lower()
    return wanted.lower() in text if operator == "~" else text == wanted.lower()


def _plain(quoted: str) -> str:
    return re.sub(r"\\(.)", r"\1", quoted)
