create or replace function api.set_limits(
  p_user_id uuid, p_token text, p_request_id text, p_tier text, p_reason text default null, p_is_dry_run boolean default false,
  p_monthly_usd numeric default null, p_daily_usd numeric default null, p_runs_per_hour integer default null,
  p_concurrent_runs integer default null, p_throttle_on_exceed boolean default null)
returns json
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_people bigint;
  v_runs numeric;
  v_refused json;
begin
  perform engine.check_admin(p_user_id, p_token, p_request_id);
  if not engine.is_amount(p_monthly_usd) then
    perform engine.refuse_field('monthlyUsd', 'must be 0 or more, below 100 million, with at most 12 decimals');
  end if;
  if not engine.is_amount(p_daily_usd) then
    perform engine.refuse_field('dailyUsd', 'must be 0 or more, below 100 million, with at most 12 decimals');
  end if;
  if p_is_dry_run then
    -- Runs are replayed one after the other: nothing would be said of these.
    if p_concurrent_runs is not null then
      perform engine.refuse_field('concurrentRuns', 'cannot be tried in a dry run');
    end if;
    if not p_throttle_on_exceed then
      perform engine.refuse_field('throttleOnExceed', 'must not be false in a dry run: then nobody is refused');
    end if;
    -- Who would have been refused most comes first; more than a thousand is an answer of its own.
    select count(*), sum(refused_runs), coalesce(json_agg(json_build_object(
        'userId', user_id, 'email', email, 'limitSource', limit_source, 'firstRefusedAt', engine.iso(first_refused_at),
        'refusedRuns', refused_runs, 'runs', runs, 'cost', trim_scale(cost_usd)
      ) order by refused_runs desc, user_id) filter (where place <= 1000), '[]')
    into v_people, v_runs, v_refused
    from (
      select *, row_number() over (order by refused_runs desc, user_id) as place
      from admin.preview_limits(p_tier, p_monthly_usd, p_daily_usd, p_runs_per_hour)
      where refused_runs > 0
    ) as previewed;
  else
    perform engine.check_reason_field(p_reason);
    perform admin.set_limits(p_tier, p_monthly_usd, p_daily_usd, p_runs_per_hour, p_reason, p_concurrent_runs, p_throttle_on_exceed);
  end if;
  return json_build_object(
    'dryRun', p_is_dry_run,
    'limits', (select engine.tier_document(tiers) from playground.tiers where tier = p_tier),
    'refusedUsers', v_people,
    'refusedRuns', case when p_is_dry_run then coalesce(v_runs, 0) end,
    'refused', v_refused
  );
end $$;
comment on function api.set_limits(uuid, text, text, text, text, boolean, numeric, numeric, integer, integer, boolean) is
  'PATCH /admin/cost-analytics/limits/{tier}. Changes limits of a tier, null leaves one as it is; or, as a dry run, changes nothing and lists up to 1000 people who would have been refused in the last 30 days under these monthly, daily and hourly limits. US dollars, runs. SCV01 for a wrong field, one that a dry run cannot try or, but for a dry run, no reason; SCD02, SCD04 for an unknown tier; SCA01, SCA07.';
