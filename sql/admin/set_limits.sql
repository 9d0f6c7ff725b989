create or replace function admin.set_limits(
  p_tier text,
  p_monthly_usd numeric,
  p_daily_usd numeric,
  p_runs_per_hour integer,
  p_reason text,
  p_concurrent_runs integer default null,
  p_throttle_on_exceed boolean default null,
  p_is_active boolean default null,
  p_alert_thresholds integer[] default null
)
returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_before playground.tiers;
  v_after playground.tiers;
  -- In order, since who reaches several at once is told the last.
  v_thresholds constant integer[] := case when p_alert_thresholds is not null then array(
    select distinct percent from unnest(p_alert_thresholds) as percent order by percent) end;
begin
  perform engine.check_reason(p_reason);
  if num_nonnulls(
    p_monthly_usd, p_daily_usd, p_runs_per_hour, p_concurrent_runs, p_throttle_on_exceed, p_is_active, p_alert_thresholds) = 0
  then
    perform engine.refuse('SCD02', 'Say which limit is to change.');
  end if;
  perform engine.check_limits(p_monthly_usd, p_daily_usd, p_runs_per_hour, p_concurrent_runs);
  if array_ndims(p_alert_thresholds) > 1 or array_position(v_thresholds, null) is not null or not (0 < all (v_thresholds) and 100 >= all (v_thresholds)) then
    perform engine.refuse('SCD02', 'Thresholds are percents from 1 to 100.');
  end if;
  select * into v_before from playground.tiers where tier = p_tier for no key update;
  if not found then
    perform engine.refuse('SCD04', engine.unknown_name('tier', p_tier, array(select tier from playground.tiers order by tier)));
  end if;
  if v_before.is_unlimited and num_nonnulls(p_monthly_usd, p_daily_usd, p_runs_per_hour, p_concurrent_runs) > 0 then
    perform engine.refuse('SCD02', format('The tier %s has no limits. Limits of one person: admin.set_user_limit.', p_tier));
  end if;

  update playground.tiers
  set monthly_cost_limit_usd = coalesce(p_monthly_usd, monthly_cost_limit_usd),
    daily_cost_limit_usd = coalesce(p_daily_usd, daily_cost_limit_usd),
    runs_per_hour = coalesce(p_runs_per_hour, runs_per_hour),
    concurrent_runs = coalesce(p_concurrent_runs, concurrent_runs),
    throttle_on_exceed = coalesce(p_throttle_on_exceed, throttle_on_exceed),
    is_active = coalesce(p_is_active, is_active),
    alert_thresholds = coalesce(v_thresholds, alert_thresholds)
  where tier = p_tier
  returning * into v_after;
  if v_after is distinct from v_before then
    perform engine.write_audit('set_limits', null, p_tier, engine.tier_json(v_before), engine.tier_json(v_after), p_reason);
  end if;
end $$;
comment on function admin.set_limits(text, numeric, numeric, integer, text, integer, boolean, boolean, integer[]) is
  'Changes the limits of a tier for new runs: API cost of a month and a day (UTC) in US dollars, runs an hour and at once, whether they refuse or only alert, whether the tier is active (one that is not refuses), at which percents people and operators are told. Null leaves a limit as it is, the same again changes nothing; admin.preview_limits tells before whom it would refuse. SCD02 for a value that is no limit, SCD03 without a reason, SCD04 for an unknown tier.';
