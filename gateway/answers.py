"""What answers look like, for the OpenAPI document only: the bodies themselves are built by the database."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

Credits = Annotated[int, Meta(description="Whole credits.")]
Cents = Annotated[int, Meta(description="Cents.")]
Usd = Annotated[float, Meta(description="US dollars.")]


class Body(msgspec.Struct, rename="camel"):
    """Base of all answers."""


class Subscription(Body):
    is_active: bool
    status: str
    plan: str | None
    cancel_at_period_end: bool
    current_period_end: datetime | None


class User(Body):
    id: UUID
    email: str
    username: str | None
    tier: str
    is_admin: bool
    is_author: bool
    subscription: Subscription | None
    created_at: datetime


class LoginAnswer(Body):
    user: User
    access_token: str
    refresh_token: str
    expires_in: Annotated[int, Meta(description="Seconds that the access token is valid.")]


class ApiKey(Body):
    id: UUID
    name: str
    hint: Annotated[str, Meta(description="The key's last four characters.")]
    created_at: datetime
    last_used_at: datetime | None = None


class NewApiKeyAnswer(ApiKey, kw_only=True):
    key: Annotated[str, Meta(description="The key itself, shown this once.")]


class ApiKeys(Body):
    keys: list[ApiKey]


class Package(Body):
    id: UUID
    name: str
    version: str | None
    format: str | None
    subtype: str | None
    description: str | None
    tokens: int | None


class Packages(Body):
    packages: list[Package]
    next_cursor: str | None


class Version(Body):
    version: str
    tokens: int
    is_prerelease: bool
    published_at: datetime


class PackageDetail(Package):
    versions: list[Version]


class Model(Body):
    alias: str
    provider: str
    multiplier: float
    typical_credits: Credits
    available: bool
    reason: str | None = None


class Models(Body):
    models: list[Model]


class EstimateAnswer(Body):
    estimated_tokens: int
    estimated_credits: Credits
    max_credits: Credits
    can_afford: bool
    balance: Credits
    model: str


class RunUsage(Body):
    input_tokens: int | None
    output_tokens: int | None
    cache_read_tokens: int | None
    cache_write_tokens: int | None


class RunAnswer(Body):
    id: UUID
    conversation_id: UUID | None
    response: str
    credits_spent: Credits
    credits_remaining: Credits
    tokens_used: int
    usage: RunUsage
    cost_usd: Usd
    duration_ms: int
    model: str
    stop_reason: str | None
    simulated: bool


class Pagination(Body):
    limit: int
    offset: int
    has_more: bool


class Session(Body):
    id: UUID
    package_id: UUID | None
    package_name: str | None
    package_version: str | None
    model: str | None
    messages: int
    runs: int
    credits_spent: Credits
    created_at: datetime
    last_run_at: datetime | None


class Sessions(Body):
    sessions: list[Session]
    total: int
    pagination: Pagination


class Message(Body):
    number: int
    role: Literal["user", "assistant"]
    content: str
    complete: Annotated[bool, Meta(description="False for an answer that broke off.")]
    created_at: datetime


class SessionDetail(Session):
    conversation: list[Message]


class Monthly(Body):
    allocated: Credits
    used: Credits
    remaining: Credits
    reset_at: datetime | None


class Rollover(Body):
    amount: Credits
    expires_at: datetime | None


class Breakdown(Body):
    monthly: Credits
    rollover: Credits
    purchased: Credits


class NextExpiry(Body):
    credits: Credits
    at: datetime


class Balance(Body):
    balance: Credits
    held: Credits
    suspended: Credits
    available: Credits
    cost_budget_usd: Usd
    monthly: Monthly
    rollover: Rollover
    purchased: Credits
    breakdown: Breakdown
    next_expiry: NextExpiry | None


class Transaction(Body):
    id: str
    number: int
    amount: Credits
    balance_after: Credits
    type: str
    description: str | None
    metadata: dict[str, Any] | None
    session_id: UUID | None
    purchase_id: UUID | None
    created_at: datetime


class History(Body):
    transactions: list[Transaction]
    total: int
    pagination: Pagination


class CostCapAnswer(Body):
    monthly_usd: Annotated[float | None, Meta(description="The person's own cap in US dollars; null: none.")]
    tier_monthly_usd: Annotated[float | None, Meta(description="The limit without it in US dollars; null: none.")]
    month_used_usd: Annotated[
        float, Meta(description="What counts of this month, runs under way and bought budget included, in US dollars.")
    ]
    resets_at: datetime


class Pack(Body):
    id: str
    name: str
    credits: Credits
    price: Annotated[int, Meta(description="Cents.")]
    price_formatted: str
    per_credit_cost: Annotated[float, Meta(description="Cents.")]
    bonus: Annotated[float | None, Meta(description="Per cent.")]
    description: str | None
    popular: bool


class Packs(Body):
    packages: list[Pack]


class PurchaseAnswer(Body, omit_defaults=True):
    client_secret: Annotated[str, Meta(description="For Stripe's page elements, together with publishableKey.")]
    publishable_key: str | None
    credits: Credits
    price: Cents
    currency: str
    purchase_id: UUID
    checkout_url: Annotated[str, Meta(description="A page to pay on; with successUrl and cancelUrl only.")] | None = (
        None
    )


class PurchaseFailure(Body):
    code: str | None
    message: str | None


class Purchase(Body):
    id: UUID
    package: str
    package_name: str
    credits: Credits
    price: Cents
    currency: str
    status: Annotated[
        Literal["started", "pending", "failed", "succeeded"],
        Meta(description="`pending` waits to be paid; a failed one may still be paid with another card."),
    ]
    failure: PurchaseFailure | None
    refunded: Cents
    disputed: Annotated[int, Meta(description="Cents that a dispute is open about, or that one took.")]
    credits_revoked: Annotated[int, Meta(description="Credits taken back after refunds and lost disputes.")]
    shortfall: Annotated[int, Meta(description="Credits still to be taken back, from the next ones bought.")]
    receipt_url: str | None
    created_at: datetime
    completed_at: datetime | None


class Purchases(Body):
    purchases: list[Purchase]
    total: int
    pagination: Pagination


class RedeemAnswer(Body):
    credits: Credits
    balance: Credits
    code: str


class GiftAnswer(Body):
    gift_id: UUID
    credits: Credits
    balance: Credits
    status: Annotated[Literal["sent", "waiting"], Meta(description="`waiting` for that address to be registered.")]
    expires_at: Annotated[datetime | None, Meta(description="When a waiting gift returns.")]


class Pricing(Body):
    price: Cents
    currency: str
    interval: str
    credits: Credits
    is_org_member: bool
    org_name: str | None
    discount: Annotated[int, Meta(description="Cents less than everybody else pays.")]


class CheckoutAnswer(Body):
    checkout_url: str


class PortalAnswer(Body):
    portal_url: str


class Plan(Body):
    is_active: bool
    status: str | None
    plan: str | None
    cancel_at_period_end: bool
    current_period_end: datetime | None


class Received(Body):
    received: Literal[True]


class Member(Body):
    user_id: UUID
    username: str | None
    email: Annotated[str | None, Meta(description="Shown to owners and admins.")]
    role: Literal["owner", "admin", "member"]
    joined_at: datetime


class Organization(Body):
    id: UUID
    name: str
    is_verified: Annotated[bool, Meta(description="Members are offered the organisation price.")]
    role: Annotated[Literal["owner", "admin", "member"], Meta(description="The caller's.")]
    members: list[Member]
    created_at: datetime


class Processed(Body):
    processed: Annotated[int, Meta(ge=0, description="Accounts that were due.")]


class Alive(Body):
    status: Literal["ok"]


class Readiness(Body):
    ready: bool
    checks: dict[str, bool]


Percent = Annotated[float, Meta(description="Percent.")]
Risk = Literal["high_risk", "medium_risk", "low_risk", "safe"]
NextCursor = Annotated[str | None, Meta(description="For the next page; null on the last.")]


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
    throttled_by: Literal["operator", "runs_hour", "cost_day", "cost_month", "own_cap"] | None
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
