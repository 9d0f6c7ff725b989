"""scripts/serve: from whatever machine this is to a gateway that answers, and back to nothing on Ctrl-C."""

import argparse
import fcntl
import json
import os
import select
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType

from scripts.setup.address import as_url
from scripts.setup.cluster import Cluster
from scripts.setup.console import SetupError, say, step, warn
from scripts.setup.demo import DemoLogin, load_demo
from scripts.setup.migrate import bootstrap, configure, migrate
from scripts.setup.paths import data_home
from scripts.setup.processes import Child
from scripts.setup.programs import (
    free_port,
    signing_secret,
    start_gateway,
    start_simulator,
    start_stripe_simulator,
    wait_until_ready,
)
from scripts.setup.server import check_server, gateway_login, report_lacks
from scripts.setup.stripe import configure_simulated_stripe
from scripts.setup.system import put_on_path, require_client, require_postgres, upgrade_minor
from scripts.setup.welcome import Introduction, introduce

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# What --reset deletes besides the cluster.
KEPT_FILES = (
    *("jwt-secret", "gateway-password", "stripe-webhook-secret", "stripe.state", "stripe-port"),
    *("gateway.log", "simulator.log", "stripe.log", "postgres.log", "state.json"),
)


class Stopped(Exception):
    """Somebody pressed Ctrl-C or sent SIGTERM."""


def parse(arguments: list[str]) -> argparse.Namespace:
    """Reads the command line; `--data` becomes SCRIP_DATA, which every later step asks for."""
    parser = argparse.ArgumentParser(
        prog="scripts/serve",
        description="Sets up whatever is missing and serves Scrip on this machine's loopback address.",
        epilog="Settings come from the environment and from .env (see .env.example).",
    )
    port = os.environ.get("PORT") or "8080"
    parser.add_argument("--port", type=int, default=port, help=f"TCP port; 0 takes a free one (default {port})")
    workers = os.environ.get("WORKERS") or str(os.cpu_count() or 1)
    parser.add_argument("--workers", type=int, default=workers, help=f"gateway processes (default {workers})")
    parser.add_argument("--reset", action="store_true", help="delete the database of an earlier run and start over")
    parser.add_argument("--data", metavar="DIR", help=f"where the database lies (default {data_home()})")
    parser.add_argument("--no-demo", action="store_true", help="no demo packages, no demo user, no simulated payments")
    options = parser.parse_args(arguments)
    if not 0 <= options.port <= 65535:
        parser.error("--port must be from 0 to 65535")
    if not 1 <= options.workers <= 64:
        parser.error("--workers must be from 1 to 64")
    if options.data is not None:
        os.environ["SCRIP_DATA"] = str(Path(options.data).expanduser().absolute())
    return options


def main(arguments: list[str]) -> int:
    """Serves until Ctrl-C (0) or until something that was started ends by itself (1)."""
    options = parse(arguments)
    for number in SIGNALS:
        signal.signal(number, _raise_stopped)
    with ExitStack() as running:
        folder = data_home() / "serve"
        try:
            running.enter_context(only_one(folder))
            return serve(options, folder, running)
        except Stopped:
            say("stopping")
            return 0
        finally:
            # What was started is ended whole, whatever else is pressed; every step is bounded.
            for number in SIGNALS:
                signal.signal(number, signal.SIG_IGN)


