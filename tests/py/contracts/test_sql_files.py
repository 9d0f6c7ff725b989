"""Agreements between files: what is listed, what is tested, which codes are mapped, whose rows a statement names."""

import re
from pathlib import Path

import pytest

from gateway.errors import REFUSALS
from gateway.version import ROOT
from tests.py.contracts.sql_files import (
    DOORS,
    SQL,
    definitions,
    files_of,
    refusals_raised,
    statements,
    without_comments,
)

pytestmark = pytest.mark.contract

# Procedures that commit, and a crontab, cannot run inside a test's transaction: tests/py/deploy/test_schedule.py.
NOT_IN_PGTAP = {SQL / "jobs/drain.sql", SQL / "jobs/schedule.sql"}
NOT_LOADED = {SQL / "bootstrap.sql", SQL / "load.sql", SQL / "unload.sql"}

# For callers who are nobody yet, for everybody, for the platform itself, for Stripe, and work of the gateway's own.
FOR_NOBODY = {
    "record_stripe_event",
    "claim_alerts",
    "claim_billing_tasks",
    "claim_notices",
    "process_gift_steps",
    "register_user",
    "get_credentials",
    "list_models",
    "list_packs",
    "get_health",
    "get_metrics",
    "process_monthly_reset",
    "expire_credits",
}

# No call of a person comes here, but where a provider stops at its ceiling: that is everybody's.
LOOK_AT_EVERYBODY = {"health.sql", "metrics.sql", "providers.sql", "verification_of_rollups.sql"}
OWNED_BY_ACCOUNT = (
    "accounts|grants|holds|hold_parts|transactions|transaction_parts|subscriptions|periods|usage|customers|purchases"
    "|checkouts|payments|refunds|disputes|revocations|invoices|billing_tasks|gifts|gift_parts"
)
OWNED_BY_USER = (
    "sessions|messages|answers|cost_windows|alerts|api_keys|refresh_tokens|credentials|notices|alert_deliveries"
    "|user_limits"
)


def test_load_names_every_file_once() -> None:
    named = re.findall(r"^\\ir (\S+)$", (SQL / "load.sql").read_text(), re.MULTILINE)
    existing = [path.relative_to(SQL).as_posix() for path in SQL.rglob("*.sql") if path not in NOT_LOADED]
    assert sorted(named) == sorted(existing)


@pytest.mark.parametrize("folder", ["engine", "analytics", *DOORS])
def test_every_file_has_its_pgtap_file(folder: str) -> None:
    code = {path.name for path in files_of(folder) if path not in NOT_IN_PGTAP}
    tests = {path.name for path in (ROOT / "tests/sql" / folder).glob("*.sql")}
    assert code == tests


@pytest.mark.parametrize("folder", DOORS)
def test_a_door_s_file_holds_the_one_function_of_its_name(folder: str) -> None:
    for path in files_of(folder):
        if path not in NOT_IN_PGTAP:
            assert definitions(path) == [(folder, path.stem)], path


def test_engine_files_define_only_what_is_private() -> None:
    for path in files_of("engine"):
        schemas = {schema for schema, _ in definitions(path)}
        assert schemas <= {"engine"}, path


def test_every_refusal_raised_is_mapped_and_every_mapping_raised() -> None:
    assert refusals_raised() == set(REFUSALS)


def test_every_api_function_names_whom_it_acts_for() -> None:
    for path in files_of("api"):
        if path.stem not in FOR_NOBODY:
            assert re.search(rf"function api\.{path.stem}\(\s*p_(user|account)_id uuid\b", path.read_text()), path


def test_pgtap_files_roll_back_what_they_do() -> None:
    for path in (ROOT / "tests/sql").rglob("*.sql"):
        text = path.read_text()
        # Comments may stand before; nothing may stand after.
        assert re.match(r"(--[^\n]*\n|\n)*begin;\n", text), path
        assert r"\ir ../helpers.psql" in text, path
        assert re.search(r"select (\* from )?finish\(\);\n\s*rollback;\s*\Z", text), path


@pytest.mark.parametrize(
    ("word", "why"),
    [
        (r"when\s+others", "the few handlers name their conditions"),
        (r"\b(real|double precision|float[48]?)\b", "no float near credits or money"),
        (
            r"\bcurrent_timestamp\b|(?<!engine\.)\bnow\(\)|\bstatement_timestamp\b|\btransaction_timestamp\b",
            "one clock",
        ),
        (r"\bon delete (cascade|set)\b", "nothing is deleted in passing"),
    ],
)
def test_words_that_do_not_belong(word: str, why: str) -> None:
    code = [path for path in SQL.rglob("*.sql") if path.name != "schedule.sql"]
    found = [path for path in code if re.search(word, without_comments(path), re.IGNORECASE)]
    assert not found, f"{why}: {[str(path.relative_to(ROOT)) for path in found]}"


@pytest.mark.parametrize(
    ("tables", "owner"), [(OWNED_BY_ACCOUNT, "account_id"), (OWNED_BY_USER, "user_id")], ids=["accounts", "users"]
)
def test_every_statement_of_a_run_names_whose_rows_it_means(tables: str, owner: str) -> None:
    """What one person's call reads or writes lies together, and can be spread over machines by that column."""
    touches = re.compile(rf"\b(from|join|update|into) playground\.({tables})\b")
    names = re.compile(rf"\b{owner} = |\( ?([a-z_.]+, )*([a-z]+\.)?{owner}\b[a-z_., ]*\)")
    missing = [
        f"{path.relative_to(ROOT)}: {statement[:160]}"
        for path in files_of("engine", "api")
        if path.name not in LOOK_AT_EVERYBODY
        for statement in statements(path)
        if touches.search(statement) and not names.search(statement)
    ]
    assert not missing, "\n".join(missing)


def test_no_file_grows_out_of_sight() -> None:
    def lines(path: Path) -> int:
        return len(path.read_text().splitlines())

    doors = [path for path in files_of(*DOORS) if path not in NOT_IN_PGTAP and lines(path) > 120]
    assert not doors, "a function of a door fits on two screens"
