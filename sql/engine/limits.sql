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

create or replace function engine.window_use(
  p_user_id uuid, p_instant timestamptz,
  out month_usd numeric, out day_usd numeric, out runs bigint, out month_total_usd numeric,
  out is_month_exempt boolean, out is_day_exempt boolean, out is_hour_exempt boolean)
language sql stable
as $$
  select coalesce(sum(cost_usd + open_usd) filter (where kind = 'month'), 0),
    coalesce(sum(cost_usd + open_usd) filter (where kind = 'day'), 0),
    coalesce(sum(w.runs) filter (where kind = 'hour'), 0),
    coalesce(sum(cost_usd + open_usd + budget_usd + budget_open_usd) filter (where kind = 'month'), 0),
    coalesce(bool_or(is_exempt) filter (where kind = 'month'), false),
    coalesce(bool_or(is_exempt) filter (where kind = 'day'), false),
    coalesce(bool_or(is_exempt) filter (where kind = 'hour'), false)
  from playground.cost_windows w
  where user_id = p_user_id
    and starts_at in (date_trunc('month', p_instant, 'UTC'), date_trunc('day', p_instant, 'UTC'), date_trunc('hour', p_instant, 'UTC'))
    and starts_at = date_trunc(kind, p_instant, 'UTC')
$$;
comment on function engine.window_use(uuid, timestamptz) is
  'What a person used of the windows of an instant: US dollars of the month and the day (held by open runs included), runs of the hour; month_total_usd with what the bought budget paid; which windows an operator exempted.';

create or replace function engine.limits_of(
  p_user_id uuid, p_tier text, p_has_own_limits boolean, p_instant timestamptz,
  out monthly_usd numeric, out daily_usd numeric, out runs_per_hour integer, out concurrent_runs integer, out alert_thresholds integer[],
  out is_unlimited boolean, out is_active boolean, out is_shadow boolean, out has_own_runs boolean)
language plpgsql stable
as $$
declare
  v_own record;
begin
  select t.monthly_cost_limit_usd, t.daily_cost_limit_usd, t.runs_per_hour, t.concurrent_runs, t.alert_thresholds, t.is_unlimited, t.is_active,
    not t.throttle_on_exceed
  into monthly_usd, daily_usd, runs_per_hour, concurrent_runs, alert_thresholds, is_unlimited, is_active, is_shadow
  from playground.tiers t
  where t.tier = p_tier;
  is_active := coalesce(is_active, false);
  is_unlimited := coalesce(is_unlimited, false) and is_active;
  has_own_runs := false;
  if p_has_own_limits then
    -- The one that ends comes last, and so goes first.
    for v_own in
      select *
      from playground.user_limits
      where user_id = p_user_id and (ends_at is null or ends_at > p_instant)
      order by is_temporary
    loop
      monthly_usd := coalesce(v_own.monthly_cost_limit_usd, monthly_usd);
      daily_usd := coalesce(v_own.daily_cost_limit_usd, daily_usd);
      has_own_runs := has_own_runs or v_own.runs_per_hour is not null;
      runs_per_hour := coalesce(v_own.runs_per_hour, runs_per_hour);
      concurrent_runs := coalesce(v_own.concurrent_runs, concurrent_runs);
    end loop;
  end if;
  -- Shadow limits refuse nobody, but a limit that is missing, inactive or NULL is none that could be watched: it refuses.
  is_shadow := coalesce(is_shadow, false) and is_active and num_nulls(monthly_usd, daily_usd, runs_per_hour, concurrent_runs) = 0;
end $$;
comment on function engine.limits_of(uuid, text, boolean, timestamptz) is
  'The limits of a person in a tier: those an operator gave them, else the tier''s. US dollars a month and a day, runs an hour and at once; null refuses. is_shadow: recorded as alerts, refusing nobody.';

create or replace function engine.check_run_limits(
  p_user_id uuid, p_account_id uuid, p_instant timestamptz, p_has_paid_credits boolean, p_budget_usd numeric,
  out tier text, out is_throttled boolean, out is_binding boolean, out room_usd numeric, out total_room_usd numeric, out is_exceeded boolean,
  out limit_source text, out used numeric, out limit_value numeric, out window_starts_at timestamptz, out resets_at timestamptz)
language plpgsql stable
as $$
declare
  v_standing record;
  v_limits record;
  v_used record;
  v_open record;
  v_runs_limit integer;
  v_day_room numeric;
  v_month_room numeric;
  v_cap_room numeric;
