create view analytics.deferred_revenue_new as
with lots as (
  select case when source in ('purchase', 'gift') then 'pack' else 'plan' end as source, currency, sum(paid) as paid,
    coalesce(sum(value_in - value_out) filter (where kind in ('purchase', 'monthly')), 0) as granted,
    coalesce(sum(value_out - value_in) filter (where kind in ('expire', 'restore')), 0) as breakage,
    coalesce(sum(value_out - value_in) filter (where kind = 'refund'), 0) as refunded,
    -- Gifts and rollovers move what was paid for; what is under way is still to be used.
    coalesce(sum(value_in - value_out) filter (where kind not in ('gift', 'rollover')), 0) as deferred,
    coalesce(sum(credits_in - credits_out) filter (where kind not in ('gift', 'rollover')), 0) as credits
  from rollup.credit_months
  where currency <> 'none'
  group by 1, 2
), payment as (
  -- Money of packs and invoices, with what its invoice paid for.
  select case
      when y.purchase_id is not null then 'pack'
      when p.grant_id is not null then 'plan'
      when p.period_start is not null then 'access'
      else 'unassigned' end as source,
    coalesce(i.currency, y.currency) as currency, coalesce(i.paid_cents, 0)::bigint as paid_cents,
    coalesce(y.refunded_cents + y.lost_cents, 0)::bigint as back_cents,
    case when p.period_start is null then 1
      else greatest(0, least(1, extract(epoch from p.period_end - engine.now()) / extract(epoch from p.period_end - p.period_start))) end as share_left
  from playground.invoices i
  left join playground.periods p on p.account_id = i.account_id and p.subscription_id = i.subscription_id and p.invoice_id = i.invoice_id
  full join playground.payments y on y.account_id = i.account_id and y.invoice_id = i.invoice_id
  where i.invoice_id is not null or y.paid_at is not null
), back as (
  select source, currency, sum(back_cents) * 0.01 as money from payment group by 1, 2
), without_credits as (
  -- A plan without credits earns as time passes; what paid for no period earns nothing.
  select source, currency, sum(paid_cents) * 0.01 as paid, sum(least(paid_cents, back_cents)) * 0.01 as refunded,
    sum(round((paid_cents - least(paid_cents, back_cents))::numeric / 100 * share_left, 12)) as deferred
  from payment
  where source in ('access', 'unassigned')
  group by 1, 2
), amount as (
  select source, currency, paid, granted - breakage - refunded - deferred as recognised, breakage, refunded, deferred, paid - granted as rounding, credits
  from lots
  union all
  select source, currency, paid, paid - refunded - deferred, 0, refunded, deferred, 0, 0
  from without_credits
)
select a.source, a.currency, a.paid, a.recognised, a.breakage, a.refunded, a.deferred, a.rounding, a.credits::bigint as credits, coalesce(b.money, 0) as money_back
from amount a
left join back b on b.source = a.source and b.currency = a.currency;
comment on view analytics.deferred_revenue_new is 'What was paid and is not earned yet, a row per source and currency, since the beginning: paid = recognised + breakage + refunded + deferred + rounding. A credit is worth what was paid for it, also after it was given away or rolled over. Amounts are in currency: cents / 100.';
comment on column analytics.deferred_revenue_new.source is 'pack: bought credits; plan: credits of a plan''s paid months; access: plans without credits, earned as their month passes; unassigned: invoices that paid for no month.';
comment on column analytics.deferred_revenue_new.currency is 'Currency of the amounts.';
comment on column analytics.deferred_revenue_new.paid is 'Money that came in, in currency.';
comment on column analytics.deferred_revenue_new.recognised is 'Value of the credits that runs used, or of the time that has passed, in currency.';
comment on column analytics.deferred_revenue_new.breakage is 'Value of the credits that expired unused, in currency.';
comment on column analytics.deferred_revenue_new.refunded is 'Value of the credits taken back for refunds and lost disputes, in currency: less than the money when they had been used.';
comment on column analytics.deferred_revenue_new.deferred is 'Value of the credits that are left, held, suspended or on their way as a gift, those of people who have left included, or of the time to come, in currency.';
comment on column analytics.deferred_revenue_new.rounding is 'What prices of one credit, rounded to 12 places, leave of paid, in currency.';
comment on column analytics.deferred_revenue_new.credits is 'Credits that are left, gifts under way included.';
comment on column analytics.deferred_revenue_new.money_back is 'Money refunded and lost in disputes, in currency; what it exceeds refunded by is the house''s loss.';
