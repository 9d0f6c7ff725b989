"""What people are told about their money and limits, and operators about the platform: a subject and a plain text.

Subjects are shown in logs, so nothing that a person typed is ever in one.
"""

from dataclasses import dataclass
from datetime import datetime

import msgspec

from gateway.billing.wording import credit_count, day, money, name, paragraphs, quotation

Parts = tuple[str | None, ...]


class UnknownNotice(Exception):
    """A kind, or details of it, that this version of the gateway has no words for."""


@dataclass(frozen=True)
class Wording:
    """A message without its addresses."""

    subject: str
    text: str


class Notice(msgspec.Struct, rename="camel"):
    """The details of a notice, and their wording. Credits are whole, money is in cents of the currency."""

    def subject(self) -> str:
        raise NotImplementedError

    def parts(self, site: str) -> Parts:
        raise NotImplementedError


class Purchase(Notice):
    pack_name: str
    credits: int
    price: int
    currency: str
    balance: int

    def subject(self) -> str:
        return f"Your {credit_count(self.credits)} have arrived"

    def parts(self, site: str) -> Parts:
        return (
            f"Thank you for buying {name(self.pack_name)}: {credit_count(self.credits)} for "
            f"{money(self.price, self.currency)}. They are in your account, which holds "
            f"{credit_count(self.balance)} now. Bought credits do not expire.",
            f"The purchase and its receipt are in your credit history: {site}",
        )


class Refund(Notice):
    credits: int
    refunded: int
    currency: str
    balance: int
    shortfall: int = 0

    def subject(self) -> str:
        return f"A refund of {money(self.refunded, self.currency)}"

    def parts(self, site: str) -> Parts:
        return (
            f"A payment of yours was refunded: {money(self.refunded, self.currency)}. Banks take some days to show it.",
            f"{credit_count(self.credits)} that it had paid for go back. Your account holds "
            f"{credit_count(self.balance)} now."
            if self.credits
            else None,
            f"Of these, {credit_count(self.shortfall)} are used up or in use just now. What comes back of them, and "
            "the next credits you buy, make up for that first; until then you cannot give credits away."
            if self.shortfall
            else None,
        )


class Dispute(Notice):
    credits: int

    def subject(self) -> str:
        return "A payment of yours is disputed"

    def parts(self, site: str) -> Parts:
        return (
            "Your bank tells us that you dispute a payment.",
            f"Until that is decided, {credit_count(self.credits)} that it paid for cannot be used, as far as they are "
            "left."
            if self.credits
            else None,
            "What you can do: if you know the payment, ask your bank to withdraw the dispute. As soon as the bank "
            "tells us, the credits can be used again. If you do not know it, there is nothing to do: if the bank "
            "decides for you, you get your money back and the credits are removed.",
        )


class PastDue(Notice):
    plan: str
    period_end: datetime | None = None

    def subject(self) -> str:
        return f"We could not collect the payment for {name(self.plan)}"

    def parts(self, site: str) -> Parts:
        until = f" Your paid month ended on {day(self.period_end)}." if self.period_end else ""
        return (
            f"The payment that renews {name(self.plan)} did not go through.{until}",
            "What you can do: look whether your card is still valid, or enter another one, under Manage subscription "
            f"at {site}. The payment is tried again by itself in the next days.",
            "Once it goes through, your plan goes on as before. If it does not, the plan ends, and with it what is "
            "left of its credits; credits you bought stay yours.",
        )


class SubscriptionEnded(Notice):
    plan: str
    ended_at: datetime

    def subject(self) -> str:
        return f"Your plan {name(self.plan)} has ended"

    def parts(self, site: str) -> Parts:
        return (
            f"Your subscription to {name(self.plan)} ended on {day(self.ended_at)}. Nothing more will be charged "
            "for it. Credits you bought stay yours.",
            f"You can subscribe again whenever you like: {site}",
        )


class CreditsExpire(Notice):
    credits: int
    expires_at: datetime

    def subject(self) -> str:
        return f"{credit_count(self.credits)} of yours will expire soon"

    def parts(self, site: str) -> Parts:
        return (
            f"{credit_count(self.credits)} of yours can be used until {day(self.expires_at)}. What is left of them "
            "then expires, or rolls over as far as your plan provides.",
            f"Put them to use: {site}",
        )


class GiftReceived(Notice, rename={"sender": "from"}):
    sender: str
    credits: int
    message: str | None = None

    def subject(self) -> str:
        return f"A gift of {credit_count(self.credits)} for you"

    def parts(self, site: str) -> Parts:
        return (
            f"{name(self.sender)} gave you {credit_count(self.credits)}. They are in your account already, and do "
            "not expire.",
            *_their_words(self.message),
            f"Put them to use: {site}",
        )


class GiftWaiting(Notice, rename={"sender": "from", "expires_at": "expiresAt"}):
    sender: str
    credits: int
    expires_at: datetime
    message: str | None = None

    def subject(self) -> str:
        return f"A gift of {credit_count(self.credits)} is waiting for you"

    def parts(self, site: str) -> Parts:
        return (
            f"{name(self.sender)} gave you {credit_count(self.credits)} to run prompt packages with.",
            *_their_words(self.message),
            f"Register with this e-mail address by {day(self.expires_at)} and they are yours: {site}",
            "If you do not, they go back to the sender, and you will not hear of it again.",
        )