begin
  select s.*, u.cost_cap_usd, u.has_own_limits into strict v_standing
  from engine.standing_of(p_user_id, p_instant) as s
  cross join playground.users u
  where u.user_id = p_user_id;
  tier := v_standing.name;
  is_throttled := v_standing.is_throttled;
  is_exceeded := false;
  v_limits := engine.limits_of(p_user_id, tier, v_standing.has_own_limits, p_instant);
  is_binding := not v_limits.is_unlimited and not v_limits.is_shadow;
  if v_limits.is_unlimited and v_standing.cost_cap_usd is null then
    return;
  end if;

  v_used := engine.window_use(p_user_id, p_instant);
  if not v_limits.is_unlimited then
    v_runs_limit := v_limits.runs_per_hour;
    if p_has_paid_credits and not v_limits.has_own_runs then
      v_runs_limit := greatest(v_runs_limit, (select paid_runs_per_hour from playground.platform_settings));
    end if;
    select count(*) as runs, min(expires_at) as ends_at into v_open
    from playground.holds
    where account_id = p_account_id and status = 'open' and user_id = p_user_id;
    v_day_room := case when v_used.is_day_exempt then 'Infinity' else coalesce(v_limits.daily_usd, 0) - v_used.day_usd end;
    v_month_room := case when v_used.is_month_exempt then 'Infinity' else coalesce(v_limits.monthly_usd, 0) - v_used.month_usd end;
    -- A missing, inactive or NULL limit leaves no room: it refuses.
    if not v_limits.is_active or v_limits.runs_per_hour is null or v_used.runs >= v_runs_limit and not v_used.is_hour_exempt then
      is_exceeded := true;
      limit_source := 'runs_hour';
      used := v_used.runs;
      limit_value := case when v_limits.is_active and v_limits.runs_per_hour is not null then v_runs_limit end;
    elsif v_open.runs >= coalesce(v_limits.concurrent_runs, 0) then
      is_exceeded := true;
      limit_source := 'runs_concurrent';
      used := v_open.runs;
      limit_value := v_limits.concurrent_runs;
    elsif v_day_room < v_month_room then
      limit_source := 'cost_day';
      used := v_used.day_usd;
      limit_value := v_limits.daily_usd;
    else
      limit_source := 'cost_month';
      used := v_used.month_usd;
      limit_value := v_limits.monthly_usd;
    end if;
    room_usd := nullif(case when is_exceeded then 0 else greatest(0, least(v_day_room, v_month_room)) end, 'Infinity');
    window_starts_at := date_trunc(case limit_source when 'cost_day' then 'day' when 'cost_month' then 'month' else 'hour' end, p_instant, 'UTC');
    resets_at := case limit_source
      when 'runs_concurrent' then case when limit_value > 0 then coalesce(v_open.ends_at, p_instant) end
      else engine.window_end(split_part(limit_source, '_', 2), window_starts_at) end;
    total_room_usd := case when is_binding then room_usd + p_budget_usd end;
  end if;

  -- A person's own cap counts everything, and always refuses: it is their will.
  v_cap_room := case when v_standing.cost_cap_usd is not null then greatest(0, v_standing.cost_cap_usd - v_used.month_total_usd) end;
  if v_cap_room < coalesce(total_room_usd, 'Infinity') and not (is_exceeded and is_binding) then
    limit_source := 'own_cap';
    used := v_used.month_total_usd;
    limit_value := v_standing.cost_cap_usd;
    window_starts_at := date_trunc('month', p_instant, 'UTC');
    resets_at := engine.window_end('month', window_starts_at);
    total_room_usd := v_cap_room;
    is_exceeded := false;
  end if;
end $$;
comment on function engine.check_run_limits(uuid, uuid, timestamptz, boolean, numeric) is
  'What the limits leave a run that is reserved now. room_usd: of the tier''s windows; total_room_usd: with the bought budget (p_budget_usd) and under the person''s own cap; both US dollars, null: no limit. limit_source, used, limit_value, resets_at: the limit that binds first (runs_hour, runs_concurrent, cost_day, cost_month, own_cap), and when it ends by itself (null: not, none is allowed at once); is_exceeded: it leaves no run at all. is_binding false: unlimited, or shadow limits, which refuse nobody. is_throttled: by an operator. The account is locked by the caller.';

create or replace view engine.smallest_run as
select min(settings.min_output_tokens * price.output_usd_per_million / 1000000) as cost_usd
from playground.models as model
join playground.providers as provider using (provider)
cross join playground.platform_settings as settings
cross join lateral (
  select output_usd_per_million
  from playground.model_prices
  where model_prices.model = model.model
    and effective_from <= (select engine.now())
  order by effective_from desc
  limit 1
) as price
where model.is_enabled
  and provider.is_enabled;
