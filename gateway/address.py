"""Where a request comes from, as far as that can be known."""

import re
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from aiohttp import web

from gateway.keys import SETTINGS

# What one household or one rented machine gets of IPv6.
ONE_SUBSCRIBER = 64
# Some proxies write the port as well, and then IPv6 in brackets.
_WITH_PORT = re.compile(r"([0-9.]+):[0-9]{1,5}|\[([^\]]*:[^\]]*)\](?::[0-9]{1,5})?")


def client_address(request: web.Request) -> str | None:
    """The caller's address (of IPv6 its network), or None when it only tells of a proxy.

    X-Forwarded-For counts as far as proxies wrote it that TRUSTED_PROXIES names: whoever else calls can write anything.
    A caller on this machine that is no trusted proxy is taken for one nobody told us of.
    """
    trusted = request.app[SETTINGS].trusted_proxies
    hops = [hop.strip() for line in request.headers.getall("X-Forwarded-For", ()) for hop in line.split(",")]
    try:
        address = _parse(request.remote or "")
        while any(address in network for network in trusted):
            address = _parse(_without_port(hops.pop()))
    except (ValueError, IndexError):
        return None
    if address.is_loopback:
        return None
    return str(ip_network((address, ONE_SUBSCRIBER), strict=False) if address.version == 6 else address)


def _without_port(hop: str) -> str:
    parts = _WITH_PORT.fullmatch(hop)
    return parts[1] or parts[2] if parts is not None else hop


def _parse(text: str) -> IPv4Address | IPv6Address:
    address = ip_address(text)
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address
