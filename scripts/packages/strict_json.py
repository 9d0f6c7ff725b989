"""JSON as the database can keep it: UTF-8, an object, no doubled keys, no NaN, no depth without end."""

import json
import math
import re
from collections.abc import Iterable
from typing import Any

from scripts.packages.limits import PackageRefused, shown

DEPTH = 32
INTEGER_DIGITS = 18
# A string with its escapes, or one bracket: what is needed to count depth without parsing. An open string is taken to
# the end, or each quote of it would be tried again as a beginning.
STRING_OR_BRACKET = re.compile(r'"(?:[^"\\]|\\.)*+"?|[\[{]|[\]}]', re.DOTALL)


def parse_object(text: str, what: str) -> dict[str, Any]:
    """Parse one JSON object. PackageRefused, naming `what`, for anything the standard or jsonb would not take."""
    _check_depth(text, what)
    try:
        value = json.loads(
            text,
            object_pairs_hook=lambda pairs: _object_without_doubles(pairs, what),
            parse_constant=lambda name: _refuse(f"{what} holds {name}, which is no JSON"),
            parse_float=lambda digits: _finite(digits, what),
            parse_int=lambda digits: _bounded(digits, what),
        )
    except json.JSONDecodeError as error:
        raise PackageRefused(f"{what} is not JSON (line {error.lineno}, column {error.colno})") from error
    if not isinstance(value, dict):
        raise PackageRefused(f"{what} is not a JSON object")
    _check_strings(value, what)
    return value


def _check_depth(text: str, what: str) -> None:
    depth = 0
    for match in STRING_OR_BRACKET.finditer(text):
        if match[0] in "[{":
            depth += 1
        elif match[0] in "]}":
            depth -= 1
        if depth > DEPTH:
            raise PackageRefused(f"{what} nests deeper than {DEPTH}")


def _object_without_doubles(pairs: list[tuple[str, Any]], what: str) -> dict[str, Any]:
    doubled = first_doubled(key for key, _ in pairs)
    if doubled is not None:
        raise PackageRefused(f"{what} has the key {shown(doubled)} twice")
    return dict(pairs)


def first_doubled(texts: Iterable[str]) -> str | None:
    """The first text that has been there before."""
    seen: set[str] = set()
    for text in texts:
        if text in seen:
            return text
        seen.add(text)
    return None


def _check_strings(value: Any, what: str) -> None:
    """NUL does not fit text or jsonb, a lone surrogate no UTF-8."""
    if isinstance(value, str):
        if "\0" in value:
            raise PackageRefused(f"{what} holds a NUL character")
        if any("\ud800" <= character <= "\udfff" for character in value):
            raise PackageRefused(f"{what} holds half a character (lone surrogate)")
    elif isinstance(value, dict):
        for key, item in value.items():
            _check_strings(key, what)
            _check_strings(item, what)
    elif isinstance(value, list):
        for item in value:
            _check_strings(item, what)


def _finite(digits: str, what: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise PackageRefused(f"{what} holds a number without bounds")
    return number


def _bounded(digits: str, what: str) -> int:
    if len(digits) > INTEGER_DIGITS:
        raise PackageRefused(f"{what} holds a number of more than {INTEGER_DIGITS} digits")
    return int(digits)


def _refuse(reason: str) -> None:
    raise PackageRefused(reason)
