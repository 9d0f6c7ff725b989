"""The rules of credits told a second time, in plain Python: what the functions of the database are compared with.

One person, one account. Each method takes the instant of its call; everything due is done first, as every door does.
Sums are made anew from the whole history instead of being kept, so that no mistake is made in the same way twice.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from math import ceil, floor
from typing import Any
from uuid import UUID

from dateutil.relativedelta import relativedelta

from tests.py.ledger.pricing import (
    LIMITS,
    MIN_OUTPUT_TOKENS,
    MODELS,
    TOKENS_PER_CREDIT,
    Money,
    Tokens,
    credits_for,
    window_of,
)
from tests.py.ledger.subjects import (
    FOREVER,
    KEY_LIFETIME,
    NOTHING,
    Grant,
    Hold,
    Key,
    Line,
    Plan,
    Request,
    Session,
    Sized,
)
from tests.py.ledger.world import PROMPT, Refused

MAX_INPUT_TOKENS = 20_000
MONTHLY_CREDITS = 100
ROLLOVER_CAP = 200
# Fewer than the platform's, so that examples come to it.
CONCURRENT_RUNS = 4


class Account:
    def __init__(self, now: datetime) -> None:
        self.grants: list[Grant] = []
        self.lines: list[Line] = []
        self.holds: list[Hold] = []
        self.plans: list[Plan] = []
        self.keys: dict[str, Key] = {}
        self.sessions: dict[UUID, Session] = {}
        self.throttled_until: datetime | None = None
        self.is_unlimited = False
        self.exempt: set[tuple[str, datetime]] = set()
        self._add_grant("purchased", "signup", 5, "signup", now, now)

    @property
    def balance(self) -> int:
        return sum(grant.remaining for grant in self.grants)

    @property
    def plan(self) -> Plan | None:
        return next((plan for plan in self.plans if plan.ended_at is None), None)

    @property
    def tier(self) -> str:
        if self.is_unlimited:
            return "unlimited"
        return self.plan.tier if self.plan and self.plan.periods else "free"

    @property
    def open_holds(self) -> list[Hold]:
        return [hold for hold in self.holds if hold.status == "open"]

    def available(self) -> int:
        return sum(grant.free for grant in self.grants if grant.expired_at is None)

    # ------------------------------------------------------------------------------------------------ what falls due
    def next_due(self) -> datetime:
        return min((due[0] for due in self._due()), default=FOREVER)

    def _due(self) -> list[tuple[datetime, int, int, Any]]:
        plan = self.plan
        due: list[tuple[datetime, int, int, Any]] = [
            (hold.expires_at, 1, hold.hold_id.int, hold) for hold in self.open_holds
        ]
        if plan is not None:
            is_last = plan.ends_at is not None and plan.ends_at <= plan.period_end
            due.append((plan.period_end, 2 if is_last else 3, 0, plan))
        due += [
            (grant.expires_at, 4, grant.position, grant)
            for grant in self.grants
            if grant.expires_at is not None and grant.expired_at is None
        ]
        return due

    def is_due_for(self, job: str, now: datetime) -> bool:
        """Whether a job finds this account; then it does all that is due there."""
        ranks = {"expire_holds": {1}, "process_monthly_reset": {2, 3}, "expire_rollover_credits": {4}}[job]
        return any(instant <= now and rank in ranks for instant, rank, *_ in self._due())

    def touch(self, now: datetime) -> None:
        """Does all that fell due, in the order of time: holds give back, then a period turns, then the rest expires."""
        while due := [entry for entry in self._due() if entry[0] <= now]:
            instant, rank, _, subject = min(due, key=lambda entry: entry[:3])
            if rank == 1:
                self._abandon(subject, now)
            elif rank == 2:
                self._end_plan(subject, now, instant)
            elif rank == 3:
                self._turn_period(subject, now)
            else:
                self._expire(subject, now, instant)

    def _abandon(self, hold: Hold, now: datetime) -> None:
        hold.tokens = Tokens(hold.input_tokens, 0, 0, 0)
        self._end_hold(hold, "expired", "abandoned", 0, now, hold.expires_at)
        self._free_key(hold)

    def _turn_period(self, plan: Plan, now: datetime) -> None:
        start, end = plan.period_end, plan.month(plan.periods + 1)
        lots = [grant for grant in self.grants if grant.plan is plan and grant.expired_at is None]
        for grant in [g for g in lots if g.bucket == "rollover"]:
            self._expire(grant, now, start)
        room = ROLLOVER_CAP
        for grant in [g for g in lots if g.bucket == "monthly"]:
            rolled = min(room, grant.remaining - grant.held)
            if rolled > 0:
                room -= rolled
                self._add_grant("rollover", "rollover", rolled, "rollover", now, start, end, plan, taken_from=grant)
            self._expire(grant, now, start)
        self._add_grant("monthly", "period", MONTHLY_CREDITS, "monthly", now, start, end, plan)
        plan.periods += 1
        plan.period_end = end

    def _end_plan(self, plan: Plan, now: datetime, ended_at: datetime) -> None:
        plan.ended_at = ended_at
        for grant in self.grants:
            if grant.plan is plan and grant.bucket == "monthly" and grant.expired_at is None:
                grant.expires_at = min(grant.expires_at or ended_at, ended_at)
                self._expire(grant, now, ended_at)

    # ---------------------------------------------------------------------------------------------------- the ledger
    def _post(
        self, kind: str, parts: dict[int, int], now: datetime, effective_at: datetime, session_id: UUID | None = None
    ) -> None:
        for position, amount in parts.items():
            grant = self.grants[position]
            grant.remaining += amount
            grant.suspended = min(grant.suspended, grant.remaining)
        if self.lines:
            effective_at = max(effective_at, self.lines[-1].effective_at)
        changed = tuple((position, amount) for position, amount in sorted(parts.items()) if amount)
        amount = sum(parts.values())
        self.lines.append(Line(kind, amount, self.balance, changed, now, effective_at, session_id))

    def _add_grant(
        self,
        bucket: str,
        source: str,
        credits: int,
        kind: str,
        now: datetime,
        effective_at: datetime,
        expires_at: datetime | None = None,
        plan: Plan | None = None,
        taken_from: Grant | None = None,
    ) -> None:
        grant = Grant(len(self.grants), bucket, source, credits, expires_at, effective_at, plan)
        self.grants.append(grant)
        parts = {grant.position: credits}
        if taken_from is not None:
            parts[taken_from.position] = -credits
        self._post(kind, parts, now, effective_at)

    def _expire(self, grant: Grant, now: datetime, effective_at: datetime) -> None:
        grant.expired_at = grant.expired_at or effective_at
        if grant.remaining > grant.held:
            self._post("expire", {grant.position: grant.held - grant.remaining}, now, effective_at)

    # --------------------------------------------------------------------------------------------------- what people do
    def grant(self, credits: int, kind: str, now: datetime) -> None:
        self.touch(now)
        self._add_grant("purchased", kind, credits, kind, now, now)

    def set_plan(self, tier: str, anchor: datetime, now: datetime) -> Refused | None:
        self.touch(now)
        if self.plan is not None:
            return Refused("SCD05")
        passed = 0
        while anchor + relativedelta(months=passed + 1) <= now:
            passed += 1
        self.plans.append(Plan(anchor, tier, passed, anchor + relativedelta(months=passed)))
        self.touch(now)
        return None

    def end_plan(self, at_period_end: bool, now: datetime) -> Refused | None:
        self.touch(now)
        plan = self.plan
        if plan is None:
            return Refused("SCD04")
        if at_period_end:
            plan.ends_at = plan.period_end
        else:
            self._end_plan(plan, now, now)
        return None

    def check_reserve(self, request: Request, key: str | None, now: datetime) -> Refused | Key | Sized:
        """What becomes of a reservation: a refusal, the answer given before, or a hold to be placed."""
        self.touch(now)
        known = self.keys.get(key or "")
        if known is not None and not known.is_over(now):
            if known.request != request:
                return Refused("SCI01")
            return known if known.state == "answered" else Refused("SCI02", {"retryAfter": 2})

        octets = len(request.user_input.encode())
        if request.session_id is not None:
            if request.session_id not in self.sessions:
                return Refused("SCS01")
            octets += self.sessions[request.session_id].octets
        if not request.use_no_prompt:
            octets += len((request.custom_prompt or PROMPT).encode())
        input_tokens = ceil(Money(octets) / 4 * Money("1.3"))
        if input_tokens > MAX_INPUT_TOKENS:
            return Refused("SCR01", {"estimatedTokens": input_tokens, "maxTokens": MAX_INPUT_TOKENS})
        # From here on refusals are returned: a key that is over is forgotten with them.
        if known is not None:
            del self.keys[key or ""]
        if self.throttled_until is not None and now < self.throttled_until:
            return Refused("SCT01", {"limitSource": "operator"})
        return self._size(request, input_tokens, now)

    def _size(self, request: Request, input_tokens: int, now: datetime) -> Refused | Sized:
        model = MODELS[request.model]
        multiplier = self.multiplier(request)
        input_cost = input_tokens * max(model.input, model.cache_write) / 1_000_000
        steps = floor(self.available() / multiplier)
        cap = min(4096, steps * TOKENS_PER_CREDIT - input_tokens)
        limit = self.tightest_limit(now)
        if limit is not None:
            room_cap = floor((limit["room"] - input_cost) * 1_000_000 / model.output)
            if limit["source"].startswith("runs_") or room_cap < MIN_OUTPUT_TOKENS:
                kind = limit["source"].split("_")[1]
                is_concurrent = kind == "concurrent"
                ends = min(hold.expires_at for hold in self.open_holds) if is_concurrent else window_of(now, kind)[1]
                return Refused(
                    "SCT02",
                    {
                        "limitSource": limit["source"],
                        "limit": limit["limit"],
                        "used": limit["used"],
                        "resetsAt": iso(ends),
                        "retryAfter": 2 if is_concurrent else ceil((ends - now) / timedelta(seconds=1)),
                    },
                )
            cap = min(cap, room_cap)
        if cap < MIN_OUTPUT_TOKENS:
            required = credits_for(input_tokens + MIN_OUTPUT_TOKENS, multiplier)
            return Refused("SCC01", {"required": required, "available": self.available()})
        cost = input_cost + cap * model.output / 1_000_000
        return Sized(credits_for(input_tokens + cap, multiplier), cap, input_tokens, cost)

    @staticmethod
    def multiplier(request: Request) -> Money:
        return MODELS[request.model].multiplier * (2 if request.custom_prompt is not None else 1)

    def tightest_limit(self, now: datetime) -> dict[str, Any] | None:
        limits = LIMITS[self.tier]
        if limits is None:
            return None
        runs = self.runs_of_hour(now)
        if runs >= limits["hour"] and not self.is_exempt(now, "hour"):
            return {"source": "runs_hour", "limit": limits["hour"], "used": runs, "room": NOTHING}
        if len(self.open_holds) >= CONCURRENT_RUNS:
            runs = len(self.open_holds)
            return {"source": "runs_concurrent", "limit": CONCURRENT_RUNS, "used": runs, "room": NOTHING}
        rooms = []
        # Of two alike the month is told.
        for kind in ("month", "day"):
            if not self.is_exempt(now, kind):
                limit, used = limits[kind], self.used_of(now, kind)
                rooms.append({"source": f"cost_{kind}", "limit": limit, "used": used, "left": limit - used})
        if not rooms:
            return None
        tightest = min(rooms, key=lambda room: room["left"])
        return tightest | {"room": max(NOTHING, tightest["left"])}

    def runs_of_hour(self, now: datetime) -> int:
        return sum(1 for hold in self.holds_in(now, "hour") if hold.status != "released")

    def used_of(self, now: datetime, kind: str) -> Money:
        return sum((self._cost_of(hold) for hold in self.holds_in(now, kind)), NOTHING)

    def is_exempt(self, now: datetime, kind: str) -> bool:
        return (kind, window_of(now, kind)[0]) in self.exempt

    def unthrottle(self, now: datetime) -> None:
        """Also lets the windows that are exhausted refuse nothing until they end."""
        self.touch(now)
        self.throttled_until = None
        limits = LIMITS[self.tier]
        if limits is None:
            return
        smallest = MIN_OUTPUT_TOKENS * min(model.output for model in MODELS.values()) / 1_000_000
        exhausted = [kind for kind in ("day", "month") if limits[kind] - self.used_of(now, kind) < smallest]
        if self.runs_of_hour(now) >= limits["hour"]:
            exhausted.append("hour")
        self.exempt |= {(kind, window_of(now, kind)[0]) for kind in exhausted}

    def holds_in(self, now: datetime, kind: str) -> list[Hold]:
        start, end = window_of(now, kind)
        return [hold for hold in self.holds if start <= hold.reserved_at < end]

    @staticmethod
    def _cost_of(hold: Hold) -> Money:
        return hold.highest_cost if hold.status == "open" else hold.cost

    def place(
        self, request: Request, sized: Sized, key: str | None, now: datetime, hold_id: UUID, session_id: UUID
    ) -> Hold:
        left, parts = sized.credits, []
        for grant in sorted(self.grants, key=lambda grant: grant.burn_order):
            part = min(left, grant.free) if grant.expired_at is None else 0
            if part:
                grant.held += part
                left -= part
                parts.append((grant, part))
        assert left == 0, "a hold of more than is free"
        hold = Hold(
            request,
            sized.credits,
            sized.cap,
            sized.input_tokens,
            sized.highest_cost,
            now,
            parts,
            key,
            hold_id,
            session_id,
        )
        self.holds.append(hold)
        if key is not None:
            self.keys[key] = Key(hold, request, now)
        return hold

    # ----------------------------------------------------------------------------------------------- how a run ends
    def settle(
        self, hold: Hold, outcome: str, answer: str, tokens: Tokens, details: dict[str, Any], now: datetime
    ) -> None:
        self.touch(now)
        if hold.status == "open":
            hold.tokens = tokens.as_recorded(hold.input_tokens, hold.cap, answer)
            is_charged = outcome == "completed" or answer != ""
            charge = credits_for(hold.tokens.total, self.multiplier(hold.request)) if is_charged else 0
            hold.details = details
            self._end_hold(hold, "settled", outcome, min(hold.credits, charge), now, now)
            self._converse(hold, answer)
            self._keep_key(hold, now) if outcome == "completed" or hold.charged else self._free_key(hold)
        elif hold.outcome == "abandoned":
            hold.tokens = tokens.as_recorded(hold.input_tokens, hold.cap, answer)
            hold.outcome = "late"
            hold.cost = self._cost(hold)
            hold.details = details
            hold.balance_after = self.balance
            self._converse(hold, answer)
            if outcome == "completed":
                self._keep_key(hold, now)

    def release(
        self, hold: Hold, outcome: str, answer: str, tokens: Tokens, details: dict[str, Any], now: datetime
    ) -> bool:
        self.touch(now)
        if hold.status == "open":
            if outcome == "provider_refused" and tokens.input is None and tokens.output is None:
                tokens = Tokens(0, 0, tokens.cache_read, tokens.cache_write)
            hold.tokens = tokens.as_recorded(hold.input_tokens, hold.cap, answer)
            hold.details = details
            self._end_hold(hold, "released", outcome, 0, now, now)
            self._free_key(hold)
            if answer:
                self._converse(hold, answer)
        return hold.status == "released"

    def _end_hold(
        self, hold: Hold, status: str, outcome: str, charge: int, now: datetime, effective_at: datetime
    ) -> None:
        hold.status, hold.outcome, hold.charged = status, outcome, charge
        hold.cost = NOTHING if outcome == "not_called" else self._cost(hold)
        parts = {}
        for grant, held in sorted(hold.parts, key=lambda part: part[0].burn_order):
            grant.held -= held
            parts[grant.position] = -min(charge, held)
            charge += parts[grant.position]
        if hold.charged:
            self._post("spend", parts, now, effective_at, hold.session_id)
        for grant in sorted((grant for grant, _ in hold.parts), key=lambda grant: grant.position):
            if grant.expired_at is not None:
                self._expire(grant, now, effective_at)
        hold.balance_after = self.balance

    @staticmethod
    def _cost(hold: Hold) -> Money:
        assert hold.tokens is not None
        return hold.tokens.cost(MODELS[hold.request.model])

    def _converse(self, hold: Hold, answer: str) -> None:
        if hold.request.session_id is None:
            self.sessions[hold.session_id] = Session()
        session = self.sessions.get(hold.session_id)
        if session is None:
            return
        session.messages += 2
        session.credits_spent += hold.charged
        hold.answer = answer
        if answer:
            session.octets += len(hold.request.user_input.encode()) + len(answer.encode())

    def _keep_key(self, hold: Hold, now: datetime) -> None:
        known = self.keys.get(hold.key or "")
        if known is not None and known.hold is hold:
            known.state, known.finished_at = "answered", now

    def _free_key(self, hold: Hold) -> None:
        known = self.keys.get(hold.key or "")
        if known is not None and known.hold is hold:
            known.state = "free"

    def delete_session(self, session_id: UUID) -> Refused | None:
        return None if self.sessions.pop(session_id, None) else Refused("SCS01")

    def purge(self, now: datetime) -> None:
        self.keys = {
            name: key
            for name, key in self.keys.items()
            if not (
                (key.finished_at is not None and key.finished_at + KEY_LIFETIME < now)
                or (key.state != "answered" and key.created_at + KEY_LIFETIME + timedelta(days=1) < now)
            )
        }


def iso(instant: datetime) -> str:
    """An instant as the HTTP contract writes it."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
