-- What an admin does over HTTP: who they are, what they must say, and how their lists are paged.

create or replace function engine.check_admin(p_user_id uuid, p_token text, p_request_id text)
returns void
language plpgsql volatile
as $$
begin
  perform engine.verify_bearer(p_user_id, p_token);
  perform
  from playground.users
  where user_id = p_user_id
    and deleted_at is null
    and is_admin;
  if not found then
    perform engine.refuse('SCA07', 'This is for admins.');
  end if;
  perform engine.act_as(p_user_id, p_request_id);
end $$;
comment on function engine.check_admin(uuid, text, text) is
  'First step of each door of admins: SCA01 unless the token is this person''s own, SCA07 unless they are an admin at this moment. What is audited after it in the same call bears their id and the request''s.';

create or replace function engine.check_reason_field(p_reason text)
returns void
language plpgsql stable
as $$
begin
  if p_reason is null or p_reason !~ '[^[:space:]]' then
    perform engine.refuse_field('reason', 'must be given: it is kept in the audit log');
  end if;
end $$;
comment on function engine.check_reason_field(text) is 'SCV01 for a change of which nobody says why.';

create or replace function engine.check_person(p_person_id uuid)
returns void
language plpgsql stable
as $$
begin
  perform
  from playground.users
  where user_id = p_person_id
    and deleted_at is null;
  if not found then
    perform engine.refuse('SCN03', 'There is no such person.');
  end if;
end $$;
comment on function engine.check_person(uuid) is 'SCN03 when somebody an admin asks about is unknown or deleted.';

create or replace function engine.write_cursor(variadic p_values text[])
returns text
language sql immutable
as $$ select encode(convert_to(array_to_string(p_values, ' '), 'UTF8'), 'hex') $$;
comment on function engine.write_cursor(text[]) is 'A place in a list, for whoever asks for the next page: the key of the last row shown.';

create or replace function engine.read_cursor(p_cursor text, p_pattern text)
returns text[]
language plpgsql stable
as $$
declare
  v_text text;
begin
  -- Printable ASCII in hexadecimal, so nothing else can come out of it.
  if p_cursor ~ '^(2[0-9a-f]|[3-6][0-9a-f]|7[0-9a-e]){1,200}$' then
    v_text := convert_from(decode(p_cursor, 'hex'), 'UTF8');
  end if;
  if p_cursor is not null and (v_text ~ ('^' || p_pattern || '$')) is not true then
    perform engine.refuse_field('cursor', 'is not one that this list has given');
  end if;
  return string_to_array(v_text, ' ');
end $$;
comment on function engine.read_cursor(text, text) is 'What engine.write_cursor wrote; null for none. SCV01 for what does not look like the pattern.';

create or replace function engine.cursor_instant(p_instant timestamptz)
returns text
language sql immutable
as $$ select trunc(extract(epoch from p_instant) * 1000000)::text $$;
comment on function engine.cursor_instant(timestamptz) is 'An instant in a cursor: whole microseconds since 1970.';

create or replace function engine.instant_of_cursor(p_text text)
returns timestamptz
language sql immutable
as $$ select '1970-01-01 00:00:00+00'::timestamptz + (p_text::bigint / 1000000) * interval '1 second' + (p_text::bigint % 1000000) * interval '1 microsecond' $$;
comment on function engine.instant_of_cursor(text) is 'The instant that engine.cursor_instant wrote.';

create or replace function engine.check_limit(p_limit integer)
returns void
language plpgsql stable
as $$
begin
  if p_limit is null or p_limit not between 1 and 100 then
    perform engine.refuse_field('limit', 'must lie between 1 and 100');
  end if;
end $$;
comment on function engine.check_limit(integer) is 'SCV01 unless a page has 1 to 100 rows.';

create or replace function engine.alert_json(p_alert playground.alerts, p_email text)
returns json
language sql stable
as $$
  select json_build_object(
    'id', p_alert.alert_id,
    'userId', nullif(p_alert.user_id, '00000000-0000-0000-0000-000000000000'),
    'email', p_email,
    'kind', p_alert.kind,
    'windowStartsAt', engine.iso(p_alert.window_starts_at),
    'details', p_alert.details,
    'createdAt', engine.iso(p_alert.created_at),
    'acknowledgedAt', engine.iso(p_alert.acknowledged_at),
    'acknowledgedBy', p_alert.acknowledged_by
  );
$$;
comment on function engine.alert_json(playground.alerts, text) is 'An alert as admins see it, with the e-mail address of whom it is about; without userId it is of the platform.';

create or replace function engine.percent_used(p_used numeric, p_limit numeric)
returns numeric
language sql immutable
as $$ select case when p_limit > 0 then trim_scale(round(p_used * 100 / p_limit, 2)) when p_limit = 0 then 100 end $$;
comment on function engine.percent_used(numeric, numeric) is 'How much of a limit is used, in percent to two decimals; a limit of 0 is used up, without a limit null.';

