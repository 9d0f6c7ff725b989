"""10,000 events of 200 people, shuffled and many of them doubled, against a model of the rules."""

import random
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from uuid import UUID

import pytest

from tests.py.money.lives import NOW, Life, live, pick_packs
from tests.py.money.model import End, end_of
from tests.py.money.orders import share_out
from tests.py.money.shop import Event, Post, make_payers, open_shop, start_purchases
from tests.py.money.state import Account, parked, states_of, touch_all
from tests.py.support.database import Clock, Database

PEOPLE = 200
EVENTS_EACH = 50
CALLERS = 4


def make_lives(shop: Database, count: int, seed: int) -> list[Life]:
    chance = random.Random(seed)
    payers = make_payers(shop, count)
    packs: dict[UUID, dict[UUID, str]] = {payer.user_id: {} for payer in payers}
    picked = {payer: pick_packs(chance) for payer in payers}
    for number in range(5):
        for pack in sorted({packs[number] for packs in picked.values()}):
            buyers = [payer for payer in payers if picked[payer][number] == pack]
            for payer, purchase_id in zip(buyers, start_purchases(shop, buyers, pack), strict=True):
                packs[payer.user_id][purchase_id] = pack
    # Ids are random; the lives must not be.
    return [
        live(payer, packs[payer.user_id], random.Random(f"{seed} {n}"), EVENTS_EACH) for n, payer in enumerate(payers)
    ]


def shown(state: Account) -> End:
    """What the database says, in the model's words."""
    lots = {
        bucket: [(g["remaining"], g["suspended"]) for g in state["grants"] if g["bucket"] == bucket]
        for bucket in ("monthly", "rollover")
    }
    end = End(
        purchases=Counter((p["pack"], p["status"]) for p in state["purchases"]),
        bought=sorted((g["remaining"], g["suspended"]) for g in state["grants"] if g["source"] == "purchase"),
        budget=Decimal(str(state["budget"])),
    )
    end.monthly, end.monthly_suspended = map(sum, zip((0, 0), *lots["monthly"], strict=True))
    end.rollover, end.rollover_suspended = map(sum, zip((0, 0), *lots["rollover"], strict=True))
    for subscription in state["subscriptions"] or []:
        end.status, end.periods = subscription["status"], subscription["periods"]
    return end


def expected(life: Life, heard: Sequence[Event]) -> End:
    end = end_of(heard, life.packs, NOW)
    end.bought.sort()
    return end


def assert_as_the_model(shop: Database, lives: Sequence[Life]) -> None:
    states = states_of(shop, [life.payer.user_id for life in lives])
    for life in lives:
        state = states[life.payer.user_id]
        wanted = expected(life, life.events)
        got = shown(state)
        got.budget, wanted.budget = got.budget.quantize(Decimal("1e-6")), wanted.budget.quantize(Decimal("1e-6"))
        assert got == wanted, (life.payer, [(e.type, e.created, e.event_id) for e in life.events], state)
        assert state["balance"] == wanted.balance
        owed = [p for p in state["payments"] or [] if p["revoke_due"] or p["shortfall"]]
        assert (state["owes"], owed) == (False, []), "nothing was spent, so nothing can be missing"


def retry_parked(shop: Database, clock: Clock) -> None:
    """What two callers brought at one moment, one of them too early, is left to the job."""
    for _ in range(3):
        clock.advance(timedelta(minutes=20))
        while shop.value("select jobs.process_parked_events(1000)", role="scrip_cron"):
            pass
    assert parked(shop) == []


def test_shuffled_and_doubled_every_life_ends_as_the_model_says(shop: Database, clock: Clock) -> None:
    clock.freeze(NOW)
    lives = make_lives(shop, PEOPLE, seed=20)
    events = [event for life in lives for event in life.events]
    assert len(events) == PEOPLE * EVENTS_EACH
    events += events[::10]
    random.Random(20).shuffle(events)

    def deliver(share: Sequence[Event]) -> None:
        with Post(shop) as post:
            post.deliver_all(share, NOW)

    share_out(deliver, events, CALLERS)
    retry_parked(shop, clock)
    touch_all(shop, [life.payer.user_id for life in lives])
    assert_as_the_model(shop, lives)
    assert shop.value("select count(*) from playground.stripe_event_ids") >= PEOPLE * EVENTS_EACH
    shop.assert_ledger_holds()


@pytest.mark.parametrize("seed", [1, 2])
def test_told_in_time_every_life_ends_as_the_model_says(fresh_database: Database, seed: int) -> None:
    open_shop(fresh_database)
    clock = fresh_database.clock
    begin = NOW - timedelta(days=200)
    clock.freeze(begin)
    lives = make_lives(fresh_database, 20, seed)
    happened = sorted((event for life in lives for event in life.events), key=lambda event: event.created)
    with Post(fresh_database) as post, fresh_database.connect() as owner:
        now = begin
        for event in happened:
            if event.created > now:
                now = event.created
                owner.execute("update tests.clock set stands_at = %s", [now])
            post.deliver(event, now)
    clock.freeze(NOW)
    touch_all(fresh_database, [life.payer.user_id for life in lives])
    assert_as_the_model(fresh_database, lives)
    assert parked(fresh_database) == []
    fresh_database.assert_ledger_holds()
