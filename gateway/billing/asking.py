"""How Stripe is asked: its errors leave as refusals, and nothing is made twice or refused for ever by its memory."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import aiohttp
import stripe
import structlog

from gateway.errors import BILLING_ERROR, BILLING_UNAVAILABLE, Kind, Refusal

T = TypeVar("T")

PAUSE_SECONDS = 5
# How many failures in a row that Stripe remembers may stand before an answer.
MOST_KEYS = 5
REPLAYED = "Idempotent-Replayed"

log = structlog.get_logger()


class StripeRefusal(Refusal):
    """Stripe could not be asked (503) or said no (502).

    code           Stripe's own code, if any
    is_remembered  the key was used before, and this is what came of it then
    """

    def __init__(self, kind: Kind, code: str | None = None, *, is_remembered: bool = False) -> None:
        super().__init__(kind, details={} if kind is BILLING_ERROR else {"retryAfter": PAUSE_SECONDS})
        self.code = code
        self.is_remembered = is_remembered


async def ask(what: str, answer: Awaitable[T]) -> T:
    """Stripe's answer. `what` names the call in the log. Raises StripeRefusal."""
    try:
        return await answer
    except stripe.StripeError as error:
        is_remembered = (error.headers or {}).get(REPLAYED) == "true"
        # Stripe's own words may quote what people typed.
        log.warning(
            "stripe refused",
            asked=what,
            reason=type(error).__name__,
            status=error.http_status,
            code=error.code,
            stripe_request_id=error.request_id,
            is_remembered=is_remembered,
        )
        kind = BILLING_UNAVAILABLE if _is_passing(error) else BILLING_ERROR
        raise StripeRefusal(kind, error.code, is_remembered=is_remembered) from None
    except (aiohttp.ClientError, TimeoutError) as error:
        # The SDK lets through what breaks while it reads an answer.
        log.warning("stripe refused", asked=what, reason=type(error).__name__)
        raise StripeRefusal(BILLING_UNAVAILABLE) from None


async def once(key: str, make: Callable[[str], Awaitable[T]], find: Callable[[], Awaitable[T | None]]) -> T:
    """What `make` makes under `key`: the same again for whoever asks again.

    Stripe remembers for a day what a key first led to, failures of its own too, done or not. So what failed then is
    looked for with `find`, and else made under the key's next number: two who ask at once walk the same way.
    """
    for number in range(1, MOST_KEYS):
        try:
            return await make(key if number == 1 else f"{key}-{number}")
        except StripeRefusal as refusal:
            if not refusal.is_remembered:
                raise
        found = await find()
        if found is not None:
            return found
    return await make(f"{key}-{MOST_KEYS}")


def _is_passing(error: stripe.StripeError) -> bool:
    """No answer, an unreadable one, 429, 5xx, or 409: the same key is still being worked on."""
    status = error.http_status
    return status is None or not 400 <= status < 500 or status in {409, 429}
