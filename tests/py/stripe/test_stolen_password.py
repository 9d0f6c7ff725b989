"""Somebody has the gateway's database password. They may be a nuisance; they mint nothing and read no secret."""

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest

from tests.py.ledger.world import Caller, import_package, reserve
from tests.py.stripe.objects import charge, event, invoice, new_id, payment_intent, subscription
from tests.py.stripe.plunder import Loot, attempts, doors
from tests.py.stripe.shop import SECRET, Payer, Shop, as_bytes, sign
from tests.py.support.tokens import TOKEN_SECRET, token_of

ROUNDS = 90
SEED = 20_261_121
SIGNUP_CREDITS_PER_DAY = 60
CODE_CREDITS, CODE_REDEMPTIONS = 7, 3
# Refusals of ours, and values that no column takes: never an error of the code itself.
REFUSED = {"SC", "22", "23"}


@pytest.fixture(scope="module")
def spoils(shop_of_module: Shop) -> list[Payer]:
    """People with all that money can be in: paid, disputed, waiting to be paid, on a plan, held by a run."""
    shop = shop_of_module
    import_package(shop.database)
    people = [shop.payer() for _ in range(4)]
    for payer in people:
        paid, waiting, plan = new_id("pi"), new_id("pi"), new_id("sub")
        purchase_id = shop.purchase(payer, paid)
        shop.deliver(event("payment_intent.succeeded", payment_intent(payer, paid, purchase_id)))
        shop.deliver(event("charge.refunded", charge(payer, paid, 300)))
        shop.purchase(payer, waiting)
        shop.deliver(event("customer.subscription.created", subscription(payer, plan, "active")))
        shop.deliver(event("invoice.paid", invoice(payer, plan)))
    shop.value("select admin.create_promo_code('RIGHT-CODE', %s, %s, null, 'x')", CODE_CREDITS, CODE_REDEMPTIONS)
    shop.value("select admin.set_setting('signup_credits_per_day', %s, 'for a test')", str(SIGNUP_CREDITS_PER_DAY))
    # Somebody in whose name credits could be granted.
    shop.value("select admin.set_admin(%s, true, 'x')", people[0].id)
    return people


@pytest.fixture
def inside(shop_of_module: Shop) -> Iterator[psycopg.Connection[Any]]:
    """The thief's own connection."""
    with shop_of_module.database.connect("scrip_gateway") as connection:
        yield connection


def loot_of(shop: Shop, people: list[Payer]) -> Loot:
    ids = {"user_id": [person.id for person in people], "account_id": [person.id for person in people]}
    for column, table in (
        ("purchase_id", "purchases"),
        ("hold_id", "holds"),
        ("task_id", "billing_tasks"),
        ("notice_id", "notices"),
    ):
        ids[column] = [str(value) for (value,) in shop.rows(f"select {column} from playground.{table}")]
    texts = [stripe_id for (stripe_id,) in shop.rows("select stripe_id from playground.stripe_ids")]
    emails = [person.email for person in people] + [f"nobody{number}@scrip.example" for number in range(200)]
    return Loot(shop, ids, texts, emails)


def credits_by_type(shop: Shop) -> Counter[str]:
    return Counter(dict(shop.rows("select type::text, sum(amount)::bigint from playground.transactions group by 1")))


def treasure(shop: Shop) -> dict[str, Any]:
    """What money alone may change."""
    statements = {
        "paid": "select count(*), sum(paid_cents) from playground.payments where paid_at is not null",
        "purchases": "select count(*) from playground.purchases where status = 'succeeded'",
        "periods": "select count(*) from playground.periods",
        "plans": "select count(*), max(state_at) from playground.subscriptions",
        "owed": "select sum(owed), sum(suspended) from playground.payments",
        "events": "select count(*), max(xmin::text::bigint) from playground.stripe_events",
        "secrets": "select count(*), max(xmin::text::bigint) from playground.webhook_secrets",
        "prices": "select count(*), max(xmin::text::bigint) from playground.stripe_prices",
        "settings": "select max(xmin::text::bigint) from playground.platform_settings",
        "rights": "select count(*) from playground.users where is_admin or is_unlimited",
        "verified": "select count(*) from playground.organizations where is_verified",
        "audit": "select count(*) from playground.audit_log",
        "tokens": "select count(*), max(xmin::text::bigint) from playground.token_secrets",
        "keys": "select count(*) from playground.api_keys",
        "redemptions": "select sum(redemptions) from playground.promo_codes",
        "limits": "select max(xmin::text::bigint) from playground.tiers",
        "throttles": "select count(*) from playground.users where throttled_at is not null",
    }
    return {name: shop.rows(statement) for name, statement in statements.items()}


