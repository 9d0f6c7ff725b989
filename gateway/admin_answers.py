"""What the admins' routes answer, for the OpenAPI document only: the bodies themselves are built by the database."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from gateway.answers import Body, Credits, Usd

Risk = Literal["high_risk", "medium_risk", "low_risk", "safe"]
NextCursor = Annotated[str | None, Meta(description="For the next page; null on the last.")]
Percent = Annotated[float, Meta(description="Percent.")]


class CostSummary(Body):
    total_monthly_revenue: Annotated[float, Meta(description="As paid this month (UTC), in US dollars.")]
    total_monthly_cost: Annotated[float, Meta(description="API cost of this month (UTC), in US dollars.")]
    overall_margin: Annotated[
        float | None,
        Meta(
            description="Percent of `totalMonthlyRevenue`, of what was paid this month, used or not; null without. "
            "The margin of what runs earned, at what was paid for their credits whenever that was, is in GET /margin."
        ),
    ]
    active_users: Annotated[int, Meta(description="People with a run this month.")]
    throttled_users: int
    high_risk_users: int
    average_cost_per_user: Annotated[float, Meta(description="Of the active ones, in US dollars.")]
    refreshed_at: Annotated[datetime | None, Meta(description="When these figures were taken.")]


class MarginSums(Body):
    runs: int
    input_tokens: Annotated[int, Meta(description="Without cached ones.")]
    output_tokens: int
    cache_read_tokens: int
    cache_write_tokens: int
    credits: Annotated[int, Meta(description="Charged.")]
    cost_usd: Annotated[float, Meta(description="API cost, bought budget included, in US dollars.")]
    revenue_usd: Annotated[
        float,
        Meta(
            description="What was paid, whenever that was, for the credits charged, in US dollars; free ones: nothing."
        ),
    ]
    margin_usd: Annotated[float, Meta(description="`revenueUsd` less `costUsd`.")]
    margin_percent: Annotated[
        float | None,
        Meta(
            description="Of `revenueUsd`, which is what runs earned; null without. The `overallMargin` of GET /summary "
            "is of what was paid in the month."
        ),
    ]


class ModelMargin(MarginSums, kw_only=True):
    model: str


class MonthMargin(Body):
    month: Annotated[str, Meta(description="Calendar month (UTC), such as `2026-11`.")]
    models: Annotated[list[ModelMargin], Meta(description="By the model that was asked for; what cost most first.")]
    total: Annotated[MarginSums, Meta(description="All models together.")]
    refreshed_at: Annotated[datetime | None, Meta(description="When these figures were taken.")]


class UserCost(Body):
    user_id: UUID
    email: str | None
    tier: str
    current_month_cost: Usd
    requests: Annotated[int, Meta(description="Runs of this month (UTC).")]
    average_cost: Annotated[float | None, Meta(description="Of a run of this month, in US dollars.")]
    lifetime_cost: Usd
    revenue: Annotated[float, Meta(description="As paid this month (UTC), in US dollars.")]
    margin: Annotated[float | None, Meta(description="Percent of what was paid this month; null without revenue.")]
    is_throttled: bool
    risk_level: Risk
    last_request_at: datetime | None


class UserCosts(Body):
    users: Annotated[list[UserCost], Meta(description="Who cost most this month first.")]
    next_cursor: NextCursor
    refreshed_at: datetime | None


class Alert(Body):
    id: UUID
    user_id: Annotated[UUID | None, Meta(description="Whom it is about; null: the platform.")]
    email: str | None
    kind: str
    window_starts_at: datetime
    details: dict[str, Any]
    created_at: datetime
    acknowledged_at: datetime | None
    acknowledged_by: Annotated[str | None, Meta(description="An admin's user id, or an operator's role.")]


class Alerts(Body):
    alerts: Annotated[list[Alert], Meta(description="Newest first.")]
    next_cursor: NextCursor


class DailyUse(Body):
    cost: Usd
    limit: Usd | None
    percent_used: Percent | None
    resets_at: datetime


class HourlyUse(Body):
    runs: int
    limit: int | None
    percent_used: Percent | None
    resets_at: datetime


class Override(Body):
    monthly_usd: Usd | None
    daily_usd: Usd | None
    runs_per_hour: int | None
    concurrent_runs: int | None
    reason: str
    set_by: str
    set_at: datetime
    until: Annotated[datetime | None, Meta(description="When it ends by itself; null: it stands.")]


class PersonRefusal(Body):
    limit_source: Annotated[
        Literal[
            "model",
            "operator",
            "provider",
            "runs_hour",
            "runs_concurrent",
            "cost_day",
            "cost_month",
            "own_cap",
            "credits",
        ],
        Meta(description="What refuses."),
    ]
    would_start: Annotated[
        bool,
        Meta(
            description="Whether the smallest run would start all the same: then larger ones, or more at once, do not."
        ),
    ]
    model: Annotated[str, Meta(description="The default model, with which it was tried.")]
    used: Annotated[float | None, Meta(description="US dollars or runs; of `credits`: those needed.")]
    limit: Annotated[float | None, Meta(description="US dollars or runs; of `credits`: those available.")]
    resets_at: Annotated[datetime | None, Meta(description="When it ends by itself; null: it does not.")]
    set_by: Annotated[
        str | None,
        Meta(description="An admin, an operator's role or `the person`; null: as it was delivered."),
    ]
    reason: Annotated[str | None, Meta(description="Why it was set.")]
    hint: Annotated[str | None, Meta(description="What helps.")]


class PersonCosts(Body):
    user_id: UUID
    email: str | None
    tier: str
    current_month_cost: Annotated[float, Meta(description="Ended runs, bought budget included, in US dollars.")]
    cost_limit: Annotated[float | None, Meta(description="Of the month, in US dollars; null: none.")]
    percent_used: Annotated[float | None, Meta(description="Of what counts against it, open runs included.")]
    is_throttled: bool
    throttled_by: Literal["operator", "runs_hour", "runs_concurrent", "cost_day", "cost_month", "own_cap"] | None
    throttled_reason: str | None
    throttled_until: datetime | None
    refusal: Annotated[PersonRefusal | None, Meta(description="What refuses runs now; null: nothing does.")]
    daily: DailyUse
    hourly: HourlyUse
    resets_at: datetime
    own_cap: Annotated[float | None, Meta(description="The person's own, in US dollars a month.")]
    overrides: Annotated[list[Override], Meta(description="Limits an operator gave; the first goes first.")]
    alerts: Annotated[list[Alert], Meta(description="The newest 20.")]


class GrantCreditsAnswer(Body):
    credits: Credits
    balance: Credits
    transaction_number: int


class TierLimits(Body):
    tier: str
    monthly_usd: Usd | None
    daily_usd: Usd | None
    runs_per_hour: int | None
    concurrent_runs: int | None
    throttle_on_exceed: bool
    is_active: bool
    is_unlimited: bool
    alert_thresholds: Annotated[list[int], Meta(description="Percent.")]


class AllLimits(Body):
    limits: list[TierLimits]


class RefusedPerson(Body):
    user_id: UUID
    email: str | None
    limit_source: str
    first_refused_at: datetime
    refused_runs: int
    runs: int
    cost: Usd


class NewLimitsAnswer(Body):
    dry_run: bool
    limits: Annotated[TierLimits, Meta(description="As they are now.")]
    refused_users: Annotated[int | None, Meta(description="In a dry run: how many people.")]
    refused_runs: Annotated[int | None, Meta(description="In a dry run: how many runs of theirs.")]
    refused: Annotated[list[RefusedPerson] | None, Meta(description="In a dry run: up to 1000, most refused first.")]


class Refreshed(Body):
    refreshed_at: datetime


class AuditLine(Body):
    id: str
    created_at: datetime
    actor: Annotated[str, Meta(description="The role that was logged in to the database.")]
    acting_user_id: Annotated[UUID | None, Meta(description="The admin on whose word; null for SQL.")]
    action: str
    user_id: Annotated[UUID | None, Meta(description="The person concerned.")]
    subject: str | None
    before: Any
    after: Any
    reason: str
    request_id: str | None


class Audit(Body):
    audit: Annotated[list[AuditLine], Meta(description="Newest first.")]
    next_cursor: NextCursor


class RepricedSums(Body):
    runs: int
    credits: Credits
    new_credits: Credits
    cost: Usd
    new_cost: Usd
    earned: Annotated[float | None, Meta(description="Credits at what was paid for them, in US dollars.")]
    new_earned: Usd | None
    margin: Annotated[float | None, Meta(description="Percent of `earned`; null without.")]
    new_margin: Annotated[float | None, Meta(description="Percent of `newEarned`; null without.")]


class RepricedModel(RepricedSums, kw_only=True):
    model: str
    tier: str


class Repriced(RepricedSums, kw_only=True):
    from_: datetime = msgspec.field(name="from")
    to: datetime
    models: list[RepricedModel]
