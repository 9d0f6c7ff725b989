-- Refusals of a run that are returned, not raised: what catch-up, alerts and counters wrote must stay.

create or replace function engine.throttle_refusal(
  p_user_id uuid, p_instant timestamptz,
  out refusal text, out refusal_message text, out refusal_detail json)
language plpgsql volatile
as $$
declare
  v_until timestamptz;
  v_throttled_at timestamptz;
begin
  select throttled_at, throttled_until into v_throttled_at, v_until from playground.users where user_id = p_user_id;
  if v_throttled_at is null then
    -- Ended since the caller looked: the next try goes through.
    v_until := p_instant + interval '1 second';
  else
    perform engine.alert_once(p_user_id, v_throttled_at, 'throttled', jsonb_build_object('until', engine.iso(v_until)), p_instant);
  end if;
  refusal := 'SCT01';
  refusal_message := 'Runs are paused for this account.';
  refusal_detail := json_build_object(
    'limitSource', 'operator', 'limit', null, 'used', null, 'resetsAt', engine.iso(v_until),
    'hint', case when v_until is null then 'Contact support to have runs resumed.' else 'Runs resume by themselves.' end,
    -- Nobody knows when an open-ended throttle ends; asking again each hour does no harm.
    'retryAfter', coalesce(ceil(extract(epoch from v_until - p_instant))::bigint, 3600));
end $$;
comment on function engine.throttle_refusal(uuid, timestamptz) is 'SCT01: an operator throttles this person; alerts once per throttle.';

create or replace function engine.limit_refusal(
  p_user_id uuid, p_instant timestamptz, p_limit_source text, p_used numeric, p_limit numeric, p_window_starts_at timestamptz,
  p_resets_at timestamptz, p_is_binding boolean, p_room_usd numeric default null,
  out refusal text, out refusal_message text, out refusal_detail json)
language plpgsql volatile
as $$
declare
  v_is_room_left boolean;
begin
  perform engine.alert_once(
    -- A kind of its own: what only would have refused must not keep the first refusal of the same window from being told.
    p_user_id, p_window_starts_at, case when p_is_binding then 'limit_exceeded_' else 'limit_shadow_' end || p_limit_source,
    jsonb_build_object('used', trim_scale(p_used), 'limit', trim_scale(p_limit), 'refused', p_is_binding), p_instant);
  if not p_is_binding then
    return;
  end if;
  v_is_room_left := p_room_usd >= engine.smallest_run_usd() and p_limit is not null;
  refusal := 'SCT02';
  refusal_message := case
    when p_limit_source = 'runs_hour' then 'The number of runs per hour is used up.'
    when p_limit_source = 'runs_concurrent' and p_limit = 0 then 'No runs are possible for this account.'
    when p_limit_source = 'runs_concurrent' then 'Too many runs are under way at once.'
    when v_is_room_left then format('This run does not fit into what is left of %s.', case p_limit_source
      when 'own_cap' then 'your own cap of this month'
      when 'cost_day' then 'the cost limit of today'
      else 'the cost limit of this month' end)
    when p_limit_source = 'own_cap' then 'Your own cap of this month is used up.'
    when p_limit_source = 'cost_day' then 'The cost limit of today is used up.'
    else 'The cost limit of this month is used up.' end;
  refusal_detail := json_build_object(
    'limitSource', p_limit_source, 'limit', trim_scale(p_limit), 'used', trim_scale(p_used), 'resetsAt', engine.iso(p_resets_at),
    'hint', case
      when p_limit is null then 'No limit is set for your tier. Contact support.'
      when p_limit_source = 'runs_concurrent' and p_limit = 0 then 'Contact support to have runs made possible.'
      when p_limit_source = 'runs_concurrent' then 'Wait until one of your runs has ended.'
      when p_limit_source = 'own_cap' then 'Raise or remove the cap you set yourself.'
      when p_limit_source = 'runs_hour' then 'Wait for the next hour, or subscribe to PRPM+ for more runs.'
      when v_is_room_left then 'A shorter request may still fit. Buying credits or PRPM+ raises the limit.'
      else 'Buying credits or PRPM+ raises the limit.' end,
    'retryAfter', case
      -- Nobody knows when an operator raises it.
      when p_limit_source = 'runs_concurrent' and p_limit = 0 then 3600
      -- A run may end long before its hold would.
      when p_limit_source = 'runs_concurrent' then 2
      else greatest(1, ceil(extract(epoch from p_resets_at - p_instant)))::bigint end);
end $$;
comment on function engine.limit_refusal(uuid, timestamptz, text, numeric, numeric, timestamptz, timestamptz, boolean, numeric) is
  'SCT02 with the limit that leaves no room; alerts once per window. Shadow limits (p_is_binding false) alert as limit_shadow_* and refuse nobody. cost_* and own_cap: US dollars, runs_*: runs. p_room_usd: what is left for this run, in US dollars; the words say whether a smaller one fits (null: none).';

