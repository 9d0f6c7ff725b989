"""scripts/import-packages: publish the packages of archives, one line each."""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import psycopg

from scripts.packages.importer import Owner, find_author, publish
from scripts.packages.limits import LIMITS, PackageRefused
from scripts.packages.package import read_package
from scripts.setup.address import database_url
from scripts.setup.console import SetupError

SUFFIXES = (".tar.gz", ".tgz", ".tar")


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/import-packages",
        description="Publish prompt packages into the database of DATABASE_URL, or the one that scripts/serve runs. "
        "Prints imported, unchanged or refused for each; status 1 when any was refused.",
        epilog=f"Accepted at most: {LIMITS.describe()}.",
    )
    parser.add_argument(
        "paths", nargs="+", metavar="PATH", help=f"an archive ({', '.join(SUFFIXES)}) or a folder of such"
    )
    parser.add_argument("--author", metavar="EMAIL", help="the person whose packages these are")
    parser.add_argument("--organization", metavar="ID", type=UUID, help="the organisation whose packages these are")
    parser.add_argument(
        "--private", action="store_true", help="found and run only by the author and the members of the organisation"
    )
    options = parser.parse_args(arguments)
    if options.private and options.author is None and options.organization is None:
        parser.error("--private needs --author or --organization")
    return options


def archives(paths: list[str]) -> Iterator[Path]:
    """The files named, and those directly in the folders named, by name; a folder without any stands for itself."""
    for path in map(Path, paths):
        found = sorted(file for file in path.iterdir() if file.name.endswith(SUFFIXES)) if path.is_dir() else []
        yield from found or [path]


def import_one(connection: psycopg.Connection, path: Path, owner: Owner) -> tuple[str, str]:
    """What became of one archive: a word and what is to be said about it."""
    try:
        if path.is_dir():
            raise PackageRefused("a folder without archives")
        package = read_package(path)
        created = publish(connection, package, owner)
    except PackageRefused as error:
        return "refused", f"{on_one_line(path)}: {error}"
    except OSError as error:
        return "refused", f"{on_one_line(path)}: {error.strerror or 'cannot be read'}"
    return "imported" if created else "unchanged", f"{package.manifest.name} {package.manifest.version}"


def on_one_line(path: Path) -> str:
    """A file name may hold anything, line ends too."""
    return str(path) if str(path).isprintable() else ascii(str(path))


def main(arguments: list[str]) -> int:
    options = parse(arguments)
    counts = {"imported": 0, "unchanged": 0, "refused": 0}
    with psycopg.connect(database_url("scrip_operator"), autocommit=True) as connection:
        author_id = None
        if options.author is not None:
            author_id = find_author(connection, options.author)
            if author_id is None:
                raise SetupError(f"there is no user with the e-mail address {options.author}")
        owner = Owner(author_id, options.organization, options.private)
        for path in archives(options.paths):
            word, what = import_one(connection, path, owner)
            counts[word] += 1
            print(f"{word:<9} {what}", flush=True)
    print(", ".join(f"{count} {word}" for word, count in counts.items()), file=sys.stderr)
    return 1 if counts["refused"] else 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except SetupError as error:
        sys.exit(f"scrip: {error}")
    except psycopg.OperationalError as error:
        sys.exit(f"scrip: the database does not answer: {str(error).splitlines()[0]}")
