"""Every object of the database, tried as every role; and what stands in it, looked for where it must not be seen.

What is expected stands here, not in the catalog that grants it: RELATIONS, FUNCTIONS and the lists of columns below.
"""

import base64
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any, LiteralString, cast

import psycopg
import pytest
from psycopg import sql

from tests.py.analytics import money_history
from tests.py.ledger import world
from tests.py.people import giving
from tests.py.support.database import Database
from tests.py.support.tokens import token_of

STRANGER, DBA = "stranger", "dba"
ROLES = ("scrip_gateway", "scrip_cron", "scrip_operator", DBA, "scrip_analyst", STRANGER)
OPERATORS = {"scrip_operator", DBA}
SCHEMAS = ("playground", "rollup", "engine", "api", "jobs", "admin", "analytics", "ext", "yoyo")

# Who may read what is in a schema, and who may call what is in it. What is not here, nobody may.
RELATIONS = {"admin": OPERATORS, "analytics": OPERATORS | {"scrip_analyst"}}
FUNCTIONS = {"api": {"scrip_gateway"}, "jobs": {"scrip_cron"}, "admin": OPERATORS}
# What statements of a runbook do there; other writing to a view of operators ends with a hint, and elsewhere at once.
WRITTEN = {("admin.cost_limits_config", "update"), ("admin.users", "update")}
# No privilege, or nothing there to write to, or no table to truncate.
DENIED = {"42501", "55000", "42809"}

MARK = "zzmark"
# What nobody outside sees, whatever their role: what opens a door, and what names people without saying so.
SECRETS = {
    "api_keys": {"secret_hash"},
    "code_attempts": {"subject_hash"},
    "credentials": {"password_hash"},
    "gifts": {"to_email_hash"},
    "login_attempts": {"email_hash"},
    "platform_state": {"pseudonym_key"},
    "promo_redemptions": {"person_hash"},
    "refresh_tokens": {"token_hash"},
    "request_counters": {"subject"},
    "signup_claims": {"person_hash"},
    "stripe_events": {"payload"},
    "token_secrets": {"secret"},
    "waiting_gifts": {"email_hash"},
    "webhook_secrets": {"secret"},
}
# What analysts do not see: people, what they wrote, Stripe's ids, what operators wrote about them.
PERSONAL = {
    "alert_deliveries": {"details", "last_error"},
    "alerts": {"details", "acknowledged_by"},
    "answers": {"idempotency_key", "fingerprint", "body"},
    "api_keys": {"name", "hint"},
    "audit_log": {"subject", "before", "after", "reason", "request_id"},
    "billing_tasks": {"stripe_id", "last_error"},
    "checkouts": {"success_url", "cancel_url", "checkout_session_id", "url"},
    "customers": {"customer_id"},
    "disputes": {"dispute_id", "payment_intent_id", "event_id"},
    "gift_parts": {"payment_intent_id"},
    "gifts": {"to_email", "message"},
    "holds": {"idempotency_key"},
    "invoices": {"invoice_id"},
    "messages": {"content"},
    "notices": {"subject", "email", "details", "last_error"},
    "organizations": {"name"},
    "package_files": {"content"},
    "package_versions": {"description", "manifest", "prompt"},
    "payments": {"payment_intent_id", "invoice_id", "charge_id", "receipt_url"},
    "periods": {"invoice_id"},
    "platform_settings": {"alert_email"},
    "promo_codes": {"code_key", "code"},
    "promo_redemptions": {"code_key"},
    "provider_bills": {"recorded_by"},
    "purchases": {"idempotency_key", "payment_intent_id", "failure_code", "failure_message"},
    "refunds": {"refund_id", "payment_intent_id", "event_id"},
    "revocations": {"payment_intent_id"},
    "stripe_event_ids": {"event_id"},
    "stripe_events": {"event_id", "reason", "waits_for"},
    "stripe_ids": {"stripe_id"},
    "stripe_prices": {"stripe_price_id"},
    "subscriptions": {"stripe_subscription_id", "state_event_id"},
    "transactions": {"description", "metadata"},
    "usage": {"answered_model", "stop_reason"},
    "user_emails": {"email_key"},
    "user_limits": {"reason", "set_by"},
    "users": {"email", "username", "throttled_reason"},
    "webhook_secrets": {"name"},
}
# Words of the system itself; names of packages and what versions they have are for everybody.
PLAIN = {
    *(
        "action",
        "actor",
        "class",
        "code_version",
        "content_sha256",
        "currency",
        "default_model",
        "format",
        "frontend_url",
    ),
    *("kind", "model", "operation", "outcome", "pack", "pack_name", "package_version", "path", "plan", "plan_price"),
    *("prompt_sha256", "provider", "provider_model", "role", "source", "state", "status", "step", "subject_kind"),
    *("subtype", "tier", "type", "version", "version_order"),
}
PLAIN_OF = {"packages": {"name"}, "packs": {"name", "description"}, "plans": {"name"}}
TEXTS = """
    select table_class.relname, attname, atttypid::regtype::text
    from pg_attribute
    join pg_class as table_class on table_class.oid = attrelid
    where relnamespace = 'playground'::regnamespace and relkind in ('r', 'p') and not relispartition
      and attnum > 0 and not attisdropped
      and atttypid in ('text'::regtype, 'jsonb'::regtype, 'bytea'::regtype, 'text[]'::regtype)
    order by 1, 2
"""
MARKED = {
    "text": f"'{MARK}' || {{}}",
    "jsonb": f"{{}} || jsonb_build_object('{MARK}', '{MARK}')",
    "bytea": f"'{MARK}'::bytea || substr({{}}, {len(MARK) + 1})",
}
EMPTY = {"text": "''", "jsonb": "'{}'::jsonb", "bytea": "sha256('')"}
# Columns whose octets stand in another.
COUNTED = {("package_versions", "prompt"): "prompt_octets", ("package_files", "content"): "octets"}


