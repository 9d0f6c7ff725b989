-- Money that came in and went back, one row each: what the analysts' views on revenue add up.

create or replace function engine.months(p_from timestamptz, p_until timestamptz)
returns table (month timestamptz, ends_at timestamptz)
language sql stable
as $$
  -- Without a time zone, so that the session's does not count.
  select m at time zone 'UTC', (m + interval '1 month') at time zone 'UTC'
  from generate_series(date_trunc('month', p_from at time zone 'UTC'), p_until at time zone 'UTC', interval '1 month') as m
$$;
comment on function engine.months(timestamptz, timestamptz) is 'The calendar months (UTC) from that of p_from to that of p_until, both included; each half-open.';

create or replace view engine.money_flows as
with back as (
  select y.account_id, y.payment_intent_id, y.currency, y.paid_at, y.reported_at, y.refunded_cents::bigint as refunded_cents, y.purchase_id,
    coalesce(s.plan_price, 'pack') as product
  from playground.payments y
  left join playground.invoices i on i.account_id = y.account_id and i.invoice_id = y.invoice_id
  left join playground.subscriptions s on s.account_id = i.account_id and s.subscription_id = i.subscription_id
  where y.paid_at is not null and y.refunded_cents + y.lost_cents > 0
), refund as (
  -- In the order in which they were made, up to what went back in all.
  select r.account_id, r.payment_intent_id, r.created_at, r.amount_cents::bigint as amount_cents,
    sum(r.amount_cents) over (partition by r.account_id, r.payment_intent_id order by r.created_at, r.refund_id)::bigint as through
  from playground.refunds r
  join back b on b.account_id = r.account_id and b.payment_intent_id = r.payment_intent_id
  where r.status not in ('failed', 'canceled')
)
select p.account_id, 'paid' as kind, 'pack' as product, p.currency, p.succeeded_at as at, p.succeeded_at as paid_at, p.price_cents::bigint as cents,
  p.credits::bigint as credits
from playground.purchases p
where p.status = 'succeeded'
union all
select i.account_id, 'paid', s.plan_price, i.currency, i.paid_at, i.paid_at, i.paid_cents::bigint, null
from playground.invoices i
join playground.subscriptions s on s.account_id = i.account_id and s.subscription_id = i.subscription_id
union all
select b.account_id, 'refunded', b.product, b.currency, r.created_at, b.paid_at,
  least(r.through, b.refunded_cents) - least(r.through - r.amount_cents, b.refunded_cents), null
from back b
join refund r on r.account_id = b.account_id and r.payment_intent_id = b.payment_intent_id
where r.through - r.amount_cents < b.refunded_cents
union all
-- Told by the charge alone.
select b.account_id, 'refunded', b.product, b.currency, coalesce(b.reported_at, b.paid_at), b.paid_at, b.refunded_cents - coalesce(t.cents, 0), null
from back b
left join (select account_id, payment_intent_id, sum(amount_cents)::bigint as cents from refund group by 1, 2) as t
  on t.account_id = b.account_id and t.payment_intent_id = b.payment_intent_id
where b.refunded_cents > coalesce(t.cents, 0)
union all
select d.account_id, 'lost', b.product, b.currency, d.changed_at, b.paid_at, d.amount_cents::bigint, null
from playground.disputes d
join back b on b.account_id = d.account_id and b.payment_intent_id = d.payment_intent_id
where d.status = 'lost';
comment on view engine.money_flows is
  'Money that was paid, refunded (refunds made and not failed, at the time each was made; what only the charge tells, when it told it) and lost in disputes (when they were lost). product: pack, or the price of the plan. at: when; paid_at: when the money had come in. cents: of currency, never negative. credits: of a pack that was paid.';

create or replace view engine.net_payments as
select y.account_id, y.currency, y.paid_at, y.paid_cents - least(y.paid_cents, y.refunded_cents + y.lost_cents) as net_cents
from playground.payments y
where y.paid_cents is not null
union all
-- Paid by bank transfer, or Stripe has not said yet with which PaymentIntent: nothing can have gone back.
select i.account_id, i.currency, i.paid_at, i.paid_cents::bigint
from playground.invoices i
where not exists (select from playground.payments y where y.account_id = i.account_id and y.invoice_id = i.invoice_id);
comment on view engine.net_payments is
  'What is left of each payment, for a pack or a plan, as of now: paid less what was refunded and lost in disputes, never negative, in cents of currency, at the time at which it was paid.';
