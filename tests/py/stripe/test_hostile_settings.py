"""Whoever has a session sets it as they like; what the doors answer and write is what it always is."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from typing import Any, LiteralString, cast

import psycopg
import pytest

from tests.py.ledger.world import ANSWER, INPUT, PACKAGE, Query, call, import_package, release, reserve, settle
from tests.py.stripe.objects import event, invoice, payment_intent, subscription
from tests.py.stripe.shop import SECRET, Payer, Shop, as_bytes, sign
from tests.py.support.tokens import token_of

# What a user may set that could change what a statement means; plans, memory and time-outs change how one is run, if
# at all.
SETTINGS = {
    "standard_conforming_strings": "off",
    "backslash_quote": "on",
    "transform_null_equals": "on",
    "array_nulls": "off",
    "quote_all_identifiers": "on",
    "bytea_output": "escape",
    "extra_float_digits": "-15",
    "datestyle": "German, DMY",
    "intervalstyle": "sql_standard",
    # Its clocks are changed the day after these tests: in it, days and months from now are an hour less.
    "timezone": "HERE0THERE,J325,J31",
    "timezone_abbreviations": "Australia",
    "lc_numeric": "C",
    "lc_monetary": "C",
    "lc_time": "C",
    "default_text_search_config": "pg_catalog.simple",
    "xmlbinary": "hex",
    "xmloption": "document",
    "row_security": "off",
    "client_min_messages": "debug1",
    "client_encoding": "WIN1252",
    "search_path": "pg_temp, public",
    "plpgsql.extra_errors": "all",
    "plpgsql.check_asserts": "off",
    "check_function_bodies": "off",
    "synchronous_commit": "off",
    "default_toast_compression": "pglz",
    "synchronize_seqscans": "off",
    # Names of our own: nothing believes what somebody else says in them.
    "scrip.acting_user": "00000000-0000-0000-0000-000000000001",
    "scrip.acting_seal": "00",
    "scrip.request_id": "forged",
}
# Alone, what was seen to make a difference before the doors said what they take it to be; then the others; then all.
ALONE = ("standard_conforming_strings", "intervalstyle", "timezone")
GROUPS = {**{name: {name} for name in ALONE}, "others": set(SETTINGS) - set(ALONE), "all": set(SETTINGS)}
_INSTANT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+[+-][0-9]{2}:[0-9]{2}")
# From here on; so that two scenes number what they write alike.
FIRST_NUMBER = 1_000_000
CODE = "LATE-AUTUMN"
# What is drawn or measured anew each time.
_DRAWN = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|\bp_[0-9a-f]{16}"
    r"|\"shard\": [0-9]+|\"duration\": \"[0-9:.]+\""
)


class Scene:
    """One transaction in which each role does its work, undone at the end; what was told and what was written."""

    def __init__(self, shop: Shop, connection: psycopg.Connection[Any]) -> None:
        self.shop = shop
        self.connection = connection
        self.told: list[str] = []
        self.views = [
            name
            for (name,) in connection.execute("""
                select schemaname || '.' || viewname from pg_views
                where schemaname in ('admin', 'analytics') and viewname <> 'settings'
                order by 1
            """)
        ]

    def ask(self, role: str, query: Query) -> Any:
        """The first row of a call as that role. A refusal is an answer; any other error is the test's."""
        try:
            with self.connection.transaction():
                self.connection.execute(f"set local role {role}")  # type: ignore[arg-type]
                rows = self.connection.execute(query.text, query.arguments, binary=True).fetchall()
        except psycopg.DatabaseError as error:
            told = f"{error.sqlstate} {error.diag.message_primary} {error.diag.message_detail}"
            self.told.append(_DRAWN.sub("<id>", f"{query.text}: {told}"))
            return None
        self.told.append(f"{query.text}: {plain(rows)}")
        return rows[0] if rows else None

    def written(self) -> list[str]:
        self.connection.execute("reset role")
        self.connection.execute("reset all")
        tables = [
            name
            for (name,) in self.connection.execute("""
                select oid::regclass::text from pg_class
                where relnamespace::regnamespace::text in ('playground', 'rollup') and relkind in ('r', 'p')
                  and not relispartition
                order by 1
            """)
        ]
        statement = " union all ".join(f"select '{table} ' || to_jsonb(t)::text from {table} as t" for table in tables)
        return sorted(_DRAWN.sub("<id>", row) for (row,) in self.connection.execute(cast(LiteralString, statement)))


