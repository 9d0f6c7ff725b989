"""Every way this service says no: one table from the database's codes, one of the gateway's own, one shape of body."""

from dataclasses import dataclass
from typing import Any, Literal

import msgspec


@dataclass(frozen=True)
class Kind:
    """An HTTP status and the code that people's programs branch on."""

    status: int
    error: str


UNAUTHORIZED = Kind(401, "unauthorized")
INVALID_CREDENTIALS = Kind(401, "invalid_credentials")
INVALID_REFRESH_TOKEN = Kind(401, "invalid_refresh_token")
INSUFFICIENT_CREDITS = Kind(402, "insufficient_credits")
FORBIDDEN = Kind(403, "forbidden")
NOT_FOUND = Kind(404, "not_found")
NOT_ENOUGH_GIFTABLE_CREDITS = Kind(402, "not_enough_giftable_credits")
API_KEY_NOT_FOUND = Kind(404, "api_key_not_found")
PACKAGE_NOT_FOUND = Kind(404, "package_not_found")
SESSION_NOT_FOUND = Kind(404, "session_not_found")
RUN_NOT_FOUND = Kind(404, "run_not_found")
PACK_NOT_FOUND = Kind(404, "pack_not_found")
PURCHASE_NOT_FOUND = Kind(404, "purchase_not_found")
NO_SUBSCRIPTION = Kind(404, "no_subscription")
CODE_NOT_FOUND = Kind(404, "code_not_found")
ORGANIZATION_NOT_FOUND = Kind(404, "organization_not_found")
PERSON_NOT_FOUND = Kind(404, "person_not_found")
METHOD_NOT_ALLOWED = Kind(405, "method_not_allowed")
REQUEST_TIMEOUT = Kind(408, "request_timeout")
EMAIL_TAKEN = Kind(409, "email_taken")
RUN_IN_PROGRESS = Kind(409, "run_in_progress")
PAYMENT_CONFLICT = Kind(409, "payment_conflict")
ALREADY_SUBSCRIBED = Kind(409, "already_subscribed")
NOT_BILLED = Kind(409, "not_billed")
CODE_ALREADY_REDEEMED = Kind(409, "code_already_redeemed")
GIFTS_BLOCKED = Kind(409, "gifts_blocked")
LAST_OWNER = Kind(409, "last_owner")
TOO_MANY_ORGANIZATIONS = Kind(409, "too_many_organizations")
CONFLICT = Kind(409, "conflict")
CODE_EXPIRED = Kind(410, "code_expired")
PAYLOAD_TOO_LARGE = Kind(413, "payload_too_large")
REQUEST_TOO_LARGE = Kind(413, "request_too_large")
UNSUPPORTED_MEDIA_TYPE = Kind(415, "unsupported_media_type")
VALIDATION_FAILED = Kind(422, "validation_failed")
IDEMPOTENCY_KEY_REUSED = Kind(422, "idempotency_key_reused")
RATE_LIMITED = Kind(429, "rate_limited")
THROTTLED = Kind(429, "throttled")
MALFORMED_REQUEST = Kind(400, "malformed_request")
MALFORMED_JSON = Kind(400, "malformed_json")
INVALID_SIGNATURE = Kind(400, "invalid_signature")
INTERNAL_ERROR = Kind(500, "internal_error")
PROVIDER_ERROR = Kind(502, "provider_error")
BILLING_ERROR = Kind(502, "billing_error")
PROVIDER_UNAVAILABLE = Kind(503, "provider_unavailable")
MODEL_UNAVAILABLE = Kind(503, "model_unavailable")
RUNS_DISABLED = Kind(503, "runs_disabled")
BILLING_UNAVAILABLE = Kind(503, "billing_unavailable")
PLAN_UNAVAILABLE = Kind(503, "plan_unavailable")
UNAVAILABLE = Kind(503, "unavailable")

