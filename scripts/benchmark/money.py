"""The figures of Stripe's webhook: events applied a second, duplicates of them, and the answers' times over HTTP."""

import asyncio
import hashlib
import hmac
import json
import time
import uuid
from contextlib import ExitStack
from pathlib import Path
from statistics import median

import aiohttp
import psycopg

from scripts.benchmark import pgbench
from scripts.benchmark.database import PEOPLE, TPCB, person_id
from scripts.benchmark.figures import Figures, percentile, ratio
from scripts.benchmark.pgbench import Run
from scripts.setup.cluster import DATABASE, Cluster
from scripts.setup.console import SetupError
from scripts.setup.programs import free_port, start_gateway, wait_until_ready

DELIVERY = Path(__file__).with_name("delivery.sql")
SECRET = "whsec_of_the_bench"  # noqa: S105
CALLERS = 8
MOST_A_SECOND = 3000  # deliveries made ready for each second of a run
AGAIN = 500
OVER_HTTP = 10_000

PREPARE = """
    create schema bench;
    grant usage on schema bench to scrip_gateway;
    create table bench.deliveries (delivery_id bigint primary key, payload bytea not null, signature text not null);
    create sequence bench.next_delivery;
    grant select on bench.deliveries to scrip_gateway;
    grant usage on sequence bench.next_delivery to scrip_gateway;
"""
SHOP = """
    select admin.set_webhook_secret('bench', %s, false, 'the bench');
"""
CUSTOMERS = """
    select api.record_customer(user_id, 'cus_' || replace(user_id::text, '-', '')) from unnest(%s::uuid[]) as user_id
"""
# What api.start_purchase and api.record_purchase leave behind, for many at once.
PURCHASES = """
    with purchase as (
      insert into playground.purchases (
        account_id, purchase_id, user_id, pack, pack_name, credits, price_cents, currency, cost_share, status,
        payment_intent_id, requested_at)
      select user_id, purchase_id, user_id, pack, name, credits, price_cents, currency, 0.7, 'pending',
        'pi_' || replace(purchase_id::text, '-', ''), now()
      from unnest(%s::uuid[], %s::uuid[]) as wanted (user_id, purchase_id)
      join playground.packs on pack = 'medium'
      returning account_id, purchase_id, payment_intent_id, currency
    ), known as (
      insert into playground.stripe_ids (stripe_id, kind, account_id)
      select payment_intent_id, 'payment_intent', account_id from purchase
    )
    insert into playground.payments (account_id, payment_intent_id, purchase_id, currency)
    select account_id, payment_intent_id, purchase_id, currency from purchase
"""


class Webhook:
    """Measures one cluster. `seconds` is the length of a run; `make_tpcb` of the bench was run before."""

    def __init__(self, cluster: Cluster, seconds: int, rounds: int) -> None:
        self._cluster = cluster
        self._seconds = seconds
        self._rounds = rounds
        self._people = [person_id(number) for number in range(1, PEOPLE + 1)]
        with self._connect("postgres") as connection:
            connection.execute(PREPARE)
        with self._connect("scrip_operator") as connection:
            connection.execute(SHOP, [SECRET])
        with self._connect("scrip_gateway") as connection:
            connection.execute(CUSTOMERS, [self._people])

    def measure(self, figures: Figures) -> None:
        """Deliveries by pgbench, floor and measured ones in turn."""
        floors, applied, duplicates = [], [], []
        for _ in range(self._rounds):
            self._make_deliveries(MOST_A_SECOND * (self._seconds + 1))
            applied.append(self._deliver(0))
            floors.append(self._floor())
            duplicates.append(self._deliver(AGAIN))
        figures.heading(f"Webhook deliveries ({pgbench.CLIENTS} clients, distinct payments of {PEOPLE:,} people)")
        figures.add("webhook_per_s", _rate(applied), "payments credited a second")
        figures.add("cpu_us_per_webhook", _cpu(applied), "microseconds of processor time of the server for one")
        figures.add("duplicates_per_s", _rate(duplicates), "deliveries of known events a second")
        figures.add("simple_update_tps", _rate(floors), "floor: transactions a second of pgbench -b simple-update")
        figures.add("cpu_us_per_simple_update", _cpu(floors), "microseconds of processor time of the server for one")
        figures.add("webhook_ratio", _ratio(applied, floors), "payments for each of the floor", at_least=0.35)
        figures.add("duplicates_ratio", _ratio(duplicates, floors), "duplicates for each of the floor", at_least=0.8)

    def measure_answers(self, figures: Figures, folder: Path, running: ExitStack) -> None:
        """Over HTTP: 10,000 events arrive, CALLERS at a time."""
        deliveries = self._make_deliveries(OVER_HTTP)
        port = free_port(0)
        settings = {"DATABASE_URL": self._cluster.url("scrip_gateway", DATABASE), "PORT": str(port)}
        child = start_gateway(folder, settings, running)
        wait_until_ready(f"http://127.0.0.1:{port}", [child])
        started = time.perf_counter()
        milliseconds = asyncio.run(_send(f"http://127.0.0.1:{port}/api/v1/webhooks/stripe/credits", deliveries))
        took = time.perf_counter() - started
        figures.heading(f"Webhook over HTTP ({OVER_HTTP:,} events, {CALLERS} at a time)")
        figures.add("webhook_http_per_s", len(milliseconds) / took, "events answered a second")
        figures.add("webhook_http_p50_ms", percentile(milliseconds, 50), "milliseconds of an answer, median")
        figures.add("webhook_http_p99_ms", percentile(milliseconds, 99), "milliseconds of an answer, 99th percentile")

    def _make_deliveries(self, count: int) -> list[tuple[bytes, str]]:
        """Purchases that wait to be paid, and Stripe's word that they are, signed now: a signature ages in minutes."""
        people = [self._people[number % len(self._people)] for number in range(count)]
        purchases = [str(uuid.uuid4()) for _ in range(count)]
        deliveries = []
        for person, purchase in zip(people, purchases, strict=True):
            payload = json.dumps(_event(person, purchase), indent=2).encode()
            deliveries.append((payload, _sign(payload)))
        with self._connect("postgres") as connection:
            connection.execute(PURCHASES, [people, purchases])
            connection.execute("truncate bench.deliveries")
            connection.execute("alter sequence bench.next_delivery restart")
            with connection.cursor().copy("copy bench.deliveries from stdin with (format binary)") as copy:
                copy.set_types(["int8", "bytea", "text"])
                for number, (payload, signature) in enumerate(deliveries, 1):
                    copy.write_row((number, payload, signature))
            connection.execute("vacuum (analyze)")
            connection.execute("checkpoint")
        return deliveries

    def _deliver(self, again: int) -> Run:
        arguments = ("-M", "prepared", "-D", f"again={again}", "-f", DELIVERY)
        return pgbench.run(self._cluster, "scrip_gateway", DATABASE, self._seconds, *arguments)

    def _floor(self) -> Run:
        return pgbench.run(self._cluster, "postgres", TPCB, self._seconds, "-b", "simple-update")

    def _connect(self, role: str) -> psycopg.Connection:
        return psycopg.connect(self._cluster.url(role, DATABASE), autocommit=True)


