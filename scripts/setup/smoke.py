"""scripts/smoke: what a person does on the first day. Starts serve, pastes the printed curl, reads, presses Ctrl-C.

Everything lies in a throw-away folder; `--managed` first makes a server such as hosting companies offer (an
administrator who is no superuser, passwords, no pg_cron) and gives its DATABASE_URL to serve.
"""

import argparse
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg import sql

from scripts.setup.address import with_login
from scripts.setup.cluster import Cluster
from scripts.setup.console import SetupError, say
from scripts.setup.paths import SCRIPTS, data_home
from scripts.setup.system import put_on_path, require_postgres

START_SECONDS = 300
STOP_SECONDS = 90
EVENT = "event: done\ndata: "


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="scripts/smoke", description="One run over HTTP, from nothing.")
    parser.add_argument("--managed", action="store_true", help="against a server such as hosting companies offer")
    options = parser.parse_args(arguments)
    with temporary_folder() as folder:
        if not options.managed:
            return smoke(folder, dict(os.environ))
        with managed_server(folder / "server") as url:
            return smoke(folder, {**os.environ, "DATABASE_URL": url})


def smoke(folder: Path, environment: dict[str, str]) -> int:
    """Raises SetupError when the run is not answered, streamed and charged, or when serve does not end in order."""
    command = [SCRIPTS / "serve", "--data", folder, "--port", "0", "--workers", "1"]
    # Programs unpacked without root are found in the caller's data folder; only the database is thrown away.
    unpacked = data_home() / "rootless"
    if unpacked.exists():
        (folder / "rootless").symlink_to(unpacked)
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    try:
        line = printed_curl(process)
        say(line)
        done = subprocess.run(["sh", "-c", line], capture_output=True, text=True, timeout=60, check=False)
        body = finished_run(done.stdout)
    finally:
        process.send_signal(signal.SIGTERM)
        status = process.wait(STOP_SECONDS)
    if status:
        raise SetupError(f"serve ended with {status}")
    print(f"scripts/smoke: answered, {body['creditsSpent']} credits spent, {body['creditsRemaining']} left")
    return 0


def printed_curl(process: subprocess.Popen[str]) -> str:
    """The line to paste, read from what serve prints. Raises SetupError when it ends without."""
    assert process.stdout is not None
    too_long = threading.Timer(START_SECONDS, process.terminate)
    too_long.start()
    try:
        for line in process.stdout:
            if "curl " in line:
                return line.strip()
    finally:
        too_long.cancel()
    raise SetupError(f"serve ended with {process.wait()} before it served")


def finished_run(answer: str) -> dict[str, object]:
    """The `done` event of a stream. Raises SetupError when it is missing or nothing was delivered or charged."""
    answer = answer.replace("\r\n", "\n")
    if "event: delta\n" not in answer or EVENT not in answer:
        raise SetupError(f"the printed curl was not answered by a run:\n{answer[-1000:]}")
    body = json.loads(answer.split(EVENT, 1)[1].split("\n", 1)[0])
    if not (body["response"] and body["creditsSpent"] > 0):
        raise SetupError(f"the run was not charged: {body}")
    return body


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """A folder that the server's user can reach too."""
    folder = Path(tempfile.mkdtemp(prefix="scrip-smoke-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def managed_server(folder: Path) -> Iterator[str]:
    """The address of a database whose owner may create roles and nothing more, on a server that asks for passwords."""
    postgres = require_postgres(for_tests=False)
    put_on_path(postgres.bin)
    password = secrets.token_hex(12)
    cluster = Cluster(folder, postgres, durable=False, trusting=True, settings={"shared_preload_libraries": ""})
    try:
        cluster.start()
        with psycopg.connect(cluster.url("postgres", "postgres"), autocommit=True) as connection:
            create_role = sql.SQL("create role manager login createrole password {}")
            connection.execute(create_role.format(sql.Literal(password)))
            connection.execute("create database managed owner manager template template0")
            rules = "local all postgres trust\nlocal all all scram-sha-256\n"
            (cluster.data / "pg_hba.conf").write_text(rules)
            connection.execute("select pg_reload_conf()")
        yield with_login(cluster.url("manager", "managed"), "manager", password)
    finally:
        cluster.remove()


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except SetupError as error:
        sys.exit(f"scrip: {error}")
