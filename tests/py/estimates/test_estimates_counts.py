"""The kept counts of a real tokenizer against the estimates of the database, and the note that tells of both."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import psycopg
import pytest

from gateway.version import ROOT
from scripts.estimates import note
from scripts.estimates.counts import MEASURED_MODELS, Measured, read_counts
from scripts.estimates.facts import Facts, read_facts
from scripts.estimates.samples import KINDS, read_prompt, read_samples
from tests.py.support.database import Database

# Real packages, on machines that have them beside the checkout.
REAL_PACKAGES = ROOT.parent / "shared" / "data" / "packages"
AGAIN = "measure again: scripts/token-estimates"

COUNTS = read_counts()
TEXTS = {text.label: text for text in COUNTS.texts}
BY_KIND = note.kinds_of(COUNTS)


@pytest.fixture
def connection(database: Database) -> Iterator[psycopg.Connection]:
    """A transaction of the owner that leaves nothing behind."""
    with database.connect() as connection, connection.transaction(force_rollback=True):
        yield connection


@pytest.fixture
def facts(connection: psycopg.Connection) -> Facts:
    return read_facts(connection, [text.octets for text in COUNTS.texts], MEASURED_MODELS)


def estimate(connection: psycopg.Connection, octets: int) -> int:
    ((tokens,),) = connection.execute("select engine.estimate_tokens(%s)", [octets]).fetchall()
    return tokens


def set_setting(connection: psycopg.Connection, name: str, value: Decimal) -> None:
    connection.execute("select admin.set_setting(%s, %s, 'for a test')", [name, str(value)])


def underestimated(connection: psycopg.Connection, texts: list[Measured]) -> list[str]:
    return [text.label for text in texts if text.highest > estimate(connection, text.octets)]


def test_the_kept_counts_are_of_the_samples_that_lie_here() -> None:
    samples = {(sample.kind, sample.name, sample.octets, sample.sha256) for sample in read_samples()}
    kept = {(text.kind, text.name, text.octets, text.sha256) for text in COUNTS.texts if text.kind is not None}
    assert kept == samples, AGAIN
    assert {kind for kind, *_ in samples} == set(KINDS)


def test_the_kept_counts_are_of_the_packages_that_lie_beside_the_checkout() -> None:
    prompts = [read_prompt(Path(archive)) for archive in REAL_PACKAGES.glob("*.tar.gz")]
    changed = [one.name for one in prompts if one.name in TEXTS and TEXTS[one.name].sha256 != one.sha256]
    assert changed == [], AGAIN


def test_the_note_says_what_the_counts_and_the_database_say(facts: Facts) -> None:
    assert note.FILE.read_text() == note.render(COUNTS, facts), "write it again: scripts/token-estimates --kept"


@pytest.mark.parametrize("kind", [note.PROSE, KINDS["code"], KINDS["blanks"], note.PACKAGES])
def test_prose_code_and_packages_are_never_underestimated(kind: str, connection: psycopg.Connection) -> None:
    assert underestimated(connection, BY_KIND[kind]) == []


@pytest.mark.parametrize("kind", [KINDS["json"], KINDS["markup"], KINDS["minified"]])
def test_records_and_markup_are_underestimated_by_a_tenth_at_most(kind: str, connection: psycopg.Connection) -> None:
    over = [text.highest / estimate(connection, text.octets) for text in BY_KIND[kind]]
    assert 1 < max(over) <= 1.1


@pytest.mark.parametrize("kind", ["cjk", "other-scripts"])
def test_scripts_of_many_octets_are_underestimated_by_the_older_encoding_only(
    kind: str, connection: psycopg.Connection
) -> None:
    texts = BY_KIND[KINDS[kind]]
    assert all(text.o200k <= estimate(connection, text.octets) for text in texts)
    assert any(text.cl100k > estimate(connection, text.octets) for text in texts)


@pytest.mark.parametrize("kind", BY_KIND)
def test_the_factor_named_for_a_kind_covers_it(kind: str, connection: psycopg.Connection, facts: Facts) -> None:
    set_setting(connection, "token_estimate_factor", note.covering_factor(BY_KIND[kind], facts.octets_per_token))
    assert underestimated(connection, BY_KIND[kind]) == []


def test_no_text_has_more_tokens_than_octets() -> None:
    assert [text.label for text in COUNTS.texts if text.highest > text.octets] == []


@pytest.mark.parametrize(("name", "value"), [("token_estimate_factor", "4"), ("octets_per_token", "1.3")])
def test_a_token_an_octet_is_never_too_low(name: str, value: str, connection: psycopg.Connection) -> None:
    set_setting(connection, name, Decimal(value))
    assert [octets for octets in range(1, 2000) if estimate(connection, octets) < octets] == []
