"""What is left of a payer's events: everything that counts, and nothing that depends on the order they came in."""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from tests.py.support.database import Database

# Not told: numbers of transactions, ids, when we heard of it; which lots of a plan are empty by now (credits that were
# refunded before their renewal never rolled over; those refunded after it did, and were taken from there).
STATES = """
select a.account_id, jsonb_build_object(
  'balance', a.last_balance, 'budget', trim_scale(a.cost_budget_usd), 'owes', a.is_owing,
  'purchases', (
    select jsonb_agg(jsonb_build_object(
      'pack', p.pack, 'status', p.status, 'failure', case when p.status = 'failed' then p.failure_code end,
      'succeeded_at', p.succeeded_at) order by p.requested_at, p.pack, p.succeeded_at, p.status, p.failure_code)
    from playground.purchases p where p.account_id = a.account_id),
  'payments', (
    select jsonb_agg(to_jsonb(y) - '{account_id,payment_intent_id,purchase_id,invoice_id,charge_id,receipt_url}'::text[]
      - case when y.invoice_id is not null then '{taken}'::text[] else '{}' end
      order by y.paid_at, y.payment_intent_id)
    from playground.payments y
    where y.account_id = a.account_id
      and (y.purchase_id is not null or y.refunded_cents + y.disputed_cents + y.lost_cents > 0)),
  'refunds', (
    select jsonb_agg(jsonb_build_array(r.amount_cents, r.status, r.created_at, r.changed_at)
      order by r.created_at, r.amount_cents, r.status)
    from playground.refunds r where r.account_id = a.account_id),
  'disputes', (
    select jsonb_agg(jsonb_build_array(d.amount_cents, d.status, d.changed_at)
      order by d.changed_at, d.amount_cents, d.status)
    from playground.disputes d where d.account_id = a.account_id),
  'revocations', (
    select jsonb_agg(jsonb_build_array(g.bucket, g.source, r.credits) order by g.granted_at, g.bucket, r.credits)
    from playground.revocations r
    join playground.grants g using (account_id, grant_id)
    where r.account_id = a.account_id and r.credits > 0 and g.source = 'purchase'),
  'grants', (
    select jsonb_agg(jsonb_build_object(
      'bucket', g.bucket, 'source', g.source, 'remaining', g.remaining, 'held', g.held,
      'granted', case when g.bucket <> 'rollover' then g.granted end,
      'suspended', g.suspended, 'expires_at', g.expires_at, 'expired_at', g.expired_at)
      order by g.bucket, g.source, g.expires_at, g.granted, g.remaining, g.suspended)
    from playground.grants g
    where g.account_id = a.account_id and (g.remaining > 0 or g.bucket = 'purchased')),
  'subscriptions', (
    select jsonb_agg(jsonb_build_object(
      'price', s.plan_price, 'status', s.status, 'periods', s.periods, 'period_end', s.period_end, 'ends_at', s.ends_at,
      'ended_at', s.ended_at, 'state_at', s.state_at, 'suspend_at', s.suspend_at) order by s.stripe_subscription_id)
    from playground.subscriptions s where s.account_id = a.account_id),
  'periods', (
    select jsonb_agg(jsonb_build_object(
      'start', p.period_start, 'end', p.period_end, 'paid_at', p.paid_at, 'granted', g.granted,
      'expires_at', g.expires_at, 'expired_at', g.expired_at, 'remaining', g.remaining)
      order by p.period_start)
    from playground.periods p
    left join playground.grants g on g.account_id = p.account_id and g.grant_id = p.grant_id
    where p.account_id = a.account_id))
from playground.accounts a
where a.account_id = any (%s)
"""

Account = dict[str, Any]


def states_of(database: Database, account_ids: Sequence[UUID]) -> dict[UUID, Account]:
    """The end state of each account, in words that are equal when nothing that counts differs."""
    return dict(database.rows(STATES, [list(account_ids)]))


def touch_all(database: Database, account_ids: Iterable[UUID]) -> None:
    """Everybody looks at their balance: what is due by now is done."""
    with database.connect("scrip_gateway") as gateway:
        gateway.execute("select api.get_balance(user_id) from unnest(%s::uuid[]) as user_id", [list(account_ids)])


def parked(database: Database) -> list[tuple[str, str]]:
    """Events that still wait: type and reason."""
    return database.rows("select type, reason from playground.stripe_events where state = 'parked' order by 1, 2")