def test_whatever_is_called_nothing_is_minted(shop: Shop, spoils: list[Payer], inside: psycopg.Connection[Any]):
    shop.database.clock.advance(timedelta(days=15))  # what was bought may be given away
    with shop.database.connect("scrip_gateway") as connection:
        for person in spoils:
            Caller(connection).get(reserve(UUID(person.id)))
    before, budget_before = credits_by_type(shop), shop.value("select sum(cost_budget_usd) from playground.accounts")
    treasure_before = treasure(shop)
    loot = loot_of(shop, spoils)
    came_through = Counter[str]()
    refused_as = Counter[str]()
    told: list[str] = []
    for name, statement, values in attempts(doors(inside), loot, ROUNDS, SEED):
        try:
            told.append(str(inside.execute(statement, values).fetchall()))
            came_through[name] += 1
        except psycopg.DatabaseError as error:
            refused_as[(error.sqlstate or "")[:2]] += 1

    assert set(refused_as) <= REFUSED

    # Enough of it was really done for the rest to mean something.
    assert came_through["register_user"] > SIGNUP_CREDITS_PER_DAY / 5
    assert {"start_purchase", "record_purchase", "send_gift", "get_balance", "settle_run"} <= set(came_through)
    # Nothing that asks for the caller's own token, nor what would bring one, nor what Stripe signs.
    guarded = {door.name for door in doors(inside) if "p_token" in dict(door.arguments)} - {"get_health"}
    assert {"redeem_code", "create_api_key", "record_login", "grant_user_credits", "set_limits"} <= guarded
    assert guarded & set(came_through) == set()
    assert came_through["record_stripe_event"] == 0

    # Only signups brought anything, within their bound: not even a right code did.
    change = credits_by_type(shop)
    change.subtract(before)
    assert change["signup"] == SIGNUP_CREDITS_PER_DAY
    assert change["gift"] <= 0
    assert {kind for kind, credits in change.items() if credits > 0} == {"signup"}
    assert treasure(shop) == treasure_before
    assert shop.value("select sum(cost_budget_usd) from playground.accounts") <= budget_before
    assert [secret for secret in (SECRET, TOKEN_SECRET) if secret in "".join(told)] == []


def test_no_event_is_forged_with_what_can_be_found_inside(shop: Shop, spoils: list[Payer], inside: Any):
    """With the scheme in hand, and every text that the catalogues show, there is still no secret to sign with."""
    body = as_bytes(event("payment_intent.succeeded", payment_intent(spoils[0], new_id("pi"), None)))
    shown = inside.execute("select prosrc from pg_catalog.pg_proc where prosrc is not null").fetchall()
    shown += inside.execute("select coalesce(query, '') from pg_catalog.pg_stat_activity").fetchall()
    shown += inside.execute("select setting from pg_catalog.pg_settings").fetchall()
    assert not [text for (text,) in shown if SECRET in text]
    for guess in ("", "whsec_", "test", spoils[0].id, "scrip_gateway"):
        with pytest.raises(psycopg.DatabaseError) as refused:
            shop.send(body, sign(body, shop.now(), guess))
        assert refused.value.sqlstate == "SCB04"


