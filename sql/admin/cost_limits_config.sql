create or replace view admin.cost_limits_config as
select
  tier as tier_name,
  -- The tier without limits shows what the runbooks compare with.
  case
    when is_unlimited then 999999.99
    else round(monthly_cost_limit_usd, greatest(2, min_scale(monthly_cost_limit_usd)))
  end as monthly_cost_limit,
  case
    when not is_unlimited then round(daily_cost_limit_usd, greatest(2, min_scale(daily_cost_limit_usd)))
  end as daily_cost_limit,
  case when not is_unlimited then runs_per_hour end as hourly_request_limit,
  case when not is_unlimited then concurrent_runs end as concurrent_run_limit,
  throttle_on_exceed,
  alert_thresholds as alert_at_percent,
  is_active
from playground.tiers;
comment on view admin.cost_limits_config is
  'Limits by tier. UPDATE changes them for the next runs and leaves one audit line a row that changes; why: SET scrip.reason = ''…''. Who would have been refused: admin.preview_limits(tier, monthly, daily, hourly). Limits of one person: admin.set_user_limit.';
comment on column admin.cost_limits_config.tier_name is 'The tier; a person''s comes of the price of their live plan.';
comment on column admin.cost_limits_config.monthly_cost_limit is 'API cost of a calendar month (UTC) in US dollars; 999999.99 for the tier without limits. NULL refuses every run.';
comment on column admin.cost_limits_config.daily_cost_limit is 'API cost of a day (UTC) in US dollars. NULL refuses every run, but in the tier without limits.';
comment on column admin.cost_limits_config.hourly_request_limit is 'Runs in an hour (UTC). NULL refuses every run, but in the tier without limits.';
comment on column admin.cost_limits_config.concurrent_run_limit is 'Runs of a person that may be under way at once.';
comment on column admin.cost_limits_config.throttle_on_exceed is 'False: limits are recorded as alerts and refuse nobody.';
comment on column admin.cost_limits_config.alert_at_percent is 'Percents of the cost limits at which alerts are written.';
comment on column admin.cost_limits_config.is_active is 'False: the tier refuses every run.';

create or replace trigger write_limits
instead of update on admin.cost_limits_config
for each row execute function engine.write_cost_limits();
create or replace trigger refuse_changes
instead of insert or delete on admin.cost_limits_config
for each row execute function engine.refuse_view_change(
  'Tiers come with the plans and stay. To change one: UPDATE cost_limits_config SET … WHERE tier_name = …. For one person: admin.set_user_limit(user, reason, …).'
);
