"""What is counted, over all workers of a gateway and in the database, and the text that Prometheus reads."""

import os
from collections.abc import Iterator, Mapping

import msgspec
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.registry import REGISTRY, Collector

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)
BREAKER_STATES = {"closed": 0, "half_open": 1, "open": 2}
CONTENT_TYPE = CONTENT_TYPE_LATEST
MULTIPROCESS_DIRECTORY = "PROMETHEUS_MULTIPROC_DIR"

REQUESTS = Counter("scrip_http_requests_total", "Answered requests", ["method", "route", "status"])
REQUEST_SECONDS = Histogram(
    "scrip_http_request_seconds", "Time to the end of the answer", ["method", "route"], buckets=SECONDS
)
REFUSALS = Counter("scrip_refusals_total", "Refused requests, and which limit or state was why", ["error", "reason"])
RUNS = Counter("scrip_runs_total", "Runs that reached a model or failed to", ["model", "outcome"])
FIRST_BYTE_SECONDS = Histogram(
    "scrip_provider_first_byte_seconds", "Model call to its first text, of streams", ["provider"], buckets=SECONDS
)
PROVIDER_SECONDS = Histogram(
    "scrip_provider_seconds", "Model call to its end, whatever the end", ["provider"], buckets=SECONDS
)
STREAMS = Gauge("scrip_streams_open", "Streams under way", multiprocess_mode="livesum")
BREAKER = Gauge(
    "scrip_provider_breaker", "Breaker: 0 closed, 1 half open, 2 open", ["provider"], multiprocess_mode="liveall"
)
DATABASE_CONNECTIONS = Gauge(
    "scrip_database_connections", "Connections of the pool", ["state"], multiprocess_mode="livesum"
)
DATABASE_WAITING = Gauge("scrip_database_waiting", "Calls waiting for a connection", multiprocess_mode="livesum")


class RequestMeter:
    """Counts requests; looks label sets up once, since that costs more than counting."""

    def __init__(self) -> None:
        self._children: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}

    def count(self, method: str, route: str, status: int, seconds: float) -> None:
        children = self._children.get((method, route, status))
        if children is None:
            children = (REQUESTS.labels(method, route, str(status)), REQUEST_SECONDS.labels(method, route))
            self._children[method, route, status] = children
        children[0].inc()
        children[1].observe(seconds)


def note_state(breakers: Mapping[str, str], pool: Mapping[str, int]) -> None:
    """Set this worker's gauges from its breakers' states and its pool's statistics."""
    for provider, state in breakers.items():
        BREAKER.labels(provider).set(BREAKER_STATES[state])
    size, idle = pool.get("pool_size", 0), pool.get("pool_available", 0)
    DATABASE_CONNECTIONS.labels("idle").set(idle)
    DATABASE_CONNECTIONS.labels("busy").set(size - idle)
    DATABASE_WAITING.set(pool.get("requests_waiting", 0))


def count_refusal(error: str, details: Mapping[str, object]) -> None:
    """Count a refusal with what the database or this gateway named as its reason: one of a few words."""
    reason = details.get("limitSource") or details.get("reason") or details.get("outcome") or ""
    REFUSALS.labels(error, str(reason)).inc()


class _Sample(msgspec.Struct):
    labels: dict[str, str]
    value: float


class _Family(msgspec.Struct):
    name: str
    kind: str
    help: str
    samples: list[_Sample]


class _OfDatabase(Collector):
    """Metrics that the database counted, as it named them."""

    def __init__(self, families: list[_Family]) -> None:
        self._families = families

    def collect(self) -> Iterator[CounterMetricFamily | GaugeMetricFamily]:
        for family in self._families:
            kind = CounterMetricFamily if family.kind == "counter" else GaugeMetricFamily
            names = sorted({name for sample in family.samples for name in sample.labels})
            shown = kind(family.name, family.help, labels=names)
            for sample in family.samples:
                shown.add_metric([sample.labels.get(name, "") for name in names], sample.value)
            yield shown


def database_exposition(document: bytes | None) -> bytes:
    """What `api.get_metrics` returned, as Prometheus' text; None: the database is away, which is a metric too."""
    is_up = _Family(
        "scrip_database_up", "gauge", "1 while the database answers", [_Sample({}, float(document is not None))]
    )
    families = msgspec.json.decode(document, type=list[_Family]) if document is not None else []
    registry = CollectorRegistry()
    registry.register(_OfDatabase([is_up, *families]))
    return generate_latest(registry)


def exposition() -> bytes:
    """All metrics of all workers, in Prometheus' text format."""
    if MULTIPROCESS_DIRECTORY not in os.environ:
        return generate_latest(REGISTRY)
    registry = CollectorRegistry()
    MultiProcessCollector(registry)
    return generate_latest(registry)


def forget_worker(pid: int) -> None:
    """Drop the gauges of a worker that has ended; its counters stay counted."""
    mark_process_dead(pid)
