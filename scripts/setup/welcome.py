"""What scripts/serve prints when everything runs: the address, the login, and lines to paste."""

import json
import os
import shlex
import shutil
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from scripts.setup.demo import ADMIN, DemoLogin
from scripts.setup.paths import data_home

EXAMPLE_INPUT = "Fixed the login bug where tokens expired too early and added a test"


class Introduction(NamedTuple):
    """What runs: `simulated` are the providers whose answers are made up, `stripe` is where a simulated Stripe is."""

    address: str
    login: DemoLogin | None
    simulated: tuple[str, ...]
    stripe: str | None


def introduce(served: Introduction) -> None:
    """Prints to stdout."""
    address, login = served.address, served.login
    lines = ["", f"Scrip serves at {address}  (contract: {address}/docs)"]
    if served.simulated:
        lines.append(
            f"No API key for {' and '.join(served.simulated)}: their answers come from a simulator and say so."
        )
    if login is not None:
        lines += [
            f"Login: {login.email}  password: {login.password}",
            f"Admin: {ADMIN.email}  password: {ADMIN.password}",
            "",
            "A run, streamed and charged:",
            "",
        ]
        lines.append(example(address, login))
        if served.stripe:
            lines += ["", "A pack, bought: open the checkoutUrl that this prints and pay with 4242 4242 4242 4242.", ""]
            lines.append(purchase(address, login))
    if served.stripe:
        lines += ["", f"No STRIPE_SECRET_KEY: Stripe is simulated, no money moves. Its control: {served.stripe}/_sim"]
    lines += [
        "",
        f"The database: {elsewhere()}scripts/psql operator",
        f"The month as a page: {elsewhere()}scripts/report",
        f"Data and logs: {data_home() / 'serve'}",
        "Ctrl-C stops everything.",
    ]
    print("\n".join(lines), flush=True)


def elsewhere() -> str:
    """What other scripts need before them to find a database that lies where --data or SCRIP_DATA said."""
    given = os.environ.get("SCRIP_DATA")
    return f"SCRIP_DATA={shlex.quote(given)} " if given else ""


def example(address: str, login: DemoLogin) -> str:
    """One line for a POSIX shell: log in, keep the token, run a package."""
    with urllib.request.urlopen(f"{address}/api/v1/packages?limit=1", timeout=10) as reply:
        package = json.load(reply)["packages"][0]["name"]
    run = {"packageId": package, "userInput": EXAMPLE_INPUT, "stream": True}
    return _post(address, login, "-sSN", "playground/run", run)


def purchase(address: str, login: DemoLogin) -> str:
    """One line for a POSIX shell: log in, keep the token, begin to buy the medium pack on a page of Stripe's."""
    back = {"successUrl": f"{address}/docs", "cancelUrl": f"{address}/docs"}
    return _post(address, login, "-sS", "playground/credits/purchase", {"package": "medium", **back})


def _post(address: str, login: DemoLogin, options: str, path: str, body: Mapping[str, object]) -> str:
    # An unpacked one is on our PATH only, not on that of the person who pastes the line.
    found = Path(shutil.which("curl") or "curl")
    curl = str(found) if found.is_relative_to(data_home()) else "curl"
    credentials = shlex.quote(json.dumps({"email": login.email, "password": login.password}))
    json_type = "-H 'Content-Type: application/json'"
    token = f"{curl} -sS {address}/api/v1/auth/login {json_type} -d {credentials}"
    find = r"""sed 's/.*"accessToken": *"\([^"]*\)".*/\1/'"""
    authorization = f'-H "Authorization: Bearer $({token} | {find})"'
    return f"{curl} {options} {address}/api/v1/{path} {json_type} {authorization} -d {shlex.quote(json.dumps(body))}"
