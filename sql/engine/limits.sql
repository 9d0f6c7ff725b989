-- Cost limits are computed from the clock: a run belongs to the UTC hour, day and month of its hold's reserved_at.

create or replace function engine.standing_of(p_user_id uuid, p_instant timestamptz)
returns table (name text, is_throttled boolean)
language sql stable
as $$
  select case when u.is_unlimited then 'unlimited' else coalesce(pp.tier, 'free') end,
    u.throttled_at is not null and (u.throttled_until is null or u.throttled_until > p_instant)
  from playground.users u
  left join playground.subscriptions s on s.account_id = u.account_id and s.ended_at is null and s.status in ('active', 'trialing') and s.periods > 0
  left join playground.plan_prices pp using (plan_price)
  where u.user_id = p_user_id
$$;
comment on function engine.standing_of(uuid, timestamptz) is
  'The tier whose limits bind this person (unlimited by an operator''s flag, else that of the price of the live plan when active or trialing, else free), and whether an operator throttles them.';

create or replace function engine.tier_of(p_user_id uuid)
returns text
language sql stable
as $$ select name from engine.standing_of(p_user_id, '-infinity') $$;
comment on function engine.tier_of(uuid) is 'The tier whose limits bind this person.';

create or replace function engine.window_end(p_kind text, p_starts_at timestamptz)
returns timestamptz
language sql immutable
as $$ select (p_starts_at at time zone 'UTC' + ('1 ' || p_kind)::interval) at time zone 'UTC' $$;
comment on function engine.window_end(text, timestamptz) is 'The end of a UTC window (hour, day, month) that begins at p_starts_at.';

create or replace function engine.used_windows(p_user_id uuid, p_instant timestamptz)
returns table (month_usd numeric, day_usd numeric, runs bigint)
language sql stable
as $$
  select coalesce(sum(cost_usd + open_usd) filter (where kind = 'month'), 0),
    coalesce(sum(cost_usd + open_usd) filter (where kind = 'day'), 0),
    coalesce(sum(w.runs) filter (where kind = 'hour'), 0)
  from playground.cost_windows w
  where user_id = p_user_id
    and starts_at in (date_trunc('month', p_instant, 'UTC'), date_trunc('day', p_instant, 'UTC'), date_trunc('hour', p_instant, 'UTC'))
    and starts_at = date_trunc(kind, p_instant, 'UTC')
$$;
comment on function engine.used_windows(uuid, timestamptz) is
  'What a person used of the windows of an instant: US dollars of the month and the day (held by open runs included), runs of the hour.';

create or replace function engine.check_limits(
  p_user_id uuid, p_instant timestamptz, p_has_paid_credits boolean,
  out tier text, out is_throttled boolean, out is_binding boolean, out room_usd numeric, out limit_source text, out used numeric,
  out limit_value numeric, out window_starts_at timestamptz, out resets_at timestamptz, out runs_exceeded boolean)
language plpgsql stable
as $$
declare
  v_tier record;
  v_used record;
  v_runs_limit integer;
begin
  select t.*, s.name as tier_name, s.is_throttled, w.paid_runs_per_hour into strict v_tier
  from engine.standing_of(p_user_id, p_instant) as s
  cross join playground.platform_settings w
  left join playground.tiers t on t.tier = s.name;
  tier := v_tier.tier_name;
  is_throttled := v_tier.is_throttled;
  runs_exceeded := false;
  is_binding := not (coalesce(v_tier.is_unlimited, false) and v_tier.is_active);
  if not is_binding then
    return;
  end if;

  -- Shadow limits refuse nobody, but a limit that is missing, inactive or NULL is none that could be watched: it refuses.
  is_binding := coalesce(v_tier.throttle_on_exceed, true) or v_tier.is_active is not true
    or num_nulls(v_tier.monthly_cost_limit_usd, v_tier.daily_cost_limit_usd, v_tier.runs_per_hour) > 0;
  select * into v_used from engine.used_windows(p_user_id, p_instant);
  v_runs_limit := case when p_has_paid_credits then greatest(v_tier.runs_per_hour, v_tier.paid_runs_per_hour) else v_tier.runs_per_hour end;
  -- A missing, inactive or NULL limit leaves no room: it refuses.
  if v_tier.is_active is not true or v_tier.runs_per_hour is null or v_used.runs >= v_runs_limit then
    runs_exceeded := true;
    limit_source := 'runs_hour';
    used := v_used.runs;
    limit_value := case when v_tier.is_active and v_tier.runs_per_hour is not null then v_runs_limit end;
  elsif coalesce(v_tier.daily_cost_limit_usd, 0) - v_used.day_usd < coalesce(v_tier.monthly_cost_limit_usd, 0) - v_used.month_usd then
    limit_source := 'cost_day';
    used := v_used.day_usd;
    limit_value := v_tier.daily_cost_limit_usd;
  else
    limit_source := 'cost_month';
    used := v_used.month_usd;
    limit_value := v_tier.monthly_cost_limit_usd;
  end if;
  room_usd := case when runs_exceeded then 0 else greatest(0, coalesce(limit_value, 0) - used) end;
  window_starts_at := date_trunc(split_part(limit_source, '_', 2), p_instant, 'UTC');
  resets_at := engine.window_end(split_part(limit_source, '_', 2), window_starts_at);
