-- Alerts: one row per person, window and kind, written in the transaction that saw the reason, so that it is neither lost nor
-- repeated; and with it what is to be told to whom: operators by their webhook, people and operators by mail.

create or replace function engine.alert_once(p_user_id uuid, p_window_starts_at timestamptz, p_kind text, p_details jsonb, p_instant timestamptz)
returns void
language plpgsql volatile
as $$
declare
  v_alert_id uuid;
begin
  insert into playground.alerts (user_id, window_starts_at, kind, details, created_at)
  values (p_user_id, p_window_starts_at, p_kind, p_details, p_instant)
  on conflict (user_id, window_starts_at, kind) do nothing
  returning alert_id into v_alert_id;
  if v_alert_id is not null then
    insert into playground.alert_deliveries (alert_id, user_id, window_starts_at, kind, details, created_at, state, next_try_at)
    values (v_alert_id, p_user_id, p_window_starts_at, p_kind, p_details, p_instant, 'due', p_instant);
    perform engine.mail_alert(v_alert_id, p_user_id, p_window_starts_at, p_kind, p_details, p_instant);
  end if;
end $$;
comment on function engine.alert_once(uuid, timestamptz, text, jsonb, timestamptz) is
  'Writes an alert, at most one per person, window and kind, puts it into the outbox of the operators'' webhook, and writes the mail that goes with it. The platform itself is the nil uuid.';

create or replace function engine.mail_alert(
  p_alert_id uuid, p_user_id uuid, p_window_starts_at timestamptz, p_kind text, p_details jsonb, p_instant timestamptz)
returns void
language plpgsql volatile
as $$
declare
  v_settings record;
begin
  if starts_with(p_kind, 'cost_month_') or p_kind = 'limit_exceeded_cost_month' then
    perform engine.mail_cost_alert(p_user_id, p_window_starts_at, p_details, p_instant);
  elsif p_user_id = '00000000-0000-0000-0000-000000000000' or p_kind in ('billing_task_failed', 'catch_up_failed', 'gifts_failed') then
    select alert_email into v_settings from playground.platform_settings;
    if v_settings.alert_email is not null then
      perform engine.write_notice(
        p_user_id, 'platform_alert', p_alert_id::text,
        jsonb_build_object(
          'alertId', p_alert_id, 'kind', p_kind, 'userId', nullif(p_user_id, '00000000-0000-0000-0000-000000000000'), 'details', p_details,
          'statement', engine.alert_statement(p_kind), 'createdAt', engine.iso(p_instant)),
        p_instant, v_settings.alert_email);
    end if;
  end if;
end $$;
comment on function engine.mail_alert(uuid, uuid, timestamptz, text, jsonb, timestamptz) is
  'Who is written to about an alert: people about the limit of their month, operators (platform_settings.alert_email) about the platform and about accounts that only they can put right; days and hours are not mailed.';

create or replace function engine.mail_cost_alert(p_user_id uuid, p_window_starts_at timestamptz, p_details jsonb, p_instant timestamptz)
returns void
language plpgsql volatile
as $$
declare
  v_month constant text := engine.iso(p_window_starts_at);
  v_is_refused constant boolean := p_details ? 'refused';
  v_subject text;
  v_notice jsonb;
begin
  -- Limits that refuse nobody are no news to anybody but operators.
  if v_is_refused then
    if not (p_details ->> 'refused')::boolean then
      return;
    end if;
  elsif (p_details ->> 'percent')::integer < (select notice_threshold_percent from playground.platform_settings)
    or exists (select from playground.tiers where tier = p_details ->> 'tier' and not throttle_on_exceed)
  then
    return;
  end if;
  v_subject := v_month || ' ' || case when v_is_refused then 'refused' else p_details ->> 'percent' end;
  v_notice := jsonb_build_object(
    'percent', (p_details ->> 'percent')::integer,
    'usedUsd', to_char(coalesce(p_details ->> 'costUsd', p_details ->> 'used')::numeric, 'FM999999990.00'),
    'limitUsd', to_char(coalesce(p_details ->> 'limitUsd', p_details ->> 'limit')::numeric, 'FM999999990.00'),
    'resetsAt', engine.iso(engine.window_end('month', p_window_starts_at)));
  -- What this run overtook before anybody could send it need not be told any more.
  update playground.notices
  set subject = v_subject, details = v_notice, created_at = p_instant
  where user_id = p_user_id and kind = 'cost_alert' and state = 'due' and attempts = 0
    and starts_with(subject, v_month) and right(subject, 7) <> 'refused';
  if not found then
    perform engine.write_notice(p_user_id, 'cost_alert', v_subject, v_notice, p_instant);
  end if;
end $$;
comment on function engine.mail_cost_alert(uuid, timestamptz, jsonb, timestamptz) is
  'Writes to a person that so much of their month''s limit (US dollars, to the cent) is used, from notice_threshold_percent on, or that it refused a run. Of what is not sent yet only the last is. Nothing under shadow limits.';

create or replace function engine.alert_statement(p_kind text)
returns text
language sql immutable
as $$
  select case
    when p_kind = 'margin_low' then 'select * from analytics.model_margin order by day desc;'
    when p_kind = 'many_throttled' then 'select * from admin.users where is_throttled;'
    when starts_with(p_kind, 'provider_spend_') then 'select * from admin.providers;'
    when starts_with(p_kind, 'provider_bill') then 'select * from admin.providers;'
    when starts_with(p_kind, 'job_late') then 'select * from admin.jobs;'
    when starts_with(p_kind, 'ledger: ') then 'select * from admin.verify_ledger();'
    when starts_with(p_kind, 'stripe_event_parked') then 'select * from admin.stripe_events where state = ''parked'' order by received_at;'
    when p_kind = 'deliveries_failing' then 'select * from admin.alert_deliveries where state <> ''sent'' order by created_at;'
    when p_kind = 'notices_failing' then 'select * from admin.notices where state <> ''sent'' order by created_at;'
  end
$$;
comment on function engine.alert_statement(text) is 'What an operator runs first on an alert of this kind; null: the details say all.';

create or replace function engine.alert_failing(
  p_kind text, p_waiting bigint, p_oldest_at timestamptz, p_attempts integer, p_error text, p_instant timestamptz)
returns void
language sql volatile
as $$
  select engine.alert_once(
    '00000000-0000-0000-0000-000000000000', date_trunc('day', p_instant, 'UTC'), p_kind,
    jsonb_build_object('waiting', p_waiting, 'oldestAt', engine.iso(p_oldest_at), 'attempts', p_attempts, 'lastError', p_error), p_instant)
$$;
comment on function engine.alert_failing(text, bigint, timestamptz, integer, text, timestamptz) is
  'Tells operators, once a day, that so many messages have been tried again and again: since when, how often, and what was said last.';