create or replace function engine.user_costs_json(p_person_id uuid, p_refusal json default null)
returns json
language sql stable
as $$
  select json_build_object(
    'userId', standing.user_id,
    'email', person.email,
    'tier', standing.tier,
    'currentMonthCost', trim_scale(standing.month_cost_usd),
    'costLimit', trim_scale(bound.monthly_usd),
    'percentUsed', engine.percent_used(standing.month_window_usd, bound.monthly_usd),
    'isThrottled', standing.is_throttled,
    'throttledBy', case when standing.is_throttled_by_operator then 'operator' else standing.exhausted_limit end,
    'throttledReason', case when standing.is_throttled then shown.throttled_reason end,
    'throttledUntil', engine.iso(case when standing.is_throttled_by_operator then standing.throttled_until else standing.exhausted_until end),
    'refusal', p_refusal,
    'daily', json_build_object(
      'cost', trim_scale(standing.day_cost_usd), 'limit', trim_scale(bound.daily_usd),
      'percentUsed', engine.percent_used(standing.day_window_usd, bound.daily_usd), 'resetsAt', engine.iso(engine.window_end('day', clock.day))),
    'hourly', json_build_object(
      'runs', standing.hour_runs, 'limit', bound.runs_limit,
      'percentUsed', engine.percent_used(standing.hour_runs, bound.runs_limit), 'resetsAt', engine.iso(engine.window_end('hour', clock.hour))),
    'resetsAt', engine.iso(engine.window_end('month', clock.month)),
    'ownCap', trim_scale(standing.cost_cap_usd),
    'overrides', coalesce((
      select json_agg(json_build_object(
        'monthlyUsd', trim_scale(own.monthly_cost_limit_usd), 'dailyUsd', trim_scale(own.daily_cost_limit_usd), 'runsPerHour', own.runs_per_hour,
        'concurrentRuns', own.concurrent_runs, 'reason', own.reason, 'setBy', own.set_by, 'setAt', engine.iso(own.set_at), 'until', engine.iso(own.ends_at)
      ) order by own.is_temporary desc)
      from playground.user_limits as own
      where own.user_id = p_person_id
        and (own.ends_at is null or own.ends_at > clock.now)
    ), '[]'),
    'alerts', coalesce((
      select json_agg(engine.alert_json(newest.alert, person.email) order by (newest.alert).created_at desc, (newest.alert).alert_id desc)
      from (
        select alert
        from playground.alerts as alert
        where alert.user_id = p_person_id
        order by created_at desc, alert_id desc
        limit 20
      ) as newest
    ), '[]')
  )
  from engine.user_standings as standing
  join playground.users as person using (user_id)
  cross join lateral (select throttled_reason from admin.users where id = p_person_id) as shown
  cross join lateral (
    select case when not standing.is_unlimited then standing.monthly_limit_usd end as monthly_usd,
      case when not standing.is_unlimited then standing.daily_limit_usd end as daily_usd,
      case when not standing.is_unlimited then standing.runs_limit end as runs_limit
  ) as bound
  cross join lateral (
    select now, date_trunc('month', now, 'UTC') as month, date_trunc('day', now, 'UTC') as day, date_trunc('hour', now, 'UTC') as hour
    from (select engine.now() as now offset 0) as at
  ) as clock
  where standing.user_id = p_person_id;
$$;
comment on function engine.user_costs_json(uuid, json) is
  'What a person costs, may cost and is kept from, as admins see it. US dollars: cost counts ended runs with what the bought budget paid; percentUsed is of what counts against the limit, open runs included. The newest 20 alerts. p_refusal: what engine.refusal_json says, shown as it is.';

create or replace function engine.refusal_hint(p_person_id uuid, p_limit_source text, p_used numeric, p_limit numeric, p_what_helps text)
returns text
language sql stable
as $$
  select case
    when p_limit_source = 'operator' then format('POST %s/unthrottle lets this person run again.', path)
    when p_limit_source = 'credits' then format('POST %s/credits grants what is missing: at least %s.', path, p_used - p_limit)
    when field is not null and p_limit is not null then format('PUT %s/limits with a higher %s raises it for this person; with until it ends by itself.', path, field)
    -- What no call of an admin does.
    when p_what_helps ~ '^select ' then 'In SQL, as an operator: ' || p_what_helps
    else p_what_helps
  end
  from (select '/api/v1/admin/cost-analytics/users/' || p_person_id as path) as person
  cross join (
    select case p_limit_source
      when 'runs_hour' then 'runsPerHour' when 'runs_concurrent' then 'concurrentRuns' when 'cost_day' then 'dailyUsd' when 'cost_month' then 'monthlyUsd'
    end as field
  ) as named
$$;
comment on function engine.refusal_hint(uuid, text, numeric, numeric, text) is
  'Which call of an admin helps against what admin.explain_refusal names (used and limit as there); where none does, the statement that it names.';

create or replace function engine.refusal_json(p_person_id uuid)
returns json
language sql volatile
as $$
  select json_build_object(
    'limitSource', limit_source, 'wouldStart', would_start, 'model', model, 'used', used, 'limit', limit_value, 'resetsAt', engine.iso(resets_at), 'setBy', set_by, 'reason', reason,
    'hint', engine.refusal_hint(p_person_id, limit_source, used, limit_value, what_helps))
  from engine.explained_refusal(p_person_id, null, 1)
  where limit_source is not null;
$$;
comment on function engine.refusal_json(uuid) is
  'What refuses runs of a person with the default model now, as admins see it; null: nothing does. wouldStart: the smallest run would start all the same. US dollars, runs; credits: needed and available. Catches the account up. SCD04 when unknown.';

create or replace function engine.person_document(p_person_id uuid)
returns json
language plpgsql volatile
as $$
declare
  -- First: it catches the account up, and the figures are those of after.
  v_refusal constant json := engine.refusal_json(p_person_id);
begin
  return engine.user_costs_json(p_person_id, v_refusal);
end $$;
comment on function engine.person_document(uuid) is
  'A person as every call about one answers: engine.user_costs_json, caught up, with what would refuse a run now. Whoever locks the person locks the account before. SCD04 when unknown.';

create or replace function engine.tier_document(p_tier playground.tiers)
returns jsonb
language sql stable
as $$ select jsonb_build_object('tier', p_tier.tier, 'isUnlimited', p_tier.is_unlimited) || engine.tier_json(p_tier) $$;
comment on function engine.tier_document(playground.tiers) is 'The limits of a tier as admins see them. US dollars, runs, percents.';
