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