create or replace function engine.foresee_refusal(
  p_user_id uuid, p_model text, p_input_tokens bigint, p_instant timestamptz,
  out limit_source text, out used numeric, out limit_value numeric, out resets_at timestamptz, out tier text, out provider text)
language plpgsql stable
as $$
declare
  v_person record;
  v_model record;
  v_provider record;
  v_credits record;
  v_limits record;
  v_size record;
begin
  select u.account_id, u.throttled_until, a.cost_budget_usd - a.cost_budget_held_usd as budget_usd into strict v_person
  from playground.users u
  join playground.accounts a using (account_id)
  where u.user_id = p_user_id;
  select m.*, price.*, s.tokens_per_credit, s.min_output_tokens into strict v_model
  from playground.models m
  cross join playground.platform_settings s
  left join lateral (
    select greatest(input_usd_per_million, cache_write_usd_per_million) as input_price, output_usd_per_million as output_price
    from playground.model_prices
    where model = m.model and effective_from <= p_instant
    order by effective_from desc
    limit 1) as price on true
  where m.model = p_model;
  provider := v_model.provider;
  v_credits := engine.spendable(v_person.account_id, p_instant);
  v_limits := engine.check_run_limits(p_user_id, v_person.account_id, p_instant, v_credits.has_paid_credits, v_person.budget_usd);
  tier := v_limits.tier;

  -- In the order in which api.reserve_run refuses.
  if not v_model.is_enabled or v_model.output_price is null then
    limit_source := 'model';
    return;
  end if;
  if v_limits.is_throttled then
    limit_source := 'operator';
    resets_at := v_person.throttled_until;
    return;
  end if;
  v_size := engine.size_run(
    v_credits.available, v_model.multiplier, v_model.tokens_per_credit, p_input_tokens, v_model.max_output_tokens, v_model.min_output_tokens,
    v_model.input_price, v_model.output_price, v_limits.total_room_usd);
  v_provider := engine.provider_state(
    provider, p_instant, case when v_limits.is_exceeded and v_limits.is_binding then 0 else coalesce(v_size.highest_cost_usd, 0) end);
  if v_provider.reason is not null then
    limit_source := 'provider';
    if v_provider.reason = 'spend_ceiling' then
      used := v_provider.spent_usd + v_provider.held_usd;
      limit_value := v_provider.ceiling_usd;
      resets_at := v_provider.resets_at;
    end if;
    return;
  end if;
  if (v_limits.is_exceeded or v_size.lacks_room) and (v_limits.is_binding or v_limits.limit_source = 'own_cap') then
    limit_source := v_limits.limit_source;
    used := v_limits.used;
    limit_value := v_limits.limit_value;
    resets_at := v_limits.resets_at;
  elsif v_size.credits is null then
    limit_source := 'credits';
    used := v_size.required;
    limit_value := v_credits.available;
  end if;
end $$;
comment on function engine.foresee_refusal(uuid, text, bigint, timestamptz) is
  'What would refuse a run of so many input tokens that a person reserved now, and nothing written of it; limit_source null: it would start. operator, provider, runs_hour, runs_concurrent, cost_day, cost_month, own_cap as in the refusal; model: not on offer, or without a price; credits: used are those needed, limit_value those available. US dollars for costs and a provider''s ceiling. The account was caught up by the caller.';

create or replace function engine.origin_of_limit(
  p_user_id uuid, p_limit_source text, p_tier text, p_provider text, p_instant timestamptz,
  out set_by text, out reason text)
language plpgsql stable
as $$
declare
  v_subject constant text := case when p_limit_source = 'provider' then p_provider when p_limit_source <> 'operator' then p_tier end;
  v_limit constant text := case p_limit_source
    when 'runs_hour' then 'runsPerHour' when 'runs_concurrent' then 'concurrentRuns' when 'cost_day' then 'dailyUsd' when 'cost_month' then 'monthlyUsd' end;
begin
  if p_limit_source = 'own_cap' then
    set_by := 'the person';
    return;
  elsif p_limit_source is null or p_limit_source in ('model', 'credits') then
    return;
  end if;
  select l.set_by, l.reason into set_by, reason
  from playground.user_limits l
  where l.user_id = p_user_id and (l.ends_at is null or l.ends_at > p_instant)
    -- A tier that is not active refuses whatever they were given.
    and exists (select from playground.tiers t where t.tier = p_tier and t.is_active)
    and case p_limit_source
      when 'runs_hour' then l.runs_per_hour is not null
      when 'runs_concurrent' then l.concurrent_runs is not null
      when 'cost_day' then l.daily_cost_limit_usd is not null
      when 'cost_month' then l.monthly_cost_limit_usd is not null
      else false end
  order by l.is_temporary desc
  limit 1;
  if not found then
    select coalesce(a.acting_user_id::text, a.actor), a.reason into set_by, reason
    from playground.audit_log a
    where a.user_id is not distinct from case when p_limit_source = 'operator' then p_user_id end and a.subject is not distinct from v_subject
      and (
        a.action in ('throttle', 'set_provider_enabled', 'set_provider_ceiling')
        -- Of the changes of a tier, the last that concerns this limit.
        or a.action = 'set_limits' and (a.before -> v_limit, a.before -> 'isActive') is distinct from (a.after -> v_limit, a.after -> 'isActive'))
    order by a.created_at desc, a.audit_id desc
    limit 1;
  end if;
  if p_limit_source = 'operator' then
    -- What a statement of a runbook gave as its own reason stands in the audit log, and may be none.
    reason := (select throttled_reason from playground.users where user_id = p_user_id);
  end if;
