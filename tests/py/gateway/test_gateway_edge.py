"""What surrounds every handler: ids, headers, errors as JSON, CORS, limits against slow and broken clients."""

import json
from dataclasses import replace

import pytest

from tests.py.gateway.conftest import NoPool
from tests.py.gateway.raw import exchange, status_of
from tests.py.gateway.world import API, METRICS_TOKEN, SETTINGS, World, serving

EVERYWHERE = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Server": "scrip",
}
ORIGIN = "https://app.example.com"
CLOSE = b"Host: x\r\nConnection: close\r\n\r\n"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/healthz", 200),
        ("HEAD", "/healthz", 200),
        ("OPTIONS", "/healthz", 204),
        ("GET", "/docs", 200),
        ("GET", "/openapi.json", 200),
        ("GET", "/metrics", 200),
        ("GET", "/nowhere", 404),
        ("OPTIONS", "/nowhere", 404),
        ("DELETE", "/healthz", 405),
        ("GET", f"{API}/auth/me", 401),
        ("POST", f"{API}/auth/login", 415),
        ("POST", f"{API}/playground/run", 401),
        ("POST", f"{API}/playground/credits/cron/reset", 401),
    ],
)
async def test_every_answer_carries_an_id_and_security_headers(lonely: World, method: str, path: str, status: int):
    reply = await lonely.call(method, path)
    assert reply.status == status
    assert reply.headers.items() >= EVERYWHERE.items()
    assert reply.headers["X-Request-Id"]
    assert "default-src 'none'" in reply.headers["Content-Security-Policy"]
    assert reply.headers["Cache-Control"] == "no-store"
    if status >= 400:
        assert reply.headers["Content-Type"] == "application/json"
        assert set(reply.json) == {"error", "message"}


async def test_a_sane_request_id_is_kept_and_any_other_replaced(lonely: World):
    kept = await lonely.get("/healthz", headers={"X-Request-Id": "abc-1.2:3_4"})
    assert kept.headers["X-Request-Id"] == "abc-1.2:3_4"
    for given in ("", "a b", "x" * 101, "é", '"}'):
        replaced = await lonely.get("/healthz", headers={"X-Request-Id": given})
        assert replaced.headers["X-Request-Id"] != given


async def test_a_refused_method_names_the_others(lonely: World):
    reply = await lonely.call("PATCH", f"{API}/auth/keys")
    assert (reply.status, reply.error) == (405, "method_not_allowed")
    assert reply.headers["Allow"] == "GET, HEAD, OPTIONS, POST"


async def test_head_is_get_without_a_body(lonely: World):
    head = await lonely.call("HEAD", "/openapi.json")
    get = await lonely.get("/openapi.json")
    assert head.octets == b""
    assert head.headers["Content-Length"] == get.headers["Content-Length"]


async def test_unauthorized_says_how_to_authorize(lonely: World):
    reply = await lonely.get(f"{API}/auth/me")
    assert (reply.status, reply.error) == (401, "unauthorized")
    assert reply.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize(
    "value",
    ["", "Bearer", "Bearer ", "Basic dTpw", "Bearer a b", "Bearer scrip_x", "Bearer scr_rt_" + "0" * 32, "é"],
)
async def test_a_misshapen_authorization_is_nobody_also_where_none_is_needed(lonely: World, value: str):
    for path in (f"{API}/auth/me", f"{API}/packages"):
        reply = await lonely.get(path, headers={"Authorization": value})
        assert (reply.status, reply.error) == (401, "unauthorized")


async def test_two_authorizations_are_none(lonely: World):
    line = b"Authorization: Bearer x\r\n"
    answer = await exchange(lonely.address, f"GET {API}/auth/me HTTP/1.1\r\n".encode() + line + line + CLOSE)
    assert status_of(answer) == 401


