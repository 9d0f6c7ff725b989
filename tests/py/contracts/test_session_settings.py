"""What the settings of whoever calls cannot change: bodies are read in the caller's session, as it was set."""

import re

import pytest

from tests.py.contracts.sql_files import SQL, bodies

pytestmark = pytest.mark.contract

# What begins first decides: a quote in a comment begins no literal, two dashes in a literal begin no comment.
_TOKEN = re.compile(r"--[^\n]*|(?P<prefix>\be|\bu&|\bb|\bx)?'(?P<text>(?:[^']|'')*)'|\"[^\"]*\"", re.IGNORECASE)


def misread(body: str) -> list[str]:
    """The literals of a body that mean something else where standard_conforming_strings is off."""
    return [
        token.group()
        for token in _TOKEN.finditer(body)
        if token["text"] is not None
        and (
            (token["prefix"] or "").lower() == "u&"
            or ("\\" in token["text"] and (token["prefix"] or "").lower() != "e")
        )
    ]


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (r"select p ~ '^a\.b$'", [r"'^a\.b$'"]),
        (r"select p ~ '^a[.]b$' or p = e'\t' or p = E'it\\s'", []),
        (r"select 'it''s \d'", [r"'it''s \d'"]),
        ("select u&'0061'", ["u&'0061'"]),
        (r"-- it's \d" + "\nselect '--', 1  -- '\\'", []),
    ],
)
def test_a_literal_that_can_be_misread_is_found(body: str, found: list[str]) -> None:
    assert misread(body) == found


def test_no_literal_of_a_body_means_something_else_in_another_session() -> None:
    """A thief of a password set standard_conforming_strings to off: a dot of a pattern then was any character."""
    found = {
        path.relative_to(SQL).as_posix(): literals
        for path in sorted(SQL.rglob("*.sql"))
        if (literals := [literal for body in bodies(path) for literal in misread(body)])
    }
    assert found == {}
