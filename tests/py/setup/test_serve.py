"""scripts/serve as a person meets it: one at a time per folder, everything ends with it, whatever dies first."""

import json
import os
import signal
import socket
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from scripts.setup.paths import SCRIPTS
from scripts.setup.testing import SETTINGS

PATIENCE_SECONDS = 120
GREETING = "Scrip serves at "


@dataclass
class Serving:
    """A running scripts/serve, where it answers, and every process below it."""

    process: subprocess.Popen[str]
    address: str
    descendants: list[int]

    def send(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        return self.process.wait(PATIENCE_SECONDS)


def serve(folder: Path, *arguments: str, demo: bool = False, **settings: str) -> subprocess.Popen[str]:
    environment = {name: value for name, value in os.environ.items() if name not in SETTINGS}
    bare = [] if demo else ["--no-demo"]
    return subprocess.Popen(
        [SCRIPTS / "serve", "--data", folder, "--port", "0", "--workers", "1", *bare, *arguments],
        env=environment | settings,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def started(process: subprocess.Popen[str]) -> Serving:
    assert process.stdout is not None
    assert process.stderr is not None
    for line in process.stdout:
        if line.startswith(GREETING):
            return Serving(process, line.removeprefix(GREETING).split()[0], descendants(process.pid))
    raise AssertionError(process.stderr.read())


def rest_of_greeting(running: Serving) -> list[str]:
    """What is printed after the address, without empty lines."""
    assert running.process.stdout is not None
    lines: list[str] = []
    while not lines or not lines[-1].startswith("Ctrl-C"):
        lines.append(running.process.stdout.readline().strip())
    return [line for line in lines if line]


def post(address: str, path: str, body: dict[str, str], token: str = "") -> dict[str, str]:
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
    request = urllib.request.Request(f"{address}/api/v1{path}", json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as reply:
        return json.load(reply)


def descendants(pid: int) -> list[int]:
    children = [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return children + [below for child in children for below in descendants(child)]


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def wait_until_gone(pids: list[int]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while left := [pid for pid in pids if is_alive(pid)]:
        assert time.monotonic() < deadline, f"still running: {left}"
        time.sleep(0.02)


@pytest.fixture
def folder(reachable_folder: Path) -> Iterator[Path]:
    """A data folder; a scripts/serve that a failed test left there is ended."""
    yield reachable_folder
    state = reachable_folder / "serve" / "state.json"
    assert not state.exists(), "a scripts/serve was left running"


def test_one_folder_through_three_starts(folder: Path) -> None:
    """A second serve is refused, Ctrl-C ends everything, the next start finds the database again, --reset does not."""
    first = started(serve(folder))
    assert len(first.descendants) >= 4  # PostgreSQL, the simulator, the gateway and its worker
    with urllib.request.urlopen(f"{first.address}/healthz") as reply:
        assert reply.status == 200
    person = post(first.address, "/auth/register", {"email": "ann@scrip.example", "password": "correct horse"})
    # The database takes tokens that this gateway signs, or there would be no key.
    assert post(first.address, "/auth/keys", {"name": "laptop"}, person["accessToken"])["key"].startswith("scrip_")
    intruder = serve(folder)
    _, complaint = intruder.communicate(timeout=PATIENCE_SECONDS)
    assert intruder.returncode == 1
    assert first.address in complaint
    assert "--data" in complaint
    assert first.send(signal.SIGINT) == 0
    wait_until_gone(first.descendants)

    secret = (folder / "serve/jwt-secret").read_text()
    control = (folder / "serve/pg/PG_VERSION").stat()
    second = started(serve(folder))
    assert second.send(signal.SIGTERM) == 0
    wait_until_gone(second.descendants)
    assert (folder / "serve/pg/PG_VERSION").stat().st_ctime_ns == control.st_ctime_ns
    assert (folder / "serve/jwt-secret").read_text() == secret

    third = started(serve(folder, "--reset"))
    assert third.send(signal.SIGTERM) == 0
    assert (folder / "serve/pg/PG_VERSION").stat().st_ctime_ns != control.st_ctime_ns
    assert (folder / "serve/jwt-secret").read_text() != secret


def test_kill_9_of_serve_leaves_nothing_behind_and_the_next_start_works(folder: Path) -> None:
    first = started(serve(folder))
    first.send(signal.SIGKILL)
    wait_until_gone(first.descendants)
    second = started(serve(folder))
    assert second.send(signal.SIGTERM) == 0


@pytest.mark.parametrize("victim", ["gateway", "simulator", "postgres"])
def test_when_one_dies_serve_names_it_and_ends_the_rest(folder: Path, victim: str) -> None:
    running = started(serve(folder))
    leaders = [
        int(w) for w in Path(f"/proc/{running.process.pid}/task/{running.process.pid}/children").read_text().split()
    ]
    by_name = {name_of(pid): pid for pid in leaders}
    os.kill(by_name[victim], signal.SIGKILL)
    _, complaint = running.process.communicate(timeout=PATIENCE_SECONDS)
    assert running.process.returncode == 1
    assert victim in complaint.lower()
    assert "ended by itself" in complaint
    wait_until_gone(running.descendants)


def name_of(pid: int) -> str:
    command = Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
    if "gateway.llm.simulator" in command:
        return "simulator"
    return "gateway" if "gateway" in command else "postgres"


def test_a_port_in_use_is_named_before_anything_starts(folder: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        process = serve(folder, "--port", str(port))
        _, complaint = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 1
    assert f"port {port} is in use" in complaint
    assert not (folder / "serve/pg").exists()


def test_a_data_folder_inside_the_checkout_is_refused() -> None:
    process = serve(SCRIPTS / "data")
    _, complaint = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 1
    assert "inside the checkout" in complaint
    assert not (SCRIPTS / "data").exists()


def paste(line: str) -> dict[str, object]:
    """What a pasted line answers."""
    done = subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=True, timeout=PATIENCE_SECONDS)
    return json.loads(done.stdout)


def pay(page: object) -> None:
    """What a browser sends when somebody types the card's number and presses the button."""
    assert isinstance(page, str)
    form = {"number": "4242 4242 4242 4242", "expires": "12/34", "cvc": "123", "action": "pay"}
    with urllib.request.urlopen(page, urllib.parse.urlencode(form).encode(), timeout=PATIENCE_SECONDS) as reply:
        assert reply.status == 200


def owner(folder: Path, statement: str) -> str:
    command = [SCRIPTS / "psql", "owner", "-XAtq", "-c", statement]
    environment = {**os.environ, "SCRIP_DATA": str(folder)}
    environment.pop("DATABASE_URL", None)
    return subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout.strip()


PAID = "select count(*) from playground.purchases where status = 'succeeded'"
SIMULATORS_SECRET = "select count(*) from playground.webhook_secrets where name = 'simulator'"


def test_a_pack_is_bought_in_the_demo_also_after_a_restart(folder: Path) -> None:
    """The printed line, the page it names, and Stripe's own word by webhook; a customer is known the next day."""
    addresses = []
    for bought in (1, 2):
        running = started(serve(folder, demo=True))
        greeting = rest_of_greeting(running)
        (line,) = [line for line in greeting if line.startswith("curl") and "credits/purchase" in line]
        assert f"The database: SCRIP_DATA={folder} scripts/psql operator" in greeting
        assert owner(folder, "select frontend_url from playground.platform_settings") == running.address
        pay(paste(line)["checkoutUrl"])
        deadline = time.monotonic() + PATIENCE_SECONDS
        while owner(folder, PAID) != str(bought):
            assert time.monotonic() < deadline, "the webhook never came"
        addresses.append(owner(folder, "select distinct customer_id from playground.customers"))
        assert running.send(signal.SIGTERM) == 0
        wait_until_gone(running.descendants)
    assert len(set(addresses)) == 1

    refused = serve(folder, demo=True, STRIPE_SECRET_KEY="sk_test_of_a_real_account")
    _, complaint = refused.communicate(timeout=PATIENCE_SECONDS)
    assert refused.returncode == 1
    assert "--reset" in complaint
    assert "sk_test_of_a_real_account" not in complaint


def test_without_a_demo_nothing_is_sold_for_nothing(folder: Path) -> None:
    running = started(serve(folder))
    assert not [line for line in rest_of_greeting(running) if "Stripe" in line]
    assert owner(folder, SIMULATORS_SECRET) == "0"
    assert running.send(signal.SIGTERM) == 0


def test_with_a_key_of_stripe_nothing_is_simulated(folder: Path) -> None:
    running = started(
        serve(folder, demo=True, STRIPE_SECRET_KEY="sk_test_of_a_real_account", STRIPE_WEBHOOK_SECRET="x" * 32)
    )
    assert not [line for line in rest_of_greeting(running) if "Stripe" in line]
    assert owner(folder, SIMULATORS_SECRET) == "0"
    assert owner(folder, "select name || is_live_mode from playground.webhook_secrets") == "defaultfalse"
    assert running.send(signal.SIGTERM) == 0
