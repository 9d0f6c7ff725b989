"""Stripe's test cards by number and by name, and what happens with each."""

import msgspec

from gateway.billing.simulator.errors import Refused, card_declined

__all__ = ["BY_NAME", "BY_TOKEN", "DECLINED", "Card", "card_by_number"]


class Card(msgspec.Struct, frozen=True):
    """`code` is that of a decline; `then` what follows a payment that was accepted.

    attach_fails   the decline happens already when the card is saved for a customer
    """

    number: str
    names: tuple[str, ...] = ()
    brand: str = "visa"
    code: str = ""
    decline_code: str | None = None
    message: str = ""
    attach_fails: bool = True
    then: str = ""

    def decline(self, **details: object) -> Refused:
        return card_declined(self.message, self.code, self.decline_code, **details)


DECLINED = "Your card was declined."
POOR = "Your card has insufficient funds."

CARDS = (
    Card("4242424242424242", ("visa",)),
    Card("4000056655665556", ("visa_debit",)),
    Card("5555555555554444", ("mastercard",), "mastercard"),
    Card("378282246310005", ("amex",), "amex"),
    Card(
        "4000000000000002",
        ("visa_chargeDeclined", "chargeDeclined"),
        "visa",
        "card_declined",
        "generic_decline",
        DECLINED,
    ),
    Card(
        "4000000000009995",
        ("visa_chargeDeclinedInsufficientFunds", "chargeDeclinedInsufficientFunds"),
        "visa",
        "card_declined",
        "insufficient_funds",
        POOR,
    ),
    Card("4000000000009987", ("visa_chargeDeclinedLostCard",), "visa", "card_declined", "lost_card", DECLINED),
    Card("4000000000009979", ("visa_chargeDeclinedStolenCard",), "visa", "card_declined", "stolen_card", DECLINED),
    Card(
        "4000000000000069",
        ("chargeDeclinedExpiredCard",),
        "visa",
        "expired_card",
        "expired_card",
        "Your card has expired.",
    ),
    Card(
        "4000000000000127",
        ("chargeDeclinedIncorrectCvc",),
        "visa",
        "incorrect_cvc",
        "incorrect_cvc",
        "Your card's security code is incorrect.",
    ),
    Card(
        "4000000000000119",
        ("chargeDeclinedProcessingError",),
        "visa",
        "processing_error",
        "processing_error",
        "An error occurred while processing your card. Try again in a little bit.",
    ),
    Card("4000000000000341", ("chargeCustomerFail",), "visa", "card_declined", "generic_decline", DECLINED, False),
    Card("4000000000000259", ("createDispute",), then="dispute"),
    Card("4000000000001976", ("createDisputeInquiry",), then="inquiry"),
    Card("4000000000007726", ("pendingRefund",), then="refund_pending"),
    Card("4000000000005126", ("refundFail",), then="refund_fails"),
    # These two are the simulator's own: at Stripe only other ways to pay take their time.
    Card("4000000000005555", ("processing",), then="processing_succeeds"),
    Card(
        "4000000000005563",
        ("processingFail",),
        "visa",
        "card_declined",
        "generic_decline",
        DECLINED,
        False,
        "processing_fails",
    ),
)
BY_NUMBER = {card.number: card for card in CARDS}
BY_NAME = {f"pm_card_{name}": card for card in CARDS for name in card.names}
BY_TOKEN = {f"tok_{name}": card for card in CARDS for name in card.names}


def card_by_number(number: str, param: str = "number") -> Card:
    """Raises `Refused` as the real API does in test mode, where no real card is ever charged."""
    digits = number.replace(" ", "").replace("-", "")
    if not (digits.isascii() and digits.isdigit()) or not 12 <= len(digits) <= 19 or not _passes_luhn(digits):
        raise Refused(402, "Your card number is incorrect.", type="card_error", code="incorrect_number", param=param)
    card = BY_NUMBER.get(digits)
    if card is None:
        message = (
            "Your card was declined. Your request was in test mode, but used a non test (live) card. "
            "For a list of valid test cards, visit: https://stripe.com/docs/testing."
        )
        raise card_declined(message, "card_declined", "test_mode_live_card")
    return card


def _passes_luhn(digits: str) -> bool:
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if place % 2 else 1)
        total += value - 9 if value > 9 else value
    return total % 10 == 0
