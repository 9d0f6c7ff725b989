"""Typed keys: what the application holds, and what a request learns on its way in."""

import asyncio

from aiohttp import web
from psycopg_pool import AsyncConnectionPool

from gateway.background import Background
from gateway.billing.client import Stripe
from gateway.billing.steps import GiftSteps
from gateway.llm.registry import Providers
from gateway.passwords import Passwords
from gateway.routes import Handler, Route
from gateway.settings import Settings
from gateway.tokens import AccessTokens

SETTINGS = web.AppKey("settings", Settings)
ACCESS_TOKENS = web.AppKey("access_tokens", AccessTokens)
POOL = web.AppKey("pool", AsyncConnectionPool)
PROVIDERS = web.AppKey("providers", Providers)
PASSWORDS = web.AppKey("passwords", Passwords)
BACKGROUND = web.AppKey("background", Background)
CODE_VERSION = web.AppKey("code_version", str)
DOCUMENTS: web.AppKey[dict[str, bytes]] = web.AppKey("documents", dict)
# Absent without a key for it: nothing is sold then.
STRIPE = web.AppKey("stripe", Stripe)
GIFT_STEPS = web.AppKey("gift_steps", GiftSteps)
# Set when there may be work for the loops that bill: they wait for it or for their next turn, and clear it.
BILLING_NUDGE = web.AppKey("billing_nudge", asyncio.Event)
ROUTE_OF: web.AppKey[dict[Handler, Route]] = web.AppKey("route_of", dict)

REQUEST_ID = web.RequestKey("request_id", str)
ROUTE = web.RequestKey("route", Route)
USER_ID = web.RequestKey("user_id", str)
# Headers that say what is left of the limit that counted the request.
RATE_LIMIT: web.RequestKey[dict[str, str]] = web.RequestKey("rate_limit", dict)
API_KEY_HASH = web.RequestKey("api_key_hash", bytes)
# The caller's own token as it came, for doors of the database that look at it themselves.
BEARER = web.RequestKey("bearer", str)
