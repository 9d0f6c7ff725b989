"""`python -m gateway`: one parent that listens and watches, and workers that share its socket.

SIGTERM or SIGINT drains: nothing new is accepted, runs under way end within their deadline, at most DRAIN_SECONDS.
"""

import gc
import os
import shutil
import socket
import sys
import tempfile

import structlog

from gateway.logs import configure_logs
from gateway.settings import SettingError, Settings, read_settings
from gateway.supervisor import Supervisor

BACKLOG = 1024

log = structlog.get_logger()


def main() -> int:
    """Serve until told to end. Returns the exit status."""
    try:
        settings = read_settings()
    except SettingError as error:
        print(f"gateway: {error}", file=sys.stderr)
        return 2
    configure_logs(settings.log_level)
    try:
        listener = _listen(settings)
    except OSError as error:
        print(f"gateway: cannot listen on {settings.host} port {settings.port}: {error.strerror}", file=sys.stderr)
        return 2
    directory = tempfile.mkdtemp(prefix="scrip-metrics-")
    # Read by prometheus_client when it is first imported, so before the application is.
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = directory
    try:
        # Imported once, before the workers are forked: they start at once and share its memory.
        from gateway.metrics import forget_worker
        from gateway.serving import work

        supervisor = Supervisor(
            lambda lifeline: work(settings, listener, lifeline),
            settings.workers,
            settings.drain_seconds,
            buried=forget_worker,
            # Whoever still holds the socket keeps clients waiting on it, so the parent lets go as well.
            ending=listener.close,
        )
        # What is loaded stays for good: the collector need not look at it again, nor copy its pages in every worker.
        gc.collect()
        gc.freeze()
        host, port = listener.getsockname()[:2]
        log.info("listening", host=host, port=port, workers=settings.workers)
        return supervisor.run()
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _listen(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((settings.host, settings.port))
    listener.listen(BACKLOG)
    listener.setblocking(False)
    return listener


if __name__ == "__main__":
    sys.exit(main())
