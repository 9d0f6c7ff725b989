create or replace function api.finish_billing_task(p_account_id uuid, p_task_id uuid, p_error text default null, p_is_final boolean default false)
returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now constant timestamptz := engine.now();
  v_kind text;
begin
  update playground.billing_tasks
  set state = case when p_error is null then 'done' when p_is_final then 'failed' else 'due' end,
    ended_at = case when p_error is null or p_is_final then v_now end,
    next_try_at = v_now + engine.pause_after(attempts),
    last_error = left(p_error, 500)
  where account_id = p_account_id and task_id = p_task_id and state = 'due'
  returning kind into v_kind;
  if found and p_error is not null and p_is_final then
    perform engine.alert_once(
      p_account_id, v_now, 'billing_task_failed', jsonb_build_object('taskId', p_task_id, 'kind', v_kind, 'error', left(p_error, 500)), v_now);
  end if;
end $$;
comment on function api.finish_billing_task(uuid, uuid, text, boolean) is
  'A claimed task was done at Stripe, or failed with p_error: then it is tried again after a growing pause, unless p_is_final, which alerts. A second call changes nothing.';
