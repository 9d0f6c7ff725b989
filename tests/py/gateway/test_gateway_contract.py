"""The served OpenAPI document is what the gateway does: schemathesis sends good and bad, every answer must conform."""

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import AsyncExitStack, contextmanager
from typing import Any

import aiohttp
import pytest
import schemathesis
import uvloop
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode, checks
from schemathesis.core.result import Ok
from schemathesis.specs.openapi import checks as openapi_checks

from gateway.app import ROUTES
from gateway.billing import simulator as stripe
from gateway.llm.simulator import running
from gateway.openapi import describe
from tests.py.gateway.world import CRON_TOKEN, PACKAGE, Person, World, whole_world
from tests.py.support.database import Database

DOCUMENT = describe(ROUTES)
SCHEMA = schemathesis.openapi.from_dict(DOCUMENT)
OPERATIONS = {
    f"{operation.method.upper()} {operation.path}": operation
    for operation in (result.ok() for result in SCHEMA.get_all_operations() if isinstance(result, Ok))
}
CHECKS = [
    checks.not_a_server_error,
    openapi_checks.status_code_conformance,
    openapi_checks.content_type_conformance,
    openapi_checks.response_headers_conformance,
    openapi_checks.response_schema_conformance,
]
EXAMPLES = 30
AGREED = [
    "GET /healthz",
    "GET /readyz",
    "GET /metrics",
    "POST /auth/register",
    "POST /auth/login",
    "POST /auth/refresh",
    "POST /auth/logout",
    "GET /auth/me",
    "POST /auth/keys",
    "GET /auth/keys",
    "DELETE /auth/keys/{id}",
    "GET /packages",
    "GET /packages/{id}",
    "GET /playground/models",
    "POST /playground/estimate",
    "POST /playground/run",
    "GET /playground/sessions",
    "GET /playground/sessions/{id}",
    "DELETE /playground/sessions/{id}",
    "GET /playground/credits",
    "GET /playground/credits/history",
    "GET /playground/credits/packages",
    "POST /playground/credits/purchase",
    "GET /playground/credits/purchases",
    "POST /playground/credits/redeem",
    "POST /playground/credits/gift",
    "PUT /playground/cost-cap",
    "GET /playground/pricing",
    "POST /playground/subscribe",
    "GET /playground/subscription",
    "POST /playground/subscription/cancel",
    "POST /playground/subscription/resume",
    "POST /playground/subscription/portal",
    "POST /playground/webhooks/stripe/credits",
    "POST /webhooks/stripe/credits",
    "POST /organizations",
    "GET /organizations/{id}",
    "POST /organizations/{id}/members",
    "DELETE /organizations/{id}/members/{userId}",
    "POST /organizations/{id}/subscribe",
    "GET /organizations/{id}/subscription",
    "POST /organizations/{id}/cancel",
    "POST /organizations/{id}/resume",
    "POST /organizations/{id}/portal",
    "POST /playground/credits/cron/reset",
    "POST /playground/credits/cron/expire",
    "GET /admin/cost-analytics/summary",
    "GET /admin/cost-analytics/margin",
    "GET /admin/cost-analytics/users",
    "GET /admin/cost-analytics/users/{id}",
    "GET /admin/cost-analytics/user/{id}",
    "POST /admin/cost-analytics/users/{id}/throttle",
    "POST /admin/cost-analytics/users/{id}/unthrottle",
    "PUT /admin/cost-analytics/users/{id}/limits",
    "DELETE /admin/cost-analytics/users/{id}/limits",
    "POST /admin/cost-analytics/users/{id}/credits",
    "GET /admin/cost-analytics/alerts",
    "POST /admin/cost-analytics/alerts/{id}/acknowledge",
    "GET /admin/cost-analytics/limits",
    "PATCH /admin/cost-analytics/limits/{tier}",
    "POST /admin/cost-analytics/reprice",
    "POST /admin/cost-analytics/refresh",
    "GET /admin/cost-analytics/audit",
]
# A login's cost is its purpose, and its rate limit would leave nothing but 429.
SLOW = {"POST /api/v1/auth/register": 5, "POST /api/v1/auth/login": 5}
ORIGIN = "https://shop.example.com"
STRIPE: dict[str, Any] = {"stripe_secret_key": "sk_test_1", "stripe_publishable_key": "pk_test_1"}
PLAN_PRICES = ("prpm_plus_individual", "prpm_plus_org", "verified")


class Elsewhere:
    """A gateway in a thread of its own, since schemathesis waits for each answer in this one."""

    def __init__(self, database: Database) -> None:
        self._ready: Future[World] = Future()
        self._end = asyncio.Event()
        self._loop = uvloop.new_event_loop()
        self._thread = threading.Thread(target=self._run, args=(database,))

    def _run(self, database: Database) -> None:
        self._loop.run_until_complete(self._serve(database))
        self._loop.close()

    async def _serve(self, database: Database) -> None:
        async with AsyncExitStack() as stack:
            try:
                simulator, address = await stack.enter_async_context(running())
                _, shop = await stack.enter_async_context(stripe.running())
                session = await stack.enter_async_context(aiohttp.ClientSession())
                for name in PLAN_PRICES:
                    price = {"id": name, "unit_amount": 500, "interval": "month"}
                    await session.post(f"{shop}/_sim/prices", json=price, raise_for_status=True)
                    database.rows("select admin.set_plan_price(%s, %s, 'tests')", [name, name])
                world = await stack.enter_async_context(
                    whole_world(
                        database,
                        simulator,
                        address,
                        stripe_base_url=shop,
                        redirect_origins=frozenset({ORIGIN}),
                        **STRIPE,
                    )
                )
            except BaseException as error:
                self._ready.set_exception(error)
                raise
            self._ready.set_result(world)
            await self._end.wait()

    @contextmanager
    def serving(self) -> Iterator[World]:
        self._thread.start()
        try:
            yield self._ready.result(timeout=60)
        finally:
            self._loop.call_soon_threadsafe(self._end.set)
            self._thread.join()


