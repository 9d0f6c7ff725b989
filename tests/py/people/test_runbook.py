"""The statements of runbook.sql, typed one by one into a session that admin.create_operator's role logged in to."""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, LiteralString, cast
from uuid import UUID

import psycopg
import pytest
from psycopg import sql

from scripts.setup import address
from tests.py.people.giving import Person, buy, person
from tests.py.support.database import Database

NOON = datetime(2026, 11, 20, 12, 34, 56, tzinfo=UTC)
PASSWORD = "an operator's own"
RESERVE = """
    select refusal, refusal_detail ->> 'limitSource', hold_id
    from api.reserve_run(%s, 'demo', null, 'Hello', %s, null, false, null, null, null, null)
"""
SETTLE = """
    select charged
    from api.settle_run(%s, %s, 'completed', 'Hello', 'An answer.', 100, %s, 0, 0, null, 'end_turn', 7, true)
"""
AUDIT = "select actor, action, user_id, subject, before, after, reason from playground.audit_log order by audit_id"


class Operator:
    """Somebody at psql: their session, and what the server said besides rows."""

    def __init__(self, session: psycopg.Connection[tuple[Any, ...]], name: str, runbook: dict[str, str]) -> None:
        self.name = name
        self.warnings: list[str] = []
        self.hints: list[str] = []
        self._session = session
        self._runbook = runbook
        session.add_notice_handler(self._hear)

    def runs(self, name: str) -> list[tuple[Any, ...]]:
        """The rows of a statement of the runbook."""
        cursor = self._execute(name)
        return cursor.fetchall() if cursor.description else []

    def changes(self, name: str) -> int:
        """How many rows a statement of the runbook changed, as psql tells."""
        return self._execute(name).rowcount

    def is_refused(self, name: str) -> tuple[str | None, str]:
        """Code and hint of the refusal of a statement of the runbook."""
        with pytest.raises(psycopg.DatabaseError) as refused:
            self._execute(name)
        return refused.value.sqlstate, refused.value.diag.message_hint or ""

    def columns(self, name: str) -> list[str]:
        description = self._execute(name).description
        assert description
        return [column.name for column in description]

    def says(self, statement: str) -> list[tuple[Any, ...]]:
        """The rows of a statement that is in no runbook."""
        return self._session.execute(cast(LiteralString, statement)).fetchall()

    def _hear(self, notice: psycopg.errors.Diagnostic) -> None:
        self.warnings.append(notice.message_primary or "")
        self.hints.append(notice.message_hint or "")

    def _execute(self, name: str) -> psycopg.Cursor[tuple[Any, ...]]:
        self.warnings.clear()
        self.hints.clear()
        return self._session.execute(cast(LiteralString, self._runbook[name]))


def read_runbook() -> dict[str, str]:
    text = Path(__file__).with_name("runbook.sql").read_text()
    statements = re.findall(r"^-- ([a-z ]+)\n([^-].*?;)$", text, re.MULTILINE | re.DOTALL)
    return dict(statements)


def run(database: Database, who: Person, output_tokens: int = 0, model: str = "sonnet") -> str:
    """What becomes of a run of this person: `runs`, or the limit that refuses it."""
    ((refusal, limit_source, hold_id),) = database.rows(RESERVE, [who.user_id, model], "scrip_gateway")
    if refusal:
        return limit_source
    if output_tokens:
        database.rows(SETTLE, [who.user_id, hold_id, output_tokens], "scrip_gateway")
    return "runs"


def audit(database: Database, *actions: str) -> list[tuple[Any, ...]]:
    return [row for row in database.rows(AUDIT) if row[1] in actions]


@pytest.fixture
def database(fresh_database: Database) -> Iterator[Database]:
    fresh_database.clock.freeze(NOON)
    fresh_database.rows(
        """
        select admin.import_package('demo', '1.0.0', 'For tests', 'claude', 'skill', %s::jsonb, %s::jsonb)
        """,
        ['[{"path": "SKILL.md", "content": "Answer briefly."}]', '{"name": "demo", "version": "1.0.0"}'],
    )
    yield fresh_database
    fresh_database.clock.release()


@pytest.fixture
def operator(database: Database) -> Iterator[Operator]:
    name = f"dba_{database.name}"
    database.rows("select admin.create_operator(%s)", [name], "scrip_operator")
    with psycopg.connect(database.admin_url, autocommit=True) as administrator:
        administrator.execute(sql.SQL("alter role {} password {}").format(sql.Identifier(name), sql.Literal(PASSWORD)))
        try:
            with psycopg.connect(address.with_login(database.admin_url, name, PASSWORD), autocommit=True) as session:
                yield Operator(session, name, read_runbook())
        finally:
            administrator.execute(sql.SQL("drop role {}").format(sql.Identifier(name)))


