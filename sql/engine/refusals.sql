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
  p_resets_at timestamptz, p_is_binding boolean,
  out refusal text, out refusal_message text, out refusal_detail json)
language plpgsql volatile
as $$
begin
  perform engine.alert_once(
    p_user_id, p_window_starts_at, 'limit_exceeded_' || p_limit_source,
    jsonb_build_object('used', trim_scale(p_used), 'limit', trim_scale(p_limit), 'refused', p_is_binding), p_instant);
  if not p_is_binding then
    return;
  end if;
  refusal := 'SCT02';
  refusal_message := case p_limit_source
    when 'runs_hour' then 'The number of runs per hour is used up.'
    when 'runs_concurrent' then 'Too many runs are under way at once.'
    when 'own_cap' then 'Your own cap of this month is used up.'
    when 'cost_day' then 'The cost limit of today is used up.'
    else 'The cost limit of this month is used up.' end;
  refusal_detail := json_build_object(
    'limitSource', p_limit_source, 'limit', trim_scale(p_limit), 'used', trim_scale(p_used), 'resetsAt', engine.iso(p_resets_at),
    'hint', case
      when p_limit is null then 'No limit is set for your tier. Contact support.'
      when p_limit_source = 'runs_concurrent' then 'Wait until one of your runs has ended.'
      when p_limit_source = 'own_cap' then 'Raise or remove the cap you set yourself.'
      when p_limit_source = 'runs_hour' then 'Wait for the next hour, or subscribe to PRPM+ for more runs.'
      else 'A shorter request may still fit. Buying credits or PRPM+ raises the limit.' end,
    -- A run may end long before its hold would.
    'retryAfter', case when p_limit_source = 'runs_concurrent' then 2 else greatest(1, ceil(extract(epoch from p_resets_at - p_instant)))::bigint end);
end $$;
comment on function engine.limit_refusal(uuid, timestamptz, text, numeric, numeric, timestamptz, timestamptz, boolean) is
  'SCT02 with the limit that leaves no room; alerts once per window. Shadow limits (p_is_binding false) alert and refuse nobody. cost_* and own_cap: US dollars, runs_*: runs.';

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
