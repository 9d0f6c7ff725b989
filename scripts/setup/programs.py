"""The programs that serve: simulators for providers without an API key and for Stripe, and the gateway."""

import os
import secrets
import socket
import sys
import time
import urllib.error
import urllib.request
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from scripts.setup.console import SetupError, step, warn
from scripts.setup.paths import ROOT
from scripts.setup.processes import Child, start
from scripts.setup.stripe import SIMULATED_KEY, SIMULATED_PRICES

READY_SECONDS = 60
DRAIN_SECONDS = 60  # the gateway's default
STOP_MARGIN_SECONDS = 15  # on top of draining, before the gateway is killed
WEBHOOK_PATH = "/api/v1/playground/webhooks/stripe/credits"
# Name, key, address: the settings of each provider, and the path its SDK expects behind the address.
PROVIDERS = (
    ("anthropic", "ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL", ""),
    ("openai", "OPENAI_API_KEY", "OPENAI_BASE_URL", "/v1"),
)


@dataclass(frozen=True)
class Simulator:
    """The running simulator, whose answers it gives, and the settings that lead the gateway there."""

    child: Child
    providers: tuple[str, ...]
    environment: dict[str, str]


@dataclass(frozen=True)
class StripeSimulator:
    """The running simulator of Stripe, where it answers, the secret of its webhooks, and the gateway's settings."""

    child: Child
    address: str
    webhook_secret: str
    environment: dict[str, str]


def free_port(port: int) -> int:
    """The port itself, or a free one for 0. Raises SetupError when it is taken."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
            return probe.getsockname()[1]
        except PermissionError:
            raise SetupError(f"port {port} is reserved for root: choose one from 1024 with --port") from None
        except OSError:
            raise SetupError(f"port {port} is in use by another program: choose one with --port") from None


def start_simulator(folder: Path, running: ExitStack) -> Simulator | None:
    """Stands in for each provider that has neither a key nor an address; None when all are real."""
    simulated = [entry for entry in PROVIDERS if not (os.environ.get(entry[1]) or os.environ.get(entry[2]))]
    if not simulated:
        return None
    port = free_port(0)
    child = start(
        "the simulator",
        [sys.executable, "-P", "-m", "gateway.llm.simulator", "--port", str(port)],
        log=folder / "simulator.log",
        cwd=ROOT,
    )
    running.callback(child.stop, wait=5)
    environment = {address: f"http://127.0.0.1:{port}{path}" for _, _, address, path in simulated}
    return Simulator(child, tuple(name for name, *_ in simulated), environment)


def start_stripe_simulator(folder: Path, gateway_port: int, running: ExitStack) -> StripeSimulator | None:
    """Stands in for Stripe where there is no key for it; None where there is one, or an address of its own."""
    if os.environ.get("STRIPE_SECRET_KEY") or os.environ.get("STRIPE_BASE_URL"):
        return None
    port = _kept_port(folder / "stripe-port")
    address = f"http://127.0.0.1:{port}"
    # Kept between runs: the database lets another one in only beside the one before.
    webhook_secret = f"whsec_{kept_secret(folder / 'stripe-webhook-secret')}"
    webhook = f"http://127.0.0.1:{gateway_port}{WEBHOOK_PATH}"
    prices = [f"--price={price_id}={cents}:month" for price_id, cents in SIMULATED_PRICES.values()]
    child = start(
        "the Stripe simulator",
        [
            *(sys.executable, "-P", "-m", "gateway.billing.simulator", "--port", str(port)),
            *("--webhook", webhook, "--webhook-secret", webhook_secret, *prices),
            *("--state", str(folder / "stripe.state")),
        ],
        log=folder / "stripe.log",
        cwd=ROOT,
    )
    running.callback(child.stop, wait=5)
    environment = {
        "STRIPE_SECRET_KEY": SIMULATED_KEY,
        "STRIPE_PUBLISHABLE_KEY": "pk_test_simulator",
        "STRIPE_BASE_URL": address,
    }
    return StripeSimulator(child, address, webhook_secret, environment)


def _kept_port(file: Path) -> int:
    """The port of the run before, so that receipts and pages people were sent to are still there; else a free one."""
    try:
        return free_port(int(file.read_text()))
    except (OSError, ValueError, SetupError):
        port = free_port(0)
        file.write_text(str(port))
        return port


def start_gateway(folder: Path, settings: dict[str, str], running: ExitStack) -> Child:
    """Starts the gateway on the loopback address; `running` drains and ends it."""
    environment = {**os.environ, **signing_secret(folder), **settings, "HOST": "127.0.0.1"}
    child = start(
        "the gateway", [sys.executable, "-P", "-m", "gateway"], log=folder / "gateway.log", env=environment, cwd=ROOT
    )
    drain = float(environment.get("DRAIN_SECONDS") or DRAIN_SECONDS)
    running.callback(child.stop, wait=drain + STOP_MARGIN_SECONDS)
    return child


def signing_secret(folder: Path) -> dict[str, str]:
    """What is to be added to the environment where it names no secret to sign tokens with."""
    if os.environ.get("JWT_SECRET", "").strip():
        return {}
    # Kept between runs, so that a login outlives a restart.
    return {"JWT_SECRET": kept_secret(folder / "jwt-secret"), "DEMO": "true"}


def kept_secret(file: Path) -> str:
    """A random secret that only the caller can read, made the first time."""
    if not file.exists():
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as opened:
            opened.write(secrets.token_urlsafe(48))
    return file.read_text().strip()


def wait_until_ready(address: str, children: list[Child]) -> None:
    """Returns when the gateway answers. Raises SetupError with the last lines of what ended instead."""
    deadline = time.monotonic() + READY_SECONDS
    answer = "no answer"
    with step("the gateway"):
        while time.monotonic() < deadline:
            for child in children:
                if child.process.poll() is not None:
                    raise SetupError(f"{child.name} did not start; the end of {child.log}:\n{child.last_lines()}")
            try:
                with urllib.request.urlopen(f"{address}/readyz", timeout=5):
                    return
            except urllib.error.HTTPError as error:
                answer = f"{error.code} {error.read(500).decode('utf-8', 'replace')}"
            except OSError as error:
                answer = str(error)
            time.sleep(0.05)
    warn(f"the gateway runs, but is not ready after {READY_SECONDS} s: {answer}")