class GiftReturned(Notice):
    credits: int
    to_email: str | None = None

    def subject(self) -> str:
        return f"Your gift of {credit_count(self.credits)} has come back"

    def parts(self, site: str) -> Parts:
        whom = f" to {name(self.to_email)}" if self.to_email else ""
        return (
            f"Your gift of {credit_count(self.credits)}{whom} was not taken up in time. The credits are back in your "
            "account, and do not expire.",
        )


class CostAlert(Notice):
    used_usd: str
    resets_at: datetime
    limit_usd: str | None = None
    percent: int | None = None

    def subject(self) -> str:
        if self.percent is None:
            return "The cost limit of your month does not let runs through"
        return f"{self.percent} % of your month's cost limit is used"

    def parts(self, site: str) -> Parts:
        if self.limit_usd is None:
            return (
                "A run of yours was refused: no cost limit is set for your tier, and without one nothing runs.",
                f"What helps: write to us. Credits you have stay yours. Your account: {site}",
            )
        used = f"${self.used_usd} of the ${self.limit_usd} that your runs may cost in a calendar month"
        until = day(self.resets_at)
        if self.percent is None:
            happened = (
                f"A run of yours was refused because it did not fit: {used} are used or held by runs under way. "
                f"A smaller run may still fit. The limit begins anew on {until}."
            )
        else:
            happened = (
                f"{used} are used. At the limit, runs are refused until it begins anew on {until}; till then nothing "
                "changes."
            )
        return (
            happened,
            "What helps: shorter requests and smaller models cost less; credits you buy, and PRPM+, bring a higher "
            f"limit: {site}",
        )


class Throttled(Notice):
    until: datetime | None = None

    def subject(self) -> str:
        return "Your runs are paused"

    def parts(self, site: str) -> Parts:
        if self.until is None:
            return (
                "We have paused the runs of your account. Until we resume them, each is refused. Your credits stay "
                "yours.",
                f"What helps: write to us, and we look into it. Your account: {site}",
            )
        return (
            f"We have paused the runs of your account until {day(self.until)}. Till then each is refused; after that "
            "they go on by themselves. Your credits stay yours.",
            f"If you think that this is a mistake, write to us. Your account: {site}",
        )


class PlatformAlert(Notice):
    alert_id: str
    kind: str
    details: dict[str, msgspec.Raw]
    created_at: datetime
    user_id: str | None = None
    statement: str | None = None

    def subject(self) -> str:
        return f"Scrip alert: {name(self.kind)}"

    def _meaning(self) -> str:
        what = self.kind.partition(":")[0].rstrip("_0123456789")
        return MEANINGS.get(what, "Something needs a look.")

    def parts(self, site: str) -> Parts:
        figures = ", ".join(f"{key} {bytes(value).decode()}" for key, value in self.details.items())
        return (
            f"{self._meaning()} Seen on {day(self.created_at)}; it is told once a day at most.",
            f"The account concerned: {self.user_id}." if self.user_id else None,
            f"Figures: {figures}." if figures else None,
            "Look with:" if self.statement else None,
            quotation(self.statement) if self.statement else None,
            "Say that somebody has seen to it with:",
            quotation(f"select admin.acknowledge_alert('{self.alert_id}', 'what was done');"),
        )


# What operators are told of each kind, up to its colon or its figure.
MEANINGS = {
    "margin_low": "The month earns too little of what it takes in.",
    "many_throttled": "Many of the month's active people are throttled.",
    "provider_spend": "A provider's spend of the day is near its ceiling, or has reached it.",
    "job_late": "A job is late: it did not succeed since it was due.",
    "ledger": "The ledger contradicts itself. Nothing is more urgent.",
    "stripe_event_parked": "An event of Stripe waits: what it tells of could not be done yet.",
    "provider_bill": "A provider's bill differs from our figure.",
    "deliveries_failing": "The alert webhook does not take alerts.",
    "notices_failing": "Messages to people cannot be sent.",
    "signup_credits_exhausted": "The day's credits for new people are given out; who registers now gets none.",
    "unknown_model": "A provider answered with a model that has no price here.",
    "billing_task_failed": "Something that had to be done at Stripe could not be done, and is not tried again.",
    "catch_up_failed": "An account's rows contradict each other, so it stands still.",
    "gifts_failed": "Gifts of an account cannot go on: its rows contradict each other.",
}

KINDS: dict[str, type[Notice]] = {
    "purchase": Purchase,
    "refund": Refund,
    "dispute": Dispute,
    "past_due": PastDue,
    "subscription_ended": SubscriptionEnded,
    "credits_expire": CreditsExpire,
    "gift_received": GiftReceived,
    "gift_waiting": GiftWaiting,
    "gift_returned": GiftReturned,
    "cost_alert": CostAlert,
    "throttled": Throttled,
    "platform_alert": PlatformAlert,
}


def word(kind: str, details: bytes, username: str | None, site: str) -> Wording:
    """A notice in words. site: the address of our pages. Raises UnknownNotice."""
    if kind not in KINDS:
        raise UnknownNotice(kind)
    try:
        notice = msgspec.json.decode(details, type=KINDS[kind])
    except msgspec.DecodeError:
        raise UnknownNotice(kind) from None
    greeting = f"Hello {name(username)}," if username else "Hello,"
    text = paragraphs(greeting, *notice.parts(site))
    return Wording(notice.subject(), f"{text}\n-- \nScrip\n{site}\n")


def _their_words(message: str | None) -> Parts:
    return ("They wrote:", quotation(message)) if message else ()
