"""scripts/test: pgTAP and pytest on a server of their own, also while serve runs."""

import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scripts.setup.address import as_url, without_password
from scripts.setup.cluster import Cluster
from scripts.setup.console import SetupError, say, step
from scripts.setup.paths import ROOT, data_home
from scripts.setup.system import Postgres, put_on_path, require_client, require_postgres

SLOTS = 8
ADMIN_URL = "SCRIP_TEST_ADMIN_URL"
# A person's own settings must not decide what a test sees; above all no key of a real provider.
SETTINGS = (
    "AI_EVALUATION_ENABLED",
    "ALERT_WEBHOOK_SECRET",
    "ALERT_WEBHOOK_URL",
    "ANTHROPIC_API_KEY",
    "ANTHROPIC_BASE_URL",
    "BILLING_POLL_SECONDS",
    "BODY_SECONDS",
    "CORS_ORIGINS",
    "CRON_TOKEN",
    "DATABASE_CONNECTIONS",
    "DATABASE_URL",
    "DATABASE_WAIT_SECONDS",
    "DEMO",
    "DRAIN_SECONDS",
    "FRONTEND_URL",
    "GATEWAY_DATABASE_URL",
    "HEARTBEAT_SECONDS",
    "HOST",
    "JWT_SECRET",
    "JWT_SECRET_PREVIOUS",
    "KEEPALIVE_SECONDS",
    "LLM_FIRST_BYTE_SECONDS",
    "LLM_IDLE_SECONDS",
    "LLM_MAX_RETRIES",
    "LOG_LEVEL",
    "MAIL_FROM",
    "METRICS_TOKEN",
    "OPENAI_API_KEY",
    "OPENAI_BASE_URL",
    "PORT",
    "REDIRECT_ORIGINS",
    "SMTP_URL",
    "STRIPE_BASE_URL",
    "STRIPE_LARGE_PACK_PRICE_ID",
    "STRIPE_MEDIUM_PACK_PRICE_ID",
    "STRIPE_PLAYGROUND_WEBHOOK_SECRET",
    "STRIPE_PRPM_PLUS_ORG_MEMBER_PRICE_ID",
    "STRIPE_PRPM_PLUS_PRICE_ID",
    "STRIPE_PUBLISHABLE_KEY",
    "STRIPE_SECRET_KEY",
    "STRIPE_SMALL_PACK_PRICE_ID",
    "STRIPE_TIMEOUT_SECONDS",
    "STRIPE_VERIFIED_PLAN_PRICE_ID",
    "STRIPE_WEBHOOK_SECRET",
    "STRIPE_WEBHOOK_SECRET_CREDITS",
    "TRUSTED_PROXIES",
    "WORKERS",
)


def main(arguments: list[str]) -> int:
    """Runs pytest with the given arguments (default: everything, on all cores); returns its exit code."""
    arguments = arguments or ["-q", "-n", str(os.cpu_count() or 1), "--dist", "loadfile"]
    with test_server() as environment:
        return run([sys.executable, "-m", "pytest", *arguments], environment)


@contextmanager
def test_server() -> Iterator[dict[str, str]]:
    """An environment in which tests find their server: that of DATABASE_URL, else a private cluster."""
    environment = {name: value for name, value in os.environ.items() if name not in SETTINGS}
    given = os.environ.get("DATABASE_URL")
    if given:
        require_client()
        say(f"tests make and drop databases of their own on the server of DATABASE_URL ({without_password(given)})")
        yield {**environment, "PATH": os.environ["PATH"], ADMIN_URL: as_url(given)}
        return
    postgres = require_postgres(for_tests=True)
    put_on_path(postgres.bin)
    with free_slot() as folder, running_cluster(folder, postgres) as cluster:
        yield {**environment, "PATH": os.environ["PATH"], ADMIN_URL: cluster.url("postgres", "postgres")}


@contextmanager
def free_slot() -> Iterator[Path]:
    """A folder no other run of the tests uses; the first is nearly always free."""
    for number in range(1, SLOTS + 1):
        folder = data_home() / f"test-{number}"
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "lock").open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            yield folder
            return
    raise SetupError(f"{SLOTS} runs of the tests are under way in {data_home()}")


@contextmanager
def running_cluster(folder: Path, postgres: Postgres) -> Iterator[Cluster]:
    """A cluster that trades durability for speed; one that does not start any more is made anew."""
    cluster = Cluster(folder, postgres, durable=False, trusting=True)
    with step(f"PostgreSQL {postgres.version} for tests in {folder}"):
        try:
            cluster.start()
        except SetupError:
            if not cluster.exists:
                raise
            cluster.remove()
            cluster.start()
    try:
        yield cluster
    finally:
        cluster.stop()


def run(command: list[str], environment: dict[str, str]) -> int:
    """Runs a program in the checkout and returns its exit code. Signals go on to it, and it ends in its own way."""
    process = subprocess.Popen(command, env=environment, cwd=ROOT)
    signal.signal(signal.SIGINT, lambda number, frame: None)  # the terminal has sent it to the program already
    signal.signal(signal.SIGTERM, lambda number, frame: process.terminate())
    return process.wait()


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except SetupError as error:
        sys.exit(f"scrip: {error}")
