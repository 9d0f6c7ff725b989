"""Prices and sizes of runs against exact fractions in plain Python."""

import math
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from typing import Any, LiteralString

import psycopg
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.py.support.database import Database

exact = settings(max_examples=300, deadline=None)

tokens = st.integers(0, 60_000)
multipliers = st.one_of(
    st.sampled_from([Decimal("0.5"), Decimal(1), Decimal(2), Decimal(5), Decimal(10)]),
    st.decimals(Decimal("0.001"), Decimal(1000), places=3),
)
steps = st.sampled_from([1, 7, 1000, 5000])
prices = st.decimals(Decimal("0.000001"), Decimal("999999.999999"), places=6)
counts = st.integers(0, 10**12)


@pytest.fixture(scope="module")
def connection(database: Database) -> Iterator[psycopg.Connection]:
    with database.connect() as connection:
        yield connection


def call(connection: psycopg.Connection, statement: LiteralString, *parameters: Any) -> tuple[Any, ...]:
    row = connection.execute(statement, parameters).fetchone()
    assert row is not None
    return row


def credits_of(tokens: int, multiplier: Decimal, step: int) -> int:
    return max(1, math.ceil(math.ceil(Fraction(tokens, step)) * Fraction(multiplier)))


@exact
@given(octets=st.integers(0, 10**12))
@example(octets=61538)
@example(octets=61539)
def test_tokens_of_octets(connection: psycopg.Connection, octets: int) -> None:
    (estimated,) = call(connection, "select engine.estimate_tokens(%s)", octets)
    assert estimated == math.ceil(Fraction(octets, 4) * Fraction(13, 10))


@exact
@given(tokens=st.integers(0, 10**12), multiplier=multipliers, step=steps)
def test_credits_of_tokens(connection: psycopg.Connection, tokens: int, multiplier: Decimal, step: int) -> None:
    (credits,) = call(connection, "select engine.credits_for(%s, %s, %s)", tokens, multiplier, step)
    assert credits == credits_of(tokens, multiplier, step)


@exact
@given(amounts=st.tuples(counts, counts, counts, counts), book=st.tuples(prices, prices, prices, prices))
def test_cost_is_exact(connection: psycopg.Connection, amounts: tuple[int, ...], book: tuple[Decimal, ...]) -> None:
    statement: LiteralString = "select engine.cost_of(%s, %s, %s, %s, %s, %s, %s, %s)"
    (cost,) = call(connection, statement, *amounts, *book)
    millionths = [Fraction(count) * Fraction(price) for count, price in zip(amounts, book, strict=True)]
    assert Fraction(cost) == sum(millionths, Fraction(0)) / 1_000_000


@exact
@given(
    available=st.integers(0, 2000),
    multiplier=multipliers,
    step=steps,
    tokens=tokens,
    book=st.tuples(prices, prices),
    room=st.one_of(st.none(), st.decimals(Decimal(0), Decimal(100), places=12)),
    longest=st.integers(1, 8192),
)
def test_size_of_a_run(
    connection: psycopg.Connection,
    available: int,
    multiplier: Decimal,
    step: int,
    tokens: int,
    book: tuple[Decimal, Decimal],
    room: Decimal | None,
    longest: int,
) -> None:
    input_price, output_price = book
    size = call(
        connection,
        """select output_cap, credits, highest_cost_usd, lacks_room, required
           from engine.size_run(%s, %s, %s, %s, %s, 256, %s, %s, %s)""",
        *(available, multiplier, step, tokens, longest, input_price, output_price, room),
    )
    input_cost = Fraction(tokens) * Fraction(input_price) / 1_000_000
    cap = min(longest, math.floor(available / Fraction(multiplier)) * step - tokens)
    lacks_room = False
    if room is not None:
        room_cap = math.floor((Fraction(room) - input_cost) * 1_000_000 / Fraction(output_price))
        lacks_room = room_cap < 256
        cap = min(cap, room_cap)
    credits, highest = None, None
    if cap >= 256:
        credits = credits_of(tokens + cap, multiplier, step)
        highest = input_cost + Fraction(cap) * Fraction(output_price) / 1_000_000
        assert credits <= available, "a hold is never more than there is"
        assert room is None or highest <= Fraction(room), "nor its cost more than the room"
    required = credits_of(tokens + 256, multiplier, step)
    found = (size[0], size[1], None if size[2] is None else Fraction(size[2]), size[3], size[4])
    assert found == (cap, credits, highest, lacks_room, required)