@pytest.fixture(scope="module")
def elsewhere(stocked: Database) -> Iterator[World]:
    # One person sends all of this, and shall be answered.
    for name in ("writes", "purchase"):
        stocked.rows("select admin.set_request_limit(%s, 'user', 100000, '1 second', 'tests')", [name])
    with Elsewhere(stocked).serving() as world:
        yield world


@pytest.fixture(scope="module")
def person(elsewhere: World) -> Person:
    person = elsewhere.person(1_000_000)
    # The calls of admins would end at a 403 otherwise.
    elsewhere.value("select admin.set_admin(%s, true, 'tests')", person.id)
    return person


@pytest.fixture(scope="module")
def alert(elsewhere: World, person: Person) -> str:
    """The id of one that is about the person."""
    elsewhere.value("select engine.alert_once(%s, engine.now(), 'test', '{}', engine.now())", person.id)
    return elsewhere.value("select alert_id::text from playground.alerts where kind = 'test'")


@pytest.fixture(scope="module")
def known_ids(organization: str, alert: str, elsewhere: World) -> dict[str, dict[str, str]]:
    """By what is in a path: names in it of things that there are."""
    other = elsewhere.person().id
    return {
        "/organizations/{id}": {"id": organization},
        "/users/{id}": {"id": other},
        "/user/{id}": {"id": other},
        "/alerts/{id}": {"id": alert},
        "/limits/{tier}": {"tier": "prpm_plus_org"},
    }


@pytest.fixture(scope="module")
def organization(elsewhere: World, person: Person) -> str:
    """The id of one that the person owns."""
    return elsewhere.value("select api.create_organization(%s, 'Cats & Co') ->> 'id'", person.id)


GOOD = [(name, GenerationMode.POSITIVE) for name in OPERATIONS]
# The others take nothing that could be wrong; any text may be a package's name.
BAD = [
    (name, GenerationMode.NEGATIVE)
    for name, operation in OPERATIONS.items()
    if (operation.body or operation.query or operation.path_parameters) and not name.endswith("/packages/{id}")
]


def get_further(case: schemathesis.Case, known_ids: dict[str, dict[str, str]]) -> None:
    """Names things that there are, where the case names some."""
    if isinstance(case.body, dict):
        known = {"packageId": PACKAGE, "package": "medium"}
        known |= {name: f"{ORIGIN}/{name}" for name in ("successUrl", "cancelUrl", "returnUrl")}
        case.body.update({name: value for name, value in known.items() if name in case.body})
    for part, names in known_ids.items():
        if part in case.path:
            case.path_parameters.update(names)


@pytest.mark.parametrize("token", ["good", "bad"])
@pytest.mark.parametrize(("name", "mode"), [*GOOD, *BAD], ids=str)
def test_every_answer_conforms(
    elsewhere: World, person: Person, known_ids: dict[str, dict[str, str]], name: str, mode: GenerationMode, token: str
):
    operation = OPERATIONS[name]
    good_token = CRON_TOKEN if "/cron/" in name else person.token
    headers = {"Authorization": f"Bearer {good_token if token == 'good' else 'nobody'}"}
    if not operation.definition.raw["security"]:
        headers = {}

    @settings(
        max_examples=SLOW.get(name, EXAMPLES if token == "good" else 3),
        deadline=None,
        derandomize=True,
        database=None,
        phases=(Phase.explicit, Phase.generate),
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def conforms(case: schemathesis.Case) -> None:
        if mode is GenerationMode.POSITIVE and len(repr(case.body)) % 2:
            # What is made up is not found; every other request shall get further.
            get_further(case, known_ids)
        response = case.call(base_url=elsewhere.address, headers=headers, timeout=120)
        case.validate_response(response, checks=CHECKS)  # pyright: ignore[reportArgumentType]
        assert response.headers["x-request-id"]

    conforms()


class TestDocument:
    def test_every_route_is_in_it_and_nothing_else(self):
        described = {(method.upper(), path) for path, methods in DOCUMENT["paths"].items() for method in methods}
        assert described == {(route.method, route.shown_path) for route in ROUTES}

    def test_operations_have_names_of_their_own(self):
        names = [operation["operationId"] for methods in DOCUMENT["paths"].values() for operation in methods.values()]
        assert len(set(names)) == len(names)

    def test_requests_refuse_what_they_do_not_know(self):
        for route in ROUTES:
            if route.body is not None:
                assert DOCUMENT["components"]["schemas"][route.body.__name__]["additionalProperties"] is False

    def test_it_is_what_is_served(self, elsewhere: World):
        import json
        import urllib.request

        with urllib.request.urlopen(f"{elsewhere.address}/openapi.json", timeout=120) as answer:
            assert json.load(answer) == json.loads(json.dumps(DOCUMENT))

    def test_its_version_is_the_projects(self):
        import tomllib

        from gateway.version import ROOT

        project: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
        assert DOCUMENT["info"]["version"] == project["version"]

    def test_the_agreed_calls_are_all_there(self):
        present = {f"{route.method} {route.shown_path.removeprefix('/api/v1')}" for route in ROUTES}
        assert present >= set(AGREED)


def test_the_ledger_holds_after_all_of_this(elsewhere: World):
    assert elsewhere.database is not None
    elsewhere.database.assert_ledger_holds()