def serve(options: argparse.Namespace, folder: Path, running: ExitStack) -> int:
    children: list[Child] = []
    port = free_port(options.port)
    if os.environ.get("DATABASE_URL"):
        admin, gateway_url = open_given_database(folder, reset=options.reset)
    else:
        cluster = open_own_database(folder, running, reset=options.reset)
        assert cluster.server is not None
        children.append(cluster.server)
        admin, gateway_url = cluster.url("postgres"), cluster.url("scrip_gateway")
    address = f"http://127.0.0.1:{port}"
    # Links to buy credits lead where this gateway is, unless told otherwise.
    frontend = {} if os.environ.get("FRONTEND_URL") else {"FRONTEND_URL": address}
    # The database looks at tokens too, so it is told what they are signed with before anybody gets one.
    login = prepare(admin, {**os.environ, **frontend, **signing_secret(folder)}, with_demo=not options.no_demo)
    environment = {"DATABASE_URL": gateway_url, "PORT": str(port), "WORKERS": str(options.workers), **frontend}
    simulator = start_simulator(folder, running)
    if simulator is not None:
        children.append(simulator.child)
        environment |= simulator.environment
    # What nobody paid for is given away in a demo only.
    stripe = None if options.no_demo else start_stripe_simulator(folder, port, running)
    if stripe is not None:
        configure_simulated_stripe(admin, stripe.webhook_secret)
        children.append(stripe.child)
        environment |= stripe.environment
    children.append(start_gateway(folder, environment, running))
    wait_until_ready(address, children)
    state = {"pid": os.getpid(), "address": address, "stripe": stripe and stripe.address}
    (folder / "state.json").write_text(json.dumps(state))
    introduce(Introduction(address, login, simulator.providers if simulator else (), stripe and stripe.address))
    ended = wait_for_end(children)
    warn(f"{ended.name} ended by itself (status {ended.process.wait()}); its last lines, from {ended.log}:")
    print(ended.last_lines(), file=sys.stderr)
    return 1


def open_own_database(folder: Path, running: ExitStack, *, reset: bool) -> Cluster:
    """The private cluster, made when there is none, running until `running` closes."""
    postgres = require_postgres(for_tests=False)
    if reset or not (folder / "pg").exists():
        postgres = upgrade_minor(postgres)
    put_on_path(postgres.bin)
    cluster = Cluster(folder, postgres)
    if reset:
        with step(f"deleting the database in {folder}"):
            cluster.remove()
            delete_kept_files(folder)
    with step(f"PostgreSQL {postgres.version} in {folder}" + ("" if cluster.exists else " (new)")):
        running.callback(cluster.stop)
        cluster.start()
    return cluster


def open_given_database(folder: Path, *, reset: bool) -> tuple[str, str]:
    """The server of DATABASE_URL: the administrator's and the gateway's address."""
    if reset:
        raise SetupError("--reset deletes only a database of scripts/serve's own, never the one DATABASE_URL names")
    require_client()
    url = as_url(os.environ["DATABASE_URL"])
    check_server(url)
    with step("roles and extensions"):
        bootstrap(url)
    report_lacks(url)
    return url, gateway_login(url, folder / "gateway-password")


def prepare(admin: str, environment: Mapping[str, str], *, with_demo: bool) -> DemoLogin | None:
    """Roles, tables, code, settings that live in the database, and the demo's packages and user."""
    if not os.environ.get("DATABASE_URL"):
        with step("roles and extensions"):
            bootstrap(admin)
    with step("migrations and code"):
        migrate(admin, say=lambda text: None)
    configure(admin, environment)
    if not with_demo:
        return None
    with step("demo data"):
        return load_demo(admin)


def delete_kept_files(folder: Path) -> None:
    for name in KEPT_FILES:
        (folder / name).unlink(missing_ok=True)


@contextmanager
def only_one(folder: Path) -> Iterator[None]:
    """Holds the data folder. Raises SetupError when another scripts/serve has it."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SetupError(f"scripts/serve already runs on {folder.parent}{_running_at(folder)}") from None
        state = folder / "state.json"
        state.unlink(missing_ok=True)
        try:
            yield
        finally:
            state.unlink(missing_ok=True)


def _running_at(folder: Path) -> str:
    try:
        state = json.loads((folder / "state.json").read_text())
    except (OSError, ValueError):
        return " (still setting up)"
    return f", at {state['address']} (process {state['pid']}); another one needs a folder of its own: --data DIR"


def wait_for_end(children: list[Child]) -> Child:
    """Sleeps until one of the programs ends; a signal raises Stopped out of it."""
    poll = select.poll()
    by_descriptor = {os.pidfd_open(child.process.pid): child for child in children}
    try:
        for descriptor in by_descriptor:
            poll.register(descriptor, select.POLLIN)
        return by_descriptor[poll.poll()[0][0]]
    finally:
        for descriptor in by_descriptor:
            os.close(descriptor)


def _raise_stopped(number: int, frame: FrameType | None) -> None:
    raise Stopped


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except SetupError as error:
        sys.exit(f"scrip: {error}")
