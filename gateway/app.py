"""The route table, and the application made from it."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable

import structlog
from aiohttp import web
from psycopg_pool import AsyncConnectionPool

from gateway import answers, auth, credits, meta, metrics, playground, schemas
from gateway.background import Background
from gateway.db import make_pool
from gateway.docs import render
from gateway.edge import MIDDLEWARES, put_headers_on
from gateway.errors import (
    API_KEY_NOT_FOUND,
    EMAIL_TAKEN,
    FORBIDDEN,
    IDEMPOTENCY_KEY_REUSED,
    INSUFFICIENT_CREDITS,
    INVALID_CREDENTIALS,
    INVALID_REFRESH_TOKEN,
    MODEL_UNAVAILABLE,
    PACKAGE_NOT_FOUND,
    PROVIDER_ERROR,
    PROVIDER_UNAVAILABLE,
    RATE_LIMITED,
    REQUEST_TOO_LARGE,
    RUN_IN_PROGRESS,
    RUNS_DISABLED,
    SESSION_NOT_FOUND,
    THROTTLED,
)
from gateway.keys import (
    ACCESS_TOKENS,
    BACKGROUND,
    BILLING_NUDGE,
    CODE_VERSION,
    DOCUMENTS,
    PASSWORDS,
    POOL,
    PROVIDERS,
    ROUTE_OF,
    SETTINGS,
)
from gateway.llm.registry import Providers
from gateway.openapi import describe
from gateway.passwords import Passwords
from gateway.routes import RUN_BODY, Access, Route, delete, get, post
from gateway.rpc import rpc
from gateway.settings import Settings
from gateway.tokens import AccessTokens
from gateway.version import code_version

API = "/api/v1"
GAUGE_SECONDS = 5.0
LAST_THINGS_SECONDS = 10.0
OPEN = Access.OPEN

log = structlog.get_logger()

ROUTES: tuple[Route, ...] = (
    # health and meta
    get("/healthz", meta.healthz, "Alive", access=OPEN, answer=answers.Alive, reads_database=False),
    get(
        "/readyz",
        meta.readyz,
        "Ready to run",
        access=OPEN,
        answer=answers.Readiness,
        other_answers={503: answers.Readiness},
        reads_database=False,
    ),
    get(
        "/metrics",
        meta.show_metrics,
        "Counters for Prometheus; from this machine or with the metrics token",
        access=OPEN,
        other_media=("text/plain",),
        refuses=(FORBIDDEN,),
        reads_database=False,
    ),
    get(
        "/openapi.json",
        meta.show_openapi,
        "This document",
        access=OPEN,
        other_media=("application/json",),
        reads_database=False,
    ),
    get(
        "/docs", meta.show_docs, "This document, to read", access=OPEN, other_media=("text/html",), reads_database=False
    ),
    # auth
    post(
        f"{API}/auth/register",
        auth.register,
        "Become a person, with credits to begin with",
        access=OPEN,
        body=schemas.Register,
        status=201,
        answer=answers.LoginAnswer,
        refuses=(EMAIL_TAKEN,),
    ),
    post(
        f"{API}/auth/login",
        auth.login,
        "Tokens for an e-mail address and a password",
        access=OPEN,
        body=schemas.Login,
        answer=answers.LoginAnswer,
        refuses=(INVALID_CREDENTIALS, RATE_LIMITED),
    ),
    post(
        f"{API}/auth/refresh",
        auth.refresh,
        "A new pair of tokens; a replayed refresh token ends its family",
        access=OPEN,
        body=schemas.Refresh,
        answer=answers.LoginAnswer,
        refuses=(INVALID_REFRESH_TOKEN,),
    ),
    post(f"{API}/auth/logout", auth.logout, "End a refresh token", access=OPEN, body=schemas.Refresh, status=204),
    get(f"{API}/auth/me", rpc("get_user"), "Who I am", answer=answers.User),
    get(f"{API}/auth/keys", rpc("list_api_keys"), "My API keys", answer=answers.ApiKeys),
    post(
        f"{API}/auth/keys",
        auth.create_api_key,
        "A new API key, shown this once",
        body=schemas.NewApiKey,
        status=201,
        answer=answers.NewApiKeyAnswer,
    ),
    delete(f"{API}/auth/keys/{{id}}", auth.delete_api_key, "End an API key", refuses=(API_KEY_NOT_FOUND,)),
    # playground
    get(
        f"{API}/packages",
        rpc("list_packages"),
        "Packages, newest version each",
        access=Access.OPTIONAL,
        query=schemas.PackagesQuery,
        answer=answers.Packages,
    ),
    get(
        f"{API}/packages/{{id:[\\s\\S]+}}",
        rpc("get_package", named="package", missing=PACKAGE_NOT_FOUND),
        "One package, by id or name, with its versions",
        access=Access.OPTIONAL,
        answer=answers.PackageDetail,
        refuses=(PACKAGE_NOT_FOUND,),
    ),
    get(
        f"{API}/playground/models",
        rpc("list_models", for_user=False),
        "Models on offer",
        access=OPEN,
        answer=answers.Models,
    ),
    post(
        f"{API}/playground/estimate",
        rpc("estimate_run"),
        "What a run would cost",
        body=schemas.Estimate,
        max_body=RUN_BODY,
        answer=answers.EstimateAnswer,
        refuses=(PACKAGE_NOT_FOUND, SESSION_NOT_FOUND, REQUEST_TOO_LARGE, MODEL_UNAVAILABLE),
    ),
    post(
        f"{API}/playground/run",
        playground.run,
        "Run a package, whole or streamed",
        access=Access.USER_KEY_UNCHECKED,
        body=schemas.Run,
        max_body=RUN_BODY,
        is_idempotent=True,
        answer=answers.RunAnswer,
        other_media=("text/event-stream",),
        refuses=(
            INSUFFICIENT_CREDITS,
            PACKAGE_NOT_FOUND,
            SESSION_NOT_FOUND,
            RUN_IN_PROGRESS,
            REQUEST_TOO_LARGE,
            IDEMPOTENCY_KEY_REUSED,
            THROTTLED,
            PROVIDER_ERROR,
            PROVIDER_UNAVAILABLE,
            MODEL_UNAVAILABLE,
            RUNS_DISABLED,
        ),
    ),
    get(
        f"{API}/playground/sessions",
        rpc("list_sessions"),
        "My sessions, newest run first",
        query=schemas.PageQuery,
        answer=answers.Sessions,
    ),
    get(
        f"{API}/playground/sessions/{{id}}",
        rpc("get_session", named="session_id", missing=SESSION_NOT_FOUND),
        "A session of mine with its conversation",
        answer=answers.SessionDetail,
        refuses=(SESSION_NOT_FOUND,),
    ),
    delete(
        f"{API}/playground/sessions/{{id}}",
        rpc("delete_session", named="session_id", missing=SESSION_NOT_FOUND),
        "Delete a session of mine",
        refuses=(SESSION_NOT_FOUND,),
    ),
    # credits
    get(f"{API}/playground/credits", rpc("get_balance"), "My credits", answer=answers.Balance),
    get(
        f"{API}/playground/credits/history",
        credits.history(rpc("list_transactions")),
        "My credit history, newest first; as CSV with Accept: text/csv",
        query=schemas.HistoryQuery,
        answer=answers.History,
        other_media=("text/csv",),
    ),
    get(
        f"{API}/playground/credits/history.csv",
        credits.history_csv,
        "My whole credit history",
        other_media=("text/csv",),
    ),
    get(
        f"{API}/playground/credits/packages",
        rpc("list_packs", for_user=False),
        "Credit packs on sale",
        access=OPEN,
        answer=answers.Packs,
    ),
    post(
        f"{API}/playground/credits/cron/reset",
        rpc("process_monthly_reset", for_user=False),
        "Process the periods that are due",
        access=Access.CRON,
        answer=answers.Processed,
    ),
    post(
        f"{API}/playground/credits/cron/expire",
        rpc("expire_credits", for_user=False),
        "Expire the credits that are due",
        access=Access.CRON,
        answer=answers.Processed,
    ),
)


def make_app(
    settings: Settings, *, pool: AsyncConnectionPool | None = None, providers: Providers | None = None
) -> web.Application:
    """The application of one worker. Tests may pass collaborators of their own; it closes only what it made."""
    app = web.Application(middlewares=MIDDLEWARES)
    app[SETTINGS] = settings
    app[ACCESS_TOKENS] = AccessTokens(settings)
    app[PASSWORDS] = Passwords()
    app[BACKGROUND] = Background()
    app[BILLING_NUDGE] = asyncio.Event()
    app[CODE_VERSION] = code_version()
    app[ROUTE_OF] = {route.handler: route for route in ROUTES}
    document = describe(ROUTES)
    app[DOCUMENTS] = {"openapi": json.dumps(document, ensure_ascii=False).encode(), "docs": render(document)}
    for route in ROUTES:
        app.router.add_route(route.method, route.path, route.handler)
        if route.method == "GET":
            app.router.add_route("HEAD", route.path, route.handler)
    app.on_response_prepare.append(put_headers_on)
    app.cleanup_ctx.extend([_pool(pool), _providers(providers), _gauges, _last_things])
    return app


Context = Callable[[web.Application], AsyncIterator[None]]


def _pool(given: AsyncConnectionPool | None) -> Context:
    async def context(app: web.Application) -> AsyncIterator[None]:
        pool = make_pool(app[SETTINGS]) if given is None else given
        app[POOL] = pool
        if given is None:
            await pool.open()
        yield
        if given is None:
            await pool.close()

    return context


def _providers(given: Providers | None) -> Context:
    async def context(app: web.Application) -> AsyncIterator[None]:
        settings = app[SETTINGS]
        providers = given or Providers.from_settings(
            anthropic_api_key=settings.anthropic_api_key,
            anthropic_base_url=settings.anthropic_base_url,
            openai_api_key=settings.openai_api_key,
            openai_base_url=settings.openai_base_url,
            first_byte_seconds=settings.llm_first_byte_seconds,
            idle_seconds=settings.llm_idle_seconds,
            max_retries=settings.llm_max_retries,
        )
        app[PROVIDERS] = providers
        yield
        if given is None:
            await providers.close()

    return context


async def _gauges(app: web.Application) -> AsyncIterator[None]:
    """Gauges are of this process; whichever worker is scraped shows what each last noted."""

    async def note() -> None:
        while True:
            metrics.note_state(app[PROVIDERS].breaker_states(), app[POOL].get_stats())
            await asyncio.sleep(GAUGE_SECONDS)

    task = asyncio.create_task(note())
    yield
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def _last_things(app: web.Application) -> AsyncIterator[None]:
    """Settling that outlived its request ends before the pool does."""
    yield
    unfinished = await app[BACKGROUND].drain(LAST_THINGS_SECONDS)
    if unfinished:
        log.error("runs cut short", runs=unfinished)
