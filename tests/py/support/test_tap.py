"""A pgTAP file passes only when everything it planned was said, and was well."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.version import ROOT
from tests.py.support.tap import read_tap


def test_all_well() -> None:
    report = read_tap("1..2\nok 1 - one\nok 2 - two\n")
    assert report.failures == []
    assert report.count == 2


@pytest.mark.parametrize(
    ("output", "said"),
    [
        ("", "no plan"),
        ("ok 1 - one\n", "no plan"),
        ("1..2\nok 1 - one\n", "planned 2 assertions, ran 1"),
        ("1..1\nok 1 - one\nok 2 - two\n", "planned 1 assertions, ran 2"),
        ("1..1\nnot ok 1 - one\n# have: 2\n# want: 1\n", "not ok 1 - one\n  # have: 2\n  # want: 1"),
        ("1..1\nok 1 - one # SKIP no time\n", "skipped"),
        ("1..1\nnot ok 1 - one # TODO later\n", "skipped"),
        ("1..2\nok 1 - one\nok 1 - two\n", "assertion 2 calls itself 1"),
    ],
)
def test_anything_else_is_a_failure(output: str, said: str) -> None:
    assert said in "\n".join(read_tap(output).failures)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("select plan(1);\nselect ok(true, 'fine');\nselect * from finish();\n", None),
        ("select plan(1);\nselect ok(false, 'not so');\nselect * from finish();\n", "not ok 1 - not so"),
        ("select plan(2);\nselect ok(true, 'fine');\n", "planned 2 assertions, ran 1"),
        ("select plan(1);\nselect * from nowhere;\n", 'relation "nowhere" does not exist'),
    ],
)
def test_a_file_is_an_item(tmp_path: Path, text: str, said: str | None) -> None:
    report = collect(tmp_path, text, os.environ)
    assert (report.returncode == 0) == (said is None), report.stdout
    assert (said or "1 passed") in report.stdout


def test_without_a_database_it_fails_and_does_not_skip(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "SCRIP_TEST_ADMIN_URL"}
    report = collect(tmp_path, "select plan(0);\n", environment)
    assert report.returncode == 1
    assert "SCRIP_TEST_ADMIN_URL is not set" in report.stdout


def collect(folder: Path, text: str, environment: "os._Environ[str] | dict[str, str]") -> subprocess.CompletedProcess:
    """Runs one pgTAP file by a pytest of its own, with the collector of tests/sql."""
    file = folder / "case.sql"
    helpers = ROOT / "tests/sql/helpers.psql"
    file.write_text(f"begin;\n\\ir {helpers}\n{text}rollback;\n")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "tests.sql.conftest", "-p", "no:cacheprovider"]
    return subprocess.run(
        [*command, "--rootdir", str(folder), "-c", "/dev/null", str(file)],
        cwd=ROOT,
        env=dict(environment),
        capture_output=True,
        text=True,
        check=False,
    )