def undrawn(text: str) -> str:
    """A text without what is drawn anew, its instants those of UTC."""
    return _DRAWN.sub(
        "<id>", _INSTANT.sub(lambda found: datetime.fromisoformat(found[0]).astimezone(UTC).isoformat(), text)
    )


def plain(value: Any) -> Any:
    """A value as text that says the same whatever it was sent as."""
    if isinstance(value, list | tuple):
        return (
            sorted(str(plain(item)) for item in value) if isinstance(value, list) else [plain(item) for item in value]
        )
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, dict):
        return undrawn(json.dumps(value, sort_keys=True, default=str))
    return undrawn(str(value))


@pytest.fixture(scope="module")
def people(shop_of_module: Shop) -> list[Payer]:
    """An admin, somebody with a plan, and somebody who waits to have paid."""
    shop = shop_of_module
    import_package(shop.database)

    people = [shop.payer() for _ in range(3)]
    shop.value("select admin.set_admin(%s, true, 'x')", people[0].id)
    shop.deliver(event("customer.subscription.created", subscription(people[1], "sub_1", "active")))
    shop.deliver(event("invoice.paid", invoice(people[1], "sub_1")))
    purchase_id = shop.purchase(people[2], "pi_1")
    shop.value("select admin.create_promo_code(%s, 7, 3, null, 'x', interval '1 month')", CODE)
    shop.paid = event("payment_intent.succeeded", payment_intent(people[2], "pi_1", purchase_id))  # type: ignore[attr-defined]
    return people


@contextmanager
def scene(shop: Shop, settings: dict[str, str]) -> Iterator[Scene]:
    """A session of its own for each: bodies are read when they are first called."""
    with psycopg.connect(shop.database.url("postgres"), autocommit=True) as connection:
        connection.execute("begin")
        connection.execute(
            "select setval(oid, %s) from pg_class where relkind = 'S' and relnamespace = 'playground'::regnamespace",
            [FIRST_NUMBER],
        )
        played = Scene(shop, connection)
        for name, value in settings.items():
            connection.execute("select set_config(%s, %s, false)", [name, value])
        yield played
        connection.execute("rollback")


