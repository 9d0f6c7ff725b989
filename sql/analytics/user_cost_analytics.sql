create view analytics.user_cost_analytics_new as
with present as materialized (
  select date_trunc('month', engine.now(), 'UTC') as month, pseudonym_key
  from playground.platform_state
),
earned as materialized (
  -- One row a payer before it meets anything else. What an organisation pays is nobody's own.
  select account_id as user_id, sum(net_cents) as lifetime_cents, coalesce(sum(net_cents) filter (where paid_at >= month), 0) as month_cents
  from engine.net_payments
  cross join present
  where currency = 'usd'
  group by account_id
)
select person.user_id,
  engine.pseudonym(person.user_id, present.pseudonym_key) as person,
  coalesce(standing.tier, 'free') as tier,
  cost.month_cost_usd,
  coalesce(in_month.runs, 0) as month_requests,
  coalesce(round(cost.month_cost_usd / nullif(in_month.runs, 0), 12), 0) as average_cost_usd,
  coalesce(ever.cost_usd, 0) as lifetime_cost_usd,
  coalesce(ever.runs, 0) as lifetime_requests,
  revenue.month_revenue_usd,
  round(coalesce(earned.lifetime_cents, 0)::numeric / 100, 2) as lifetime_revenue_usd,
  round(100 * (revenue.month_revenue_usd - cost.month_cost_usd) / nullif(revenue.month_revenue_usd, 0), 2) as margin_percent,
  case
    when cost.month_cost_usd > 5 then 'high_risk'
    when cost.month_cost_usd > 2.5 then 'medium_risk'
    when cost.month_cost_usd > 1 then 'low_risk'
    else 'safe'
  end as risk_level,
  coalesce(standing.is_throttled, false) as is_throttled,
  ever.last_run_at as last_request_at,
  exists (select from playground.organization_members as member where member.user_id = person.user_id) as is_organization_member
from playground.users as person
cross join present
left join engine.user_standings as standing on standing.user_id = person.user_id
left join rollup.user_months as in_month on in_month.month = present.month and in_month.user_id = person.user_id
left join rollup.user_totals as ever on ever.user_id = person.user_id
left join earned on earned.user_id = person.user_id
cross join lateral (select coalesce(in_month.cost_usd, 0) as month_cost_usd) as cost
cross join lateral (select round(coalesce(earned.month_cents, 0)::numeric / 100, 2) as month_revenue_usd) as revenue
where person.deleted_at is null or ever.user_id is not null or earned.user_id is not null;
comment on view analytics.user_cost_analytics_new is 'What each person costs and brings in: one row a person, whoever pays for their runs; those who left too, while figures of them are kept.';
comment on column analytics.user_cost_analytics_new.user_id is 'The person; not shown to analysts.';
comment on column analytics.user_cost_analytics_new.person is 'Pseudonym: the same in every view.';
comment on column analytics.user_cost_analytics_new.tier is 'Tier whose limits bind the person now.';
comment on column analytics.user_cost_analytics_new.month_cost_usd is 'API cost of ended runs reserved in the current UTC month, bought budget included, in US dollars; also of runs that an organisation paid for.';
comment on column analytics.user_cost_analytics_new.month_requests is 'Model calls reserved in the current UTC month.';
comment on column analytics.user_cost_analytics_new.average_cost_usd is 'month_cost_usd a call, in US dollars; 0 without calls.';
comment on column analytics.user_cost_analytics_new.lifetime_cost_usd is 'API cost of all ended runs, in US dollars.';
comment on column analytics.user_cost_analytics_new.lifetime_requests is 'All model calls.';
comment on column analytics.user_cost_analytics_new.month_revenue_usd is 'Paid by the person''s own account in the current UTC month, less what was given back of it and lost in disputes, in US dollars; other currencies are not counted.';
comment on column analytics.user_cost_analytics_new.lifetime_revenue_usd is 'The same of all time, in US dollars.';
comment on column analytics.user_cost_analytics_new.margin_percent is 'Revenue less cost of the current UTC month, in percent of the revenue; null without revenue.';
comment on column analytics.user_cost_analytics_new.risk_level is 'By month_cost_usd: high_risk above 5, medium_risk above 2.50, low_risk above 1, otherwise safe.';
comment on column analytics.user_cost_analytics_new.is_throttled is 'An operator throttles the person, or a limit is exhausted.';
comment on column analytics.user_cost_analytics_new.last_request_at is 'When the person''s latest model call was reserved; null before the first.';
comment on column analytics.user_cost_analytics_new.is_organization_member is 'Belongs to an organisation, or to several.';
