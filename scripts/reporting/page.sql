-- What the page of scripts/report tells: one statement over the analysts' views for each of its parts, in the form in which it is
-- shown. All sums and roundings are made here. %(month)s is the first instant of the month.

-- name: margin_by_day
select to_char(day at time zone 'UTC', 'YYYY-MM-DD') as day, sum(runs)::bigint as runs, sum(credits)::bigint as credits,
  round(sum(revenue_usd), 2) as revenue_usd, round(sum(cost_usd), 2) as cost_usd,
  round(sum(margin_usd), 2) as margin_usd, round(100 * sum(margin_usd) / nullif(sum(revenue_usd), 0), 1) as margin_percent
from model_margin
where date_trunc('month', day, 'UTC') = %(month)s
group by day
order by day;

-- name: margin_by_model
select model, sum(runs)::bigint as runs, sum(input_tokens + cache_read_tokens + cache_write_tokens)::bigint as input_tokens,
  sum(output_tokens)::bigint as output_tokens, sum(credits)::bigint as credits, round(sum(revenue_usd), 2) as revenue_usd,
  round(sum(cost_usd), 2) as cost_usd, round(sum(margin_usd), 2) as margin_usd,
  round(100 * sum(margin_usd) / nullif(sum(revenue_usd), 0), 1) as margin_percent
from model_margin
where date_trunc('month', day, 'UTC') = %(month)s
group by model
order by sum(cost_usd) desc, model;

-- name: margin_by_day_and_model
select to_char(day at time zone 'UTC', 'YYYY-MM-DD') as day, model, runs, round(revenue_usd, 2) as revenue_usd, round(cost_usd, 2) as cost_usd,
  round(margin_usd, 2) as margin_usd, round(margin_percent, 1) as margin_percent
from model_margin
where date_trunc('month', day, 'UTC') = %(month)s
order by model_margin.day, model;

-- name: tiers
select tier, sum(runs)::bigint as runs, sum(credits)::bigint as credits, round(sum(cost_usd), 2) as cost_usd,
  round(sum(credits) / nullif(sum(runs), 0), 2) as credits_per_run, sum(provider_failed)::bigint as provider_failed,
  sum(abandoned)::bigint as abandoned
from daily_usage
where date_trunc('month', day, 'UTC') = %(month)s
group by tier
order by sum(cost_usd) desc, tier;

-- name: revenue
select currency, round(gross, 2) as gross, round(pack_revenue, 2) as pack_revenue, round(plan_revenue, 2) as plan_revenue,
  round(refunds, 2) as refunds, round(disputes_lost, 2) as disputes_lost, round(net, 2) as net, refund_rate_percent,
  round(mrr, 2) as mrr, subscribers, new_subscribers, churned_subscribers, round(arpu, 2) as arpu, round(ltv, 2) as ltv,
  packs_sold, credits_per_purchase, checkouts_begun, checkouts_completed
from revenue
where month = %(month)s
order by currency;

-- name: revenue_by_month
select to_char(month at time zone 'UTC', 'YYYY-MM') as month, round(gross, 2) as gross, round(net, 2) as net, round(mrr, 2) as mrr
from revenue
where currency = 'usd' and month <= %(month)s and month > %(month)s::timestamptz - interval '12 months'
order by month;

-- name: credit_flow
select to_char(month at time zone 'UTC', 'YYYY-MM') as month, opening, granted, spent, expired, refunded, gifts_left, closing, difference
from credit_flow
where month <= %(month)s and month > %(month)s::timestamptz - interval '12 months'
order by month;

-- name: deferred_revenue
select source, currency, round(paid, 2) as paid, round(recognised, 2) as recognised, round(breakage, 2) as breakage,
  round(refunded, 2) as refunded, round(deferred, 2) as deferred, credits
from deferred_revenue
order by source, currency;

-- name: cohorts
select to_char(cohort at time zone 'UTC', 'YYYY-MM') as cohort, month_number, people, active_people, retained_percent,
  round(revenue_usd, 2) as revenue_usd, round(cumulative_revenue_usd, 2) as cumulative_revenue_usd
from cohorts
where month <= %(month)s and cohort > %(month)s::timestamptz - interval '12 months'
order by cohorts.cohort, month_number;

-- name: conversion
select to_char(month at time zone 'UTC', 'YYYY-MM') as month, segment, registered, ran, purchased, subscribed, ran_percent,
  purchased_percent, subscribed_percent
from conversion
where month <= %(month)s and month > %(month)s::timestamptz - interval '12 months'
order by conversion.month, segment;

-- name: engagement
select to_char(day at time zone 'UTC', 'YYYY-MM-DD') as day, people, runs, runs_per_person, credits_per_person, credits_per_run,
  messages_per_session
from engagement
where date_trunc('month', day, 'UTC') = %(month)s
order by engagement.day;

-- name: people
select person, tier, risk_level, month_requests as requests, round(month_cost_usd, 2) as cost_usd,
  round(month_revenue_usd, 2) as revenue_usd, margin_percent, is_throttled
from user_cost_analytics
order by month_cost_usd desc, person
limit 20;

-- name: packages
select package, runs, people, credits, round(cost_usd, 2) as cost_usd, recent_runs
from package_usage
order by runs desc, package
limit 20;

-- name: expiring_credits
select to_char(day at time zone 'UTC', 'YYYY-MM-DD') as day, bucket, expiring, carried_over, people, round(value_usd, 2) as value_usd
from expiring_credits
order by expiring_credits.day, bucket
limit 40;

-- name: webhooks
select to_char(day at time zone 'UTC', 'YYYY-MM-DD') as day, received, handled, ignored, parked, success_percent, median_seconds, p95_seconds
from webhooks
where date_trunc('month', day, 'UTC') = %(month)s
order by webhooks.day;

-- name: summary
select
  coalesce((select sum(runs) from model_margin where date_trunc('month', day, 'UTC') = %(month)s), 0)::bigint as "Runs",
  coalesce((select sum(credits) from model_margin where date_trunc('month', day, 'UTC') = %(month)s), 0)::bigint as "Credits charged",
  coalesce((select round(sum(revenue_usd), 2) from model_margin where date_trunc('month', day, 'UTC') = %(month)s), 0) as "Earned by runs, USD",
  coalesce((select round(sum(cost_usd), 2) from model_margin where date_trunc('month', day, 'UTC') = %(month)s), 0) as "API cost, USD",
  (select round(100 * sum(margin_usd) / nullif(sum(revenue_usd), 0), 1) from model_margin where date_trunc('month', day, 'UTC') = %(month)s) as "Margin, %%",
  coalesce((select round(sum(net), 2) from revenue where month = %(month)s and currency = 'usd'), 0) as "Net paid, USD",
  coalesce((select round(sum(mrr), 2) from revenue where month = %(month)s and currency = 'usd'), 0) as "MRR, USD",
  (select max(people_of_month) from engagement where date_trunc('month', day, 'UTC') = %(month)s) as "People active";

-- name: refreshed
select to_char(min(refreshed_at) at time zone 'UTC', 'YYYY-MM-DD HH24:MI')
from (
  select min(refreshed_at) as refreshed_at from model_margin
  union all
  select min(refreshed_at) from revenue
) as caches;
