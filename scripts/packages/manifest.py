"""`prpm.json`: which fields it may hold, and of what kind."""

import re
from dataclasses import dataclass
from typing import Any

from scripts.packages.limits import LIMITS, Limits, PackageRefused, shown
from scripts.packages.paths import clean_path
from scripts.packages.strict_json import first_doubled, parse_object

MANIFEST_NAME = "prpm.json"
NAME_CHARACTERS = 214
VERSION_CHARACTERS = 256
DESCRIPTION_CHARACTERS = 2_000
TAGS = 100
TAG_CHARACTERS = 100
FILES = 500
TEXT_CHARACTERS = 500

NAME = re.compile(r"(?:@[a-z0-9~-][a-z0-9._~-]*/)?[a-z0-9~-][a-z0-9._~-]*")
WORD = re.compile(r"[a-z0-9]+(?:[._-][a-z0-9]+)*")
# Semantic Versioning 2.0.0: no leading zeros in numbers, build data after the plus.
NUMBER = r"(?:0|[1-9][0-9]*)"
IDENTIFIER = rf"(?:{NUMBER}|[0-9]*[A-Za-z-][0-9A-Za-z-]*)"
VERSION = re.compile(
    rf"{NUMBER}\.{NUMBER}\.{NUMBER}(?:-{IDENTIFIER}(?:\.{IDENTIFIER})*)?(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?"
)


@dataclass(frozen=True)
class Manifest:
    """The fields we use, checked; `raw` is the whole object as it was written."""

    name: str
    version: str
    description: str
    format: str
    subtype: str
    main: str | None
    files: tuple[str, ...]
    raw: dict[str, Any]


def parse_manifest(content: bytes, limits: Limits = LIMITS) -> Manifest:
    """Check a manifest. Raises PackageRefused naming the field."""
    if len(content) > limits.manifest_octets:
        raise PackageRefused(f"{MANIFEST_NAME} is larger than {limits.manifest_octets} octets")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise PackageRefused(f"{MANIFEST_NAME} is not UTF-8") from error
    raw = parse_object(text, MANIFEST_NAME)
    _check_optional(raw)
    main = raw.get("main")
    return Manifest(
        name=_matching(raw, "name", NAME, NAME_CHARACTERS, "lower case letters, digits and -._~, or @scope/name"),
        version=_matching(raw, "version", VERSION, VERSION_CHARACTERS, "a semantic version such as 1.2.3"),
        description=_plain_text(raw, "description", DESCRIPTION_CHARACTERS),
        format=_matching(raw, "format", WORD, 64, "one lower case word"),
        subtype=_matching(raw, "subtype", WORD, 64, "one lower case word") if "subtype" in raw else "",
        main=None if main is None else _path(main, "main", limits),
        files=_files(raw, limits),
        raw=raw,
    )


def _matching(raw: dict[str, Any], field: str, pattern: re.Pattern[str], characters: int, wanted: str) -> str:
    value = raw.get(field)
    if not isinstance(value, str):
        raise PackageRefused(f"{MANIFEST_NAME}: {field} is missing or not a string")
    if len(value) > characters:
        raise PackageRefused(f"{MANIFEST_NAME}: {field} is longer than {characters} characters")
    if not pattern.fullmatch(value):
        raise PackageRefused(f"{MANIFEST_NAME}: {field} {shown(value)} is not {wanted}")
    return value


def _plain_text(raw: dict[str, Any], field: str, characters: int) -> str:
    """An optional text for people: one string without control characters."""
    value = raw.get(field, "")
    if not isinstance(value, str):
        raise PackageRefused(f"{MANIFEST_NAME}: {field} is not a string")
    if len(value) > characters:
        raise PackageRefused(f"{MANIFEST_NAME}: {field} is longer than {characters} characters")
    if any(character < " " and character not in "\t\n\r" for character in value):
        raise PackageRefused(f"{MANIFEST_NAME}: {field} holds control characters")
    return value


def _check_optional(raw: dict[str, Any]) -> None:
    """Fields that are only kept, but have a kind that readers rely on."""
    for field in ("license", "homepage"):
        _plain_text(raw, field, TEXT_CHARACTERS)
    author = raw.get("author", "")
    if isinstance(author, dict):
        if not all(isinstance(text, str) and len(text) <= TEXT_CHARACTERS for text in author.values()):
            raise PackageRefused(f"{MANIFEST_NAME}: author holds something else than short strings")
    else:
        _plain_text(raw, "author", TEXT_CHARACTERS)
    tags = raw.get("tags", [])
    if not isinstance(tags, list) or len(tags) > TAGS:
        raise PackageRefused(f"{MANIFEST_NAME}: tags is not a list of at most {TAGS}")
    if not all(isinstance(tag, str) and 0 < len(tag) <= TAG_CHARACTERS for tag in tags):
        raise PackageRefused(f"{MANIFEST_NAME}: tags holds something else than strings of at most {TAG_CHARACTERS}")


def _files(raw: dict[str, Any], limits: Limits) -> tuple[str, ...]:
    listed = raw.get("files")
    if not isinstance(listed, list):
        raise PackageRefused(f"{MANIFEST_NAME}: files is missing or not a list")
    if len(listed) > FILES:
        raise PackageRefused(f"{MANIFEST_NAME}: files lists more than {FILES}")
    # A file is told by its path, or by an object that says more about it.
    paths = [_path(item.get("path") if isinstance(item, dict) else item, "files", limits) for item in listed]
    doubled = first_doubled(paths)
    if doubled is not None:
        raise PackageRefused(f"{MANIFEST_NAME}: files lists {shown(doubled)} twice")
    return tuple(paths)


def _path(value: Any, field: str, limits: Limits) -> str:
    if not isinstance(value, str):
        raise PackageRefused(f"{MANIFEST_NAME}: {field} holds something that is no path")
    path = clean_path(value, limits)
    if not path:
        raise PackageRefused(f"{MANIFEST_NAME}: {field} holds an empty path")
    return path
