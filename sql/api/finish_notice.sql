create or replace function api.finish_notice(p_user_id uuid, p_notice_id uuid, p_error text default null, p_is_final boolean default false)
returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now constant timestamptz := engine.now();
begin
  update playground.notices
  set state = case when p_error is null then 'sent' when p_is_final then 'failed' else 'due' end,
    ended_at = case when p_error is null or p_is_final then v_now end,
    next_try_at = v_now + engine.pause_after(attempts),
    last_error = left(p_error, 500)
  where user_id = p_user_id and notice_id = p_notice_id and state = 'due';
end $$;
comment on function api.finish_notice(uuid, uuid, text, boolean) is
  'A claimed message was sent, or failed with p_error: then it is tried again after a growing pause, unless p_is_final. A second call changes nothing.';
