"""The fields that requests may have. One declaration validates them and describes them in the OpenAPI document."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

Email = Annotated[
    str,
    Meta(
        min_length=3,
        max_length=254,
        pattern=r"^[^@\s\x00-\x1f\x7f]{1,64}@[^@\s\x00-\x1f\x7f.]+(\.[^@\s\x00-\x1f\x7f.]+)+$(?!\n)",
        description="An e-mail address.",
        examples=["ann@example.com"],
    ),
]
PackageName = Annotated[str, Meta(min_length=1, max_length=214, description="A package's id or name.")]
PackageVersion = Annotated[
    str, Meta(min_length=1, max_length=256, description="A version; the newest published one when left out.")
]
ModelAlias = Annotated[str, Meta(min_length=1, max_length=64, description="A model's alias; see /playground/models.")]
UserInput = Annotated[str, Meta(min_length=1, description="What the person asks.")]
CustomPrompt = Annotated[
    str, Meta(min_length=1, description="A prompt of the caller's own in place of the package's; costs double.")
]
Limit = Annotated[int, Meta(ge=1, le=100, description="How many to return.")]
Offset = Annotated[int, Meta(ge=0, le=1_000_000_000, description="How many to leave out first.")]
RefreshToken = Annotated[str, Meta(min_length=1, max_length=2048)]
ReturnAddress = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=2000,
        description="Where to come back to: an http or https address at one of the origins that this service allows.",
        extra_json_schema={"format": "uri"},
    ),
]
# Kept as it was written: a float would round it. read_amount() turns it into a Decimal.
Amount = Annotated[
    msgspec.Raw,
    Meta(
        description="US dollars, exact, with at most 6 decimals; null: none.",
        extra_json_schema={"type": ["number", "null"], "minimum": 0, "examples": [0.25]},
    ),
]
# Where null is as if it were left out.
LimitUsd = Annotated[
    msgspec.Raw,
    Meta(
        description="API cost in US dollars: exact, below 100 million, at most 12 decimals; null: as if left out.",
        extra_json_schema={"type": ["number", "null"], "minimum": 0, "examples": [5]},
    ),
]
Price = Annotated[
    msgspec.Raw,
    Meta(
        description="US dollars per million tokens: exact, at most 6 decimals; null: as if left out.",
        extra_json_schema={"type": ["number", "null"], "minimum": 0, "examples": [2.5]},
    ),
]
Multiplier = Annotated[
    msgspec.Raw,
    Meta(
        description="What multiplies the credits of a run: exact, above 0, at most 3 decimals; null: as if left out.",
        extra_json_schema={"type": ["number", "null"], "exclusiveMinimum": 0, "examples": [4]},
    ),
]
Role = Literal["owner", "admin", "member"]
TransactionType = Literal[
    "signup", "monthly", "purchase", "spend", "rollover", "expire", "refund", "bonus", "admin", "gift"
]


class Fields(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """Base of all: camelCase outside, and a field that is not declared is refused."""


class Register(Fields):
    email: Email
    password: Annotated[str, Meta(min_length=8, max_length=128)]
    username: Annotated[str, Meta(min_length=1, max_length=64)] | None = None


class Login(Fields):
    email: Email
    password: Annotated[str, Meta(min_length=1, max_length=128)]


class Refresh(Fields):
    refresh_token: RefreshToken


class NewApiKey(Fields):
    name: Annotated[str, Meta(min_length=1, max_length=100, description="What the key is for.")]


class PackagesQuery(Fields):
    query: Annotated[str, Meta(max_length=200, description="Part of a name or description.")] | None = None
    limit: Limit = 20
    cursor: Annotated[str, Meta(max_length=1000, description="`nextCursor` of the page before.")] | None = None


class PageQuery(Fields):
    limit: Limit = 20
    offset: Offset = 0


class HistoryQuery(PageQuery):
    type: TransactionType | None = None


class Estimate(Fields):
    package_id: PackageName
    user_input: UserInput
    package_version: PackageVersion | None = None
    model: ModelAlias | None = None
    conversation_id: Annotated[UUID, Meta(description="An own session to continue.")] | None = None
    use_no_prompt: Annotated[bool, Meta(description="Leave the package's prompt out, to compare.")] = False
    custom_prompt: CustomPrompt | None = None


class Run(Estimate):
    stream: Annotated[bool, Meta(description="Answer by Server-Sent Events.")] = False
    temperature: Annotated[float, Meta(ge=0, le=1)] | None = None


class CostCap(Fields):
    monthly_usd: Amount


class NewPurchase(Fields):
    package: Annotated[
        str,
        Meta(min_length=1, max_length=64, description="A pack's id: `small`, `medium`, `large`.", examples=["medium"]),
    ]
    success_url: ReturnAddress | None = None
    cancel_url: ReturnAddress | None = None


class Redeem(Fields):
    code: Annotated[str, Meta(min_length=1, max_length=100, description="A promo code.")]


class Gift(Fields):
    to_email: Email
    credits: Annotated[int, Meta(ge=1, le=1_000_000_000, description="Bought credits only.")]
    message: Annotated[str, Meta(max_length=500)] | None = None


class Subscribe(Fields):
    success_url: ReturnAddress
    cancel_url: ReturnAddress


class Portal(Fields):
    return_url: ReturnAddress


class NewOrganization(Fields):
    name: Annotated[str, Meta(min_length=1, max_length=200)]


class NewMember(Fields):
    email: Email
    role: Role = "member"


Cursor = Annotated[str, Meta(max_length=1000, description="`nextCursor` of the page before.")]
Reason = Annotated[str, Meta(min_length=1, max_length=500, description="Why; it is kept in the audit log.")]
Runs = Annotated[int, Meta(ge=0, le=2_147_483_647)]
Risk = Literal["high_risk", "medium_risk", "low_risk", "safe"]
ModelName = Annotated[str, Meta(pattern=r"^[!-~]{1,64}$", description="A model's alias.")]


class UserCostsQuery(Fields):
    risk_level: Risk | None = None
    limit: Limit = 20
    cursor: Cursor | None = None


class AlertsQuery(Fields):
    user_id: Annotated[UUID, Meta(description="Of this person only.")] | None = None
    acknowledged: Annotated[bool, Meta(description="Only those that were, or were not.")] | None = None
    limit: Limit = 20
    cursor: Cursor | None = None


class AuditQuery(Fields):
    user_id: Annotated[UUID, Meta(description="What was changed of this person.")] | None = None
    action: Annotated[str, Meta(max_length=100, description="Of this kind only, such as `set_limits`.")] | None = None
    limit: Limit = 20
    cursor: Cursor | None = None


class Because(Fields):
    reason: Reason


class Throttle(Because):
    until: Annotated[datetime, Meta(tz=True, description="When it ends by itself; never when left out.")] | None = None


def unchanged() -> msgspec.Raw:
    """An amount that was left out."""
    return msgspec.Raw(b"null")


class PersonLimits(Because):
    """One limit or more in place of the tier's; what is left out, or null, is the tier's.

    They take the place of those that the person has of the same kind: those with an end, or those without.
    """

    monthly_usd: LimitUsd = msgspec.field(default_factory=unchanged)
    daily_usd: LimitUsd = msgspec.field(default_factory=unchanged)
    runs_per_hour: Runs | None = None
    concurrent_runs: Runs | None = None
    until: (
        Annotated[
            datetime,
            Meta(tz=True, description="When they end by themselves, going first while they last; they stand without."),
        ]
        | None
    ) = None


class MarginQuery(Fields):
    month: (
        Annotated[
            str,
            Meta(
                pattern=r"^[1-9][0-9]{3}-(0[1-9]|1[0-2])$",
                description="A calendar month (UTC); this one when left out.",
                examples=["2026-11"],
            ),
        ]
        | None
    ) = None


class GrantCredits(Because):
    credits: Annotated[int, Meta(ge=1, le=1_000_000_000)]
    type: Literal["admin", "bonus"] = "admin"


class NewLimits(Fields):
    """What is left out, or null, stays as it is."""

    monthly_usd: LimitUsd = msgspec.field(default_factory=unchanged)
    daily_usd: LimitUsd = msgspec.field(default_factory=unchanged)
    runs_per_hour: Runs | None = None
    concurrent_runs: Runs | None = None
    throttle_on_exceed: Annotated[bool, Meta(description="False: only alerts, refusing nobody.")] | None = None
    reason: Annotated[str, Meta(max_length=500, description="Why; needed but for a dry run.")] | None = None
    dry_run: Annotated[
        bool,
        Meta(
            description="Change nothing; list who would have been refused in the last 30 days by `monthlyUsd`, "
            "`dailyUsd` and `runsPerHour`."
        ),
    ] = False


class NewPrices(Fields):
    """What is left out, or null, stays as it is."""

    input: Price = msgspec.field(default_factory=unchanged)
    output: Price = msgspec.field(default_factory=unchanged)
    cache_read: Price = msgspec.field(default_factory=unchanged)
    cache_write: Price = msgspec.field(default_factory=unchanged)


class Reprice(Fields):
    multipliers: Annotated[
        dict[ModelName, Multiplier], Meta(description="By model; those left out are as they are now.")
    ] = {}
    prices: Annotated[
        dict[ModelName, NewPrices], Meta(description="By model; those left out are as they are now.")
    ] = {}
    since: Annotated[datetime, Meta(tz=True, description="A month before the end when left out.")] | None = (
        msgspec.field(default=None, name="from")
    )
    until: Annotated[datetime, Meta(tz=True, description="The end of last month (UTC) when left out.")] | None = (
        msgspec.field(default=None, name="to")
    )