def log_in(database: Database, operator: Operator) -> psycopg.Connection[tuple[Any, ...]]:
    """Another window of the same operator."""
    return psycopg.connect(address.with_login(database.admin_url, operator.name, PASSWORD), autocommit=True)


@pytest.fixture
def ann(database: Database) -> Person:
    who = person(database, "ann@scrip.example")
    database.rows("select admin.grant_credits(%s, 10000, 'for a test')", [who.user_id])
    return who


@pytest.fixture
def bob(database: Database) -> Person:
    """Somebody with a plan."""
    who = person(database, "bob@scrip.example")
    database.rows("select admin.grant_credits(%s, 10000, 'for a test')", [who.user_id])
    database.rows("select admin.set_plan(%s, 'prpm_plus_individual', null, 'for a test')", [who.user_id])
    return who


def test_each_statement_is_typed_in_some_test() -> None:
    text = Path(__file__).read_text()
    called = set(re.findall(r'operator\.(?:runs|changes|is_refused|columns)\(\s*"([a-z ]+)"', text))
    listed = re.search(r"LEDGER_STATEMENTS = \((.*?)\n\)", text, re.DOTALL)
    assert listed
    called |= set(re.findall(r'"([a-z ]+)"', listed[1]))
    assert called == set(read_runbook())
    assert len(read_runbook()) == (Path(__file__).with_name("runbook.sql").read_text()).count(";\n")


def test_an_operator_logs_in_as_somebody(operator: Operator) -> None:
    assert operator.says("select session_user, current_user, current_setting('search_path')") == [
        (operator.name, operator.name, "admin, analytics")
    ]


def test_limits_of_tiers_are_read_and_changed(database: Database, operator: Operator, ann: Person, bob: Person) -> None:
    assert operator.columns("limits") == [
        "tier_name",
        "monthly_cost_limit",
        "daily_cost_limit",
        "hourly_request_limit",
        "concurrent_run_limit",
        "throttle_on_exceed",
        "alert_at_percent",
        "is_active",
    ]
    limits = {row[0]: row[1:4] for row in operator.runs("limits")}
    assert limits == {
        "free": (Decimal("0.50"), Decimal("0.10"), 10),
        "prpm_plus_individual": (Decimal("5.00"), Decimal("1.00"), 100),
        "prpm_plus_org": (Decimal("2.50"), Decimal("0.50"), 100),
        "unlimited": (Decimal("999999.99"), None, None),
    }

    # $0.10 is the day of ann's tier.
    run(database, ann, output_tokens=4000)
    run(database, ann, output_tokens=2600)
    assert run(database, ann) == "cost_day"
    assert operator.changes("limits only watch") == 4
    assert run(database, ann) == "runs"
    assert operator.changes("limits only watch") == 4
    assert operator.changes("limits refuse") == 4
    assert run(database, ann) == "cost_day"
    lines = audit(database, "set_limits")
    assert [(line[0], line[3], line[6]) for line in lines[:4]] == [
        (operator.name, tier, "runbook statement") for tier in [line[3] for line in lines[:4]]
    ]
    # Four that changed, four that did not, four that changed back.
    assert sorted(line[3] for line in lines) == sorted(2 * list(limits))
    assert [(line[4]["throttleOnExceed"], line[5]["throttleOnExceed"]) for line in lines] == 4 * [(True, False)] + 4 * [
        (False, True)
    ]

    # $5.00 is the month of bob's.
    database.rows(
        "insert into playground.cost_windows (user_id, kind, starts_at, cost_usd) values (%s, 'month', %s, 5)",
        [bob.user_id, datetime(2026, 11, 1, tzinfo=UTC)],
    )
    assert run(database, bob) == "cost_month"
    assert operator.changes("limit of a tier") == 1
    assert run(database, bob) == "runs"
    (line,) = audit(database, "set_limits")[8:]
    assert (line[0], line[3], line[4]["monthlyUsd"], line[5]["monthlyUsd"]) == (
        operator.name,
        "prpm_plus_individual",
        5,
        10,
    )

    assert operator.changes("limit of all tiers") == 3
    assert operator.warnings == ["The tier unlimited has no limits; it is left as it is."]
    assert {row[0]: row[1] for row in operator.runs("limits")} == {
        "free": 10,
        "prpm_plus_individual": 10,
        "prpm_plus_org": 10,
        "unlimited": Decimal("999999.99"),
    }
    assert len(audit(database, "set_limits")) == 11


