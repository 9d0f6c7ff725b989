"""The real functions beside a model of the rules: whatever people, operators, jobs and time do, both say the same.

SCRIP_LEDGER_EXAMPLES (default 60) and SCRIP_LEDGER_STEPS (default 30) make it longer; beyond the default the examples
are different ones each time.
"""

import json
import os
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any
from uuid import UUID

import psycopg
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from psycopg.types.json import set_json_loads

from tests.py.ledger.model import CONCURRENT_RUNS, Account
from tests.py.ledger.pricing import MODELS, Money, Tokens
from tests.py.ledger.shown import DETAILS, HISTORY, body_of, expected_balance, expected_history, kept, shown
from tests.py.ledger.subjects import Hold, Key, Request
from tests.py.ledger.world import Caller, Query, Refused, call, register, release, reserve, settle
from tests.py.support.database import Database

EXAMPLES = int(os.environ.get("SCRIP_LEDGER_EXAMPLES", "60"))
STEPS = int(os.environ.get("SCRIP_LEDGER_STEPS", "30"))
TICK = timedelta(milliseconds=1)
WHY = "for a test"

BEGINNINGS = st.sampled_from(
    [
        datetime(2027, 1, 31, 23, 58, tzinfo=UTC),
        datetime(2027, 6, 15, 12, 0, tzinfo=UTC),
        datetime(2027, 12, 31, 23, 59, 50, tzinfo=UTC),
        datetime(2028, 2, 29, 0, 0, tzinfo=UTC),
    ]
)
PAUSES = st.sampled_from(
    [
        timedelta(seconds=1),
        timedelta(seconds=100),
        timedelta(minutes=4),
        timedelta(minutes=40),
        timedelta(hours=25),
        timedelta(days=11),
        timedelta(days=33),
        timedelta(days=130),
    ]
)
ANCHORS = st.sampled_from([timedelta(days=days) for days in (-400, -59, -31, -1, 0, 1, 12)])
MOST_MODELS = st.sampled_from(["opus", *MODELS])
TEXTS = {
    "short": "What is a ledger?",
    "accents": "Qu'est-ce que ça coûte ? €€€",
    "several credits": "words " * 2800,
    "too large": "words " * 10_300,
    "": "",
    "answer": "Ein Buch, das nur wächst. 帳簿",
    "long answer": "words " * 900,
}
INPUTS = st.sampled_from([*["short", "accents", "several credits", "several credits"] * 5, "too large"])
ANSWERS = st.sampled_from(["answer", "long answer"])
COUNTS = st.sampled_from([None, 0, 1, 40, 256, 4096, 5001, 17_000, 90_000, 10**9, -1])
REPORTS = st.one_of(
    st.builds(Tokens, st.just(40), st.integers(1, 900), st.just(0), st.just(0)),
    # Several credits, of several lots where the first is small.
    st.builds(Tokens, st.just(5400), st.sampled_from([100, 4000]), st.just(0), st.just(900)),
    st.builds(Tokens, COUNTS, COUNTS, COUNTS, COUNTS),
)
FAILURES = st.sampled_from(
    [
        ("provider_refused", ""),
        ("provider_timed_out", ""),
        ("provider_empty", ""),
        ("provider_broke", "answer"),
        ("not_called", ""),
    ]
)
RECENT = st.integers(0, 5)  # which of those there are, the newest first
REQUESTS = st.fixed_dictionaries(
    {
        "user_input": INPUTS,
        "model": MOST_MODELS,
        "session": st.sampled_from([None] * 6 + [0, 1]),
        "key": st.sampled_from([None] * 6 + ["a key", "another key"]),
        "use_no_prompt": st.booleans(),
        "custom_prompt": st.sampled_from([None, None, None, "Be brief."]),
    }
)
ENDINGS = st.one_of(
    st.tuples(st.just("completed"), ANSWERS, REPORTS),
    st.tuples(st.just("client_gone"), st.just("") | ANSWERS, REPORTS),
    st.tuples(FAILURES, REPORTS).map(lambda drawn: (*drawn[0], drawn[1])),
)


