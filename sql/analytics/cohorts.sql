create view analytics.cohorts_new as
with person as (
  select u.user_id, u.account_id, date_trunc('month', u.created_at, 'UTC') as cohort from playground.users u
), size as (
  select cohort, count(*) as people from person group by 1
), active as (
  select p.cohort, m.month, count(*) as people
  from rollup.user_months m
  join person p on p.user_id = m.user_id
  where m.runs > 0
  group by 1, 2
), revenue as (
  select p.cohort, date_trunc('month', f.at, 'UTC') as month, sum(case f.kind when 'paid' then f.cents else -f.cents end) as cents
  from engine.money_flows f
  join person p on p.account_id = f.account_id and p.user_id = f.account_id
  where f.currency = 'usd'
  group by 1, 2
), grid as (
  select s.cohort, s.people, m.month, (row_number() over (partition by s.cohort order by m.month) - 1)::integer as month_number
  from size s
  cross join lateral engine.months(s.cohort, engine.now()) as m
)
select g.cohort, g.month_number, g.month, g.people, coalesce(a.people, 0) as active_people,
  round(100 * coalesce(a.people, 0)::numeric / g.people, 2) as retained_percent,
  coalesce(r.cents, 0) * 0.01 as revenue_usd,
  sum(coalesce(r.cents, 0)) over (partition by g.cohort order by g.month) * 0.01 as cumulative_revenue_usd
from grid g
left join active a on a.cohort = g.cohort and a.month = g.month
left join revenue r on r.cohort = g.cohort and r.month = g.month;
comment on view analytics.cohorts_new is 'People by calendar month (UTC) of registration: how many of them were active, and what they paid, in each month since.';
comment on column analytics.cohorts_new.cohort is 'First instant of the month (UTC) in which the people registered.';
comment on column analytics.cohorts_new.month_number is 'Months since: 0 is the month of registration.';
comment on column analytics.cohorts_new.month is 'First instant of the month (UTC) that the row tells of.';
comment on column analytics.cohorts_new.people is 'People of the cohort, those who have left since included.';
comment on column analytics.cohorts_new.active_people is 'People of the cohort whose runs were reserved in the month.';
comment on column analytics.cohorts_new.retained_percent is 'active_people in percent of people.';
comment on column analytics.cohorts_new.revenue_usd is 'What these people themselves paid in the month, less what went back to them in it, in US dollars (cents / 100); not what organisations paid, nor other currencies.';
comment on column analytics.cohorts_new.cumulative_revenue_usd is 'revenue_usd of the months up to this one, in US dollars.';
