create or replace function admin.set_user_limit(
  p_user_id uuid,
  p_reason text,
  p_until timestamptz default null,
  p_monthly_usd numeric default null,
  p_daily_usd numeric default null,
  p_runs_per_hour integer default null,
  p_concurrent_runs integer default null
)
returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now timestamptz;
  v_before jsonb;
  v_by text;
begin
  perform engine.check_reason(p_reason);
  if num_nonnulls(p_monthly_usd, p_daily_usd, p_runs_per_hour, p_concurrent_runs) = 0 then
    perform engine.refuse('SCD02', 'Say which limit this person is to have; admin.end_user_limit ends one.');
  end if;
  perform engine.check_limits(p_monthly_usd, p_daily_usd, p_runs_per_hour, p_concurrent_runs);
  perform engine.lock_user(p_user_id);
  v_now := engine.now();
  -- Years of five digits are no instant to most programs that read one.
  if p_until <= v_now or p_until >= '10000-01-01 00:00:00+00' then
    perform engine.refuse('SCD02', 'A limit that ends must end in the future, before the year 10000; without an end it stands.');
  end if;

  v_before := engine.own_limits_json(p_user_id);
  -- An admin who asked through a gateway, else whoever is logged in.
  v_by := coalesce(engine.acting_user()::text, session_user);
  insert into playground.user_limits (
    user_id, is_temporary, monthly_cost_limit_usd, daily_cost_limit_usd, runs_per_hour, concurrent_runs, reason, set_by, set_at, ends_at)
  values (
    p_user_id, p_until is not null, p_monthly_usd, p_daily_usd, p_runs_per_hour, p_concurrent_runs, btrim(p_reason), v_by, v_now, p_until)
  on conflict (user_id, is_temporary) do update
  set monthly_cost_limit_usd = excluded.monthly_cost_limit_usd,
    daily_cost_limit_usd = excluded.daily_cost_limit_usd,
    runs_per_hour = excluded.runs_per_hour,
    concurrent_runs = excluded.concurrent_runs,
    reason = excluded.reason,
    set_by = excluded.set_by,
    set_at = excluded.set_at,
    ends_at = excluded.ends_at;
  update playground.users
  set has_own_limits = true
  where user_id = p_user_id;
  perform engine.write_audit('set_user_limit', p_user_id, null, v_before, engine.own_limits_json(p_user_id), p_reason);
end $$;
comment on function admin.set_user_limit(uuid, text, timestamptz, numeric, numeric, integer, integer) is
  'Gives a person limits in place of the tier''s (null: the tier''s): API cost of a month and a day (UTC) in US dollars, runs an hour and at once, lower or higher. With p_until they end by themselves then, and go first while they last; without, they stand until admin.end_user_limit. Each kind takes the place of the one before. SCD02 for a value that is no limit or an end that is past, SCD03 without a reason, SCD04 for an unknown person.';
