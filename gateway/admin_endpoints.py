"""The routes of admins: the database looks at their tokens and rights itself, at each call."""

from gateway import admin, admin_answers, schemas
from gateway.errors import FORBIDDEN, IDEMPOTENCY_KEY_REUSED, NOT_FOUND, PERSON_NOT_FOUND
from gateway.routes import Route, delete, get, patch, post, put
from gateway.rpc import rpc

ADMIN = "/api/v1/admin/cost-analytics"
OF_PERSON = (FORBIDDEN, PERSON_NOT_FOUND)

ADMIN_ROUTES: tuple[Route, ...] = (
    get(
        f"{ADMIN}/summary",
        rpc("get_cost_summary", with_token=True),
        "The month in figures, and how old they are",
        answer=admin_answers.CostSummary,
        refuses=(FORBIDDEN,),
    ),
    get(
        f"{ADMIN}/margin",
        rpc("get_margin", with_token=True),
        "What each model cost and earned in a month, and how old the figures are",
        query=schemas.MarginQuery,
        answer=admin_answers.MonthMargin,
        refuses=(FORBIDDEN,),
    ),
    get(
        f"{ADMIN}/users",
        rpc("list_user_costs", with_token=True),
        "What people cost and bring, who cost most this month first",
        query=schemas.UserCostsQuery,
        answer=admin_answers.UserCosts,
        refuses=(FORBIDDEN,),
    ),
    *(
        get(
            f"{ADMIN}/{users}/{{id}}",
            rpc("get_user_costs", with_token=True, named="person_id", missing=PERSON_NOT_FOUND),
            "What a person costs, may cost and is kept from, and what would refuse a run now",
            answer=admin_answers.PersonCosts,
            refuses=OF_PERSON,
        )
        for users in ("users", "user")
    ),
    post(
        f"{ADMIN}/users/{{id}}/throttle",
        rpc("throttle_user", with_token=True, named="person_id", missing=PERSON_NOT_FOUND),
        "Refuse a person's runs, until an instant or for good",
        body=schemas.Throttle,
        answer=admin_answers.PersonCosts,
        refuses=OF_PERSON,
    ),
    post(
        f"{ADMIN}/users/{{id}}/unthrottle",
        rpc("unthrottle_user", with_token=True, named="person_id", missing=PERSON_NOT_FOUND),
        "Let a person run again, past the windows that are exhausted now",
        body=schemas.Because,
        answer=admin_answers.PersonCosts,
        refuses=OF_PERSON,
    ),
    put(
        f"{ADMIN}/users/{{id}}/limits",
        rpc("set_user_limit", with_token=True, named="person_id", missing=PERSON_NOT_FOUND),
        "Give a person limits in place of the tier's, until an instant or for good",
        body=schemas.PersonLimits,
        answer=admin_answers.PersonCosts,
        refuses=OF_PERSON,
    ),
    delete(
        f"{ADMIN}/users/{{id}}/limits",
        rpc("end_user_limit", with_token=True, named="person_id", missing=PERSON_NOT_FOUND),
        "End the limits that a person was given",
        body=schemas.Because,
        status=200,
        answer=admin_answers.PersonCosts,
        refuses=OF_PERSON,
    ),
    post(
        f"{ADMIN}/users/{{id}}/credits",
        admin.grant_credits,
        "Grant credits that do not expire",
        body=schemas.GrantCredits,
        is_idempotent=True,
        answer=admin_answers.GrantCreditsAnswer,
        refuses=(*OF_PERSON, IDEMPOTENCY_KEY_REUSED),
    ),
    get(
        f"{ADMIN}/alerts",
        rpc("list_alerts", with_token=True),
        "Alerts of people and of the platform, newest first",
        query=schemas.AlertsQuery,
        answer=admin_answers.Alerts,
        refuses=(FORBIDDEN,),
    ),
    post(
        f"{ADMIN}/alerts/{{id}}/acknowledge",
        rpc("acknowledge_alert", with_token=True, named="alert_id"),
        "Say that an alert was seen to",
        body=schemas.Because,
        answer=admin_answers.Alert,
        refuses=(FORBIDDEN, NOT_FOUND),
    ),
    get(
        f"{ADMIN}/limits",
        rpc("list_limits", with_token=True),
        "The limits of each tier",
        answer=admin_answers.AllLimits,
        refuses=(FORBIDDEN,),
    ),
    patch(
        f"{ADMIN}/limits/{{tier:[^/]+}}",
        rpc("set_limits", with_token=True, named="tier", path="tier"),
        "Change limits of a tier, or list whom that would have refused",
        body=schemas.NewLimits,
        answer=admin_answers.NewLimitsAnswer,
        refuses=(FORBIDDEN, NOT_FOUND),
    ),
    post(
        f"{ADMIN}/reprice",
        admin.reprice,
        "What a period would have charged, cost and earned under other multipliers or prices",
        body=schemas.Reprice,
        answer=admin_answers.Repriced,
        refuses=(FORBIDDEN,),
    ),
    post(
        f"{ADMIN}/refresh",
        rpc("refresh_analytics", with_token=True),
        "Take the figures of the views anew",
        answer=admin_answers.Refreshed,
        refuses=(FORBIDDEN,),
    ),
    get(
        f"{ADMIN}/audit",
        rpc("list_audit", with_token=True),
        "Who changed what, when and why, newest first",
        query=schemas.AuditQuery,
        answer=admin_answers.Audit,
        refuses=(FORBIDDEN,),
    ),
)