class TestCors:
    async def test_a_listed_origin_may_read_answers_and_errors(self, lonely: World):
        for path in ("/healthz", "/nowhere"):
            reply = await lonely.get(path, headers={"Origin": ORIGIN})
            assert reply.headers["Access-Control-Allow-Origin"] == ORIGIN
            assert reply.headers["Vary"] == "Origin"
            assert "X-Request-Id" in reply.headers["Access-Control-Expose-Headers"]
            assert "Access-Control-Allow-Credentials" not in reply.headers

    @pytest.mark.parametrize(
        "origin", ["null", "https://app.example.com.evil.example", "http://app.example.com", f"{ORIGIN}:444", "*"]
    )
    async def test_no_other_origin_may(self, lonely: World, origin: str):
        reply = await lonely.get("/healthz", headers={"Origin": origin})
        assert "Access-Control-Allow-Origin" not in reply.headers
        preflight = await lonely.call("OPTIONS", f"{API}/playground/run", headers={"Origin": origin})
        assert not any(name.startswith("Access-Control") for name in preflight.headers)

    async def test_a_preflight_needs_no_token(self, lonely: World):
        reply = await lonely.call(
            "OPTIONS",
            f"{API}/playground/run",
            headers={"Origin": ORIGIN, "Access-Control-Request-Method": "POST"},
        )
        assert reply.status == 204
        assert reply.headers["Access-Control-Allow-Methods"] == "OPTIONS, POST"
        assert "Idempotency-Key" in reply.headers["Access-Control-Allow-Headers"]


class TestBrokenHttp:
    @pytest.mark.parametrize(
        "octets",
        [
            b"\r\n\x00\x01\x02\r\n\r\n",
            b"GET\r\n\r\n",
            b"GET /healthz HTTP/9.9\r\n\r\n",
            b"G\xc3\xa9T / HTTP/1.1\r\n" + CLOSE,
            b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\n" + CLOSE,
            b"GET / HTTP/1.1\r\nX: " + b"a" * 9000 + b"\r\n" + CLOSE,
            b"GET / HTTP/1.1\r\n" + b"".join(b"X-%d: 1\r\n" % number for number in range(200)) + CLOSE,
            b"GET / HTTP/1.1\r\nX\x00: 1\r\n" + CLOSE,
            b"GET / HTTP/1.1\r\nX: a\x00b\r\n" + CLOSE,
            b"POST /x HTTP/1.1\r\nContent-Length: -1\r\n" + CLOSE,
            b"POST /x HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n" + CLOSE,
            b"POST /x HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n" + CLOSE,
            b"POST /x HTTP/1.1\r\nContent-Length: " + b"9" * 5000 + b"\r\n" + CLOSE,
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 100,
        ],
        ids=lambda octets: repr(octets[:30]),
    )
    async def test_is_a_400_in_json(self, lonely: World, octets: bytes):
        answer = await exchange(lonely.address, octets)
        assert status_of(answer) == 400
        head, body = answer.split(b"\r\n\r\n", 1)
        assert json.loads(body) == {"error": "malformed_request", "message": "The request is not valid HTTP."}
        assert b"X-Request-Id: " in head
        assert b"X-Content-Type-Options: nosniff" in head

    async def test_a_chunked_body_that_is_none_is_refused(self, lonely: World):
        octets = (
            f"POST {API}/auth/login HTTP/1.1\r\nTransfer-Encoding: chunked\r\n".encode()
            + b"Content-Type: application/json\r\n"
            + CLOSE
            + b"zz\r\n"
        )
        assert status_of(await exchange(lonely.address, octets)) == 400

    async def test_a_client_that_leaves_within_its_body_harms_nobody(self, lonely: World):
        octets = (
            f"POST {API}/auth/login HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 100\r\n".encode()
            + CLOSE
            + b"{"
        )
        await exchange(lonely.address, octets, then_close=True)
        assert (await lonely.get("/healthz")).status == 200


