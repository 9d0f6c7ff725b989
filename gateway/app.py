"""The application made from the route table."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable

import structlog
from aiohttp import web
from psycopg_pool import AsyncConnectionPool

from gateway import metrics
from gateway.background import Background
from gateway.billing.client import Stripe
from gateway.billing.steps import GiftSteps
from gateway.billing.worker import billing_loops
from gateway.db import make_pool
from gateway.docs import render
from gateway.edge import MIDDLEWARES, put_headers_on
from gateway.endpoints import ROUTES
from gateway.keys import (
    ACCESS_TOKENS,
    BACKGROUND,
    BILLING_NUDGE,
    CODE_VERSION,
    DOCUMENTS,
    GIFT_STEPS,
    PASSWORDS,
    POOL,
    PROVIDERS,
    ROUTE_OF,
    SETTINGS,
    STRIPE,
)
from gateway.llm.registry import Providers
from gateway.openapi import describe
from gateway.passwords import Passwords
from gateway.settings import Settings
from gateway.tokens import AccessTokens
from gateway.version import code_version

GAUGE_SECONDS = 5.0
LAST_THINGS_SECONDS = 10.0

log = structlog.get_logger()


def make_app(
    settings: Settings, *, pool: AsyncConnectionPool | None = None, providers: Providers | None = None
) -> web.Application:
    """The application of one worker. Tests may pass collaborators of their own; it closes only what it made."""
    app = web.Application(middlewares=MIDDLEWARES)
    app[SETTINGS] = settings
    app[ACCESS_TOKENS] = AccessTokens(settings)
    app[PASSWORDS] = Passwords()
    app[BACKGROUND] = Background()
    app[GIFT_STEPS] = GiftSteps()
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
    app.cleanup_ctx.extend([_pool(pool), _providers(providers), _stripe, billing_loops, _gauges, _last_things])
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


async def _stripe(app: web.Application) -> AsyncIterator[None]:
    settings = app[SETTINGS]
    if settings.stripe_secret_key is None:
        yield
        return
    async with Stripe.connected(settings, settings.stripe_secret_key) as stripe:
        app[STRIPE] = stripe
        yield


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
