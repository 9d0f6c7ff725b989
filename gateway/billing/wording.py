"""Credits, money, days and other people's words, as they stand in a message."""

import re
import textwrap
from datetime import UTC, datetime
from decimal import Decimal

LINE = 76
LONGEST_NAME = 100
_UNSEEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")
_SYMBOLS = {"usd": "$", "eur": "€", "gbp": "£"}
# Currencies without cents, as Stripe lists them: their amounts are whole units.
_WHOLE = frozenset(
    {"bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "ugx", "vnd", "vuv", "xaf", "xof", "xpf"}
)


def money(cents: int, currency: str) -> str:
    """An amount in the smallest unit of a currency: `$10.00`, `1,000 JPY`."""
    amount = f"{Decimal(cents):,}" if currency in _WHOLE else f"{Decimal(cents).scaleb(-2):,.2f}"
    symbol = _SYMBOLS.get(currency)
    return f"{symbol}{amount}" if symbol else f"{amount} {currency.upper()}"


def credit_count(credits: int) -> str:
    """`1 credit`, `1,250 credits`."""
    return "1 credit" if credits == 1 else f"{credits:,} credits"


def day(instant: datetime) -> str:
    """`3 March 2031, 10:00 UTC`."""
    in_utc = instant.astimezone(UTC)
    return f"{in_utc.day} {in_utc:%B %Y, %H:%M} UTC"


def name(words: str) -> str:
    """What somebody called something, on one line and not without end."""
    line = " ".join(_UNSEEN.sub("", words).split())
    return line if len(line) <= LONGEST_NAME else line[: LONGEST_NAME - 1] + "…"


def quotation(words: str) -> str:
    """What somebody else wrote, so that nobody takes it for ours."""
    # Whatever some program may take for the end of a line is one, and gets its mark.
    lines = [_UNSEEN.sub("", line) for line in words.strip().splitlines()]
    return "\n".join(_wrap(line, "> ") if line.strip() else ">" for line in lines)


def paragraphs(*parts: str | None) -> str:
    """The parts that there are, each a paragraph; a quotation keeps its lines."""
    return "\n\n".join(part if part.startswith(">") else _wrap(part) for part in parts if part) + "\n"


def _wrap(text: str, margin: str = "") -> str:
    # Addresses of pages and long words stay whole: a broken link helps nobody.
    return textwrap.fill(
        text,
        LINE,
        initial_indent=margin,
        subsequent_indent=margin,
        break_long_words=False,
        break_on_hyphens=False,
    )
