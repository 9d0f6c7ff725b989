"""What the database says about the measured texts: estimates, limits and losses are its figures, not ours."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import psycopg

# Safety factors to compare with the one in force.
OTHER_FACTORS = [Decimal(factor) for factor in ("1.5", "2", "3", "4")]


@dataclass(frozen=True)
class Choice:
    """A safety factor: the longest input of a run in octets, and the tokens estimated by octets."""

    factor: Decimal
    longest_octets: int
    estimates: dict[int, int]


@dataclass(frozen=True)
class Loss:
    """The most that one run can take beyond its hold: tokens, and what they cost in US dollars."""

    model: str
    tokens: int
    usd: Decimal


@dataclass(frozen=True)
class Facts:
    """Settings and figures. `choices` begins with the factor in force, `free_day_usd` limits a day of the free tier."""

    octets_per_token: Decimal
    alert_factor: Decimal
    tokens_per_credit: int
    max_input_tokens: int
    free_day_usd: Decimal
    choices: list[Choice]
    losses: list[Loss]


SETTINGS = """
    select s.octets_per_token, s.estimate_alert_factor, s.tokens_per_credit, s.max_input_tokens, t.daily_cost_limit_usd
    from playground.platform_settings s
    cross join playground.tiers t
    where t.tier = 'free'
"""
IN_FORCE = """
    select s.token_estimate_factor, engine.estimate_tokens(octets)
    from playground.platform_settings s
    cross join unnest(%s::bigint[]) with ordinality as sizes (octets, position)
    order by position
"""
OTHERWISE = """
    select engine.tokens_of(octets, s.octets_per_token, %s)
    from playground.platform_settings s
    cross join unnest(%s::bigint[]) with ordinality as sizes (octets, position)
    order by position
"""
LONGEST = "select floor(max_input_tokens * octets_per_token / %s)::bigint from playground.platform_settings"
# Every octet a token of its own, the longest input, the longest answer.
LOSSES = """
    select m.model, beyond.tokens, engine.cost_of(beyond.tokens, 0, 0, 0, price.input_usd_per_million, 0, 0, 0)
    from playground.models m
    cross join playground.platform_settings s
    cross join lateral (
      select p.input_usd_per_million
      from playground.model_prices p
      where p.model = m.model
      order by p.effective_from desc
      limit 1
    ) as price
    cross join lateral (
      select engine.credits_for(s.max_input_tokens + m.max_output_tokens, m.multiplier, s.tokens_per_credit) as credits
    ) as hold
    cross join lateral (
      select floor(s.max_input_tokens * s.octets_per_token / s.token_estimate_factor)::bigint + m.max_output_tokens
        - floor(hold.credits / m.multiplier)::bigint * s.tokens_per_credit as tokens
    ) as beyond
    where m.model = any(%s)
    order by m.position
"""


def read_facts(connection: psycopg.Connection[Any], octets: Iterable[int], models: Iterable[str]) -> Facts:
    """Reads as the owner of the tables. Raises psycopg.Error when the database has no such tables."""
    sizes = sorted(set(octets))
    (settings,) = connection.execute(SETTINGS).fetchall()
    in_force = connection.execute(IN_FORCE, [sizes]).fetchall()
    now = _choice(connection, in_force[0][0], sizes, [tokens for _, tokens in in_force])
    others = [_other_choice(connection, factor, sizes) for factor in OTHER_FACTORS]
    losses = [Loss(*row) for row in connection.execute(LOSSES, [list(models)])]
    return Facts(*settings, choices=[now, *others], losses=losses)


def _other_choice(connection: psycopg.Connection[Any], factor: Decimal, sizes: list[int]) -> Choice:
    rows = connection.execute(OTHERWISE, [factor, sizes]).fetchall()
    return _choice(connection, factor, sizes, [tokens for (tokens,) in rows])


def _choice(connection: psycopg.Connection[Any], factor: Decimal, sizes: list[int], tokens: list[int]) -> Choice:
    ((longest,),) = connection.execute(LONGEST, [factor]).fetchall()
    return Choice(factor, longest, dict(zip(sizes, tokens, strict=True)))