comment on view engine.smallest_run is 'engine.smallest_run_usd for views, whose readers may not call it.';

create or replace function engine.smallest_run_usd()
returns numeric
language sql stable
as $$ select cost_usd from engine.smallest_run $$;
comment on function engine.smallest_run_usd() is
  'What the shortest answer worth running costs of the cheapest model on offer, in US dollars; a window with less room is exhausted. Null when no model is on offer.';

create or replace function engine.standing_refusals(p_user_id uuid, p_instant timestamptz)
returns table (limit_source text, used numeric, limit_value numeric, resets_at timestamptz, refused_at timestamptz)
language plpgsql stable
as $$
declare
  v_person record;
  v_limits record;
  v_used record;
  v_runs_limit integer;
begin
  -- Most people have none: a look by key spares the rest.
  perform
  from playground.alerts
  where user_id = p_user_id and window_starts_at between date_trunc('month', p_instant, 'UTC') and p_instant and starts_with(kind, 'limit_exceeded_');
  if not found then
    return;
  end if;
  select s.name as tier, u.account_id, u.has_own_limits, u.cost_cap_usd into strict v_person
  from engine.standing_of(p_user_id, p_instant) as s
  cross join playground.users u
  where u.user_id = p_user_id;
  v_limits := engine.limits_of(p_user_id, v_person.tier, v_person.has_own_limits, p_instant);
  v_used := engine.window_use(p_user_id, p_instant);
  v_runs_limit := v_limits.runs_per_hour;
  if not v_limits.has_own_runs and (engine.spendable(v_person.account_id, p_instant)).has_paid_credits then
    v_runs_limit := greatest(v_runs_limit, (select paid_runs_per_hour from playground.platform_settings));
  end if;
  return query
  select listed.limit_source, listed.used, listed.limit_value,
    case when listed.limit_source <> 'runs_concurrent' then engine.window_end(listed.kind, a.window_starts_at) end, a.created_at
  from (values
    ('runs_hour', 'hour', v_used.runs::numeric, v_runs_limit::numeric, v_used.is_hour_exempt),
    (
      'runs_concurrent', 'hour',
      (select count(*) from playground.holds h where h.account_id = v_person.account_id and h.status = 'open' and h.user_id = p_user_id)::numeric,
      v_limits.concurrent_runs::numeric, false
    ),
    ('cost_day', 'day', v_used.day_usd, v_limits.daily_usd, v_used.is_day_exempt),
    ('cost_month', 'month', v_used.month_usd, v_limits.monthly_usd, v_used.is_month_exempt),
    ('own_cap', 'month', v_used.month_total_usd, v_person.cost_cap_usd::numeric, false)
  ) as listed (limit_source, kind, used, limit_value, is_exempt)
  join playground.alerts a
    on a.user_id = p_user_id and a.window_starts_at = date_trunc(listed.kind, p_instant, 'UTC') and a.kind = 'limit_exceeded_' || listed.limit_source
  where not listed.is_exempt
    and (listed.limit_source = 'own_cap' or not v_limits.is_unlimited and not v_limits.is_shadow)
    -- A limit that was raised or lifted since has been seen to.
    and listed.limit_value <= (a.details ->> 'limit')::numeric
  order by a.created_at desc, listed.limit_source;
end $$;
comment on function engine.standing_refusals(uuid, timestamptz) is
  'Limits that refused a run in the hour, day or month of an instant and are no higher since, the latest first: what is used and allowed now (US dollars, runs), until when (null for runs_concurrent), and when they first refused one. A smaller run may start all the same.';

create or replace function engine.exempt_windows(p_user_id uuid, p_instant timestamptz)
returns integer
language plpgsql volatile
as $$
declare
  v_person record;
  v_limits record;
  v_used record;
  v_smallest_usd constant numeric := engine.smallest_run_usd();
  -- One that has room for the smallest run may have refused a larger one.
  v_refused_by constant text[] := array(select limit_source from engine.standing_refusals(p_user_id, p_instant));
  v_runs_limit integer;
  v_windows integer;
