"""The databases of the bench: Scrip's with few and with many transactions, and pgbench's own."""

import hashlib
import random
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from scripts.setup.cluster import DATABASE, Cluster
from scripts.setup.console import SetupError
from scripts.setup.demo import demo_packages
from scripts.setup.migrate import bootstrap, migrate, psql_environment

TPCB = "tpcb"
GROWN = "scrip_grown"
TPCB_SCALE = 20
PEOPLE = 1000
DEEP = PEOPLE + 1  # the person with a history of many pages
PACKAGES = 24
SMALLEST_PROMPT, LARGEST_PROMPT = 3_000, 12_000  # octets
CREDITS = 1_000_000
MONTHS = 6
HISTORY = Path(__file__).with_name("history.sql")
SPENDS_OF_A_GRANT = 100

SPAN = "select date_trunc('month', now(), 'UTC') - make_interval(months => %s), now() - interval '1 hour'"
# A server that lived through these months would have their partitions.
ROLL_UP = "select jobs.roll_up()"
PARTITIONS = """
    select engine.create_partition(
      parent, key, parent || to_char(month at time zone 'UTC', '"_y"YYYY"m"MM'), month, month + interval '1 month')
    from (values ('usage', 'reserved_at'), ('messages', 'created_at')) as parents (parent, key)
    cross join generate_series(%s::timestamptz, now() - interval '1 month', interval '1 month') as month
"""
# Built after the rows are there, in a fifth of the time, and as full as if they had grown row by row.
INDEXES = """
    select i.indexrelid::regclass::text
    from pg_index i
    join pg_class c on c.oid = i.indrelid
    where c.relnamespace = 'playground'::regnamespace and c.relkind = 'r'
      and (c.relname in ('transactions', 'transaction_parts', 'holds', 'hold_parts', 'sessions', 'cost_windows')
        or c.relname ~ '^(usage|messages)_')
"""
SLEEP = "update pg_index set indisready = false where indexrelid = any(%s::regclass[])"
IMPORT = """
    select admin.import_package(
      p_name => %s, p_version => '1.0.0', p_description => 'A package of the bench', p_format => 'claude',
      p_subtype => 'skill', p_files => %s, p_manifest => '{}')
"""
# Nobody of the bench is refused: neither for want of credits nor by a limit.
ENDOW = """
    select admin.grant_credits(user_id, %s, 'the bench'), admin.set_unlimited(user_id, true, 'the bench')
    from unnest(%s::uuid[]) as user_id
"""


