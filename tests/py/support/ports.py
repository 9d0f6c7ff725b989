"""Ports that a test may close and open again: nobody else is given them meanwhile.

A port found free by binding 0 is one of the kernel's ephemeral ports: by the time a slow program binds it, another
test's listener or any client may have it. These lie below those, and each is one process's until that ends.
"""

import random
import socket
from contextlib import suppress
from pathlib import Path

LOWEST, HIGHEST = 20_000, 32_000
EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")

# Names of sockets that no file stands for: the kernel forgets them with the process.
_claims: list[socket.socket] = []


def port_of_our_own() -> int:
    """A free port of the loopback address that stays this process's."""
    ports = list(range(LOWEST, min(HIGHEST, _first_ephemeral())))
    random.shuffle(ports)
    for port in ports:
        if _claim(port) and _is_free(port):
            return port
    raise AssertionError(f"no port is free from {LOWEST} to {HIGHEST}")


def _first_ephemeral() -> int:
    with suppress(OSError):
        first = int(EPHEMERAL.read_text().split()[0])
        if first > LOWEST:
            return first
    return HIGHEST


def _claim(port: int) -> bool:
    claim = socket.socket(socket.AF_UNIX)
    try:
        claim.bind(f"\0scrip-test-port-{port}")
    except OSError:
        claim.close()
        return False
    _claims.append(claim)
    return True


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