class LedgerMachine(RuleBasedStateMachine):
    """One example is one person; all share a database, whose clock is set back for each."""

    def __init__(self, database: Database) -> None:
        super().__init__()
        self.database = database
        self.is_touched = True
        self.connections: list[psycopg.Connection[Any]] = []

    def connect(self, role: str, **changes: str) -> Caller:
        connection = self.database.connect(role)
        self.connections.append(connection)
        set_json_loads(partial(json.loads, parse_float=Decimal), connection)
        for name, value in changes.items():
            connection.execute("select set_config(%s, %s, false)", [name, value])
        return Caller(connection)

    @initialize(
        begin=BEGINNINGS,
        timezone=st.sampled_from(["UTC", "Pacific/Kiritimati", "America/St_Johns"]),
        credits=st.sampled_from([4, 60, 0]),
        plan=st.sampled_from([None, "prpm_plus_individual", "prpm_plus_org"]),
        is_unlimited=st.booleans(),
    )
    def arrive(self, begin: datetime, timezone: str, credits: int, plan: str | None, is_unlimited: bool) -> None:
        self.now = begin
        self.gateway = self.connect("scrip_gateway", timezone=timezone)
        self.scheduler = self.connect("scrip_cron", timezone=timezone)
        self.operator = self.connect("scrip_operator", timezone=timezone)
        self.owner = self.connect("scrip_owner", timezone=timezone)
        self.tick()
        self.user_id = UUID(self.gateway.value(register())["id"])
        self.account = Account(self.now)
        if credits:
            self.grant(credits, "bonus")
        if plan:
            self.set_plan(plan, timedelta(0))
        self.set_unlimited(is_unlimited)

    def tick(self, by: timedelta = TICK) -> datetime:
        self.now += by
        self.database.clock.freeze(self.now)
        self.is_touched = True
        return self.now

    def teardown(self) -> None:
        if hasattr(self, "account"):
            # Nothing of this person is left to be done by the jobs of later examples, whose time is another.
            self.tick(timedelta(minutes=10))
            self.operator.ask(call("admin.end_plan", user_id=self.user_id, at_period_end=False, reason=WHY))
            self.gateway.get(call("api.get_balance", user_id=self.user_id))
            self.database.assert_ledger_holds()
        for connection in self.connections:
            connection.close()

    # ---------------------------------------------------------------------------------------------------------- time
    @rule(pause=PAUSES)
    def time_passes(self, pause: timedelta) -> None:
        """Nobody looks meanwhile: what fell due is done by whoever comes next."""
        self.tick(pause)
        self.is_touched = False

    @precondition(lambda self: self.account.next_due().year < 2100)
    @rule(around=st.sampled_from([-1, 0, 1]))
    def something_falls_due(self, around: int) -> None:
        """To the microsecond before, at and after."""
        instant = self.account.next_due() + timedelta(microseconds=around)
        self.now = max(self.now, instant)
        self.tick(timedelta(0))
        self.is_touched = False

    @rule(job=st.sampled_from(["expire_holds", "process_monthly_reset", "expire_rollover_credits"]))
    def a_job_runs(self, job: str) -> None:
        now = self.tick()
        processed = self.scheduler.value(call(f"jobs.{job}"))
        self.is_touched = self.account.is_due_for(job, now)
        assert processed >= self.is_touched
        if self.is_touched:
            self.account.touch(now)

    @rule()
    def old_answers_are_purged(self) -> None:
        now = self.tick()
        self.scheduler.get(call("jobs.purge"))
        self.account.purge(now)
        self.is_touched = False

    # ----------------------------------------------------------------------------------------------------- operators
    def grant(self, credits: int, kind: str) -> None:
        now = self.tick()
        query = call("admin.grant_credits", user_id=self.user_id, credits=credits, reason=WHY, type=kind)
        number = self.operator.value(query)
        self.account.grant(credits, kind, now)
        assert number == len(self.account.lines)

    def set_plan(self, plan: str, offset: timedelta) -> None:
        now = self.tick()
        anchor = now + offset
        query = call("admin.set_plan", user_id=self.user_id, plan_price=plan, anchor=anchor, reason=WHY)
        self.agree(self.operator, query, self.account.set_plan(plan, anchor, now))

    def end_plan(self, at_period_end: bool) -> None:
        now = self.tick()
        query = call("admin.end_plan", user_id=self.user_id, at_period_end=at_period_end, reason=WHY)
        self.agree(self.operator, query, self.account.end_plan(at_period_end, now))

    def throttle(self, seconds: int | None) -> None:
        until = self.tick() + timedelta(seconds=seconds) if seconds else None
        self.operator.get(call("admin.throttle", user_id=self.user_id, reason=WHY, until=until))
        self.account.throttled_until = until or datetime.max.replace(tzinfo=UTC)

    def unthrottle(self) -> None:
        now = self.tick()
        self.operator.get(call("admin.unthrottle", user_id=self.user_id, reason=WHY))
        self.account.unthrottle(now)

    def set_unlimited(self, is_unlimited: bool) -> None:
        query = call("admin.set_unlimited", user_id=self.user_id, is_unlimited=is_unlimited, reason=WHY)
        self.operator.get(query)
        self.account.is_unlimited = is_unlimited

    def suspend(self, which: int, credits: int) -> None:
        """As a dispute will: only lots that do not expire, and it is not lifted."""
        lots = [grant for grant in self.account.grants if grant.bucket == "purchased"]
        grant = lots[which % len(lots)]
        grant.suspended = max(grant.suspended, min(credits, grant.remaining))
        self.owner.connection.execute(
            """
            update playground.grants set suspended = %s
            where account_id = %s and grant_id = (
              select grant_id from playground.grants where account_id = %s order by grant_id offset %s limit 1)
            """,
            [grant.suspended, self.user_id, self.user_id, grant.position],
        )

    # One rule for all that is rare, so that most steps are runs.
    @rule(
        change=st.one_of(
            st.tuples(st.just("grant"), st.integers(1, 60), st.sampled_from(["admin", "bonus"])),
            st.tuples(st.just("set_plan"), st.sampled_from(["prpm_plus_individual", "prpm_plus_org"]), ANCHORS),
            st.tuples(st.just("end_plan"), st.booleans()),
            st.tuples(st.just("suspend"), RECENT, st.integers(1, 30)),
            st.tuples(st.just("set_unlimited"), st.booleans()),
            st.tuples(st.just("throttle"), st.sampled_from([1, 1, 60, None])),
            st.tuples(st.just("unthrottle")),
        )
    )
    def an_operator_decides(self, change: tuple[Any, ...]) -> None:
        getattr(self, change[0])(*change[1:])

    # ---------------------------------------------------------------------------------------------------------- runs
    @rule(drawn=REQUESTS)
    def reserve(self, drawn: dict[str, Any]) -> None:
        self.run(*self.request(drawn))

    @rule(drawn=REQUESTS, ending=ENDINGS)
    def run_to_the_end(self, drawn: dict[str, Any], ending: tuple[str, str, Tokens]) -> None:
        hold = self.run(*self.request(drawn))
        if hold is not None:
            self.end(hold, *ending)

    @precondition(lambda self: self.account.sessions)
    @rule(drawn=REQUESTS, which=RECENT, ending=ENDINGS)
    def converse(self, drawn: dict[str, Any], which: int, ending: tuple[str, str, Tokens]) -> None:
        sessions = list(self.account.sessions)
        request, _ = self.request(drawn)
        hold = self.run(replace(request, session_id=sessions[-1 - which % len(sessions)]), None)
        if hold is not None:
            self.end(hold, *ending)

    @precondition(lambda self: self.account.keys)
    @rule(which=RECENT, is_other=st.booleans())
    def reserve_again(self, which: int, is_other: bool) -> None:
        name, known = list(self.account.keys.items())[which % len(self.account.keys)]
        request = known.request
        self.run(Request("Something else", request.model) if is_other else request, name)

    @precondition(lambda self: self.account.open_holds)
    @rule(which=RECENT, ending=ENDINGS)
    def end_one(self, which: int, ending: tuple[str, str, Tokens]) -> None:
        holds = self.account.open_holds
        self.end(holds[-1 - which % len(holds)], *ending)

    @precondition(lambda self: self.account.holds)
    @rule(which=RECENT, ending=ENDINGS)
    def end_one_whatever_became_of_it(self, which: int, ending: tuple[str, str, Tokens]) -> None:
        self.end(self.account.holds[-1 - which % len(self.account.holds)], *ending)

    @precondition(lambda self: self.account.holds)
    @rule(which=RECENT)
    def delete_session(self, which: int) -> None:
        session_id = self.account.holds[-1 - which % len(self.account.holds)].session_id
        query = call("api.delete_session", user_id=self.user_id, session_id=session_id)
        self.agree(self.gateway, query, self.account.delete_session(session_id))

    def request(self, drawn: dict[str, Any]) -> tuple[Request, str | None]:
        """What was drawn, with the conversation of one of the last runs: it may be deleted, or not yet begun."""
        sessions = [hold.session_id for hold in reversed(self.account.holds)]
        which = drawn["session"]
        session_id = sessions[which % len(sessions)] if sessions and which is not None else None
        request = Request(
            TEXTS[drawn["user_input"]], drawn["model"], session_id, drawn["use_no_prompt"], drawn["custom_prompt"]
        )
        return request, drawn["key"]

    def run(self, request: Request, key: str | None) -> Hold | None:
        now = self.tick()
        expected = self.account.check_reserve(request, key, now)
        query = reserve(
            self.user_id,
            user_input=request.user_input,
            model=request.model,
            session_id=request.session_id,
            use_no_prompt=request.use_no_prompt,
            custom_prompt=request.custom_prompt,
            idempotency_key=key,
        )
        answer = self.gateway.ask(query)
        if isinstance(expected, Refused):
            self.assert_refused(answer, expected)
            return None
        assert not isinstance(answer, Refused), answer
        if isinstance(expected, Key):
            assert (answer.replay_status, answer.replay_body) == (200, expected.hold.body)
            return None
        assert (answer.max_credits, answer.max_output_tokens) == (expected.credits, expected.cap)
        assert answer.session_id == request.session_id or request.session_id is None
        return self.account.place(request, expected, key, now, answer.hold_id, answer.session_id)

    def end(self, hold: Hold, outcome: str, answer: str, tokens: Tokens) -> None:
        if outcome in ("completed", "client_gone"):
            self.settle_hold(hold, outcome, TEXTS[answer], tokens)
        else:
            self.release_hold(hold, outcome, TEXTS[answer], tokens)

    def settle_hold(self, hold: Hold, outcome: str, answer: str, tokens: Tokens) -> None:
        query = self.ending(settle, hold, outcome, answer, tokens)
        if hold.outcome == "not_called":
            self.assert_refused(self.gateway.ask(query), Refused("SCH02"))
            return
        row = self.gateway.get(query)
        before = (hold.status, hold.outcome)
        self.account.settle(hold, outcome, answer, tokens, DETAILS, self.now)
        assert (row.status, row.charged) == (200, hold.charged)
        is_first = (hold.status, hold.outcome) != before
        is_kept = hold.answer is not None and hold.session_id in self.account.sessions
        shown = answer if is_first and hold.outcome != "late" else hold.answer if is_kept else ""
        assert json.loads(row.body, parse_float=Decimal) == body_of(hold, shown or "")
        if is_first or hold.body is None:
            hold.body = row.body
        assert row.body == hold.body or not is_kept

    def release_hold(self, hold: Hold, outcome: str, answer: str, tokens: Tokens) -> None:
        row = self.gateway.get(self.ending(release, hold, outcome, answer, tokens))
        assert row.released is self.account.release(hold, outcome, answer, tokens, DETAILS, self.now)

    def ending(self, how: Callable[..., Query], hold: Hold, outcome: str, answer: str, tokens: Tokens) -> Query:
        self.tick()
        return how(
            self.user_id,
            hold.hold_id,
            outcome=outcome,
            user_input=hold.request.user_input,
            answer=answer,
            input_tokens=tokens.input,
            output_tokens=tokens.output,
            cache_read_tokens=tokens.cache_read,
            cache_write_tokens=tokens.cache_write,
            **DETAILS,
        )

    # ------------------------------------------------------------------------------------------------------ agreement
    def agree(self, caller: Caller, query: Query, expected: Refused | None) -> None:
        answer = caller.ask(query)
        if expected is None:
            assert not isinstance(answer, Refused), answer
        else:
            self.assert_refused(answer, expected)

    def assert_refused(self, answer: object, expected: Refused) -> None:
        assert isinstance(answer, Refused), f"expected {expected}"
        assert answer.code == expected.code
        for name, value in (expected.detail or {}).items():
            said = (answer.detail or {})[name]
            assert (Money(said) if isinstance(value, Money) else said) == value, (name, answer, expected)

    @invariant()
    def both_have_the_same_books(self) -> None:
        if not self.is_touched or not hasattr(self, "account"):
            return
        balance = self.gateway.value(call("api.get_balance", user_id=self.user_id))
        self.account.touch(self.now)
        assert shown(balance) == expected_balance(self.account)
        assert self.grants() == [kept(grant) for grant in self.account.grants]
        assert self.history() == expected_history(self.account)
        assert self.parts() == [line.parts for line in self.account.lines]
        self.database.assert_ledger_holds()

    def grants(self) -> list[tuple[Any, ...]]:
        return self.owner.connection.execute(
            """
            select bucket::text, source::text, granted::bigint, remaining::bigint, held::bigint, suspended::bigint,
              expires_at, expired_at
            from playground.grants where account_id = %s order by grant_id
            """,
            [self.user_id],
        ).fetchall()

    def history(self) -> list[dict[str, Any]]:
        page = self.gateway.value(call("api.list_transactions", user_id=self.user_id, limit=100))
        assert page["total"] == len(self.account.lines)
        return [{name: line[name] for name in HISTORY} for line in page["transactions"]]

    def parts(self) -> list[tuple[tuple[int, int], ...]]:
        rows = self.owner.connection.execute(
            """
            select t.number, t.effective_at, p.amount, (
              select count(*) from playground.grants b where b.account_id = p.account_id and b.grant_id < p.grant_id)
            from playground.transactions t
            join playground.transaction_parts p using (account_id, number)
            where account_id = %s
            order by 1, 4
            """,
            [self.user_id],
        ).fetchall()
        parts: list[tuple[tuple[int, int], ...]] = [()] * len(self.account.lines)
        for number, effective_at, amount, position in rows:
            assert effective_at == self.account.lines[number - 1].effective_at
            parts[number - 1] += ((position, amount),)
        return parts


def test_the_database_and_the_model_agree(ledger: Database) -> None:
    ledger.rows("select from admin.set_setting('signup_credits_per_day', '1000000000', 'many examples a day')")
    ledger.rows("update playground.tiers set concurrent_runs = %s", [CONCURRENT_RUNS])

    class Machine(LedgerMachine):
        def __init__(self) -> None:
            super().__init__(ledger)

    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            derandomize="SCRIP_LEDGER_EXAMPLES" not in os.environ,
            database=None,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
            print_blob=True,
        ),
    )