def test_two_who_change_a_tier_at_once_both_do(database: Database, operator: Operator) -> None:
    with log_in(database, operator) as first, log_in(database, operator) as second, ThreadPoolExecutor(1) as pool:
        first.execute("begin")
        first.execute("update cost_limits_config set monthly_cost_limit = 7 where tier_name = 'free'")
        later = pool.submit(
            second.execute, "update cost_limits_config set hourly_request_limit = 70 where tier_name = 'free'"
        )
        database.wait_for_lock_waits()
        first.execute("commit")
        assert later.result().rowcount == 1
    assert [row[1:4] for row in operator.runs("limits") if row[0] == "free"] == [(7, Decimal("0.10"), 70)]
    assert [(line[4]["monthlyUsd"], line[5]["runsPerHour"]) for line in audit(database, "set_limits")] == [
        (0.5, 10),
        (7, 70),
    ]


def test_a_person_is_throttled_and_let_go(database: Database, operator: Operator, ann: Person, bob: Person) -> None:
    assert operator.runs("one person") == [("ann@scrip.example", 0, False, None, None)]
    assert operator.changes("throttle") == 1
    assert run(database, ann) == "operator"
    assert run(database, bob) == "runs"
    assert operator.runs("who is throttled") == [("ann@scrip.example", 0, True, "Charge back under way", None)]

    operator.runs("say why")
    assert operator.changes("end the throttle") == 1
    assert not operator.warnings
    assert run(database, ann) == "runs"
    assert operator.changes("end the throttle") == 1
    before, after = audit(database, "throttle", "unthrottle")
    assert (before[0], before[2], before[5]["reason"], before[6]) == (
        operator.name,
        ann.user_id,
        "Charge back under way",
        "runbook statement",
    )
    assert (after[0], after[2], after[4]["reason"], after[6]) == (
        operator.name,
        ann.user_id,
        "Charge back under way",
        "Ticket 17: paid by invoice",
    )


def test_an_exhausted_window_is_lifted_until_it_ends(database: Database, operator: Operator, ann: Person) -> None:
    run(database, ann, output_tokens=4000)
    run(database, ann, output_tokens=2600)
    assert run(database, ann) == "cost_day"
    cost = Decimal("0.0996")
    ((_, spent, is_throttled, reason, _),) = operator.runs("one person")
    assert (spent, is_throttled) == (cost, True)
    assert reason == "Limit of $0.10 a day reached, until 2026-11-21 00:00 UTC"

    assert operator.changes("end all throttles") == 1
    assert run(database, ann, output_tokens=1000) == "runs"
    ((_, spent, is_throttled, reason, _),) = operator.runs("one person")
    assert (spent, is_throttled, reason) == (cost + Decimal("0.0153"), False, None)
    (line,) = audit(database, "unthrottle")
    assert (line[0], line[2], line[6]) == (operator.name, ann.user_id, "runbook statement")

    # The next day has its limit again.
    database.clock.freeze(datetime(2026, 11, 21, 9, 0, tzinfo=UTC))
    run(database, ann, output_tokens=4000)
    run(database, ann, output_tokens=2600)
    assert run(database, ann) == "cost_day"
    assert operator.runs("reset the month") == [(1,)]
    assert operator.runs("reset the month") == [(0,)]
    assert run(database, ann) == "cost_day"
    ((_, month, _, _, _),) = operator.runs("one person")
    assert month == 2 * cost + Decimal("0.0153")


def test_who_is_not_throttled_but_was_refused_is_told_of(database: Database, operator: Operator, ann: Person) -> None:
    run(database, ann, output_tokens=4000)
    run(database, ann, output_tokens=1500)
    assert run(database, ann, model="opus") == "cost_day"
    assert operator.changes("end the throttle") == 1
    (said,) = operator.warnings
    assert said.startswith("ann@scrip.example is not throttled; nothing is changed. cost_day (")
    assert said.endswith(" of 0.1 used) refused a run at 2026-11-20 12:34 UTC.")
    assert audit(database, "unthrottle") == []
    assert run(database, ann, model="opus") == "cost_day"

    # And what the hint names does it.
    (hint,) = operator.hints
    assert f"select admin.set_user_limit('{ann.user_id}'" in hint
    unthrottle = re.search(r"select admin\.unthrottle\([^;]*;", hint)
    assert unthrottle
    operator.says(unthrottle[0])
    assert run(database, ann, model="opus") == "runs"
    assert operator.changes("end the throttle") == 1
    assert not operator.warnings


