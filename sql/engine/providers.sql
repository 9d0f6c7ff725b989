-- What a provider may cost in a day, and the switch that stops it.

create or replace function engine.count_spend(p_model text, p_reserved_at timestamptz, p_cost_usd numeric)
returns void
language plpgsql volatile
as $$
declare
  v_provider constant text := (select provider from playground.models where model = p_model);
  v_day constant timestamptz := date_trunc('day', p_reserved_at, 'UTC');
  v_sum constant integer := hashtext(concat(v_provider, ' ', extract(epoch from v_day)));
  v_shard integer := pg_backend_pid() % 16;
begin
  -- Into the first part that no other transaction is at. Nobody waits here, so it does not matter in which order one that ends
  -- several runs comes to their providers and days.
  while not pg_try_advisory_xact_lock(v_sum, v_shard) loop
    v_shard := v_shard + 1;
  end loop;
  insert into playground.provider_spend as spend (provider, starts_at, shard, cost_usd)
  values (v_provider, v_day, v_shard, p_cost_usd)
  on conflict (provider, starts_at, shard) do update
  set cost_usd = spend.cost_usd + excluded.cost_usd;
end $$;
comment on function engine.count_spend(text, timestamptz, numeric) is 'Adds the API cost (US dollars) of a run to what its provider cost on that UTC day.';

create or replace function engine.provider_state(p_provider text, p_instant timestamptz, p_cost_usd numeric default 0)
returns table (reason text, spent_usd numeric, held_usd numeric, ceiling_usd numeric, stops_at_ceiling boolean, resets_at timestamptz)
language sql stable
as $$
  select case when not p.is_enabled then 'provider_disabled' when room.is_used_up then 'spend_ceiling' end,
    spent.usd, held.usd, p.daily_ceiling_usd, p.stops_at_ceiling,
    case
      when not p.is_enabled or not room.is_used_up then null
      -- What open runs hold comes back, or most of it; what was spent does not before the next day.
      when spent.usd >= p.daily_ceiling_usd or spent.usd + p_cost_usd > p.daily_ceiling_usd then today.ends_at
      else least(today.ends_at, greatest(held.ends_at, p_instant))
    end
  from playground.providers p
  cross join lateral (
    select date_trunc('day', p_instant, 'UTC') as starts_at, engine.window_end('day', date_trunc('day', p_instant, 'UTC')) as ends_at) as today
  cross join lateral (
    select coalesce(sum(s.cost_usd), 0) as usd
    from playground.provider_spend s
    where s.provider = p.provider and s.starts_at = today.starts_at) as spent
  -- One snapshot: a run that ends is in one of the two sums. Where nothing stops, no hold is looked at.
  cross join lateral (
    select coalesce(sum(h.cost_held_usd + h.budget_held_usd), 0) as usd, min(h.expires_at) as ends_at
    from playground.holds h
    join playground.models m on m.model = h.model
    where p.stops_at_ceiling and h.status = 'open' and m.provider = p.provider and h.reserved_at >= today.starts_at) as held
  cross join lateral (
    select p.stops_at_ceiling and (
      spent.usd + held.usd >= p.daily_ceiling_usd or spent.usd + held.usd + p_cost_usd > p.daily_ceiling_usd) as is_used_up) as room
  where p.provider = p_provider
$$;
comment on function engine.provider_state(text, timestamptz, numeric) is
  'What a provider cost on the UTC day of an instant, what its open runs of that day may cost at most (held_usd; counted only where runs stop at the ceiling), and its ceiling, in US dollars. reason: why no run that may cost p_cost_usd starts with it (provider_disabled, spend_ceiling), null when one may; resets_at: when the ceiling lets one start again, the next day or, if only open runs are in the way, when the first of them ends at the latest.';

create or replace function engine.provider_refusal(
  p_provider text, p_model text, p_instant timestamptz, p_cost_usd numeric default null,
  out refusal text, out refusal_message text, out refusal_detail json)
language plpgsql volatile
as $$
declare
  v_provider record;
  v_day constant timestamptz := date_trunc('day', p_instant, 'UTC');
  v_percent integer;
begin
  select * into strict v_provider from engine.provider_state(p_provider, p_instant, coalesce(p_cost_usd, 0));
  -- No more runs than connections are reserved in one instant. While there is room for as many as this one, nobody waits;
  -- near the ceiling they look one after the other, each at what those before it hold. Before the alert: who waits here has
  -- written nothing that another one waits for.
  if v_provider.stops_at_ceiling and v_provider.reason is null
    and v_provider.ceiling_usd - v_provider.spent_usd - v_provider.held_usd < p_cost_usd * current_setting('max_connections')::integer
  then
    perform pg_advisory_xact_lock(hashtext('scrip provider ceiling'), hashtext(p_provider));
    select * into strict v_provider from engine.provider_state(p_provider, p_instant, p_cost_usd);
  end if;
  if v_provider.reason = 'provider_disabled' then
    refusal_detail := json_build_object('model', p_model, 'reason', 'provider_disabled');
  elsif v_provider.spent_usd > 0 or v_provider.reason is not null then
    v_percent := (select ceiling_alert_percent from playground.platform_settings);
    if v_provider.spent_usd * 100 >= v_provider.ceiling_usd * v_percent or v_provider.reason is not null then
      perform engine.alert_once(
        '00000000-0000-0000-0000-000000000000', v_day, format('provider_spend_%s: %s', percent, p_provider),
        jsonb_build_object(
          'provider', p_provider, 'costUsd', trim_scale(v_provider.spent_usd), 'limitUsd', trim_scale(v_provider.ceiling_usd), 'percent', percent,
          'stops', v_provider.stops_at_ceiling)
          || case when v_provider.stops_at_ceiling then jsonb_build_object('heldUsd', trim_scale(v_provider.held_usd)) else jsonb_build_object() end,
        p_instant)
      from (values (v_percent), (100)) as reached (percent)
      -- The first run that finds no room is at the ceiling, whatever has been spent by then.
      where v_provider.spent_usd * 100 >= v_provider.ceiling_usd * percent or percent = 100 and v_provider.reason is not null;
    end if;
    if v_provider.reason = 'spend_ceiling' then
      refusal_detail := json_build_object(
        'model', p_model, 'reason', 'spend_ceiling', 'resetsAt', engine.iso(v_provider.resets_at),
        -- A run may end long before its hold would.
        'retryAfter', case
          when v_provider.resets_at < engine.window_end('day', v_day) then 2
          else ceil(extract(epoch from engine.window_end('day', v_day) - p_instant))::bigint end);
    end if;
  end if;
  if refusal_detail is not null then
    refusal := 'SCM02';
    refusal_message := 'This model is not available now.';
  end if;
end $$;
comment on function engine.provider_refusal(text, text, timestamptz, numeric) is
  'SCM02 when a provider is switched off, or is to stop at its ceiling of the day (US dollars) and has no room for a run that may cost p_cost_usd beside what it cost and what its open runs may cost; alerts once a day near the ceiling and at it. Null when a run may start. p_cost_usd null: nothing is to be reserved. A day costs at most its ceiling and what these may cost: runs reserved in one instant while each saw room for max_connections runs like itself; what the provider bills beyond a hold; abandoned runs, counted with their input once their hold has ended, that answer late.';