def test_no_table_is_read_or_written(shop: Shop, inside: psycopg.Connection[Any]):
    tables = [
        name
        for (name,) in shop.rows("""
            select oid::regclass::text from pg_class
            where relkind in ('r', 'p', 'v', 'm')
              and relnamespace::regnamespace::text in ('playground', 'rollup', 'admin', 'analytics', 'yoyo')
        """)
    ]
    assert len(tables) > 40
    for table in tables:
        for statement in (
            f"select * from {table}",
            f"delete from {table}",
            f"insert into {table} default values",
            f"copy {table} to stdout",
            f"truncate {table}",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                inside.execute(statement)  # type: ignore[arg-type]


def test_no_function_behind_the_door_is_called(shop: Shop, inside: psycopg.Connection[Any]):
    calls = shop.rows("""
        select format('%s %s(%s)', case prokind when 'p' then 'call' else 'select' end, oid::regproc, (
          select string_agg('null::' || format_type(type, null), ', ' order by position)
          from unnest(proargtypes) with ordinality as a (type, position)))
        from pg_proc
        where pronamespace::regnamespace::text in ('engine', 'jobs', 'admin', 'ext') and prokind in ('f', 'p')
    """)
    assert len(calls) > 150
    for (call,) in calls:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            inside.execute(call)


@pytest.mark.parametrize(
    "statement",
    [
        "set role scrip_owner",
        "set session authorization scrip_owner",
        "create temporary table webhook_secrets (secret text)",
        "create schema mine",
        "create function api.mine() returns int language sql as 'select 1'",
        "create function public.mine() returns int language sql as 'select 1'",
        "alter function engine.now() owner to scrip_gateway",
        "create or replace function engine.now() returns timestamptz language sql as 'select null::timestamptz'",
        "alter role scrip_gateway superuser",
        "grant scrip_owner to scrip_gateway",
        "create extension dblink",
        "copy (select 1) to program 'id'",
        "select pg_read_file('/etc/passwd')",
        "alter system set log_statement = 'all'",
        "set session_replication_role = replica",
    ],
)
def test_no_way_round_the_doors_is_open(shop: Shop, inside: psycopg.Connection[Any], statement: str):
    with pytest.raises(psycopg.DatabaseError) as refused:
        inside.execute(statement)  # type: ignore[arg-type]
    assert refused.value.sqlstate in {"42501", "42704", "0A000", "58P01"}


def test_nor_does_a_settings_of_the_session_change_what_a_door_does(shop: Shop, inside: psycopg.Connection[Any]):
    """Names, time zone and formats are those of the functions, not of who calls them."""
    payer = shop.payer()
    expected = inside.execute("select api.get_balance(%s)", [payer.id]).fetchone()
    for setting in (
        "search_path = pg_temp, public",
        "timezone = 'Pacific/Kiritimati'",
        "datestyle = 'SQL, DMY'",
        "intervalstyle = 'sql_standard'",
        "bytea_output = 'escape'",
        "standard_conforming_strings = off",
        "extra_float_digits = 0",
        "lc_numeric = 'C'",
        "transform_null_equals = on",
    ):
        inside.execute(f"set {setting}")  # type: ignore[arg-type]
        assert inside.execute("select api.get_balance(%s)", [payer.id]).fetchone() == expected


def test_even_with_temporary_objects_no_door_can_be_made_to_run_other_code(
    shop: Shop, spoils: list[Payer], inside: psycopg.Connection[Any]
):
    """pg_temp comes first for types and tables unless a path names it: a domain's check would run as the owner."""
    name = shop.database.name
    shop.database.rows(f'grant temporary on database "{name}" to scrip_gateway', role="postgres")
    try:
        ran = run_with_shadows(shop, spoils, inside)
    finally:
        shop.database.rows(f'revoke temporary on database "{name}" from scrip_gateway', role="postgres")
    assert [line for line in ran if "scrip_owner" in line] == []


def run_with_shadows(shop: Shop, spoils: list[Payer], inside: psycopg.Connection[Any]) -> list[str]:
    """Calls every door where types and tables of the thief's own stand; what their code told of itself."""
    known = doors(inside)
    seen: list[str] = []
    inside.add_notice_handler(lambda notice: seen.append(notice.message_primary or ""))
    inside.execute("""
        create function pg_temp.plunder(anyelement) returns boolean language plpgsql
        as $$ begin raise warning 'ran as %', current_user; return true; end $$
    """)
    for kind in ("text", "uuid", "jsonb", "json", "bytea", "timestamptz", "name", "regclass"):
        inside.execute(f"create domain pg_temp.{kind} as pg_catalog.{kind} check (pg_temp.plunder(value))")  # type: ignore[arg-type]
    inside.execute("create temporary table webhook_secrets (secret pg_catalog.text, is_live_mode boolean)")
    refused_as = Counter[str]()
    for _, statement, values in attempts(known, loot_of(shop, spoils), 2, SEED + 1):
        try:
            inside.execute(statement, values)
        except psycopg.DatabaseError as error:
            refused_as[(error.sqlstate or "")[:2]] += 1
    assert set(refused_as) <= REFUSED
    return seen


UNSIGNED = ("", ".", f".{'A' * 43}", f"A{'A' * 43}", f".{'A' * 44}", f"..{'A' * 43}")
SETTINGS = ("standard_conforming_strings = off", "transform_null_equals = on", "client_encoding = 'SQL_ASCII'")


@pytest.mark.parametrize("setting", SETTINGS)
def test_no_setting_of_a_session_makes_a_token_of_what_nobody_signed(shop: Shop, spoils: list[Payer], setting: str):
    admin = spoils[0].id
    head, claims, _ = token_of(admin).split(".")
    grant = "select * from api.grant_user_credits(%s::uuid, %s, 'r', %s::uuid, 1000, 'So that it is mine', 'admin')"
    before = credits_by_type(shop)
    # A session of its own: functions are read when they are first called.
    with shop.database.connect("scrip_gateway") as connection:
        connection.execute(f"set {setting}")  # type: ignore[arg-type]
        for token in [head + "." + claims + end for end in UNSIGNED] + [head + claims, token_of(admin)[:-1] + "."]:
            with pytest.raises(psycopg.DatabaseError) as refused:
                connection.execute(grant, [admin, token, admin])
            assert refused.value.sqlstate == "SCA01", token
    assert credits_by_type(shop) == before


def test_no_snapshot_of_before_widens_the_day_s_bound(shop: Shop, spoils: list[Payer]):
    given = shop.value("select coalesce(sum(credits), 0) from playground.signup_claims")
    shop.value("select admin.set_setting('signup_credits_per_day', %s, 'for a test')", str(given + 5))
    register = "select api.register_user(%s, null, 'x', sha256(%s::bytea))"
    for level in ("repeatable read", "serializable"):
        with shop.database.connect("scrip_gateway") as one, shop.database.connect("scrip_gateway") as other:
            for connection in (one, other):
                connection.execute(f"begin isolation level {level}")  # type: ignore[arg-type]
                connection.execute("select api.list_packs()")
            for number, connection in enumerate((one, other)):
                address = f"{level.split()[0]}{number}@scrip.example"
                with pytest.raises(psycopg.errors.FeatureNotSupported):
                    connection.execute(register, [address, address])
                connection.execute("rollback")
    assert shop.value("select sum(credits) from playground.signup_claims") == given
