create or replace function api.finish_alert(p_user_id uuid, p_alert_id uuid, p_error text default null, p_is_final boolean default false)
returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now constant timestamptz := engine.now();
begin
  update playground.alert_deliveries
  set state = case when p_error is null then 'sent' when p_is_final then 'failed' else 'due' end,
    ended_at = case when p_error is null or p_is_final then v_now end,
    next_try_at = v_now + engine.pause_after(attempts),
    last_error = left(p_error, 500)
  where user_id = p_user_id and alert_id = p_alert_id and state = 'due';
end $$;
comment on function api.finish_alert(uuid, uuid, text, boolean) is
  'A claimed alert was taken by the webhook, or failed with p_error: then it is tried again after a growing pause, unless p_is_final. A second call changes nothing.';