def test_a_refusal_without_details_shows_no_empty_ones(operator: Operator) -> None:
    with pytest.raises(psycopg.DatabaseError) as refused:
        operator.says("select unthrottle(gen_random_uuid(), 'for a test')")
    assert (refused.value.sqlstate, refused.value.diag.message_detail) == ("SCD04", None)


def test_their_own_cap_is_not_lifted_and_that_is_said(database: Database, operator: Operator, ann: Person) -> None:
    run(database, ann, output_tokens=1000)
    database.rows("select api.set_cost_cap(%s, 0.01)", [ann.user_id], "scrip_gateway")
    assert run(database, ann) == "own_cap"
    assert operator.changes("end the throttle") == 1
    assert operator.warnings == ["ann@scrip.example is still refused: own_cap."]
    assert run(database, ann) == "own_cap"


def test_one_run_is_tried_out(database: Database, operator: Operator, ann: Person) -> None:
    assert operator.runs("check one run") == [(False,)]
    assert operator.runs("alerts") == []
    run(database, ann, output_tokens=4000)
    run(database, ann, output_tokens=1000)
    assert operator.runs("check one run") == [(False,)]
    run(database, ann, output_tokens=1000)
    assert operator.runs("check one run") == [(True,)]
    types = operator.columns("alerts").index("alert_type")
    assert sorted(row[types] for row in operator.runs("alerts")) == [
        # The model counted more input than was estimated for five letters.
        "input_underestimated",
        "limit_exceeded",
        "warning_50",
        "warning_75",
        "warning_80",
        "warning_90",
    ]


def test_figures_say_how_old_they_are(database: Database, operator: Operator, ann: Person) -> None:
    three_hours_ago: datetime = database.value("select clock_timestamp() - interval '3 hours'")
    database.clock.freeze(three_hours_ago)
    database.rows("select admin.set_unlimited(%s, true, 'for a test')", [ann.user_id])
    for _ in range(17):
        run(database, ann, output_tokens=4000, model="opus")
    assert operator.runs("refresh the figures") == [(three_hours_ago,)]
    ((age,),) = operator.runs("age of the figures")
    assert age >= timedelta(hours=3)
    names = operator.columns("who is a risk")
    ((*values,),) = operator.runs("who is a risk")
    figures = dict(zip(names, values, strict=True))
    assert (figures["user_id"], figures["email"], figures["created_at"]) == (
        ann.user_id,
        "ann@scrip.example",
        three_hours_ago,
    )
    assert figures["current_month_api_cost"] == 17 * Decimal("0.3015")


def test_who_comes_near_a_limit(database: Database, operator: Operator, ann: Person, bob: Person) -> None:
    organization_id: UUID = database.value("select (api.create_organization(%s, 'Acme') ->> 'id')::uuid", [bob.user_id])
    database.rows("select api.create_organization(%s, 'Other')", [bob.user_id])
    run(database, ann, output_tokens=4000)
    for _ in range(5):
        run(database, bob, output_tokens=4000)
    rows = operator.runs("who comes near their limit")
    # In two organisations: twice, as a join with a list of members means.
    assert rows == 2 * [
        ("bob@scrip.example", "prpm_plus_org", 5 * Decimal("0.0603"), Decimal("2.50"), 12),
    ] + [("ann@scrip.example", "free", Decimal("0.0603"), Decimal("0.50"), 12)]
    assert organization_id in {row[0] for row in operator.says("select org_id from organization_members")}


def test_what_people_did_is_found(database: Database, operator: Operator, ann: Person) -> None:
    run(database, ann, output_tokens=4000)
    payment = buy(database, ann.user_id, 100)
    ((session_id, user_id, _, conversation, credits, model, share_token, created_at),) = operator.runs("conversations")
    assert (user_id, credits, model, share_token, created_at) == (ann.user_id, 1, "sonnet", None, NOON)
    assert [message["content"] for message in conversation] == ["Hello", "An answer."]
    assert operator.runs("usage") == [(ann.user_id, session_id, 4100, 7, 1, Decimal("0.0603"), NOON)]
    assert operator.runs("credits") == [(ann.user_id, 10104, 0, 0, None, 0, None, 10104, 10105, 1, 100)]
    history = operator.runs("history")
    assert [(row[1], row[2], row[3]) for row in history] == [
        (5, 5, "signup"),
        (10000, 10005, "admin"),
        (-1, 10004, "spend"),
        (100, 10104, "purchase"),
    ]
    assert history[2][5] == session_id
    assert history[3][6] is not None
    assert operator.runs("purchases") == [(ann.user_id, 100, 100, payment, "succeeded")]


