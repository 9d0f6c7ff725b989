-- What the statements of the operators' runbooks turn into. Who: session_user. Why: the setting scrip.reason.

create or replace function engine.runbook_reason()
returns text
language sql stable
as $$ select coalesce(nullif(btrim(current_setting('scrip.reason', true)), ''), 'runbook statement') $$;
comment on function engine.runbook_reason() is 'Why a statement of a runbook changes something: the session''s setting scrip.reason, else that it is one.';

create or replace function engine.refuse_view_change()
returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception using
    errcode = 'SCL01', message = format('%s %s is refused: this view takes no such change.', tg_op, tg_table_name), hint = tg_argv[0];
end $$;
comment on function engine.refuse_view_change() is 'Trigger of a view: nothing is written through it; its argument is the hint that names what to call instead. SCL01.';

create or replace function engine.write_cost_limits()
returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if new.tier_name is distinct from old.tier_name then
    raise exception using
      errcode = 'SCL01', message = 'The name of a tier is not changed.',
      hint = 'A person''s tier comes of their plan: admin.set_plan(user, plan_price, anchor, reason). One without limits: admin.set_unlimited(user, true, reason).';
  elsif (new.monthly_cost_limit, new.daily_cost_limit, new.hourly_request_limit, new.concurrent_run_limit)
      is distinct from (old.monthly_cost_limit, old.daily_cost_limit, old.hourly_request_limit, old.concurrent_run_limit)
    and (select is_unlimited from playground.tiers where tier = old.tier_name)
  then
    -- A statement without WHERE means the limits there are.
    raise warning using
      message = format('The tier %s has no limits; it is left as it is.', old.tier_name),
      hint = 'Limits of one person: admin.set_user_limit(user, reason, …). To take them out of this tier: admin.set_unlimited(user, false, reason).';
    return null;
  elsif (new.monthly_cost_limit is null and old.monthly_cost_limit is not null) or (new.daily_cost_limit is null and old.daily_cost_limit is not null)
    or (new.hourly_request_limit is null and old.hourly_request_limit is not null)
    or (new.concurrent_run_limit is null and old.concurrent_run_limit is not null)
    or num_nulls(new.throttle_on_exceed, new.alert_at_percent, new.is_active) > 0
  then
    raise exception using
      errcode = 'SCD02', message = 'A limit that is NULL would refuse every run.',
      hint = 'A person without limits: admin.set_unlimited(user, true, reason). Limits that only alert: throttle_on_exceed = FALSE. To refuse every run: is_active = FALSE.';
  elsif new is distinct from old then
    -- What the statement leaves alone stays as somebody else may just have set it.
    perform admin.set_limits(
      old.tier_name,
      case when new.monthly_cost_limit is distinct from old.monthly_cost_limit then new.monthly_cost_limit end,
      case when new.daily_cost_limit is distinct from old.daily_cost_limit then new.daily_cost_limit end,
      case when new.hourly_request_limit is distinct from old.hourly_request_limit then new.hourly_request_limit end,
      engine.runbook_reason(),
      case when new.concurrent_run_limit is distinct from old.concurrent_run_limit then new.concurrent_run_limit end,
      case when new.throttle_on_exceed <> old.throttle_on_exceed then new.throttle_on_exceed end,
      case when new.is_active <> old.is_active then new.is_active end,
      case when new.alert_at_percent <> old.alert_at_percent then new.alert_at_percent end);
  end if;
  return new;
end $$;
comment on function engine.write_cost_limits() is
  'Trigger: UPDATE cost_limits_config is admin.set_limits, one audit line a row that changes. The tier without limits is left alone with a warning. SCD02 for what is no limit (NULL would refuse every run), SCL01 for the name.';

create or replace function engine.write_throttle()
returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_is_reason_changed constant boolean := new.throttled_reason is distinct from old.throttled_reason;
  v_user playground.users;
  v_is_in_force boolean;
  v_standing record;
  v_refusal record;
