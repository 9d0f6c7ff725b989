create view analytics.revenue_new as
with instant as materialized (
  select engine.now() as now
), flow as materialized (
  select f.*, date_trunc('month', f.at, 'UTC') as month, date_trunc('month', f.paid_at, 'UTC') as paid_month
  from engine.money_flows f
), checkout as (
  select date_trunc('month', c.requested_at, 'UTC') as month, coalesce(p.currency, pp.currency) as currency,
    count(*) as begun, count(*) filter (where c.status = 'completed') as completed
  from playground.checkouts c
  left join playground.purchases p on p.account_id = c.account_id and p.purchase_id = c.purchase_id
  left join playground.plan_prices pp on pp.plan_price = c.plan_price
  group by 1, 2
), month_of_plan as materialized (
  -- Plan months at the end of a calendar month (now, for the one that runs).
  select p.account_id, p.subscription_id, p.invoice_id, p.period_start, s.plan_price, m.month, m.ends_at as following
  from instant
  cross join playground.periods p
  join playground.subscriptions s on s.account_id = p.account_id and s.subscription_id = p.subscription_id
  cross join lateral (select least(p.period_end, s.ended_at) as until) as plan
  cross join lateral engine.months(p.period_start, least(plan.until, instant.now)) as m
  where p.period_start <= instant.now and (plan.until >= m.ends_at or (m.ends_at > instant.now and plan.until > instant.now))
), live as materialized (
  -- Each payer once.
  select distinct on (p.account_id, p.month) p.account_id, p.month, p.following, p.plan_price, i.currency, i.paid_cents::bigint as paid_cents
  from month_of_plan p
  join playground.invoices i on i.account_id = p.account_id and i.invoice_id = p.invoice_id
  order by p.account_id, p.month, p.period_start desc, p.subscription_id
), by_hand as (
  select p.month, pp.currency, count(distinct p.account_id) as subscribers
  from month_of_plan p
  join playground.plan_prices pp on pp.plan_price = p.plan_price
  where p.invoice_id is null
  group by 1, 2
), mrr as (
  select l.month, l.currency, sum(l.paid_cents) as cents, count(*) as subscribers,
    coalesce(sum(l.paid_cents) filter (where l.plan_price = 'prpm_plus_individual'), 0) as individual_cents,
    coalesce(sum(l.paid_cents) filter (where l.plan_price = 'prpm_plus_org'), 0) as organization_cents,
    coalesce(sum(l.paid_cents) filter (where l.plan_price = 'verified'), 0) as verified_cents,
    count(*) filter (where before.account_id is null) as new_subscribers
  from live l
  left join live before on before.account_id = l.account_id and before.following = l.month
  group by 1, 2
), churn as (
  select l.following as month, l.currency, count(*) as subscribers, count(*) filter (where after.account_id is null) as churned
  from live l
  left join live after on after.account_id = l.account_id and after.month = l.following
  group by 1, 2
), came as (
  select month, currency, sum(cents) filter (where kind = 'paid') as gross, sum(cents) filter (where kind = 'paid' and product = 'pack') as packs,
    sum(cents) filter (where kind = 'refunded') as refunded, sum(cents) filter (where kind = 'lost') as lost,
    count(*) filter (where kind = 'paid' and product = 'pack') as packs_sold, sum(credits) as credits, count(distinct account_id) filter (where kind = 'paid') as payers
  from flow
  group by 1, 2
), returned as (
  select paid_month as month, currency, sum(cents) as cents from flow where kind <> 'paid' group by 1, 2
), begun as (
  select min(month) as month from (select month from flow union all select month from checkout union all select month from live union all select month from by_hand) as any_month
), grid as (
  select m.month, c.currency
  from instant
  cross join begun
  cross join lateral engine.months(begun.month, instant.now) as m
  cross join (
    select currency from flow union select currency from checkout union select currency from live union select currency from by_hand) as c
), figure as (
  select g.month, g.currency,
    coalesce(came.gross, 0) as gross, coalesce(came.packs, 0) as packs, coalesce(came.refunded, 0) as refunded, coalesce(came.lost, 0) as lost,
    coalesce(came.packs_sold, 0) as packs_sold, coalesce(came.credits, 0) as credits, coalesce(came.payers, 0) as payers,
    coalesce(mrr.cents, 0) as mrr, coalesce(mrr.individual_cents, 0) as individual, coalesce(mrr.organization_cents, 0) as organization,
    coalesce(mrr.verified_cents, 0) as verified, coalesce(mrr.subscribers, 0) as subscribers, coalesce(mrr.new_subscribers, 0) as new_subscribers,
    coalesce(churn.churned, 0) as churned, coalesce(churn.subscribers, 0) as subscribers_before, coalesce(by_hand.subscribers, 0) as by_hand,
    coalesce(checkout.begun, 0) as checkouts_begun, coalesce(checkout.completed, 0) as checkouts_completed,
    coalesce(returned.cents, 0) as returned, coalesce(people.people, 0) as active_people
  from grid g
  left join came using (month, currency)
  left join returned using (month, currency)
  left join mrr using (month, currency)
  left join churn using (month, currency)
  left join by_hand using (month, currency)
  left join checkout using (month, currency)
  left join rollup.people_months people using (month)
)
select month, currency,
  mrr * 0.01 as mrr,
  individual * 0.01 as mrr_individual,
  organization * 0.01 as mrr_organization,
  verified * 0.01 as mrr_verified,
  subscribers::bigint as subscribers,
  new_subscribers::bigint as new_subscribers,
  churned::bigint as churned_subscribers,
  round(100 * churned::numeric / nullif(subscribers_before, 0), 2) as churn_percent,
  by_hand::bigint as subscribers_by_hand,
  packs_sold::bigint as packs_sold,
  credits::bigint as credits_sold,
  round(credits::numeric / nullif(packs_sold, 0), 2) as credits_per_purchase,
  packs * 0.01 as pack_revenue,
  (gross - packs) * 0.01 as plan_revenue,
  gross * 0.01 as gross,
  refunded * 0.01 as refunds,
  lost * 0.01 as disputes_lost,
  (gross - refunded - lost) * 0.01 as net,
  round(100 * returned::numeric / nullif(gross, 0), 2) as refund_rate_percent,
  payers::bigint as payers,
  active_people::bigint as active_people,
  round((gross - refunded - lost)::numeric / 100 / nullif(active_people, 0), 6) as arpu,
  round(mrr::numeric / 100 / nullif(subscribers, 0) * subscribers_before / nullif(churned, 0), 6) as ltv,
  checkouts_begun::bigint as checkouts_begun,
  checkouts_completed::bigint as checkouts_completed