async def _send(url: str, deliveries: list[tuple[bytes, str]]) -> list[float]:
    """The milliseconds of each answer. Raises SetupError for one that is not 200."""
    waiting = iter(deliveries)
    taken: list[float] = []

    async def caller(client: aiohttp.ClientSession) -> None:
        for payload, signature in waiting:
            started = time.perf_counter()
            async with client.post(url, data=payload, headers={"Stripe-Signature": signature}) as answer:
                await answer.read()
            taken.append((time.perf_counter() - started) * 1000)
            if answer.status != 200:
                raise SetupError(f"the webhook answered {answer.status}")

    async with aiohttp.ClientSession() as client:
        await asyncio.gather(*(caller(client) for _ in range(CALLERS)))
    return taken


def _sign(payload: bytes) -> str:
    moment = str(int(time.time()))
    digest = hmac.new(SECRET.encode(), moment.encode() + b"." + payload, hashlib.sha256).hexdigest()
    return f"t={moment},v1={digest}"


def _event(person: str, purchase: str) -> dict[str, object]:
    """payment_intent.succeeded with all that Stripe puts in, about 2.5 kB."""
    key = purchase.replace("-", "")
    payment_intent = {
        "id": f"pi_{key}",
        "object": "payment_intent",
        "amount": 1000,
        "amount_capturable": 0,
        "amount_details": {"tip": {}},
        "amount_received": 1000,
        "application": None,
        "application_fee_amount": None,
        "automatic_payment_methods": {"allow_redirects": "always", "enabled": True},
        "canceled_at": None,
        "cancellation_reason": None,
        "capture_method": "automatic_async",
        "client_secret": f"pi_{key}_secret_{key}",
        "confirmation_method": "automatic",
        "created": int(time.time()),
        "currency": "usd",
        "customer": f"cus_{person.replace('-', '')}",
        "description": "Medium: 250 credits",
        "excluded_payment_method_types": None,
        "last_payment_error": None,
        "latest_charge": f"ch_{key}",
        "livemode": False,
        "metadata": {"purchase_id": purchase, "account_id": person},
        "next_action": None,
        "on_behalf_of": None,
        "payment_method": f"pm_{key}",
        "payment_method_configuration_details": {"id": "pmc_1QwErTyUiOpAsDfGhJkLzXcV", "parent": None},
        "payment_method_options": {
            "card": {
                "installments": None,
                "mandate_options": None,
                "network": None,
                "request_three_d_secure": "automatic",
            },
            "link": {"persistent_token": None},
        },
        "payment_method_types": ["card", "link"],
        "presentment_details": None,
        "processing": None,
        "receipt_email": None,
        "review": None,
        "setup_future_usage": None,
        "shipping": None,
        "source": None,
        "statement_descriptor": None,
        "statement_descriptor_suffix": None,
        "status": "succeeded",
        "transfer_data": None,
        "transfer_group": None,
    }
    return {
        "id": f"evt_{key}",
        "object": "event",
        "api_version": "2026-10-28.endive",
        "created": int(time.time()),
        "data": {"object": payment_intent},
        "livemode": False,
        "pending_webhooks": 1,
        "request": {"id": f"req_{key[:14]}", "idempotency_key": f"purchase-{purchase}"},
        "type": "payment_intent.succeeded",
    }


def _rate(runs: list[Run]) -> float:
    return median(run.per_second for run in runs)


def _ratio(measured: list[Run], floor: list[Run]) -> float:
    return ratio([run.per_second for run in measured], [run.per_second for run in floor])


def _cpu(runs: list[Run]) -> float:
    return median(run.cpu_us for run in runs)