begin
  if (new.current_month_api_cost, new.lifetime_api_cost) is distinct from (old.current_month_api_cost, old.lifetime_api_cost) then
    raise exception using
      errcode = 'SCL01', message = 'Costs are what was used; nothing resets them.',
      hint = 'To let the person run: UPDATE users SET is_throttled = FALSE, throttled_reason = NULL WHERE …, or admin.set_user_limit(user, reason, until, …). Credits: admin.grant_credits(user, credits, reason).';
  elsif new.prpm_plus_status is distinct from old.prpm_plus_status then
    raise exception using
      errcode = 'SCL01', message = 'The status of a plan comes with its payments.',
      hint = 'A plan by hand: admin.set_plan(user, plan_price, anchor, reason); its end: admin.end_plan(user, at_period_end, reason). One bought at Stripe: admin.reconcile_stripe_object(…).';
  elsif (new.id, new.email, new.created_at) is distinct from (old.id, old.email, old.created_at)
    or (new.throttled_at is distinct from old.throttled_at and new.is_throttled is not distinct from old.is_throttled and not v_is_reason_changed)
  then
    raise exception using
      errcode = 'SCL01', message = 'Of a person only is_throttled and throttled_reason are changed here.',
      hint = 'Until an instant: admin.throttle(user, reason, until). Whose id it is: admin.find_user(email).';
  elsif new.is_throttled is null or (not new.is_throttled and new.throttled_reason is not null and v_is_reason_changed)
    or (new.is_throttled and old.is_throttled and v_is_reason_changed and coalesce(btrim(new.throttled_reason), '') = '')
  then
    raise exception using
      errcode = 'SCD02', message = 'A throttle has a reason, and who is not throttled has none.',
      hint = 'is_throttled = TRUE, throttled_reason = ''…'', or is_throttled = FALSE, throttled_reason = NULL. Why it ends: SET scrip.reason = ''…''.';
  end if;

  if new.is_throttled and (not old.is_throttled or v_is_reason_changed) then
    v_user := engine.lock_user(old.id);
    -- Another reason for the same throttle leaves its times alone.
    v_is_in_force := v_user.throttled_at is not null and (v_user.throttled_until > engine.now()) is not false;
    update playground.users
    set throttled_at = case when v_is_in_force then throttled_at else engine.now() end,
      throttled_reason = coalesce(nullif(btrim(new.throttled_reason), ''), engine.runbook_reason()),
      throttled_until = case when v_is_in_force then throttled_until end
    where user_id = old.id
    returning throttled_at, throttled_reason into new.throttled_at, new.throttled_reason;
    if not v_is_in_force then
      perform engine.write_notice(old.id, 'throttled', engine.iso(new.throttled_at), jsonb_build_object('until', null), new.throttled_at);
    end if;
    perform engine.write_audit(
      'throttle', old.id, null, engine.throttle_json(v_user),
      jsonb_build_object('throttledAt', engine.iso(new.throttled_at), 'reason', new.throttled_reason,
        'until', case when v_is_in_force then engine.iso(v_user.throttled_until) end), engine.runbook_reason());
  elsif not new.is_throttled and old.is_throttled then
    perform admin.unthrottle(old.id, engine.runbook_reason());
    select is_throttled, exhausted_limit into v_standing from engine.user_standings where user_id = old.id;
    new.throttled_at := null;
    if v_standing.is_throttled then
      new.is_throttled := true;
      new.throttled_reason := old.throttled_reason;
      raise warning using
        message = format('%s is still refused: %s.', old.email, v_standing.exhausted_limit),
        hint = 'A person''s own cap (own_cap) is theirs to raise. A tier that is inactive or has no limit refuses everybody: UPDATE cost_limits_config.';
    end if;
  elsif not new.is_throttled then
    select * into v_refusal from engine.standing_refusals(old.id, engine.now()) limit 1;
    if found then
      raise notice using
        message = format(
          '%s is not throttled; nothing is changed. %s (%s of %s used) refused a run at %s UTC.', old.email, v_refusal.limit_source,
          trim_scale(v_refusal.used), trim_scale(v_refusal.limit_value), to_char(v_refusal.refused_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI')),
        hint = case when v_refusal.limit_source in ('runs_hour', 'cost_day', 'cost_month')
          then format(
            'No limit until %s UTC: select admin.unthrottle(%L, %L); More of it for a day: ',
            to_char(v_refusal.resets_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI'), old.id, 'why')
          else '' end
          || engine.remedy_for(
            old.id, v_refusal.limit_source, v_refusal.used, v_refusal.limit_value, engine.tier_of(old.id), null, null, engine.now());
    end if;
  end if;
  return new;
end $$;
comment on function engine.write_throttle() is
  'Trigger: UPDATE users throttles a person for good, who is told that it is so, or ends an operator''s throttle and exempts from windows that are exhausted or refused a run until they end; rows that stay as they are do nothing, and a notice names the limit that refused such a person and what helps. Warns when something else still refuses. SCL01 for any other column, with what to call instead; SCD02 for a throttle without a reason.';
