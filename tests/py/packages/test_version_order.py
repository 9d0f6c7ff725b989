"""`engine.version_order` against Semantic Versioning 2.0.0, told again in Python."""

from functools import cmp_to_key

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scripts.packages.manifest import VERSION
from tests.py.support.database import Database

# The specification's own examples, each lower than the next.
ASCENDING = [
    "0.0.4",
    "0.9.10",
    "1.0.0-alpha",
    "1.0.0-alpha.1",
    "1.0.0-alpha.beta",
    "1.0.0-beta",
    "1.0.0-beta.2",
    "1.0.0-beta.11",
    "1.0.0-rc.1",
    "1.0.0",
    "1.2.3-0",
    "1.2.3-9999999999999999999998",
    "1.2.3-9999999999999999999999",
    "1.2.3--",
    "1.2.3-A",
    "1.2.3-a",
    "1.2.3",
    "1.9.0",
    "1.10.0",
    "99999999999999999999999.999999999999999999.99999999999999999",
]


def precedence(first: str, second: str) -> int:
    """Below, equal or above zero: rules 10 and 11 of the specification, without any trick of encoding."""
    (first_core, first_words), (second_core, second_words) = split(first), split(second)
    if first_core != second_core:
        return -1 if first_core < second_core else 1
    if not first_words or not second_words:
        return bool(second_words) - bool(first_words)
    for one, other in zip(first_words, second_words, strict=False):
        if one == other:
            continue
        if one.isdigit() and other.isdigit():
            return -1 if int(one) < int(other) else 1
        if one.isdigit() or other.isdigit():
            return -1 if one.isdigit() else 1
        return -1 if one < other else 1
    return (len(first_words) > len(second_words)) - (len(first_words) < len(second_words))


def split(version: str) -> tuple[list[int], list[str]]:
    core, _, words = version.split("+", 1)[0].partition("-")
    return [int(number) for number in core.split(".")], words.split(".") if words else []


numbers = st.integers(min_value=0, max_value=10**20).map(str) | st.integers(min_value=0, max_value=12).map(str)
letters = "0123456789ABCabcxyz-"
words = st.text(letters, min_size=1, max_size=4).filter(lambda word: not word.isdigit() or str(int(word)) == word)
builds = st.lists(st.text(letters, min_size=1, max_size=3), max_size=2).map(
    lambda parts: "+" + ".".join(parts) if parts else ""
)
pre_releases = st.lists(words | numbers, max_size=4).map(lambda parts: "-" + ".".join(parts) if parts else "")
versions = st.builds(
    lambda core, pre_release, build: ".".join(core) + pre_release + build,
    st.tuples(numbers, numbers, numbers),
    pre_releases,
    builds,
)


@pytest.fixture(scope="module")
def connection(database: Database):
    with database.connect() as connection:
        yield connection


def sorted_by_database(connection: psycopg.Connection, texts: list[str]) -> list[list[str]]:
    """The versions in the database's order; equal ones share a place."""
    rows = connection.execute(
        """
        select array_agg(version order by version collate "C")
        from unnest(%s::text[]) as listed (version)
        group by engine.version_order(version) collate "C"
        order by engine.version_order(version) collate "C"
        """,
        [texts],
    )
    return [row[0] for row in rows]


def test_the_examples_of_the_specification_sort_as_it_says(connection: psycopg.Connection) -> None:
    assert sorted_by_database(connection, ASCENDING[::-1]) == [[version] for version in ASCENDING]


@settings(max_examples=300, deadline=None)
@given(st.lists(versions, min_size=2, max_size=12, unique=True))
def test_any_versions_sort_as_the_specification_says(connection: psycopg.Connection, texts: list[str]) -> None:
    expected: list[list[str]] = []
    for version in sorted(sorted(texts), key=cmp_to_key(precedence)):
        if expected and precedence(expected[-1][0], version) == 0:
            expected[-1].append(version)
        else:
            expected.append([version])
    assert sorted_by_database(connection, texts) == expected


near_misses = st.text("0123456789.-+aZ \n", max_size=12) | versions.flatmap(
    lambda version: st.integers(0, len(version) - 1).map(lambda place: version[:place] + version[place + 1 :])
)


@settings(max_examples=300, deadline=None)
@given(near_misses | versions)
def test_the_database_and_the_reader_take_the_same_texts_for_versions(
    connection: psycopg.Connection, text: str
) -> None:
    if VERSION.fullmatch(text):
        connection.execute("select engine.version_order(%s)", [text])
    else:
        with pytest.raises(psycopg.Error) as refused:
            connection.execute("select engine.version_order(%s)", [text])
        assert refused.value.sqlstate == "SCV02"
