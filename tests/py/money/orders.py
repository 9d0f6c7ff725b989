"""Deliveries in every order, each event twice, by as many connections as there are cores to serve them."""

import itertools
import os
import random
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import TypeVar

from tests.py.money.shop import Event, Post
from tests.py.support.database import Database

T = TypeVar("T")


def in_every_order(events: Sequence[Event], number: int) -> list[Event]:
    """The number-th order of these events, each once more at a later place."""
    order = list(next(itertools.islice(itertools.permutations(events), number, None)))
    chance = random.Random(number)
    for event in list(order):
        order.insert(chance.randint(order.index(event) + 1, len(order)), event)
    return order


def deliver_each(database: Database, stories: Sequence[Iterable[Event]], at: datetime) -> None:
    """Each story's events one after the other; the stories beside each other."""

    def deliver(share: Iterable[Iterable[Event]]) -> None:
        with Post(database) as post:
            for events in share:
                post.deliver_all(events, at)

    share_out(deliver, stories, os.cpu_count() or 1)


def share_out(work: Callable[[Sequence[T]], None], items: Sequence[T], callers: int) -> None:
    """Each caller does its share of the items; whatever goes wrong is raised."""
    with ThreadPoolExecutor(callers) as pool:
        for done in [pool.submit(work, items[caller::callers]) for caller in range(callers)]:
            done.result()