LEDGER_STATEMENTS = (
    "write a balance",
    "write a new balance",
    "write a line",
    "change a line",
    "delete lines",
    "mark as paid",
    "forget the usage",
    "write a cost",
)


def test_what_would_break_the_ledger_names_what_to_call(database: Database, operator: Operator, ann: Person) -> None:
    run(database, ann, output_tokens=4000)
    buy(database, ann.user_id, 100)
    lines = database.rows("select count(*) from playground.audit_log")
    for name in LEDGER_STATEMENTS:
        code, hint = operator.is_refused(name)
        assert (code, "admin.grant_credits(user, credits, reason)" in hint) == ("SCL01", True), name
    code, hint = operator.is_refused("write a plan")
    assert code == "SCL01"
    assert "admin.set_plan(user, plan_price, anchor, reason)" in hint
    assert database.rows("select count(*) from playground.audit_log") == lines
    # And what the hint names does it.
    operator.says(f"select grant_credits('{ann.user_id}', 100, 'as the hint says')")
    ((balance,),) = operator.says(f"select balance from playground_credits where user_id = '{ann.user_id}'")
    assert balance == 10204
    database.assert_ledger_holds()


VIEWS = (
    "users",
    "user_cost_analytics",
    "playground_credits",
    "playground_usage",
    "playground_credit_transactions",
    "user_cost_alerts",
    "organization_members",
    "cost_limits_config",
)


def nodes_of(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", []):
        yield from nodes_of(child)


def test_views_do_nothing_person_by_person(database: Database) -> None:
    """With 2,000 people: no node of the plan starts again for each, none calls a function for each."""
    # Written past the doors, which would take seconds: only how many there are matters here.
    database.rows(
        """
        with registered as (
          insert into playground.accounts (account_id, kind, last_instant, last_effective_at, created_at)
          select gen_random_uuid(), 'user', engine.now(), engine.now(), engine.now() from generate_series(1, 2000)
          returning account_id
        ), people as (
          insert into playground.users (user_id, account_id, email, created_at)
          select account_id, account_id, row_number() over () || '@scrip.example', engine.now() from registered
        ), lots as (
          insert into playground.grants (account_id, bucket, source, granted, remaining, granted_at, last_number)
          select account_id, 'purchased', 'signup', 5, 0, engine.now(), 0 from registered
        )
        insert into playground.cost_windows (user_id, kind, starts_at, cost_usd)
        select account_id, kind, date_trunc(kind, engine.now(), 'UTC'), 0.09
        from registered, unnest('{hour,day,month}'::text[]) as kind
        """
    )
    database.rows("select admin.refresh_user_cost_analytics()")
    database.rows("analyze", role="postgres")
    with database.connect("postgres") as session, session.transaction():
        session.execute("set local track_functions = 'all'")
        session.execute("set local role scrip_operator")
        session.execute("set local search_path = admin, analytics")
        for view in VIEWS:
            row = session.execute(
                sql.SQL("explain (analyze, timing off, format json) select * from {}").format(sql.Identifier(view))
            ).fetchone()
            assert row
            (explained,) = row[0]
            for node in nodes_of(explained["Plan"]):
                assert node["Node Type"] != "Function Scan", view
                assert node["Actual Loops"] <= 20, (view, node["Node Type"], node["Actual Loops"])
        ((calls,),) = session.execute("select coalesce(sum(calls), 0) from pg_stat_xact_user_functions").fetchall()
        assert calls <= 20
        # And who is looked for by address is the only one that is judged.
        row = session.execute(
            "explain (analyze, timing off, format json) select * from users where email = '7@scrip.example'"
        ).fetchone()
        assert row
        (explained,) = row[0]
        assert explained["Plan"]["Actual Rows"] == 1
        joined = [
            node for node in nodes_of(explained["Plan"]) if "Join" in node["Node Type"] or "Loop" in node["Node Type"]
        ]
        assert joined
        assert all(node["Actual Rows"] <= 10 for node in joined)
