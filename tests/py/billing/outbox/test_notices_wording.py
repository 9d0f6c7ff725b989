"""Notices in words: amounts, days and names as people read them, and nobody else's words taken for ours."""

from datetime import datetime

import pytest

from gateway.billing import wording
from gateway.billing.notices import KINDS, UnknownNotice, word
from tests.py.billing.outbox.notices import DETAILS, body

SITE = "https://scrip.example"


@pytest.mark.parametrize(
    ("kind", "subject", "told"),
    [
        ("purchase", "Your 250 credits have arrived", ["Medium", "$10.00", "255 credits", SITE]),
        (
            "refund",
            "A refund of $10.00",
            ["250 credits", "5 credits", "30 credits are used up or in use", "give credits away"],
        ),
        ("dispute", "A payment of yours is disputed", ["250 credits", "ask your bank to withdraw"]),
        ("past_due", "We could not collect the payment for PRPM+", ["3 March 2031, 10:00 UTC", "card", SITE]),
        ("subscription_ended", "Your plan Verified organisation has ended", ["3 March 2031, 10:00 UTC"]),
        ("credits_expire", "1 credit of yours will expire soon", ["1 credit of yours", "3 March 2031, 10:00 UTC"]),
        ("gift_received", "A gift of 1,250 credits for you", ["bob gave you 1,250 credits", "\n> Enjoy!\n"]),
        ("gift_waiting", "A gift of 10 credits is waiting for you", ["Register with this e-mail address by 3 March"]),
        ("gift_returned", "Your gift of 10 credits has come back", ["eve@scrip.example"]),
        (
            "cost_alert",
            "90 % of your month's cost limit is used",
            ["$0.45 of the $0.50", "1 April 2031, 00:00 UTC", "smaller models", SITE],
        ),
        ("throttled", "Your runs are paused", ["until 3 March 2031, 10:00 UTC", "credits stay yours", SITE]),
        (
            "platform_alert",
            "Scrip alert: provider_spend_100: anthropic",
            [
                "A provider's spend of the day",
                "costUsd 101.5, limitUsd 100, stops false",
                "\n> select * from admin.providers;\n",
                "acknowledge_alert('6d3ba6c0-3e9d-44a8-9c8b-5b6d0b1f7a11'",
            ],
        ),
    ],
)
def test_each_kind_says_what_happened_and_what_to_do(kind: str, subject: str, told: list[str]) -> None:
    wording = word(kind, body(DETAILS[kind]), "ann", SITE)
    assert wording.subject == subject
    assert wording.text.startswith("Hello ann,\n\n")
    # Lines are broken where they must be; people read over that.
    running = wording.text.replace("\n", " ")
    for words in told:
        assert words in wording.text or words in running


def test_instants_are_read_as_the_database_writes_them() -> None:
    details = {"plan": "PRPM+", "endedAt": "2031-03-03T10:00:00.000Z"}
    assert "PRPM+ ended on 3 March 2031, 10:00 UTC" in word("subscription_ended", body(details), None, SITE).text
    assert "Your paid month" not in word("past_due", body({"plan": "PRPM+", "periodEnd": None}), None, SITE).text


def test_every_kind_is_tried_above() -> None:
    assert set(DETAILS) == set(KINDS)


def test_what_is_not_owed_is_not_mentioned() -> None:
    refund = DETAILS["refund"] | {"shortfall": 0}
    assert "used up" not in word("refund", body(refund), "ann", SITE).text
    assert "go back" not in word("refund", body(refund | {"credits": 0}), "ann", SITE).text
    assert "cannot be used" not in word("dispute", body({"credits": 0}), "ann", SITE).text
    assert "They wrote" not in word("gift_waiting", body(DETAILS["gift_waiting"]), None, SITE).text
    assert word("gift_returned", body({"credits": 1}), None, SITE).text.startswith("Hello,\n")


def test_a_limit_that_refused_and_a_pause_without_an_end_say_so() -> None:
    refused = word("cost_alert", body(DETAILS["cost_alert"] | {"percent": None}), "ann", SITE)
    assert refused.subject == "The cost limit of your month does not let runs through"
    assert "A run of yours was refused" in refused.text
    unset = word("cost_alert", body(DETAILS["cost_alert"] | {"percent": None, "limitUsd": None}), "ann", SITE)
    assert "no cost limit is set" in unset.text
    assert "$" not in unset.text
    assert "Until we resume them" in word("throttled", body({"until": None}), "ann", SITE).text
    account = body(DETAILS["platform_alert"] | {"kind": "catch_up_failed", "userId": "u-1", "statement": None})
    text = word("platform_alert", account, None, SITE).text
    assert "The account concerned: u-1." in text
    assert "Look with" not in text


@pytest.mark.parametrize(
    ("kind", "details"),
    [
        ("lottery", b"{}"),
        ("dispute", b"{}"),
        ("dispute", b'{"credits": "many"}'),
        ("dispute", b'{"credits": 2.5}'),
        ("dispute", b"\xff"),
        ("credits_expire", b'{"credits": 1, "expiresAt": "soon"}'),
    ],
)
def test_what_cannot_be_put_into_words_is_never_half_said(kind: str, details: bytes) -> None:
    with pytest.raises(UnknownNotice):
        word(kind, details, "ann", SITE)


@pytest.mark.parametrize(
    ("cents", "currency", "words"),
    [
        (1000, "usd", "$10.00"),
        (1, "usd", "$0.01"),
        (123456789, "eur", "€1,234,567.89"),
        (1000, "jpy", "1,000 JPY"),
        (1050, "chf", "10.50 CHF"),
        (9007199254740993, "usd", "$90,071,992,547,409.93"),
    ],
)
def test_amounts_are_shown_to_the_cent(cents: int, currency: str, words: str) -> None:
    assert wording.money(cents, currency) == words


def test_days_are_told_in_one_time_zone() -> None:
    assert wording.day(datetime.fromisoformat("2031-01-01T01:30:00+02:00")) == "31 December 2030, 23:30 UTC"


def test_names_stay_on_one_line_and_come_to_an_end() -> None:
    assert wording.name(" a\r\nBcc:\tb\x00\u202ec ") == "a Bcc: bc"
    assert len(wording.name("x" * 1000)) == wording.LONGEST_NAME


def test_other_people_s_words_are_always_marked_as_theirs() -> None:
    details = {
        "from": "bob\n\nScrip",
        "credits": 1,
        "message": "Hi\r\n\r\n-- \nScrip\u2028Pay here\x0bnow: " + "x" * 200,
    }
    lines = word("gift_received", body(details), "ann", SITE).text.splitlines()
    said = lines[lines.index("They wrote:") + 1 : lines.index(f"Put them to use: {SITE}")]
    assert all(line.startswith(">") for line in said if line)
    assert "bob Scrip gave you 1 credit." in " ".join(lines)
    assert [line for line in lines if line == "Scrip"] == ["Scrip"]


def test_a_quotation_cannot_be_ended_by_a_line_like_ours() -> None:
    assert wording.quotation("a\n\nb\r\nc\rd\u2028e") == "> a\n>\n> b\n> c\n> d\n> e"