def play(shop: Shop, people: list[Payer], settings: dict[str, str]) -> tuple[list[str], list[str]]:
    """What each role does in a day, and some that they may not."""
    admin, planned, buyer = people
    with scene(shop, settings) as played:

        def gateway(query: Query) -> Any:
            return played.ask("scrip_gateway", query)

        def operator(function: str, **arguments: Any) -> Any:
            return played.ask("scrip_operator", call(f"admin.{function}", **arguments))

        def api(function: str, **arguments: Any) -> Any:
            return gateway(call(f"api.{function}", **arguments))

        body = as_bytes(shop.paid)  # type: ignore[attr-defined]
        for signature in (sign(body, shop.now(), "of nobody"), sign(body, shop.now(), SECRET)):
            api("record_stripe_event", payload=body, signature=signature)
        api(
            "register_user",
            email=" Some.Body+else@Googlemail.com",
            username=None,
            password_hash="x",
            refresh_token_hash=bytes([1]) * 32,
        )
        api(
            "register_user",
            email="somebody@gmail.com",
            username=None,
            password_hash="x",
            refresh_token_hash=bytes([2]) * 32,
        )
        api(
            "register_user",
            email="nobody@nowhere",
            username=None,
            password_hash="x",
            refresh_token_hash=bytes([3]) * 32,
        )
        api("get_credentials", email=planned.email)
        api("count_request", user_id=planned.id, **{"class": "writes"}, address="192.0.2.1")
        for key in ("once", None):
            run = gateway(reserve(cast(Any, planned.id), idempotency_key=key))
            assert run is not None
        gateway(settle(cast(Any, planned.id), run[5]))
        gateway(release(cast(Any, planned.id), run[5]))
        gateway(reserve(cast(Any, planned.id), package=PACKAGE + "s"))
        gateway(reserve(cast(Any, buyer.id), user_input=INPUT * 500_000))
        token = token_of(admin.id)
        head, claims, _ = token.split(".")
        acting = {"user_id": admin.id, "request_id": "r", "person_id": buyer.id, "reason": "why"}
        for bearer in (token, f"{head}.{claims}", f"{head}.{claims}x{'A' * 43}", f"{head}.{claims}.{'A' * 43}"):
            api("grant_user_credits", **acting, token=bearer, credits=11, type="admin", idempotency_key=None)
        api(
            "set_user_limit",
            **acting,
            token=token,
            until=None,
            monthly_usd=3,
            daily_usd=1,
            runs_per_hour=5,
            concurrent_runs=2,
        )
        gateway(reserve(cast(Any, buyer.id)))
        api("throttle_user", **acting, token=token, until=None)
        gateway(reserve(cast(Any, buyer.id)))
        api(
            "redeem_code",
            user_id=planned.id,
            code=f" {CODE.lower()}\n",
            address="192.0.2.1",
            idempotency_key=None,
            token=token_of(planned.id),
        )
        api(
            "redeem_code",
            user_id=planned.id,
            code="NO-SUCH",
            address="192.0.2.1",
            idempotency_key=None,
            token=token_of(planned.id),
        )
        api("send_gift", user_id=planned.id, to_email=buyer.email, credits=3, message="For \\you", idempotency_key=None)
        api("get_cost_summary", user_id=admin.id, token=token, request_id="r")
        api("get_margin", user_id=admin.id, token=token, request_id="r", month="2026-11")
        api("get_user_costs", user_id=admin.id, token=token, request_id="r", person_id=planned.id)
        for person in people:
            for function in ("get_balance", "get_user", "get_subscription", "list_models", "list_packs"):
                api(function, **({"user_id": person.id} if function.startswith("get") else {}))
            api("list_transactions_csv", user_id=person.id, before_number=None, limit=100)

        for name, value in (
            ("gift_age", "20 days"),
            ("usage_retention", "1 year 2 months"),
            ("gift_age", "1 day -3 hours"),
            ("frontend_url", "https://shop.example/x"),
            ("frontend_url", "shop"),
        ):
            operator("set_setting", name=name, value=value, reason="why")
        operator("grant_credits", user_id=buyer.id, credits=5, reason="a\\b", type="admin")
        operator("set_limits", tier="free", monthly_usd=None, daily_usd=1, runs_per_hour=None, reason="why")
        operator(
            "create_promo_code",
            code="SPRING",
            credits=1,
            max_redemptions=2,
            expires_at=datetime(2027, 5, 1, tzinfo=UTC),
            reason="why",
        )
        operator(
            "reconcile_provider_bill",
            provider="anthropic",
            day=date(2026, 11, 19),
            billed_usd=1,
            reason="why",
        )
        operator("throttle", user_id=planned.id, reason="")
        for function in ("help", "verify_ledger", "health"):
            operator(function)

        for function in (
            "create_partitions",
            "expire_holds",
            "expire_rollover_credits",
            "process_gifts",
            "process_monthly_reset",
            "process_parked_events",
            "purge",
            "retire_partitions",
            "roll_up",
            "refresh_analytics",
            "verify_ledger",
            "watch_platform",
            "write_expiry_notices",
        ):
            played.ask("scrip_cron", call(f"jobs.{function}"))

        # What stands in them is the same, in whatever zone and form the session shows it.
        for view in played.views:
            played.ask("scrip_operator", Query(cast(LiteralString, f"select * from {view}"), {}))
        return played.told, played.written()


@pytest.fixture(scope="module")
def usual(shop_of_module: Shop, people: list[Payer]) -> tuple[list[str], list[str]]:
    told, written = play(shop_of_module, people, {})
    assert ANSWER in " ".join(written)
    # Nothing was left out because a call was wrong: what is refused, is by a code of ours.
    assert [line for line in told if re.search(r"\): (?!SC)[0-9A-Z]{5} ", line)] == []
    return told, written


def differences(mine: tuple[list[str], list[str]], theirs: tuple[list[str], list[str]]) -> list[str]:
    """What was told or written in one of two scenes and not in the other."""
    return [
        *(line for pair in zip(mine[0], theirs[0], strict=True) if pair[0] != pair[1] for line in pair),
        *sorted((Counter(mine[1]) - Counter(theirs[1])).elements()),
        *sorted((Counter(theirs[1]) - Counter(mine[1])).elements()),
    ]


@pytest.mark.parametrize("group", GROUPS)
def test_what_is_told_and_written_is_the_same(
    shop: Shop, people: list[Payer], usual: tuple[list[str], list[str]], group: str
):
    assert differences(play(shop, people, {name: SETTINGS[name] for name in GROUPS[group]}), usual) == []