# SQLSTATE of a refusal → what the caller sees. A test compares the keys with every code raised under sql/.
REFUSALS: dict[str, Kind] = {
    "SCA01": UNAUTHORIZED,
    "SCA02": UNAUTHORIZED,
    "SCA03": EMAIL_TAKEN,
    "SCA04": INVALID_REFRESH_TOKEN,
    "SCA05": API_KEY_NOT_FOUND,
    "SCA06": RATE_LIMITED,
    "SCA07": FORBIDDEN,
    "SCB01": ALREADY_SUBSCRIBED,
    "SCB02": NO_SUBSCRIPTION,
    "SCB03": PACK_NOT_FOUND,
    "SCB04": INVALID_SIGNATURE,
    "SCB05": PLAN_UNAVAILABLE,
    "SCB06": RATE_LIMITED,
    "SCB07": NOT_BILLED,
    "SCB08": PURCHASE_NOT_FOUND,
    "SCB09": PAYMENT_CONFLICT,
    "SCC01": INSUFFICIENT_CREDITS,
    "SCD01": VALIDATION_FAILED,
    "SCD02": VALIDATION_FAILED,
    "SCD03": VALIDATION_FAILED,
    "SCD04": NOT_FOUND,
    "SCD05": CONFLICT,
    "SCG01": NOT_ENOUGH_GIFTABLE_CREDITS,
    "SCG02": GIFTS_BLOCKED,
    "SCG03": RATE_LIMITED,
    "SCH01": RUN_NOT_FOUND,
    "SCH02": CONFLICT,
    "SCI01": IDEMPOTENCY_KEY_REUSED,
    "SCI02": RUN_IN_PROGRESS,
    "SCI03": CONFLICT,
    "SCK01": CODE_NOT_FOUND,
    "SCK02": CODE_ALREADY_REDEEMED,
    "SCK03": CODE_EXPIRED,
    "SCK04": RATE_LIMITED,
    "SCL01": CONFLICT,
    "SCM01": VALIDATION_FAILED,
    "SCM02": MODEL_UNAVAILABLE,
    "SCN01": ORGANIZATION_NOT_FOUND,
    "SCN02": FORBIDDEN,
    "SCN03": PERSON_NOT_FOUND,
    "SCN04": LAST_OWNER,
    "SCN05": TOO_MANY_ORGANIZATIONS,
    "SCP01": PACKAGE_NOT_FOUND,
    "SCQ01": RATE_LIMITED,
    "SCR01": REQUEST_TOO_LARGE,
    "SCS01": SESSION_NOT_FOUND,
    "SCT01": THROTTLED,
    "SCT02": THROTTLED,
    "SCV01": VALIDATION_FAILED,
    "SCV02": VALIDATION_FAILED,
}

Detail = Literal["integer", "number", "string", "instant", "boolean", "fields"]

# What an error's body may hold beside `error` and `message`; from here the OpenAPI document takes it.
DETAILS: dict[Kind, dict[str, Detail]] = {
    INSUFFICIENT_CREDITS: {"required": "integer", "available": "integer", "purchaseUrl": "string"},
    NOT_ENOUGH_GIFTABLE_CREDITS: {"giftable": "integer", "credits": "integer"},
    REQUEST_TOO_LARGE: {"estimatedTokens": "integer", "maxTokens": "integer"},
    PAYLOAD_TOO_LARGE: {"maxBytes": "integer"},
    VALIDATION_FAILED: {"fields": "fields"},
    RATE_LIMITED: {
        "limitSource": "string",
        "limit": "number",
        "used": "number",
        "resetsAt": "string",
        "hint": "string",
        "retryAfter": "integer",
    },
    # `limitSource`: operator, runs_hour, runs_concurrent, cost_day, cost_month or own_cap.
    THROTTLED: {
        "limitSource": "string",
        "limit": "number",
        "used": "number",
        "resetsAt": "instant",
        "hint": "string",
        "retryAfter": "integer",
    },
    # `reason`: provider_disabled, or spend_ceiling with the instant of new room: the next day, or the end of open runs.
    MODEL_UNAVAILABLE: {"model": "string", "reason": "string", "resetsAt": "instant", "retryAfter": "integer"},
    RUN_IN_PROGRESS: {"retryAfter": "integer"},
    BILLING_UNAVAILABLE: {"retryAfter": "integer"},
    PROVIDER_ERROR: {"outcome": "string", "retryAfter": "integer", "incomplete": "boolean"},
    PROVIDER_UNAVAILABLE: {"outcome": "string", "retryAfter": "integer", "incomplete": "boolean"},
    UNAVAILABLE: {"retryAfter": "integer"},
}

