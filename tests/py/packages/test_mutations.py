"""Archives damaged at random: they come in or are refused in one line; nothing else may happen to the reader."""

import gzip
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from hypothesis import given, settings
from hypothesis import strategies as st

from scripts.packages.limits import PackageRefused
from scripts.packages.manifest import parse_manifest
from scripts.packages.package import read_package
from tests.py.packages.archives import archive, files_of, manifest, pax

Result = TypeVar("Result")

GOOD = archive({f"./{name}": content for name, content in files_of().items()})
PLAIN = pax(path="long/name.md", mtime="1.5") + gzip.decompress(GOOD)
MANIFEST = json.dumps(
    manifest(main="SKILL.md", tags=["a"], author={"name": "b"}, more={"x": [1, 2.5, None, True]})
).encode()

# (where, how many octets go, what comes instead): one change is mostly caught by a sum, several find ways round it.
changes = st.lists(st.tuples(st.floats(0, 1), st.integers(0, 600), st.binary(max_size=40)), min_size=1, max_size=4)


def changed(octets: bytes, places: list[tuple[float, int, bytes]]) -> bytes:
    for where, length, instead in places:
        start = int(where * len(octets))
        octets = octets[:start] + instead + octets[start + length :]
    return octets


def with_right_sums(octets: bytes) -> bytes:
    """Every block gets the sum that a header would have, so that damage is not caught by the sum alone."""
    blocks = []
    for start in range(0, len(octets), 512):
        block = bytearray(octets[start : start + 512])
        if len(block) == 512 and any(block):
            block[148:156] = b"        "
            block[148:156] = b"%06o\0 " % sum(block)
        blocks.append(bytes(block))
    return b"".join(blocks)


def taken(read: Callable[[], Result]) -> Result | None:
    """What was read, None when it was refused; a refusal is one line."""
    try:
        return read()
    except PackageRefused as refused:
        reason = str(refused)
    assert reason.isprintable()
    return None


def reads_or_refuses(octets: bytes) -> None:
    with tempfile.NamedTemporaryFile() as file:
        file.write(octets)
        file.flush()
        package = taken(lambda: read_package(Path(file.name)))
    assert package is None or package.files


@settings(max_examples=300, deadline=None)
@given(changes)
def test_damaged_gzips(places: list[tuple[float, int, bytes]]) -> None:
    reads_or_refuses(changed(GOOD, places))


@settings(max_examples=500, deadline=None)
@given(changes, st.booleans())
def test_damaged_tars(places: list[tuple[float, int, bytes]], sums_are_right: bool) -> None:
    damaged = changed(PLAIN, places)
    reads_or_refuses(with_right_sums(damaged) if sums_are_right else damaged)


@settings(max_examples=500, deadline=None)
@given(changes)
def test_damaged_manifests(places: list[tuple[float, int, bytes]]) -> None:
    damaged = changed(MANIFEST, [(where, length % 12, instead) for where, length, instead in places])
    parsed = taken(lambda: parse_manifest(damaged))
    assert parsed is None or parsed.name


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=8,
)


@settings(max_examples=500, deadline=None)
@given(st.sampled_from([*manifest(), "main", "tags", "author", "license"]), json_values)
def test_any_value_in_any_field(field: str, value: object) -> None:
    text = json.dumps(manifest() | {field: value})
    parsed = taken(lambda: parse_manifest(text.encode()))
    # What comes in is what the database can keep.
    assert parsed is None or json.loads(json.dumps(parsed.raw, allow_nan=False)) == parsed.raw