begin
  select s.name as tier, u.account_id, u.has_own_limits, a.cost_budget_usd - a.cost_budget_held_usd as budget_usd into strict v_person
  from engine.standing_of(p_user_id, p_instant) as s
  cross join playground.users u
  join playground.accounts a using (account_id)
  where u.user_id = p_user_id;
  v_limits := engine.limits_of(p_user_id, v_person.tier, v_person.has_own_limits, p_instant);
  -- Limits that refuse nobody need no exemption; a tier that is not active refuses whatever its windows say.
  if v_limits.is_unlimited or v_limits.is_shadow or not v_limits.is_active then
    return 0;
  end if;
  v_used := engine.window_use(p_user_id, p_instant);
  v_runs_limit := v_limits.runs_per_hour;
  if not v_limits.has_own_runs and (engine.spendable(v_person.account_id, p_instant)).has_paid_credits then
    v_runs_limit := greatest(v_runs_limit, (select paid_runs_per_hour from playground.platform_settings));
  end if;
  insert into playground.cost_windows as w (user_id, kind, starts_at, is_exempt)
  select p_user_id, kind, date_trunc(kind, p_instant, 'UTC'), true
  from (values
    -- No number of runs at all is none that an hour could use up.
    ('hour', 'runs_hour', v_limits.runs_per_hour is not null and v_used.runs >= v_runs_limit and not v_used.is_hour_exempt),
    ('day', 'cost_day', greatest(0, coalesce(v_limits.daily_usd, 0) - v_used.day_usd) + v_person.budget_usd < v_smallest_usd and not v_used.is_day_exempt),
    ('month', 'cost_month', greatest(0, coalesce(v_limits.monthly_usd, 0) - v_used.month_usd) + v_person.budget_usd < v_smallest_usd and not v_used.is_month_exempt)
  ) as listed (kind, limit_source, is_exhausted)
  where is_exhausted or limit_source = any (v_refused_by)
  on conflict (user_id, starts_at, kind) do update
  set is_exempt = excluded.is_exempt;
  get diagnostics v_windows = row_count;
  return v_windows;
end $$;
comment on function engine.exempt_windows(uuid, timestamptz) is
  'Lets the windows of an instant that a person has exhausted (no room for engine.smallest_run_usd, bought budget included; no run left of the hour), and those that refused a run, refuse nothing until they end; returns how many. The person''s own cap stays. The account is locked by the caller.';

create or replace function engine.check_limits(p_monthly_usd numeric, p_daily_usd numeric, p_runs_per_hour integer, p_concurrent_runs integer)
returns void
language plpgsql stable
as $$
begin
  if not engine.is_amount(p_monthly_usd) or not engine.is_amount(p_daily_usd) then
    perform engine.refuse('SCD02', 'A limit in US dollars must be 0 or more, below 100 million, with at most 12 decimals.');
  end if;
  if p_runs_per_hour < 0 or p_concurrent_runs < 0 then
    perform engine.refuse('SCD02', 'A number of runs must not be negative.');
  end if;
end $$;
comment on function engine.check_limits(numeric, numeric, integer, integer) is 'SCD02 for limits that cannot be kept as they are: US dollars a month and a day, runs an hour and at once; null is not looked at.';

create or replace function engine.is_amount(p_usd numeric, p_decimals integer default 12)
returns boolean
language sql immutable
as $$ select p_usd is null or p_usd >= 0 and p_usd < 100000000 and scale(trim_scale(p_usd)) <= p_decimals $$;
comment on function engine.is_amount(numeric, integer) is 'Whether an amount in US dollars is kept exactly as it is: not negative, finite, below 100 million, with so many decimals. True for null.';

create or replace function engine.tier_json(p_tier playground.tiers)
returns jsonb
language sql stable
as $$
  select jsonb_build_object(
    'monthlyUsd', trim_scale(p_tier.monthly_cost_limit_usd), 'dailyUsd', trim_scale(p_tier.daily_cost_limit_usd),
    'runsPerHour', p_tier.runs_per_hour, 'concurrentRuns', p_tier.concurrent_runs, 'throttleOnExceed', p_tier.throttle_on_exceed,
    'isActive', p_tier.is_active, 'alertThresholds', p_tier.alert_thresholds)
$$;
comment on function engine.tier_json(playground.tiers) is 'The limits of a tier as the audit log keeps them. US dollars, runs, percents.';

create or replace function engine.own_limits_json(p_user_id uuid)
returns jsonb
language sql stable
as $$
  select jsonb_object_agg(
    case when is_temporary then 'temporary' else 'standing' end,
    jsonb_build_object(
      'monthlyUsd', trim_scale(monthly_cost_limit_usd), 'dailyUsd', trim_scale(daily_cost_limit_usd), 'runsPerHour', runs_per_hour,
      'concurrentRuns', concurrent_runs, 'until', engine.iso(ends_at)))
  from playground.user_limits
  where user_id = p_user_id