MESSAGES: dict[Kind, str] = {
    UNAUTHORIZED: "A valid access token or API key is needed.",
    INVALID_CREDENTIALS: "E-mail address or password is wrong.",
    INVALID_REFRESH_TOKEN: "This refresh token is not valid; sign in again.",
    FORBIDDEN: "This is not open to you.",
    NOT_FOUND: "There is nothing at this address.",
    API_KEY_NOT_FOUND: "There is no such API key.",
    SESSION_NOT_FOUND: "There is no such session.",
    PURCHASE_NOT_FOUND: "There is no such purchase.",
    ORGANIZATION_NOT_FOUND: "There is no such organisation.",
    PERSON_NOT_FOUND: "There is no such person.",
    METHOD_NOT_ALLOWED: "This address does not answer that method.",
    REQUEST_TIMEOUT: "The request's body did not arrive in time.",
    PAYLOAD_TOO_LARGE: "The request's body is too large.",
    UNSUPPORTED_MEDIA_TYPE: "The body must be JSON, sent as application/json without a content encoding.",
    VALIDATION_FAILED: "Some fields are not valid.",
    MALFORMED_REQUEST: "The request is not valid HTTP.",
    MALFORMED_JSON: "The body is not valid JSON.",
    INTERNAL_ERROR: "Something went wrong on our side. Nothing was charged that is not in your history.",
    PROVIDER_ERROR: "The model gave no usable answer. Nothing was charged.",
    PROVIDER_UNAVAILABLE: "The model cannot be reached at the moment. Nothing was charged.",
    BILLING_ERROR: "The payment provider refused this request. Nothing was charged.",
    BILLING_UNAVAILABLE: "Payments cannot be taken at the moment. Nothing was charged.",
    RUNS_DISABLED: "Runs are switched off at the moment.",
    UNAVAILABLE: "The service is busy or restarting; please try again in a moment.",
}


class Refusal(Exception):
    """A request that ends with an error. `details` are merged into the body; `retryAfter` also becomes the header."""

    def __init__(self, kind: Kind, message: str | None = None, details: dict[str, Any] | None = None) -> None:
        super().__init__(kind.error)
        self.kind = kind
        self.message = message or MESSAGES.get(kind, kind.error.replace("_", " "))
        self.details = details or {}

    @property
    def body(self) -> dict[str, Any]:
        return {**self.details, "error": self.kind.error, "message": self.message}

    @property
    def headers(self) -> dict[str, str]:
        headers = {}
        retry_after = self.details.get("retryAfter")
        if isinstance(retry_after, int | float):
            headers["Retry-After"] = str(max(1, -int(-retry_after // 1)))
        if self.kind.status == 401:
            headers["WWW-Authenticate"] = "Bearer"
        return headers

    def encode(self) -> bytes:
        return msgspec.json.encode(self.body)


def invalid(**fields: str) -> Refusal:
    """A 422 that says of each field what is wrong with it."""
    return Refusal(VALIDATION_FAILED, details={"fields": fields})


def refused(code: str, message: str | None, details: str | bytes | None) -> Refusal:
    """The refusal that the database named by `code`; `details` is a JSON object as text, or nothing.

    Raises KeyError for a code that is not in REFUSALS: a bug, which a test finds first.
    """
    kind = REFUSALS[code]
    try:
        read = msgspec.json.decode(details) if details else {}
    except msgspec.DecodeError:
        read = {}
    return Refusal(kind, message, read if isinstance(read, dict) else {})
