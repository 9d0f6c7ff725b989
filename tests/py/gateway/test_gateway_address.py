"""Where a request comes from: X-Forwarded-For counts as far as proxies of ours wrote it, and no further."""

from dataclasses import replace
from ipaddress import ip_network
from unittest.mock import Mock

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from multidict import CIMultiDict

from gateway.address import client_address
from gateway.keys import SETTINGS
from tests.py.gateway.world import SETTINGS as PLAIN

PROXIES = tuple(map(ip_network, ("10.0.0.0/8", "127.0.0.1", "fd00::/8")))


def seen(peer: str | None, *forwarded: str, proxies: tuple = PROXIES) -> str | None:
    app = web.Application()
    app[SETTINGS] = replace(PLAIN, trusted_proxies=proxies)
    transport = Mock()
    transport.get_extra_info.side_effect = lambda name, default=None: (peer, 1) if name == "peername" else default
    headers = CIMultiDict([("X-Forwarded-For", line) for line in forwarded])
    return client_address(make_mocked_request("POST", "/", headers=headers, app=app, transport=transport))


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("192.0.2.1", [], "192.0.2.1"),
        ("192.0.2.1", ["198.51.100.7"], "192.0.2.1"),
        ("10.1.2.3", ["198.51.100.7"], "198.51.100.7"),
        ("10.1.2.3", ["203.0.113.9, 198.51.100.7"], "198.51.100.7"),
        ("10.1.2.3", ["203.0.113.9", "198.51.100.7"], "198.51.100.7"),
        ("10.1.2.3", ["203.0.113.9, 198.51.100.7, 10.9.9.9"], "198.51.100.7"),
        ("10.1.2.3", ["127.0.0.1, 198.51.100.7"], "198.51.100.7"),
        ("10.1.2.3", [], None),
        ("10.1.2.3", ["10.0.0.1"], None),
        ("10.1.2.3", [""], None),
        ("10.1.2.3", ["198.51.100.7, unknown"], None),
        ("10.1.2.3", ["203.0.113.9, 198.51.100.7:443"], "198.51.100.7"),
        ("10.1.2.3", ["198.51.100.7:443, 10.9.9.9:1024"], "198.51.100.7"),
        ("10.1.2.3", ["[2001:db8:1:2::3]:443"], "2001:db8:1:2::/64"),
        ("10.1.2.3", ["[2001:db8:1:2::3]"], "2001:db8:1:2::/64"),
        ("10.1.2.3", ["[198.51.100.7]"], None),
        ("10.1.2.3", ["198.51.100.7:"], None),
        ("10.1.2.3", ["198.51.100.7:4430000"], None),
        ("127.0.0.1", ["198.51.100.7"], "198.51.100.7"),
        ("::ffff:10.1.2.3", ["198.51.100.7"], "198.51.100.7"),
        ("::ffff:192.0.2.1", [], "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", [], "2001:db8:1:2::/64"),
        ("fd00::1", ["2001:db8:1:2:ffff::"], "2001:db8:1:2::/64"),
        (None, [], None),
    ],
)
def test_the_last_address_that_no_proxy_of_ours_has_is_the_callers(
    peer: str | None, forwarded: list[str], address: str | None
):
    assert seen(peer, *forwarded) == address


@pytest.mark.parametrize("peer", ["127.0.0.1", "127.1.2.3", "::1"])
def test_a_caller_on_this_machine_is_a_proxy_that_nobody_told_us_of(peer: str):
    # Counting all who come through it as one would let anybody lock out everybody.
    assert seen(peer, "198.51.100.7", proxies=()) is None
