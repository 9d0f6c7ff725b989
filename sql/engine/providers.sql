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

create or replace function engine.provider_state(
  p_provider text, p_instant timestamptz, p_cost_usd numeric default 0,
  out reason text, out spent_usd numeric, out held_usd numeric, out ceiling_usd numeric, out stops_at_ceiling boolean, out resets_at timestamptz)
language plpgsql stable
as $$
#variable_conflict use_column
declare
  v_day constant timestamptz := date_trunc('day', p_instant, 'UTC');
  v_is_enabled boolean;
  v_frees_at timestamptz;
begin
  select p.is_enabled, p.daily_ceiling_usd, p.stops_at_ceiling, coalesce((
    select sum(s.cost_usd)
    from playground.provider_spend s
    where s.provider = p.provider and s.starts_at = v_day), 0)
  into strict v_is_enabled, ceiling_usd, stops_at_ceiling, spent_usd
  from playground.providers p
  where p.provider = p_provider;
  held_usd := 0;
  -- Where nothing stops, no hold is looked at. In the snapshot of the sum above: a run that ends is in one of the two.
  if stops_at_ceiling then
    select coalesce(sum(h.cost_held_usd + h.budget_held_usd), 0), min(h.expires_at) into held_usd, v_frees_at
    from playground.holds h
    where h.status = 'open' and h.reserved_at >= v_day
      and h.model = any (array(select m.model from playground.models m where m.provider = p_provider));
  end if;
  if not v_is_enabled then
    reason := 'provider_disabled';
  elsif stops_at_ceiling and (spent_usd + held_usd >= ceiling_usd or spent_usd + held_usd + p_cost_usd > ceiling_usd) then
    reason := 'spend_ceiling';
    resets_at := engine.window_end('day', v_day);
    -- What open runs hold comes back, or most of it; what was spent does not before the next day.
    if spent_usd < ceiling_usd and spent_usd + p_cost_usd <= ceiling_usd then
      resets_at := least(resets_at, greatest(v_frees_at, p_instant));
    end if;
  end if;
end $$;
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
  v_provider := engine.provider_state(p_provider, p_instant, coalesce(p_cost_usd, 0));
  -- No more runs than connections are reserved in one instant. While there is room for as many as this one, nobody waits;
  -- near the ceiling they look one after the other, each at what those before it hold. Before the alert: who waits here has
  -- written nothing that another one waits for.
  if v_provider.stops_at_ceiling and v_provider.reason is null
    and v_provider.ceiling_usd - v_provider.spent_usd - v_provider.held_usd < p_cost_usd * current_setting('max_connections')::integer
  then
    perform pg_advisory_xact_lock(hashtext('scrip provider ceiling'), hashtext(p_provider));
    v_provider := engine.provider_state(p_provider, p_instant, p_cost_usd);
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
