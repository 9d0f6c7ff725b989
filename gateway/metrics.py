"""What is counted, over all workers of a gateway, and the text that Prometheus reads."""

import os
from collections.abc import Mapping

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.registry import REGISTRY

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)
BREAKER_STATES = {"closed": 0, "half_open": 1, "open": 2}
CONTENT_TYPE = CONTENT_TYPE_LATEST
MULTIPROCESS_DIRECTORY = "PROMETHEUS_MULTIPROC_DIR"

REQUESTS = Counter("scrip_http_requests_total", "Answered requests", ["method", "route", "status"])
REQUEST_SECONDS = Histogram(
    "scrip_http_request_seconds", "Time to the end of the answer", ["method", "route"], buckets=SECONDS
)
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
