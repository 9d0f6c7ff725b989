"""Where people may be sent back to: addresses at listed origins, and none of the tricks by which another passes."""

import pytest

from gateway.billing.redirects import check_redirects
from gateway.errors import VALIDATION_FAILED, Refusal

ALLOWED = frozenset({"https://shop.example.com", "http://127.0.0.1:8080", "http://[::1]:3000"})


@pytest.mark.parametrize(
    "address",
    [
        "https://shop.example.com",
        "https://shop.example.com/",
        "https://shop.example.com/thanks?s={CHECKOUT_SESSION_ID}&x=1#done",
        "https://shop.example.com?x=https://elsewhere.example",
        "https://shop.example.com#top",
        "https://SHOP.example.com/",
        "HTTPS://shop.example.com:443/",
        "http://127.0.0.1:8080/a/../b//c;d=1,2",
        "http://[::1]:3000/x",
    ],
)
def test_an_address_at_a_listed_origin_is_taken(address: str):
    check_redirects(ALLOWED, {"successUrl": address})


@pytest.mark.parametrize(
    "address",
    [
        "",
        " ",
        "/thanks",
        "//shop.example.com/",
        "///shop.example.com/",
        "shop.example.com",
        "https:shop.example.com",
        "https:/shop.example.com",
        "https:///shop.example.com",
        "http://shop.example.com/",
        "https://shop.example.com:8443/",
        "https://shop.example.com:0443x/",
        "https://shop.example.com:/",
        "https://shop.example.com:99999/",
        "https://shop.example.com.evil.example/",
        "https://shop.example.com./",
        "https://evilshop.example.com/",
        "https://sub.shop.example.com/",
        "https://shop.example.com@evil.example/",
        "https://shop.example.com:x@evil.example/",
        "https://evil.example/https://shop.example.com",
        "https://evil.example#@shop.example.com/",
        "https://evil.example?@shop.example.com/",
        "https://evil.example\\@shop.example.com/",
        "https://shop.example.com\\@evil.example/",
        "https://shop.example.com\\.evil.example/",
        "https:\\\\shop.example.com/",
        "https://user@shop.example.com/",
        "https://shop.example.com /",
        " https://shop.example.com/",
        "https://shop.example.com/ ",
        "https://shop.example.com/\n",
        "https://shop.example.com/a b",
        "https://shop.example.com/\r\nLocation: https://evil.example",
        "https://shop.example.com\t.evil.example/",
        "ht\ttps://shop.example.com/",
        "https://shop.example.com/\x00",
        "https://shop.example.com/<script>",
        "https://shop.example.com%2f@evil.example/",
        "https://shop%2eexample.com/",
        "https://shop。example.com/",
        "https://ѕhop.example.com/",
        "https://shop.example.com／@evil.example/",
        "javascript:alert(1)",
        "javascript://shop.example.com/%0aalert(1)",
        "data:text/html,x",
        "ftp://shop.example.com/",
        "blob:https://shop.example.com/x",
        "http://[::1/",
        "http://[::1]:3001/",
        "http://[::1%25eth0]:3000/",
        "http://127.0.0.1/",
        "http://127.1:8080/",
        "http://2130706433:8080/",
        "http://0x7f.0.0.1:8080/",
        "https://shop.example.com/" + "x" * 2000,
    ],
)
def test_an_address_that_leads_elsewhere_is_refused_by_its_field(address: str):
    with pytest.raises(Refusal) as caught:
        check_redirects(ALLOWED, {"successUrl": "https://shop.example.com/", "cancelUrl": address})
    assert caught.value.kind is VALIDATION_FAILED
    assert caught.value.details["fields"].keys() == {"cancelUrl"}


def test_with_nothing_listed_nobody_is_sent_anywhere():
    with pytest.raises(Refusal):
        check_redirects((), {"returnUrl": "https://shop.example.com/"})


def test_what_is_not_given_is_not_checked():
    check_redirects((), {"successUrl": None})