from figure;
comment on view analytics.revenue_new is 'Money and subscribers, a row per calendar month (UTC) and currency. Amounts are in currency: cents / 100.';
comment on column analytics.revenue_new.month is 'First instant of the month (UTC).';
comment on column analytics.revenue_new.currency is 'Currency of the amounts.';
comment on column analytics.revenue_new.mrr is 'Monthly recurring revenue when the month ended (now, for the one that runs): what was paid for the plan months that cover that instant, in currency.';
comment on column analytics.revenue_new.mrr_individual is 'The part of mrr paid at the individual price, in currency.';
comment on column analytics.revenue_new.mrr_organization is 'The part of mrr paid at the price for members of organisations, in currency.';
comment on column analytics.revenue_new.mrr_verified is 'The part of mrr paid by organisations for being verified, in currency.';
comment on column analytics.revenue_new.subscribers is 'Payers of mrr; subscribers before + new - churned.';
comment on column analytics.revenue_new.new_subscribers is 'Subscribers who were none when the month before ended, those who came back included.';
comment on column analytics.revenue_new.churned_subscribers is 'Subscribers when the month before ended who are none any more.';
comment on column analytics.revenue_new.churn_percent is 'churned_subscribers in percent of the subscribers when the month before ended; null when there were none.';
comment on column analytics.revenue_new.subscribers_by_hand is 'People with a plan that an operator set and nobody paid; not among subscribers.';
comment on column analytics.revenue_new.packs_sold is 'Packs paid in the month.';
comment on column analytics.revenue_new.credits_sold is 'Credits that these packs brought.';
comment on column analytics.revenue_new.credits_per_purchase is 'Credits of a pack on average; null when none was sold.';
comment on column analytics.revenue_new.pack_revenue is 'Paid for packs in the month, in currency.';
comment on column analytics.revenue_new.plan_revenue is 'Paid for plans in the month, in currency.';
comment on column analytics.revenue_new.gross is 'Paid in the month, in currency: pack_revenue + plan_revenue.';
comment on column analytics.revenue_new.refunds is 'Refunded in the month, whenever it had been paid, in currency.';
comment on column analytics.revenue_new.disputes_lost is 'Lost in disputes in the month, whenever it had been paid, in currency.';
comment on column analytics.revenue_new.net is 'gross - refunds - disputes_lost, in currency.';
comment on column analytics.revenue_new.refund_rate_percent is 'What went back of the month''s gross until now, refunded or lost in disputes, in percent of it; null when nothing was paid.';
comment on column analytics.revenue_new.payers is 'Payers who paid something in the month, counted once.';
comment on column analytics.revenue_new.active_people is 'People whose runs were reserved in the month, the same for every currency.';
comment on column analytics.revenue_new.arpu is 'Revenue per active person: net / active_people, in currency; null when nobody was active.';
comment on column analytics.revenue_new.ltv is 'Lifetime value of a subscriber: mrr / subscribers / the month''s churn (churned_subscribers / subscribers when the month before ended), in currency; null without subscribers or without churn.';
comment on column analytics.revenue_new.checkouts_begun is 'Pages of Stripe that people were sent to in the month, for a pack or a plan.';
comment on column analytics.revenue_new.checkouts_completed is 'Those of checkouts_begun that were paid by now.';
