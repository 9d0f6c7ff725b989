-- Alerts: one row per person, window and kind, written in the transaction that saw the reason, so that it is neither lost nor
-- repeated; and with it what is to be told to whom.

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
  end if;
end $$;
comment on function engine.alert_once(uuid, timestamptz, text, jsonb, timestamptz) is
  'Writes an alert, at most one per person, window and kind, and puts it into the outbox of the operators'' webhook. The platform itself is the nil uuid.';
