"""Where people may be sent back to from a page of Stripe's: origins on the list, and nothing that hides another."""

import re
from collections.abc import Iterable, Mapping

from gateway.errors import invalid
from gateway.settings import origin_of

LONGEST = 2000
# Stricter than any browser: what is left cannot be read in two ways. No user names, no backslashes, no blanks or
# control characters, nothing beyond ASCII.
_ADDRESS = re.compile(
    r"""https?://
        (?: [A-Za-z0-9.-]+ | \[[0-9A-Fa-f:.]+\] )
        (?: :[0-9]{1,5} )?
        (?: [/?\#] [!\#-;=?-\[\]_a-~]* )?""",
    re.VERBOSE | re.IGNORECASE | re.ASCII,
)


def check_redirects(allowed: Iterable[str], addresses: Mapping[str, str | None]) -> None:
    """Raises Refusal 422 naming each field whose address leads elsewhere. Absent ones are left alone."""
    origins = frozenset(allowed)
    wrong = {name: _complaint(address, origins) for name, address in addresses.items() if address is not None}
    complaints = {name: complaint for name, complaint in wrong.items() if complaint is not None}
    if complaints:
        raise invalid(**complaints)


def _complaint(address: str, origins: frozenset[str]) -> str | None:
    if len(address) > LONGEST:
        return f"must have at most {LONGEST} characters"
    if not _ADDRESS.fullmatch(address):
        return "is not an http or https address"
    try:
        origin = origin_of(address)
    except ValueError:
        return "is not an http or https address"
    return None if origin in origins else "is not at an origin that people may be sent back to"