def execute(connection: psycopg.Connection[Any], statement: str, *values: Any) -> psycopg.Cursor[Any]:
    return connection.execute(cast(LiteralString, statement), values or None)


@pytest.fixture(scope="module")
def lived(database: Database) -> Iterator[Database]:
    """Half a year of a shop with something in each table; then every text of a person bears a mark."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(money_history, "ACTIONS", 60)
        history = money_history.History(database, seed=20261121)
        history.live()
    fill(database, history)
    mark(database)
    database.rows("select admin.refresh_analytics('for a test')", role="scrip_operator")
    yield database
    database.clock.release()


def fill(database: Database, history: money_history.History) -> None:
    """What that history left empty, by the doors where there is one."""
    who = giving.person(database, bought=100)
    operator, gateway = "scrip_operator", "scrip_gateway"
    database.rows(
        "select api.create_api_key(%s, 'laptop', sha256('x'), 'x', %s)", [who.user_id, token_of(who.user_id)], gateway
    )
    database.rows("select api.count_request(%s, 'writes', '192.0.2.7')", [who.user_id], gateway)
    assert giving.send(database, who, "nobody.yet@scrip.example", key="gift-1").outcome == "done"
    giving.carry(database)
    assert giving.redeem(database, who, "WRONG-CODE", "192.0.2.7").refusal
    database.rows("select admin.set_user_limit(%s, 'a reason', null, 7)", [who.user_id], operator)
    database.rows("select admin.throttle(%s, 'a reason')", [who.user_id], operator)
    database.rows("select admin.reconcile_provider_bill('openai', (engine.now() - interval '2 days')::date, 3)")
    database.rows(
        "select admin.set_webhook_secret('second', 'whsec_' || repeat('s', 40), false, 'a reason')", role=operator
    )
    database.rows("select admin.set_token_secret(repeat('t', 40), 'a reason')", role=operator)
    database.rows("select admin.set_setting('alert_email', 'ops@scrip.example', 'a reason')", role=operator)
    database.rows("select api.get_credentials('nobody@scrip.example')", role=gateway)
    with database.connect("scrip_gateway") as connection:
        caller = world.Caller(connection)
        person = history.people[1].user_id
        caller.ask(world.reserve(person, idempotency_key="run-1"))


def mark(database: Database) -> None:
    """Past all guards, the same for the same value, so that what belongs together still does."""
    with database.connect("postgres") as connection, connection.transaction():
        execute(connection, "set local session_replication_role = replica")
        for table, column, kind in execute(connection, TEXTS).fetchall():
            if column not in PERSONAL.get(table, set()):
                continue
            also = ""
            if (table, column) in COUNTED:
                also = f", {COUNTED[table, column]} = {COUNTED[table, column]} + {len(MARK)}"
            # Where nothing was said in any row, something is.
            (is_empty,) = execute(connection, f"select count({column}) = 0 from playground.{table}").fetchall()[0]
            was = f"coalesce({column}, {EMPTY[kind]})" if is_empty else column
            execute(connection, f"update playground.{table} set {column} = {MARKED[kind].format(was)}{also}")


# ------------------------------------------------------------------------------------------------------ who may do what
@pytest.fixture(scope="module")
def everybody(database: Database) -> Iterator[dict[str, str]]:
    """Every role by what it is called here; somebody whom admin.create_operator made, somebody with no rights."""
    names = {role: role for role in ROLES} | {role: f"{role}_{database.name}"[:63] for role in (DBA, STRANGER)}
    with database.connect("postgres") as administrator:
        database.rows("select admin.create_operator(%s)", [names[DBA]], "scrip_operator")
        administrator.execute(sql.SQL("create role {} login").format(sql.Identifier(names[STRANGER])))
        try:
            yield names
        finally:
            for role in (DBA, STRANGER):
                administrator.execute(sql.SQL("drop role {}").format(sql.Identifier(names[role])))


@contextmanager
def logged_in(database: Database, name: str) -> Iterator[psycopg.Connection[Any]]:
    """A session of this role. The deadline is for what would not return at all."""
    with psycopg.connect(database.admin_url, autocommit=True) as connection:
        connection.execute(sql.SQL("set session authorization {}").format(sql.Identifier(name)))
        connection.execute("set statement_timeout = '20s'")
        connection.execute("set bytea_output = 'escape'")
        yield connection


def outcome(connection: psycopg.Connection[Any], statement: str, *, is_expected: bool = False) -> str:
    """`done`, or the SQLSTATE of what was said instead. What is expected to be done is undone."""
    try:
        with connection.transaction(force_rollback=True) if is_expected else nullcontext():
            execute(connection, statement)
    except psycopg.DatabaseError as error:
        return error.sqlstate or "unknown"
    return "done"


def relations(database: Database) -> list[tuple[str, str, str, str]]:
    """Schema, name, kind and a column of everything that can be read."""
    return database.rows(
        """
        select nspname, nspname || '.' || relname, relkind::text,
          (select quote_ident(attname) from pg_attribute where attrelid = pg_class.oid and attnum = 1)
        from pg_class join pg_namespace on pg_namespace.oid = relnamespace
        where nspname = any (%s) and relkind in ('r', 'p', 'v', 'm')
        order by 2
        """,
        [list(SCHEMAS)],
        "postgres",
    )


def expected(role: str, schema: str, name: str, verb: str) -> set[str]:
    """What becomes of a statement."""
    if role not in RELATIONS.get(schema, set()):
        return DENIED
    if verb == "select":
        return {"done"}
    if role in OPERATORS and (name, verb) in WRITTEN:
        return {"done"}
    if role in OPERATORS and schema == "admin" and verb in {"insert", "update", "delete"}:
        return {"SCL01"}
    return DENIED


def test_every_table_and_view_as_every_role(lived: Database, everybody: dict[str, str]) -> None:
    known = relations(lived)
    assert Counter(kind for _, _, kind, _ in known).keys() == {"r", "p", "v", "m"}
    empty = {
        name for schema, name, _, _ in known if schema == "admin" and not lived.rows(f"select 1 from {name} limit 1")
    }
    wrong, seen = [], Counter[str]()
    for role, login in everybody.items():
        with logged_in(lived, login) as session:
            for schema, name, _, column in known:
                statements = {
                    "select": f"select * from {name}",
                    "insert": f"insert into {name} default values",
                    "update": f"update {name} set {column} = {column}",
                    "delete": f"delete from {name}",
                    "truncate": f"truncate {name}",
                    "copy": f"copy {name} ({column}) from program 'true'",
                    "own": f"alter table {name} owner to current_user",
                }
                for verb, statement in statements.items():
                    wanted = expected(role, schema, name, verb)
                    found = outcome(session, statement, is_expected=wanted != DENIED)
                    seen[found] += 1
                    # A view that shows no row has none to refuse.
                    if wanted == {"SCL01"} and verb != "insert" and name in empty:
                        wanted = {"done"}
                    if found not in wanted:
                        wrong.append((role, name, verb, found))
    assert wrong == []
    assert seen["done"] > 100
    assert seen["SCL01"] > 40


def test_every_sequence_as_every_role(lived: Database, everybody: dict[str, str]) -> None:
    sequences = [
        name
        for (name,) in lived.rows("select oid::regclass::text from pg_class where relkind = 'S'", role="postgres")
        if name.split(".")[0] in SCHEMAS
    ]
    assert sequences
    calls = (("nextval", ""), ("setval", ", 1"), ("currval", ""), ("pg_sequence_last_value", ""))
    for login in everybody.values():
        with logged_in(lived, login) as session:
            statements = [f"select {call}('{name}'{rest})" for name in sequences for call, rest in calls]
            found = {outcome(session, statement) for statement in statements}
            assert found == {"42501"}


def test_every_function_as_every_role(lived: Database, everybody: dict[str, str]) -> None:
    calls = lived.rows(
        """
        select nspname, proname,
          format('%%s %%I.%%I(%%s)', case prokind when 'p' then 'call' else 'select' end, nspname, proname, (
            select string_agg('null::' || replace(format_type(type, null), 'anyelement', 'text'), ', ' order by place)
            from unnest(proargtypes) with ordinality as argument (type, place)))
        from pg_proc join pg_namespace on pg_namespace.oid = pronamespace
        where nspname = any (%s) and prokind in ('f', 'p')
        order by 2
        """,
        [list(SCHEMAS)],
        "postgres",
    )
    schemas = Counter(schema for schema, _, _ in calls)
    assert {"engine", "api", "jobs", "admin", "ext"} <= set(schemas)
    wrong, done = [], Counter[str]()
    for role, login in everybody.items():
        with logged_in(lived, login) as session:
            for schema, name, call in calls:
                is_let_in = role in FUNCTIONS.get(schema, set())
                found = outcome(session, call, is_expected=is_let_in)
                if (found != "42501") != is_let_in:
                    wrong.append((role, schema, name, found))
                done[role] += is_let_in
    assert wrong == []
    assert done["scrip_gateway"] > 60
    assert done["scrip_cron"] > 10
    assert done[DBA] == done["scrip_operator"] > 40
    assert done["scrip_analyst"] == done[STRANGER] == 0


def test_nobody_makes_or_becomes_anything(lived: Database, everybody: dict[str, str]) -> None:
    for role, login in everybody.items():
        with logged_in(lived, login) as session:
            for schema in (*SCHEMAS, "public", "pg_catalog"):
                for statement in (
                    f"create table {schema}.mine ()",
                    f"create function {schema}.mine() returns int language sql as 'select 1'",
                    f"create type {schema}.mine as enum ('x')",
                    f"create operator {schema}.=== (leftarg = int, rightarg = int, function = pg_catalog.int4eq)",
                ):
                    assert outcome(session, statement) == "42501", (role, statement)
            for statement in (
                "create temporary table mine ()",
                "create function pg_temp.mine() returns int language sql as 'select 1'",
                "create schema mine",
                "create role mine",
                "create extension dblink",
                "set session_replication_role = replica",
                "alter role current_user createrole",
                "copy (select 1) to program 'true'",
                "select pg_read_file('PG_VERSION')",
            ):
                assert outcome(session, statement) in {"42501", "0A000"}, (role, statement)
            for other, name in {**everybody, "owner": "scrip_owner", "postgres": "postgres"}.items():
                may = other == role or (role, other) == (DBA, "scrip_operator")
                found = outcome(session, f"set role {name}", is_expected=may)
                assert found == ("done" if may else "42501"), (role, other)
    (may_connect,) = lived.rows(
        "select has_database_privilege(%s, current_database(), 'connect')", [everybody[STRANGER]]
    )
    assert may_connect == (False,)


# ------------------------------------------------------------------------------------------------------- who sees what
def test_every_text_is_listed_and_there_to_be_found(lived: Database) -> None:
    texts = {(table, column) for table, column, _ in lived.rows(TEXTS)}
    listed = {
        (table, column)
        for lists in (SECRETS, PERSONAL, PLAIN_OF)
        for table, columns in lists.items()
        for column in columns
    }
    unlisted = {(table, column) for table, column in texts - listed if column not in PLAIN}
    assert (unlisted, listed - texts) == (set(), set())
    for table, columns in PERSONAL.items():
        for column in columns:
            assert lived.value(
                f"select count(*) from playground.{table} where {column}::text ~ %s", [f"{MARK}|{MARK.encode().hex()}"]
            ), (
                table,
                column,
            )
    for table, columns in SECRETS.items():
        for column in columns:
            assert lived.value(f"select count(*) from playground.{table} where {column} is not null"), (table, column)


def read_all(session: psycopg.Connection[Any], views: list[str]) -> str:
    """Everything in these views, as text."""
    found = []
    for view in views:
        rows = execute(session, f"select row.*::text from {view} as row").fetchall()
        found += [f"{view}: {text}" for (text,) in rows]
    return "\n".join(found)


def views_of(database: Database, *schemas: str) -> list[str]:
    return [name for schema, name, _, _ in relations(database) if schema in schemas]


def test_analysts_see_nobody(lived: Database) -> None:
    views = views_of(lived, "analytics")
    people = lived.value("select count(*) from playground.users where deleted_at is null")
    with logged_in(lived, "scrip_analyst") as session:
        shown = read_all(session, views)
        empty = {view for view in views if f"\n{view}: " not in f"\n{shown}"}
        pseudonyms = {
            view: {person for (person,) in execute(session, f"select person from {view}").fetchall()}
            for view in ("analytics.user_cost_analytics", "analytics.user_cost_analytics_now")
        }
    assert empty == set()
    for pattern in (
        MARK,
        MARK.encode().hex(),
        base64.b64encode(MARK.encode()).decode(),
        "@(?!tests/)",
        "[0-9a-f]{8}-([0-9a-f]{4}-){3}",
        r"\b(pi|cus|sub|ch|in|evt|re|dp|du|price|cs|seti|whsec)_",
        re.escape(world.PROMPT),
        re.escape(world.INPUT),
        re.escape(world.ANSWER),
    ):
        assert re.findall(pattern, shown, re.IGNORECASE) == [], pattern
    known = [*pseudonyms.values()]
    assert known[0] == known[1]
    assert len(known[0]) == people

    # The same person has the same name after a refresh, and in another installation another.
    lived.rows("select jobs.refresh_analytics()", role="scrip_cron")
    with logged_in(lived, "scrip_owner") as owner, owner.transaction(force_rollback=True):
        again = execute(owner, "select person from analytics.user_cost_analytics").fetchall()
        execute(owner, "update playground.platform_state set pseudonym_key = default")
        elsewhere = execute(owner, "select person from analytics.user_cost_analytics_now").fetchall()
    assert {person for (person,) in again} == known[0]
    assert len({person for (person,) in elsewhere} - known[0]) == people


def test_operators_see_no_secret(lived: Database, everybody: dict[str, str]) -> None:
    views = views_of(lived, "admin", "analytics")
    with logged_in(lived, everybody[DBA]) as session:
        shown = read_all(session, views) + str(execute(session, "select * from admin.health()").fetchall())
    assert MARK in shown, "operators see people, or nothing was looked at"
    looked_for = 0
    for table, columns in SECRETS.items():
        for column in columns:
            for (value,) in lived.rows(f"select {column} from playground.{table} where {column} is not null"):
                octets = value if isinstance(value, bytes) else value.encode()
                # An empty one, or a few octets of nothing, may be anywhere.
                ways = [way for way in (octets.hex(), base64.b64encode(octets).decode().rstrip("=")) if len(way) > 16]
                ways += [value] if isinstance(value, str) and len(value) > 8 else []
                assert [way for way in ways if way in shown] == [], (table, column)
                looked_for += len(ways)
    assert looked_for > 100


def test_analysts_with_types_of_their_own_learn_no_more(lived: Database) -> None:
    """Where the database is somebody else's, bootstrap cannot take TEMPORARY from everybody."""
    saw: list[str] = []
    views = views_of(lived, "analytics")
    with psycopg.connect(lived.admin_url) as session:
        execute(session, f'grant temporary on database "{lived.name}" to scrip_analyst')
        execute(session, "set session authorization scrip_analyst")
        session.add_notice_handler(lambda notice: saw.append(notice.message_primary or ""))
        execute(
            session,
            """
            create function pg_temp.spy(anyelement) returns boolean language plpgsql
            as $$ begin raise warning 'saw %', $1; return true; end $$
            """,
        )
        for kind in ("text", "bytea", "uuid"):
            execute(session, f"create domain pg_temp.{kind} as pg_catalog.{kind} check (pg_temp.spy(value))")
        execute(session, "select 'the trap works'::pg_temp.text")
        for view in views:
            execute(session, f"select * from {view}")
        session.rollback()
    key = lived.value("select pseudonym_key from playground.platform_state")
    assert saw[0] == "saw the trap works"
    assert [text for text in saw if re.search("[0-9a-f]{8}-([0-9a-f]{4}-){3}", text) or key in text] == []
    assert not [text for text in saw if key.encode().hex() in text]