end $$;
comment on function engine.origin_of_limit(uuid, text, text, text, timestamptz) is
  'Who set the limit that engine.foresee_refusal names, and why: for this person alone, else by the last line of the audit log about the throttle, the tier or the provider. Null: as it was delivered.';

create or replace function engine.remedy_for(
  p_user_id uuid, p_limit_source text, p_used numeric, p_limit numeric, p_tier text, p_model text, p_provider text, p_instant timestamptz)
returns text
language plpgsql stable
as $$
declare
  v_twice constant numeric := trim_scale(2 * greatest(p_used, p_limit));
  v_own playground.user_limits;
begin
  case p_limit_source
    when 'model' then
      return case
        when exists (select from playground.models where model = p_model and not is_enabled)
        then format('select admin.set_model_enabled(%L, true, %L);', p_model, 'why')
        else format('The model has no price yet: admin.set_model_price(%L, ...).', p_model) end;
    when 'own_cap' then
      return 'The person raises or removes the cap: PUT /api/v1/playground/cost-cap.';
    when 'operator' then
      return format('select admin.unthrottle(%L, %L);', p_user_id, 'why');
    when 'credits' then
      return format('select admin.grant_credits(%L, %s, %L);', p_user_id, p_used - p_limit, 'why');
    when 'provider' then
      return case
        when p_limit is null then format('select admin.set_provider_enabled(%L, true, %L);', p_provider, 'why')
        else format('select admin.set_provider_ceiling(%L, %s, null, %L);', p_provider, greatest(v_twice, 1), 'why') end;
    else
      if p_limit_source is null then
        return null;
      end if;
  end case;
  if p_limit is null and not exists (select from playground.tiers where tier = p_tier and is_active) then
    return format('select admin.set_limits(%L, null, null, null, %L, p_is_active => true);', p_tier, 'why');
  end if;
  -- A raise that ends takes the place of the one before: what that one raised beside is said again.
  select * into v_own from playground.user_limits where user_id = p_user_id and is_temporary and ends_at > p_instant;
  return format(
    'select admin.set_user_limit(%L, %L, %L%s);', p_user_id, 'why', engine.iso(p_instant + interval '1 day'),
    (
      select string_agg(format(', %s => %s', argument, trim_scale(case when source = p_limit_source then greatest(v_twice, 1) else own end)), '')
      from (values
        ('cost_month', 'p_monthly_usd', v_own.monthly_cost_limit_usd::numeric), ('cost_day', 'p_daily_usd', v_own.daily_cost_limit_usd::numeric),
        ('runs_hour', 'p_runs_per_hour', v_own.runs_per_hour::numeric), ('runs_concurrent', 'p_concurrent_runs', v_own.concurrent_runs::numeric)
      ) as listed (source, argument, own)
      where source = p_limit_source or own is not null
    ));
end $$;
comment on function engine.remedy_for(uuid, text, numeric, numeric, text, text, text, timestamptz) is
  'What an operator may run, or tell the person, when engine.foresee_refusal names a limit (used and limit as there): for a tier''s or a person''s limit twice of it for a day. Null when nothing refuses.';

create or replace function engine.credit_refusal(
  p_required bigint, p_available bigint, out refusal text, out refusal_message text, out refusal_detail json)
language sql stable
as $$
  select 'SCC01', format('This run needs at least %s credits; %s are available.', p_required, p_available),
    json_build_object('required', p_required, 'available', p_available, 'purchaseUrl', frontend_url || '/playground/credits/buy')
  from playground.platform_settings
$$;
comment on function engine.credit_refusal(bigint, bigint) is 'SCC01: not enough credits. required: for the input and the shortest answer worth running.';

create or replace function engine.check_api_key(p_user_id uuid, p_secret_hash bytea, p_instant timestamptz)
returns void
language plpgsql volatile
as $$
declare
  v_last_used_at timestamptz;
begin
  select coalesce(last_used_at, '-infinity') into v_last_used_at
  from playground.api_keys
  where user_id = p_user_id and secret_hash = p_secret_hash and revoked_at is null;
  if not found then
    perform engine.refuse('SCA01', 'This API key is not valid.');
  end if;
  -- Kept to the hour: a write for each call would cost more than it tells.
  if v_last_used_at < p_instant - interval '1 hour' then
    update playground.api_keys set last_used_at = p_instant where user_id = p_user_id and secret_hash = p_secret_hash;
  end if;
end $$;
comment on function engine.check_api_key(uuid, bytea, timestamptz) is 'Refuses an API key (sha256 of its secret) that is unknown or revoked: SCA01.';