end $$;
comment on function engine.check_limits(uuid, timestamptz, boolean) is
  'What the tier leaves a run that is reserved now: US dollars of room in the tightest window, and which limit that is (runs_hour, cost_day, cost_month). is_binding false: unlimited, or shadow limits that refuse nobody. is_throttled: by an operator.';

create or replace function engine.count_run(p_user_id uuid, p_reserved_at timestamptz, p_open_usd numeric)
returns void
language plpgsql volatile
as $$
begin
  insert into playground.cost_windows as w (user_id, kind, starts_at, open_usd, runs)
  values
    (p_user_id, 'hour', date_trunc('hour', p_reserved_at, 'UTC'), p_open_usd, 1),
    (p_user_id, 'day', date_trunc('day', p_reserved_at, 'UTC'), p_open_usd, 1),
    (p_user_id, 'month', date_trunc('month', p_reserved_at, 'UTC'), p_open_usd, 1)
  on conflict (user_id, starts_at, kind) do update
  set open_usd = w.open_usd + excluded.open_usd, runs = w.runs + 1;
end $$;
comment on function engine.count_run(uuid, timestamptz, numeric) is 'Counts a reserved run and its highest cost (US dollars) into the windows of its instant.';

create or replace function engine.settle_windows(
  p_user_id uuid, p_reserved_at timestamptz, p_tier text, p_open_usd numeric, p_cost_usd numeric, p_runs integer, p_instant timestamptz)
returns integer
language plpgsql volatile
as $$
declare
  v_window record;
  v_day_usd numeric;
  v_month_usd numeric;
  v_tier record;
  v_alerts integer := 0;
begin
  for v_window in
    update playground.cost_windows
    set open_usd = open_usd - p_open_usd, cost_usd = cost_usd + p_cost_usd, runs = runs + p_runs
    where user_id = p_user_id
      and starts_at in (date_trunc('hour', p_reserved_at, 'UTC'), date_trunc('day', p_reserved_at, 'UTC'), date_trunc('month', p_reserved_at, 'UTC'))
      and starts_at = date_trunc(kind, p_reserved_at, 'UTC')
    returning kind, cost_usd
  loop
    if v_window.kind = 'day' then
      v_day_usd := v_window.cost_usd;
    elsif v_window.kind = 'month' then
      v_month_usd := v_window.cost_usd;
    end if;
  end loop;

  if p_cost_usd > 0 then
    select daily_cost_limit_usd, monthly_cost_limit_usd, alert_thresholds into v_tier from playground.tiers where tier = p_tier;
    for v_i in 1 .. coalesce(cardinality(v_tier.alert_thresholds), 0) loop
      v_alerts := v_alerts
        + engine.alert_threshold(
          p_user_id, 'day', date_trunc('day', p_reserved_at, 'UTC'), p_tier, v_tier.alert_thresholds[v_i], v_tier.daily_cost_limit_usd,
          v_day_usd, p_cost_usd, p_instant)
        + engine.alert_threshold(
          p_user_id, 'month', date_trunc('month', p_reserved_at, 'UTC'), p_tier, v_tier.alert_thresholds[v_i], v_tier.monthly_cost_limit_usd,
          v_month_usd, p_cost_usd, p_instant);
    end loop;
  end if;
  return v_alerts;
end $$;
comment on function engine.settle_windows(uuid, timestamptz, text, numeric, numeric, integer, timestamptz) is
  'Turns a run''s held cost into its final cost (US dollars) in the windows it belongs to; writes an alert for each threshold of the tier that this crossed, once per window, and returns how many. p_runs is -1 for a run that no longer counts.';

create or replace function engine.alert_threshold(
  p_user_id uuid, p_kind text, p_window_starts_at timestamptz, p_tier text, p_percent integer, p_limit_usd numeric,
  p_cost_usd numeric, p_added_usd numeric, p_instant timestamptz)
returns integer
language plpgsql volatile
as $$
begin
  if p_cost_usd * 100 >= p_limit_usd * p_percent and (p_cost_usd - p_added_usd) * 100 < p_limit_usd * p_percent then
    perform engine.alert_once(
      p_user_id, p_window_starts_at, 'cost_' || p_kind || '_' || p_percent,
      jsonb_build_object('tier', p_tier, 'costUsd', trim_scale(p_cost_usd), 'limitUsd', trim_scale(p_limit_usd), 'percent', p_percent), p_instant);
    return 1;
  end if;
  return 0;
end $$;
comment on function engine.alert_threshold(uuid, text, timestamptz, text, integer, numeric, numeric, numeric, timestamptz) is
  'Alerts when p_added_usd (US dollars) made the cost of a window cross p_percent of its limit; 1 when it did. A limit of 0 or NULL has no thresholds.';

create or replace function engine.alert_once(p_user_id uuid, p_window_starts_at timestamptz, p_kind text, p_details jsonb, p_instant timestamptz)
returns void
language plpgsql volatile
as $$
begin
  insert into playground.alerts (user_id, window_starts_at, kind, details, created_at)
  values (p_user_id, p_window_starts_at, p_kind, p_details, p_instant)
  on conflict (user_id, window_starts_at, kind) do nothing;
end $$;
comment on function engine.alert_once(uuid, timestamptz, text, jsonb, timestamptz) is 'Writes an alert, at most one per person, window and kind. The platform itself is the nil uuid.';