class TestSlowClients:
    async def test_a_body_that_does_not_come_is_a_408(self):
        async with serving(replace(SETTINGS, body_seconds=0.1), pool=NoPool()) as lonely:
            octets = (
                f"POST {API}/auth/login HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 100\r\n".encode()
                + CLOSE
                + b'{"email":'
            )
            answer = await exchange(lonely.address, octets)
            assert status_of(answer) == 408
            assert b'"request_timeout"' in answer

    @pytest.mark.parametrize("octets", [b"", b"GET /heal", b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: "])
    async def test_headers_that_do_not_come_end_the_connection(self, octets: bytes):
        async with serving(replace(SETTINGS, keepalive_seconds=0.1), pool=NoPool()) as lonely:
            assert await exchange(lonely.address, octets) == b""

    async def test_an_idle_connection_is_closed(self):
        # Long enough for a busy machine to bring the request.
        async with serving(replace(SETTINGS, keepalive_seconds=0.5), pool=NoPool()) as lonely:
            answer = await exchange(lonely.address, b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            assert status_of(answer) == 200


class TestMetrics:
    async def test_peers_on_this_machine_may_read_them(self, lonely: World):
        await lonely.get("/healthz")
        reply = await lonely.get("/metrics")
        assert reply.status == 200
        assert reply.headers["Content-Type"].startswith("text/plain")
        for name in (
            "scrip_http_requests_total",
            "scrip_runs_total",
            "scrip_provider_breaker",
            "scrip_provider_first_byte_seconds",
            "scrip_database_connections",
        ):
            assert f"# TYPE {name.removesuffix('_total')}" in reply.octets.decode()

    @pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "Via"])
    async def test_who_comes_through_a_proxy_needs_the_token(self, lonely: World, header: str):
        proxied = {header: "1.2.3.4"}
        assert (await lonely.get("/metrics", headers=proxied)).error == "forbidden"
        for token in ("", "x" * 40, METRICS_TOKEN[:-1], "é" * 40):
            wrong = proxied | {"Authorization": f"Bearer {token}"}
            assert (await lonely.get("/metrics", headers=wrong)).error == "forbidden"
        right = proxied | {"Authorization": f"Bearer {METRICS_TOKEN}"}
        assert (await lonely.get("/metrics", headers=right)).status == 200

    async def test_a_database_that_is_away_is_a_metric_too(self, lonely: World):
        assert "scrip_database_up 0.0" in (await lonely.get("/metrics")).octets.decode()

    async def test_what_the_database_counts_is_shown_beside(self, world: World):
        await world.run(world.person())
        await world.get(f"{API}/auth/me")
        text = (await world.get("/metrics")).octets.decode()
        assert "scrip_database_up 1.0" in text
        assert 'scrip_model_runs_total{model="sonnet",outcome="completed",tier="unlimited"} 1.0' in text
        assert 'scrip_refusals_total{error="unauthorized",reason=""}' in text
        (cost,) = [line.split()[1] for line in text.splitlines() if line.startswith("scrip_cost_usd_total{")]
        assert float(cost) == float(world.value("select sum(cost_usd) from playground.usage"))

    async def test_routes_are_counted_by_pattern_and_unknown_paths_as_one(self, lonely: World):
        await lonely.get("/secret-path-of-somebody")
        text = (await lonely.get("/metrics")).octets.decode()
        assert "secret-path" not in text
        assert 'route="(none)",status="404"' in text


class TestDocs:
    async def test_the_page_needs_nothing_from_elsewhere(self, lonely: World):
        page = (await lonely.get("/docs")).octets.decode()
        assert "http://" not in page
        assert "https://" not in page
        assert "<script" not in page
        for path in ("/api/v1/playground/run", "/api/v1/playground/credits", "insufficient_credits"):
            assert path in page


async def test_logs_hold_no_prompt_token_or_query(lonely: World, capfd: pytest.CaptureFixture[str]):
    await lonely.get(f"{API}/packages?query=private-words", headers={"Authorization": "Bearer secret-token"})
    await lonely.call(
        "POST",
        f"{API}/auth/login",
        data=b'{"email": "private@example.com", "password": 1}',
        headers={"Content-Type": "application/json"},
    )
    written = "".join(capfd.readouterr())
    for secret in ("private", "secret-token"):
        assert secret not in written
