create or replace view admin.tiers as
select
  tier,
  trim_scale(monthly_cost_limit_usd) as monthly_cost_limit_usd,
  trim_scale(daily_cost_limit_usd) as daily_cost_limit_usd,
  runs_per_hour,
  concurrent_runs,
  alert_thresholds,
  is_unlimited,
  is_active,
  throttle_on_exceed
from playground.tiers;
comment on view admin.tiers is
  'When you ask which limits a tier has; to change them: admin.set_limits, after admin.preview_limits. A limit that is null refuses; unlimited is its own flag. One person''s own: admin.user_limits.';
comment on column admin.tiers.monthly_cost_limit_usd is 'API cost of a calendar month (UTC), in US dollars.';
comment on column admin.tiers.daily_cost_limit_usd is 'API cost of a day (UTC), in US dollars.';
comment on column admin.tiers.runs_per_hour is 'Runs of an hour (UTC).';
comment on column admin.tiers.concurrent_runs is 'Runs under way at once.';
comment on column admin.tiers.alert_thresholds is 'Shares of a cost limit that are alerted, in percent.';
comment on column admin.tiers.throttle_on_exceed is 'False: shadow limits, recorded as alerts and refusing nobody.';

create or replace trigger refuse_changes
instead of insert or delete or update on admin.tiers
for each row execute function engine.refuse_view_change(
  'To change one: admin.set_limits(tier, monthly_usd, daily_usd, runs_per_hour, reason), after admin.preview_limits. For one person: admin.set_user_limit(user, reason, …).'
);