$$;
comment on function engine.own_limits_json(uuid) is 'The limits that operators gave a person, as the audit log keeps them; null: none. US dollars, runs.';

create or replace function engine.count_run(p_user_id uuid, p_reserved_at timestamptz, p_open_usd numeric, p_budget_open_usd numeric)
returns void
language plpgsql volatile
as $$
begin
  insert into playground.cost_windows as w (user_id, kind, starts_at, open_usd, budget_open_usd, runs)
  values
    (p_user_id, 'hour', date_trunc('hour', p_reserved_at, 'UTC'), p_open_usd, p_budget_open_usd, 1),
    (p_user_id, 'day', date_trunc('day', p_reserved_at, 'UTC'), p_open_usd, p_budget_open_usd, 1),
    (p_user_id, 'month', date_trunc('month', p_reserved_at, 'UTC'), p_open_usd, p_budget_open_usd, 1)
  on conflict (user_id, starts_at, kind) do update
  set open_usd = w.open_usd + excluded.open_usd, budget_open_usd = w.budget_open_usd + excluded.budget_open_usd, runs = w.runs + 1;
end $$;
comment on function engine.count_run(uuid, timestamptz, numeric, numeric) is
  'Counts a reserved run and its highest cost (US dollars: of the windows, and of the bought budget) into the windows of its instant.';

create or replace function engine.settle_windows(
  p_user_id uuid, p_reserved_at timestamptz, p_tier text, p_open_usd numeric, p_budget_open_usd numeric, p_cost_usd numeric, p_budget_usd numeric,
  p_runs integer, p_instant timestamptz)
returns integer
language plpgsql volatile
as $$
declare
  v_window record;
  v_limits record;
  v_limit_usd numeric;
  v_percent integer;
  v_alerts integer := 0;
begin
  for v_window in
    update playground.cost_windows
    set open_usd = open_usd - p_open_usd, budget_open_usd = budget_open_usd - p_budget_open_usd,
      cost_usd = cost_usd + p_cost_usd, budget_usd = budget_usd + p_budget_usd, runs = runs + p_runs
    where user_id = p_user_id
      and starts_at in (date_trunc('hour', p_reserved_at, 'UTC'), date_trunc('day', p_reserved_at, 'UTC'), date_trunc('month', p_reserved_at, 'UTC'))
      and starts_at = date_trunc(kind, p_reserved_at, 'UTC')
    returning kind, starts_at, cost_usd
  loop
    continue when p_cost_usd <= 0 or v_window.kind = 'hour';
    if v_limits is null then
      v_limits := engine.limits_of(p_user_id, p_tier, (select u.has_own_limits from playground.users u where u.user_id = p_user_id), p_instant);
    end if;
    v_limit_usd := case v_window.kind when 'day' then v_limits.daily_usd else v_limits.monthly_usd end;
    -- No limits, and one of 0 or NULL, have no thresholds.
    continue when v_limits.is_unlimited or v_limits.alert_thresholds is null or v_limit_usd is null or v_limit_usd = 0;
    foreach v_percent in array v_limits.alert_thresholds loop
      if v_window.cost_usd * 100 >= v_limit_usd * v_percent
        -- Not: crossed by this run. A limit may have been lowered since the last one.
        and not exists (
          select from playground.alerts
          where user_id = p_user_id and window_starts_at = v_window.starts_at and kind = 'cost_' || v_window.kind || '_' || v_percent)
      then
        perform engine.alert_once(
          p_user_id, v_window.starts_at, 'cost_' || v_window.kind || '_' || v_percent,
          jsonb_build_object(
            'tier', p_tier, 'costUsd', trim_scale(v_window.cost_usd), 'limitUsd', trim_scale(v_limit_usd), 'percent', v_percent,
            'window', v_window.kind, 'resetsAt', engine.iso(engine.window_end(v_window.kind, v_window.starts_at))),
          p_instant);
        v_alerts := v_alerts + 1;
      end if;
    end loop;
  end loop;
  return v_alerts;
end $$;
comment on function engine.settle_windows(uuid, timestamptz, text, numeric, numeric, numeric, numeric, integer, timestamptz) is
  'Turns a run''s held cost into its final cost (US dollars: of the windows, and of the bought budget) in the windows it belongs to; writes an alert for each threshold that is reached, be it because the limit was lowered, once per window, and returns how many. p_runs is -1 for a run that no longer counts.';
