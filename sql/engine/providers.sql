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

create or replace function engine.provider_state(p_provider text, p_instant timestamptz)
returns table (reason text, spent_usd numeric, ceiling_usd numeric, stops_at_ceiling boolean)
language sql stable
as $$
  select case
      when not p.is_enabled then 'provider_disabled'
      when p.stops_at_ceiling and spent.usd >= p.daily_ceiling_usd then 'spend_ceiling'
    end, spent.usd, p.daily_ceiling_usd, p.stops_at_ceiling
  from playground.providers p
  cross join lateral (
    select coalesce(sum(s.cost_usd), 0) as usd
    from playground.provider_spend s
    where s.provider = p.provider and s.starts_at = date_trunc('day', p_instant, 'UTC')) as spent
  where p.provider = p_provider
$$;
comment on function engine.provider_state(text, timestamptz) is
  'What a provider cost on the UTC day of an instant, and its ceiling, in US dollars; reason: why no run starts with it (provider_disabled, spend_ceiling), null when one may.';

create or replace function engine.provider_refusal(
  p_provider text, p_model text, p_instant timestamptz, out refusal text, out refusal_message text, out refusal_detail json)
language plpgsql volatile
as $$
declare
  v_provider record;
  v_day constant timestamptz := date_trunc('day', p_instant, 'UTC');
  v_percent integer;
begin
  select * into strict v_provider from engine.provider_state(p_provider, p_instant);
  if v_provider.reason = 'provider_disabled' then
    refusal_detail := json_build_object('model', p_model, 'reason', 'provider_disabled');
  elsif v_provider.spent_usd > 0 or v_provider.reason is not null then
    v_percent := (select ceiling_alert_percent from playground.platform_settings);
    if v_provider.spent_usd * 100 >= v_provider.ceiling_usd * v_percent then
      perform engine.alert_once(
        '00000000-0000-0000-0000-000000000000', v_day, format('provider_spend_%s: %s', percent, p_provider),
        jsonb_build_object(
          'provider', p_provider, 'costUsd', trim_scale(v_provider.spent_usd), 'limitUsd', trim_scale(v_provider.ceiling_usd), 'percent', percent,
          'stops', v_provider.stops_at_ceiling),
        p_instant)
      from (values (v_percent), (100)) as reached (percent)
      where v_provider.spent_usd * 100 >= v_provider.ceiling_usd * percent;
    end if;
    if v_provider.reason = 'spend_ceiling' then
      refusal_detail := json_build_object(
        'model', p_model, 'reason', 'spend_ceiling', 'resetsAt', engine.iso(engine.window_end('day', v_day)),
        'retryAfter', ceil(extract(epoch from engine.window_end('day', v_day) - p_instant))::bigint);
    end if;
  end if;
  if refusal_detail is not null then
    refusal := 'SCM02';
    refusal_message := 'This model is not available now.';
  end if;
end $$;
comment on function engine.provider_refusal(text, text, timestamptz) is
  'SCM02 when a provider is switched off, or has cost its ceiling of the day (US dollars) and is to stop there; alerts once a day near the ceiling and at it. Null when a run may start.';
