"""Settings: what .env.example tells of them, and the part that is bash: .env, and which virtual environment is used."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from gateway.settings import read_settings
from scripts.setup import stripe
from scripts.setup.paths import ROOT, SCRIPTS
from scripts.setup.testing import SETTINGS

# Read by scripts in bash and Python before there is anything that could be tested.
ENVIRONMENT_ONLY = {"SCRIP_DATA", "SCRIP_ROOTLESS"}
SCRIPTS_ONLY = {"GATEWAY_DATABASE_URL", *stripe.SECRETS, *stripe.PLAN_PRICES, *stripe.PACK_PRICES}
LEAST = {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nowhere", "JWT_SECRET": "s" * 32}


class Recorded(Mapping[str, str]):
    """An environment that remembers what was asked for."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values
        self.asked: set[str] = set()

    def __getitem__(self, name: str) -> str:
        self.asked.add(name)
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


def example() -> dict[str, str]:
    """The lines of .env.example, which read_dotenv takes as they are."""
    return dict(re.findall(r"^([A-Z_]+)=(.*)$", (ROOT / ".env.example").read_text(), re.MULTILINE))


def test_the_example_lists_every_setting_and_no_other() -> None:
    environment = Recorded(LEAST)
    read_settings(environment)
    assert set(example()) == environment.asked | SCRIPTS_ONLY | ENVIRONMENT_ONLY


def test_the_example_shows_the_defaults() -> None:
    assert read_settings({**example(), **LEAST}) == read_settings(LEAST)


def test_no_setting_of_a_person_reaches_a_test() -> None:
    assert set(SETTINGS) == set(example()) - ENVIRONMENT_ONLY


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder with scripts/_env and nothing else."""
    (tmp_path / "scripts").mkdir()
    shutil.copy(SCRIPTS / "_env", tmp_path / "scripts")
    return tmp_path


def bash(checkout: Path, command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-c", f". scripts/_env; {command}"],
        cwd=checkout,
        env={"PATH": os.environ["PATH"], "HOME": str(checkout), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_dotenv_is_read_and_the_environment_wins(checkout: Path) -> None:
    lines = ["# a comment", "", "PLAIN=a b=c", 'QUOTED="x y"', "export EXPORTED='z'", "WINS=file", "EMPTY=", "CR=v\r"]
    (checkout / ".env").write_text("\n".join(lines))
    show = 'read_dotenv; printf "%s|" "$PLAIN" "$QUOTED" "$EXPORTED" "$WINS" "$EMPTY" "$CR"'
    assert bash(checkout, show, WINS="environment").stdout == "a b=c|x y|z|environment||v|"


def test_dotenv_is_never_run(checkout: Path) -> None:
    (checkout / ".env").write_text("A=$(touch made)\nB=`touch made`\n")
    assert bash(checkout, 'read_dotenv; printf "%s" "$A$B"').stdout == "$(touch made)`touch made`"
    assert not (checkout / "made").exists()


def test_a_line_that_is_no_setting_is_named_and_not_repeated(checkout: Path) -> None:
    (checkout / ".env").write_text("A=1\nsecret words\n")
    done = bash(checkout, "read_dotenv")
    assert done.returncode == 1
    assert ".env line 2" in done.stderr
    assert "secret" not in done.stderr


def test_an_up_to_date_environment_is_used_without_a_word(checkout: Path) -> None:
    for name in ("requirements.lock", "requirements-dev.lock"):
        (checkout / name).write_text("")
    (checkout / ".venv/bin").mkdir(parents=True)
    python = checkout / ".venv/bin/python"
    python.write_text('#!/bin/sh\necho "$PYTHONPATH $*"\n')
    python.chmod(0o755)
    stamp = subprocess.run(["sha256sum"], input=b"", capture_output=True, check=True).stdout.decode()
    (checkout / ".venv/scrip-dev").write_text(stamp)
    done = bash(checkout, "run_module dev a.module one 'two words'")
    assert done.stdout == f"{checkout} -P -m a.module one two words\n"
    assert done.stderr == ""


def test_python_is_named_when_there_is_none(checkout: Path) -> None:
    done = bash(checkout, "PATH=/nonexistent require_python")
    assert done.returncode == 1
    assert "install python3 and python3-venv" in done.stderr
