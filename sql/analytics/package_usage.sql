create view analytics.package_usage_new as
select package.name as package,
  package.is_private,
  ever.runs, ever.comparisons, ever.credits, ever.cost_usd, ever.people,
  coalesce(recent.runs, 0) as recent_runs,
  coalesce(recent.credits, 0) as recent_credits,
  coalesce(recent.cost_usd, 0) as recent_cost_usd
from rollup.package_totals as ever
join playground.packages as package using (package_id)
left join (
  select package_id, sum(runs)::bigint as runs, sum(credits)::bigint as credits, sum(cost_usd) as cost_usd
  from rollup.package_days
  where day > date_trunc('day', engine.now(), 'UTC') - interval '720 hours'
  group by package_id
) as recent using (package_id)
where ever.runs > 0;
comment on view analytics.package_usage_new is 'How much each package is used; packages nobody ran are left out.';
comment on column analytics.package_usage_new.package is 'Name of the package.';
comment on column analytics.package_usage_new.is_private is 'Found and run only by its author or an organisation.';
comment on column analytics.package_usage_new.runs is 'Model calls of all time, whatever became of them, comparisons included.';
comment on column analytics.package_usage_new.comparisons is 'Calls without the package''s prompt, to compare with.';
comment on column analytics.package_usage_new.credits is 'Credits charged for all of them.';
comment on column analytics.package_usage_new.cost_usd is 'API cost of all of them, in US dollars.';
comment on column analytics.package_usage_new.people is 'Distinct people who ever ran it.';
comment on column analytics.package_usage_new.recent_runs is 'Model calls of today and the 29 UTC days before.';
comment on column analytics.package_usage_new.recent_credits is 'Credits charged for them.';
comment on column analytics.package_usage_new.recent_cost_usd is 'API cost of them, in US dollars.';
