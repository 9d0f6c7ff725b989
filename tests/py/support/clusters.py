"""Clusters of a test's own: to be killed, or to see what happens to a whole server."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from scripts.setup.cluster import Cluster
from scripts.setup.system import require_postgres


@contextmanager
def private_cluster() -> Iterator[Cluster]:
    """A started, durable cluster with nothing of ours in it; stopped and removed afterwards."""
    with TemporaryDirectory(prefix="scrip-cluster-") as folder:
        # PostgreSQL never runs as root, so its user must be able to enter.
        Path(folder).chmod(0o755)
        cluster = Cluster(Path(folder), require_postgres(for_tests=True), trusting=True)
        try:
            cluster.start()
            yield cluster
        finally:
            cluster.remove()
