create or replace function admin.acknowledge_alert(p_alert_id uuid, p_reason text)
returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_alert playground.alerts;
  v_now timestamptz;
  v_by text;
begin
  perform engine.check_reason(p_reason);
  select * into v_alert
  from playground.alerts
  where alert_id = p_alert_id
  for no key update;
  if not found then
    perform engine.refuse('SCD04', 'There is no such alert.');
  end if;
  if v_alert.acknowledged_at is not null then
    return;
  end if;

  v_now := engine.now();
  -- An admin who asked through a gateway, else whoever is logged in.
  v_by := coalesce(engine.acting_user()::text, session_user);
  update playground.alerts
  set acknowledged_at = v_now,
    acknowledged_by = v_by
  where user_id = v_alert.user_id
    and window_starts_at = v_alert.window_starts_at
    and kind = v_alert.kind;
  perform engine.write_audit(
    'acknowledge_alert', nullif(v_alert.user_id, '00000000-0000-0000-0000-000000000000'), p_alert_id::text, null,
    jsonb_build_object('kind', v_alert.kind, 'window', engine.iso(v_alert.window_starts_at), 'acknowledgedAt', engine.iso(v_now)),
    p_reason
  );
end $$;
comment on function admin.acknowledge_alert(uuid, text) is
  'When somebody has seen to an alert (admin.alerts shows its alert_id): says who and when. The first counts; a second call changes nothing. SCD03 without a reason, SCD04 for an unknown alert.';
