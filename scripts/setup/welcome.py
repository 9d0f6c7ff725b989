"""What scripts/serve prints when everything runs: the address, the login, and one line to paste."""

import json
import shlex
import shutil
import urllib.request
from pathlib import Path

from scripts.setup.demo import DemoLogin
from scripts.setup.paths import data_home

EXAMPLE_INPUT = "Fixed the login bug where tokens expired too early and added a test"


def introduce(address: str, login: DemoLogin | None, simulated: tuple[str, ...]) -> None:
    """Prints to stdout; `simulated` names the providers whose answers are made up."""
    lines = ["", f"Scrip serves at {address}  (contract: {address}/docs)"]
    if simulated:
        lines.append(f"No API key for {' and '.join(simulated)}: their answers come from a simulator and say so.")
    if login is not None:
        lines += [f"Login: {login.email}  password: {login.password}", "", "A run, streamed and charged:", ""]
        lines.append(example(address, login))
    lines += [
        "",
        "The database: scripts/psql operator",
        f"Data and logs: {data_home() / 'serve'}",
        "Ctrl-C stops everything.",
    ]
    print("\n".join(lines), flush=True)


def example(address: str, login: DemoLogin) -> str:
    """One line for a POSIX shell: log in, keep the token, run a package."""
    with urllib.request.urlopen(f"{address}/api/v1/packages?limit=1", timeout=10) as reply:
        package = json.load(reply)["packages"][0]["name"]
    # An unpacked one is on our PATH only, not on that of the person who pastes the line.
    found = Path(shutil.which("curl") or "curl")
    curl = str(found) if found.is_relative_to(data_home()) else "curl"
    credentials = shlex.quote(json.dumps({"email": login.email, "password": login.password}))
    run = shlex.quote(json.dumps({"packageId": package, "userInput": EXAMPLE_INPUT, "stream": True}))
    json_type = "-H 'Content-Type: application/json'"
    token = f"{curl} -sS {address}/api/v1/auth/login {json_type} -d {credentials}"
    find = r"""sed 's/.*"accessToken": *"\([^"]*\)".*/\1/'"""
    authorization = f'-H "Authorization: Bearer $({token} | {find})"'
    return f"{curl} -sSN {address}/api/v1/playground/run {json_type} {authorization} -d {run}"
