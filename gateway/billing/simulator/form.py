"""Form-encoded requests, nested as `items[0][price]=…`, and typed reading of what they say."""

import re
from typing import Any
from urllib.parse import parse_qsl

from gateway.billing.simulator.errors import Refused, invalid

__all__ = ["Params", "parse"]

KEY = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")
PART = re.compile(r"\[([^\[\]]*)\]")
DEEPEST = 8
MOST_METADATA = 50
LONGEST_METADATA_KEY = 40
LONGEST_METADATA_VALUE = 500
LONGEST_TEXT = 5000

Values = dict[str, Any]


def parse(encoded: str) -> Values:
    """Nested dicts with texts as leaves; a list is a dict keyed "0", "1", … Raises `Refused` for broken keys."""
    root: Values = {}
    try:
        pairs = parse_qsl(encoded, keep_blank_values=True, strict_parsing=False, errors="strict", max_num_fields=1000)
    except (UnicodeDecodeError, ValueError):
        raise invalid("Invalid request: the form could not be decoded.") from None
    for key, value in pairs:
        found = KEY.fullmatch(key)
        parts = [found.group(1), *PART.findall(found.group(2))] if found else []
        if not parts or len(parts) > DEEPEST:
            raise invalid(f"Invalid parameter name: {key[:100]}")
        _insert(root, parts, value)
    return root


def _insert(node: Values, parts: list[str], value: str) -> None:
    for at, part in enumerate(parts):
        is_last = at == len(parts) - 1
        if part == "":
            part = _next_index(node, None if is_last else parts[at + 1])
        if is_last:
            node[part] = value
            return
        below = node.setdefault(part, {})
        if not isinstance(below, dict):
            raise invalid(f"Invalid object at {parts[0]}", parts[0])
        node = below


def _next_index(node: Values, below: str | None) -> str:
    """`a[]` begins a new element, unless the last one lacks the field that `a[][field]` brings."""
    last = node.get(str(len(node) - 1))
    if below is not None and isinstance(last, dict) and below not in last:
        return str(len(node) - 1)
    return str(len(node))


class Params:
    """One level of a request. An empty text counts as not given, except where it unsets (see `unsets`)."""

    def __init__(self, values: Values, path: str = "") -> None:
        self.values = values
        self._path = path

    def name(self, name: str) -> str:
        """As an error reply names it: `items[0][price]`."""
        return f"{self._path}[{name}]" if self._path else name

    def accept(self, names: frozenset[str]) -> None:
        """Refuses what is not among `names`: neither the real API nor this one ignores a parameter in silence."""
        for name in self.values:
            if name not in names:
                raise invalid(f"Received unknown parameter: {self.name(name)}", self.name(name), "parameter_unknown")

    def has(self, name: str) -> bool:
        return name in self.values

    def unsets(self, name: str) -> bool:
        return self.values.get(name) == ""

    def text(self, name: str, longest: int = LONGEST_TEXT) -> str | None:
        value = self.values.get(name)
        if isinstance(value, dict):
            raise invalid("Invalid string: an object was given", self.name(name))
        if value is not None and len(value) > longest:
            raise invalid(f"Invalid string: must be at most {longest} characters", self.name(name))
        return value or None

    def required(self, name: str) -> str:
        value = self.text(name)
        if value is None:
            raise self._lacks(name)
        return value

    def choice(self, name: str, *choices: str) -> str | None:
        value = self.text(name)
        if value is not None and value not in choices:
            raise invalid(f"Invalid {self.name(name)}: must be one of {', '.join(choices)}", self.name(name))
        return value

    def integer(self, name: str, least: int | None = None, most: int | None = None) -> int | None:
        value = self.text(name)
        if value is None:
            return None
        if not re.fullmatch(r"-?\d{1,18}", value, re.ASCII):
            raise invalid(f"Invalid integer: {value[:50]}", self.name(name), "parameter_invalid_integer")
        number = int(value)
        if least is not None and number < least:
            raise invalid(f"This value must be greater than or equal to {least}.", self.name(name))
        if most is not None and number > most:
            raise invalid(f"This value must be less than or equal to {most}.", self.name(name))
        return number

    def required_integer(self, name: str, least: int | None = None, most: int | None = None) -> int:
        number = self.integer(name, least, most)
        if number is None:
            raise self._lacks(name)
        return number

    def flag(self, name: str) -> bool | None:
        value = self.text(name)
        if value not in (None, "true", "false"):
            raise invalid(f"Invalid boolean: {value[:50]}", self.name(name))
        return None if value is None else value == "true"

    def group(self, name: str) -> "Params":
        """The level below; empty when it is not given."""
        value = self.values.get(name) or {}
        if not isinstance(value, dict):
            raise invalid("Invalid object", self.name(name))
        return Params(value, self.name(name))

    def rows(self, name: str) -> "list[Params]":
        """The elements of a list of objects."""
        group = self.group(name)
        for index, row in group.values.items():
            if not index.isdigit() or not isinstance(row, dict):
                raise invalid("Invalid array", self.name(name))
        return [group.group(index) for index in group.values]

    def texts(self, name: str) -> list[str]:
        """The elements of a list of texts."""
        group = self.group(name)
        return [group.required(index) for index in group.values]

    def metadata(self, old: dict[str, str] | None = None, name: str = "metadata") -> dict[str, str]:
        """What the metadata are after this request: a key given empty is removed, `metadata=` removes all."""
        if self.unsets(name):
            return {}
        new = dict(old or {})
        for key, value in self.group(name).values.items():
            param = f"{self.name(name)}[{key}]"
            if isinstance(value, dict):
                raise invalid("Metadata values must be strings", param)
            if len(key) > LONGEST_METADATA_KEY or len(value) > LONGEST_METADATA_VALUE:
                raise invalid("Metadata keys hold up to 40 characters, values up to 500", param)
            if value:
                new[key] = value
            else:
                new.pop(key, None)
        if len(new) > MOST_METADATA:
            raise invalid("Metadata can have up to 50 keys", self.name(name))
        return new

    def _lacks(self, name: str) -> Refused:
        name = self.name(name)
        return invalid(f"Missing required param: {name}.", name, "parameter_missing")
