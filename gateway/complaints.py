"""What is wrong with a request's fields, in words for people: each field that is wrong is named."""

import re
from collections.abc import Callable, Mapping
from typing import Any, Literal, get_args, get_origin

import msgspec

MOST_FIELDS = 20
_NAMES = {
    "str": "a text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "object": "an object",
    "array": "a list",
}
# msgspec's sentences, and ours. Only e-mail addresses, names of models and months have a pattern: a test holds this.
_WORDS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"length >= 1$"), "must not be empty"),
    (re.compile(r"length >= (\d+)$"), "must have at least {} characters"),
    (re.compile(r"length <= (\d+)$"), "must have at most {} characters"),
    (re.compile(r"matching regex '\^\[!-~\]"), "has a name that no model can have"),
    (re.compile(r"matching regex '\^\[1-9\]"), "must be a month, such as 2026-11"),
    (re.compile(r"matching regex"), "is not an e-mail address"),
    (re.compile(r">= ([\d.-]+)$"), "must be at least {}"),
    (re.compile(r"<= ([\d.-]+)$"), "must be at most {}"),
    (re.compile(r"^Invalid UUID"), "must be a UUID"),
)
_ABOUT = re.compile(r"unknown field `(.*)`|at `\$\.(\w+)", re.DOTALL)
_EXPECTED = re.compile(r"^Expected `(\w+)")


def complaints(
    kind: type[Any], given: Mapping[str, Any], read: Callable[[Any, Any], Any], unknown: str
) -> dict[str, str]:
    """Each field of `given` that `kind` does not take, and why; at most MOST_FIELDS of them.

    read     reads one value as one type; raises msgspec.DecodeError
    unknown  what to say of a field that is not known
    """
    known = {field.encode_name: field for field in msgspec.structs.fields(kind)}
    found: dict[str, str] = {}
    for name, field in known.items():
        if name not in given:
            if field.required:
                found[name] = "is required"
            continue
        try:
            read(given[name], field.type)
        except msgspec.DecodeError as error:
            found[name] = _in_words(str(error), field.type)
    found |= {name: unknown for name in given if name not in known}
    return dict(list(found.items())[:MOST_FIELDS])


def first_complaint(kind: type[Any], sentence: str) -> dict[str, str]:
    """The same of the one field that a sentence of msgspec is about; for what cannot be read to its end."""
    match = _ABOUT.search(sentence)
    name = next(filter(None, match.groups()), "body") if match else "body"
    field = next((field for field in msgspec.structs.fields(kind) if field.encode_name == name), None)
    return {name: "unknown field" if field is None else _in_words(sentence.split(" - at ")[0], field.type)}


def _in_words(sentence: str, kind: Any) -> str:
    if sentence.startswith("Invalid enum value"):
        return f"must be one of {', '.join(_choices(kind))}"
    for pattern, words in _WORDS:
        match = pattern.search(sentence)
        if match:
            return words.format(*match.groups())
    match = _EXPECTED.match(sentence)
    return f"must be {_NAMES[match[1]]}" if match and match[1] in _NAMES else "is not valid"


def _choices(kind: Any) -> list[str]:
    if get_origin(kind) is Literal:
        return [str(choice) for choice in get_args(kind)]
    return [choice for part in get_args(kind) for choice in _choices(part)]
