-- Cost limits are computed from the clock: a run belongs to the UTC hour, day and month of its hold's reserved_at.

create or replace function engine.tier_of(p_user_id uuid)
returns text
language plpgsql stable
as $$
begin
  return (
    select case when u.is_unlimited then 'unlimited' else coalesce(pp.tier, 'free') end
    from playground.users u
    left join playground.subscriptions s on s.account_id = u.account_id and s.ended_at is null and s.status in ('active', 'trialing') and s.periods > 0
    left join playground.plan_prices pp using (plan_price)
    where u.user_id = p_user_id);
end $$;
comment on function engine.tier_of(uuid) is
  'The tier whose limits bind this person: unlimited by an operator''s flag, else that of the price of the live plan (active, trialing), else free.';

create or replace function engine.window_end(p_kind text, p_starts_at timestamptz)
returns timestamptz
language sql immutable
as $$ select (p_starts_at at time zone 'UTC' + ('1 ' || p_kind)::interval) at time zone 'UTC' $$;
comment on function engine.window_end(text, timestamptz) is 'The end of a UTC window (hour, day, month) that begins at p_starts_at.';

create or replace function engine.check_limits(
  p_user_id uuid, p_instant timestamptz, p_has_paid_credits boolean,
  out tier text, out is_binding boolean, out room_usd numeric, out limit_source text, out used numeric, out limit_value numeric,
  out window_starts_at timestamptz, out resets_at timestamptz, out runs_exceeded boolean)
language plpgsql stable
as $$
declare
  v_tier playground.tiers;
  v_hour timestamptz := date_trunc('hour', p_instant, 'UTC');
  v_day timestamptz := date_trunc('day', p_instant, 'UTC');
  v_month timestamptz := date_trunc('month', p_instant, 'UTC');
  v_runs integer;
  v_runs_limit integer;
  v_day_used numeric;
  v_month_used numeric;
begin
  tier := engine.tier_of(p_user_id);
  select * into v_tier from playground.tiers t where t.tier = check_limits.tier;
  runs_exceeded := false;
  if v_tier.is_unlimited and v_tier.is_active then
    is_binding := false;
    return;
  end if;

  select coalesce(sum(w.cost_usd + w.open_usd) filter (where w.kind = 'month'), 0),
    coalesce(sum(w.cost_usd + w.open_usd) filter (where w.kind = 'day'), 0),
    coalesce(sum(w.runs) filter (where w.kind = 'hour'), 0)
  into v_month_used, v_day_used, v_runs
  from playground.cost_windows w
  where w.user_id = p_user_id and (w.kind, w.starts_at) in (('month', v_month), ('day', v_day), ('hour', v_hour));

  is_binding := coalesce(v_tier.throttle_on_exceed, true);
  v_runs_limit := case when p_has_paid_credits
    then greatest(v_tier.runs_per_hour, (select paid_runs_per_hour from playground.platform_settings)) else v_tier.runs_per_hour end;
  -- A missing, inactive or NULL limit leaves no room: it refuses.
  if v_tier.is_active is not true or v_tier.runs_per_hour is null or v_runs >= v_runs_limit then
    runs_exceeded := true;
    limit_source := 'runs_hour';
    used := v_runs;
    limit_value := case when v_tier.is_active then v_runs_limit end;
    window_starts_at := v_hour;
    room_usd := 0;
  elsif coalesce(v_tier.daily_cost_limit_usd, 0) - v_day_used < coalesce(v_tier.monthly_cost_limit_usd, 0) - v_month_used then
    limit_source := 'cost_day';
    used := v_day_used;
    limit_value := v_tier.daily_cost_limit_usd;
    window_starts_at := v_day;
    room_usd := greatest(0, coalesce(v_tier.daily_cost_limit_usd, 0) - v_day_used);
  else
    limit_source := 'cost_month';
    used := v_month_used;
    limit_value := v_tier.monthly_cost_limit_usd;
    window_starts_at := v_month;
    room_usd := greatest(0, coalesce(v_tier.monthly_cost_limit_usd, 0) - v_month_used);
  end if;
  resets_at := engine.window_end(split_part(limit_source, '_', 2), window_starts_at);
end $$;
comment on function engine.check_limits(uuid, timestamptz, boolean) is
  'What the tier leaves a run that is reserved now: US dollars of room in the tightest window, and which limit that is (runs_hour, cost_day, cost_month). is_binding false: unlimited, or shadow limits that refuse nobody.';

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
  on conflict (user_id, kind, starts_at) do update
  set open_usd = w.open_usd + excluded.open_usd, runs = w.runs + 1;
end $$;
comment on function engine.count_run(uuid, timestamptz, numeric) is 'Counts a reserved run and its highest cost (US dollars) into the windows of its instant.';

create or replace function engine.settle_windows(
  p_user_id uuid, p_reserved_at timestamptz, p_tier text, p_open_usd numeric, p_cost_usd numeric, p_runs integer, p_instant timestamptz)
returns void
language plpgsql volatile
as $$
begin
  with settled as (
    update playground.cost_windows
    set open_usd = open_usd - p_open_usd, cost_usd = cost_usd + p_cost_usd, runs = runs + p_runs
    where user_id = p_user_id
      and (kind, starts_at) in (
        ('hour', date_trunc('hour', p_reserved_at, 'UTC')),
        ('day', date_trunc('day', p_reserved_at, 'UTC')),
        ('month', date_trunc('month', p_reserved_at, 'UTC')))
    returning kind, starts_at, cost_usd
  ), crossed as (
    select s.kind, s.starts_at, s.cost_usd, t.percent, l.limit_usd
    from settled s
    cross join playground.tiers
    cross join lateral (select case s.kind when 'day' then daily_cost_limit_usd when 'month' then monthly_cost_limit_usd end) as l (limit_usd)
    cross join lateral unnest(alert_thresholds) as t (percent)
    where tier = p_tier and p_cost_usd > 0 and l.limit_usd > 0
      and s.cost_usd >= l.limit_usd * t.percent / 100 and s.cost_usd - p_cost_usd < l.limit_usd * t.percent / 100
  )
  insert into playground.alerts (user_id, window_starts_at, kind, details, created_at)
  select p_user_id, starts_at, 'cost_' || kind || '_' || percent,
    jsonb_build_object('tier', p_tier, 'costUsd', trim_scale(cost_usd), 'limitUsd', trim_scale(limit_usd), 'percent', percent), p_instant
  from crossed
  on conflict (user_id, window_starts_at, kind) do nothing;
end $$;
comment on function engine.settle_windows(uuid, timestamptz, text, numeric, numeric, integer, timestamptz) is
  'Turns a run''s held cost into its final cost (US dollars) in the windows it belongs to; writes an alert for each threshold of the tier that this crossed, once per window. p_runs is -1 for a run that no longer counts.';

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
