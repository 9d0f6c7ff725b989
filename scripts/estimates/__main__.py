"""scripts/token-estimates: count the samples with a real tokenizer, compare with the database, write the note."""

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from scripts.estimates import note
from scripts.estimates.counts import MEASURED_MODELS, Counts, counts_of, read_counts, with_kept_packages, write_counts
from scripts.estimates.facts import read_facts
from scripts.estimates.samples import read_prompt, read_samples
from scripts.estimates.tokenizer import count
from scripts.packages.__main__ import archives
from scripts.packages.limits import PackageRefused
from scripts.setup.address import as_url
from scripts.setup.console import SetupError, step
from scripts.setup.migrate import bootstrap, migrate
from scripts.setup.testing import ADMIN_URL, test_server

DATABASE = "scrip_estimates"


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/token-estimates",
        description="Count the samples' tokens with npm's gpt-tokenizer (into a folder that is thrown away), keep the "
        "counts beside the tests and write docs/token-estimates.md. Needs a package registry, unless --kept.",
    )
    parser.add_argument("--kept", action="store_true", help="count nothing, write the note from the kept counts")
    parser.add_argument("paths", nargs="*", metavar="PACKAGE", help="archives, or folders of such, to measure as well")
    options = parser.parse_args(arguments)
    if options.kept and options.paths:
        parser.error("--kept measures no packages")
    return options


def measure(paths: list[str]) -> Counts:
    samples = [*read_samples(), *(read_prompt(path) for path in archives(paths))]
    counts = counts_of(samples, count([sample.text for sample in samples]))
    return with_kept_packages(counts, read_counts())


@contextmanager
def new_database() -> Iterator[psycopg.Connection]:
    """A database with the code and the settings as they land, on a server for tests; dropped afterwards."""
    with test_server() as environment, psycopg.connect(environment[ADMIN_URL], autocommit=True) as admin:
        name = sql.Identifier(DATABASE)
        admin.execute(sql.SQL("drop database if exists {} with (force)").format(name))
        admin.execute(sql.SQL("create database {} template template0").format(name))
        try:
            url = as_url(make_conninfo(environment[ADMIN_URL], dbname=DATABASE))
            bootstrap(url)
            migrate(url, say=lambda text: None)
            with psycopg.connect(url) as connection:
                yield connection
        finally:
            admin.execute(sql.SQL("drop database if exists {} with (force)").format(name))


def main(arguments: list[str]) -> None:
    options = parse(arguments)
    if not options.kept:
        write_counts(measure(options.paths))
    counts = read_counts()
    with step(f"estimates by the database, into {note.FILE.name}"), new_database() as connection:
        facts = read_facts(connection, [text.octets for text in counts.texts], MEASURED_MODELS)
        note.FILE.write_text(note.render(counts, facts))


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except (SetupError, PackageRefused, OSError) as error:
        sys.exit(f"scrip: {error}")
