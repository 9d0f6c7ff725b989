create or replace function api.acknowledge_alert(p_user_id uuid, p_token text, p_request_id text, p_alert_id uuid, p_reason text)
returns json
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform engine.check_admin(p_user_id, p_token, p_request_id);
  perform engine.check_reason_field(p_reason);
  perform admin.acknowledge_alert(p_alert_id, p_reason);
  return (
    select engine.alert_json(alert, person.email)
    from playground.alerts as alert
    left join playground.users as person using (user_id)
    where alert.alert_id = p_alert_id
  );
end $$;
comment on function api.acknowledge_alert(uuid, text, text, uuid, text) is
  'POST /admin/cost-analytics/alerts/{id}/acknowledge. Says that somebody has seen to an alert; the first who does counts. SCV01 without a reason, SCD04 when unknown; SCA01, SCA07.';