@dataclass(frozen=True)
class People:
    """People numbered from `first` on, each with `each` transactions in the past."""

    first: int
    count: int
    each: int
    first_grant: int
    with_messages: bool = True

    @property
    def last(self) -> int:
        return self.first + self.count - 1

    @property
    def last_grant(self) -> int:
        return self.first_grant + self.count * (self.each // (SPENDS_OF_A_GRANT + 1) + 1)


def make_tpcb(cluster: Cluster) -> None:
    with psycopg.connect(cluster.url("postgres", "postgres"), autocommit=True) as connection:
        connection.execute(f"create database {TPCB} template template0")


def make_scrip(cluster: Cluster, database: str, prompts: list[str]) -> None:
    """Roles, tables, code and packages in `database`, which is made unless it is the cluster's first."""
    if database != DATABASE:
        with psycopg.connect(cluster.url("postgres", "postgres"), autocommit=True) as connection:
            name = sql.Identifier(database)
            connection.execute(sql.SQL("create database {} template template0").format(name))
    bootstrap(cluster.url("postgres", database))
    migrate(cluster.url("postgres", database), say=lambda text: None)
    with psycopg.connect(cluster.url("scrip_operator", database), autocommit=True) as connection:
        # Whether a minute begins while something is measured is chance.
        connection.execute("select admin.set_jobs_active(false, 'the bench')")
        for number, prompt in enumerate(prompts, 1):
            files = Jsonb([{"path": "SKILL.md", "content": prompt}])
            connection.execute(IMPORT, (f"@bench/package-{number}", files))


def make_past(cluster: Cluster, database: str, crowds: list[People]) -> None:
    """Gives people their past, all crowds at once, and credits that last. Raises SetupError."""
    with psycopg.connect(cluster.url("postgres", database), autocommit=True) as connection:
        span = connection.execute(SPAN, [MONTHS]).fetchone()
        assert span is not None
        connection.execute("set role scrip_owner")
        connection.execute(PARTITIONS, [span[0]])
        connection.execute("reset role")
        connection.execute("select setval('playground.grant_ids', %s)", [max(crowd.last_grant for crowd in crowds)])
        with indexes_built_afterwards(connection):
            writers = [_start_past(cluster, database, crowd, str(span[0]), str(span[1])) for crowd in crowds]
            complaints = [writer.communicate()[1] for writer in writers]
            if any(writer.returncode for writer in writers):
                raise SetupError(f"the past could not be written:\n{''.join(complaints).strip()[-1000:]}")
        connection.execute(ROLL_UP)
        connection.execute("vacuum (analyze)")
        connection.execute("checkpoint")
    for crowd in crowds:
        ids = [person_id(number) for number in range(crowd.first, crowd.last + 1)]
        endow(cluster, database, ids)


@contextmanager
def indexes_built_afterwards(connection: psycopg.Connection) -> Iterator[None]:
    """While inside, rows are put into the tables of the past only; leaving, their indexes are built."""
    indexes = [row[0] for row in connection.execute(INDEXES)]
    connection.execute("set allow_system_table_mods = on")
    connection.execute(SLEEP, [indexes])
    connection.execute("set allow_system_table_mods = off")
    yield
    for index in indexes:
        name = sql.Identifier(*index.split("."))
        connection.execute(sql.SQL("alter index {} set (fillfactor = 70)").format(name))
        connection.execute(sql.SQL("reindex index {}").format(name))
        connection.execute(sql.SQL("alter index {} reset (fillfactor)").format(name))


def endow(cluster: Cluster, database: str, user_ids: list[str]) -> None:
    """Credits and no limits for people of the bench."""
    with psycopg.connect(cluster.url("scrip_operator", database), autocommit=True) as connection:
        connection.execute(ENDOW, (CREDITS, user_ids))


def _start_past(cluster: Cluster, database: str, crowd: People, starts_at: str, ends_at: str) -> subprocess.Popen[str]:
    variables = {
        "people": crowd.count,
        "each": crowd.each,
        "first_person": crowd.first,
        "first_grant": crowd.first_grant,
        "starts_at": starts_at,
        "ends_at": ends_at,
        "with_messages": "on" if crowd.with_messages else "off",
    }
    settings = [f"--set={name}={value}" for name, value in variables.items()]
    return subprocess.Popen(
        [str(cluster.postgres.bin / "psql"), "-X", "-q", *settings, "-f", str(HISTORY)],
        env=psql_environment(cluster.url("postgres", database)),
        cwd="/",
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def person_id(number: int) -> str:
    """The id of a numbered person: no two lie together in an index, as in life."""
    return str(uuid.UUID(hashlib.md5(f"person {number}".encode(), usedforsecurity=False).hexdigest()))


def make_prompts() -> list[str]:
    """The prompts of the demo's packages, and longer ones put together from their sentences; the same every time."""
    written = ["\n\n".join(file.content for file in package.files) for package in demo_packages()]
    paragraphs = [paragraph for prompt in written for paragraph in prompt.split("\n\n") if paragraph.strip()]
    chance = random.Random(4)  # noqa: S311
    prompts = list(written)
    while len(prompts) < PACKAGES:
        octets = chance.randint(SMALLEST_PROMPT, LARGEST_PROMPT)
        prompt = f"# Package {len(prompts) + 1}"
        while len(prompt.encode()) < octets:
            words = chance.choice(paragraphs).split(" ")
            chance.shuffle(words)
            prompt += "\n\n" + " ".join(words)
        prompts.append(prompt)
    return prompts
