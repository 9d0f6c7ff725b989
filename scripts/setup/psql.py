"""scripts/psql: a shell as one role on the database that serve runs."""

import os
import sys

import psycopg

from scripts.setup.address import session_url
from scripts.setup.console import SetupError
from scripts.setup.system import find_postgres, put_on_path, require_client

ROLES = ("owner", "gateway", "cron", "operator", "analyst")


def main(arguments: list[str]) -> None:
    if not arguments or arguments[0] not in ROLES:
        raise SetupError(f"usage: scripts/psql {'|'.join(ROLES)} [psql arguments]")
    try:
        url = session_url(f"scrip_{arguments[0]}")
    except psycopg.OperationalError as error:
        raise SetupError(f"the database does not answer: {str(error).strip().splitlines()[0]}") from None
    postgres = find_postgres(needs=("pg_cron",))
    if postgres:
        put_on_path(postgres.bin)
    require_client()
    # For people: wide rows as records where they would not fit, errors without the bodies of the functions they passed.
    comforts = ["--pset=expanded=auto", "--set=SHOW_CONTEXT=never"]
    os.execvp("psql", ["psql", *comforts, url, *arguments[1:]])


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except SetupError as error:
        sys.exit(f"scrip: {error}")
