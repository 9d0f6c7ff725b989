"""What can be switched while the simulator runs (`POST /_sim/switches`)."""

from typing import Literal

import msgspec

__all__ = ["CURRENT_VERSION", "OLD_VERSION", "Switches"]

CURRENT_VERSION = "2026-10-28.endive"
OLD_VERSION = "2024-06-20"


class Switches(msgspec.Struct, forbid_unknown_fields=True):
    """The defaults are a Stripe on a good day.

    api_version             the shape of events, and of answers to callers that name no version (see `shapes.py`)
    livemode                what objects and events say of themselves
    draft_seconds           how long a renewal's invoice stays a draft (an hour at Stripe)
    retry_days              pauses before a declined renewal is tried again
    after_retries           what becomes of the subscription then
    portal_cancels_with     how the portal ends a subscription: Stripe uses `cancel_at` under flexible billing
    processing_seconds      how long a payment by a card that goes to `processing` stays there
    refund_outcome          what becomes of refunds, unless their card or metadata[simulate] says otherwise
    refund_seconds          when a refund that is pending or will fail does so
    search_lag_seconds      how long a search does not find a new object
    double                  each delivery is made twice
    delay_seconds           each delivery waits that long
    shuffle, seed           that many deliveries are held back, then sent in random order
    drop                    the next so many deliveries are lost (true: all); no retry follows
    drop_types              deliveries of these types are lost
    paused                  deliveries are held until this is off again
    concurrency             deliveries under way at once; with one they keep their order
    attempts                how often a delivery is tried
    retry_seconds           the pause before the second try; it doubles each time
    delivery_timeout        seconds that an endpoint may take
    signed_by_simulated_clock  the signature's time is that of the simulator's clock, not the real one
    """

    api_version: str = CURRENT_VERSION
    livemode: bool = False
    draft_seconds: int = 0
    retry_days: tuple[int, ...] = (3, 5, 7)
    after_retries: Literal["canceled", "unpaid", "past_due"] = "canceled"
    portal_cancels_with: Literal["cancel_at_period_end", "cancel_at"] = "cancel_at_period_end"
    processing_seconds: int = 5
    refund_outcome: Literal["succeeded", "pending", "fails"] = "succeeded"
    refund_seconds: int = 5
    search_lag_seconds: int = 0
    double: bool = False
    delay_seconds: float = 0.0
    shuffle: int = 0
    seed: int = 0
    drop: bool | int = 0
    drop_types: tuple[str, ...] = ()
    paused: bool = False
    concurrency: int = 1
    attempts: int = 8
    retry_seconds: float = 1.0
    delivery_timeout: float = 20.0
    signed_by_simulated_clock: bool = False
