create or replace function admin.unthrottle(p_user_id uuid, p_reason text)
returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_user playground.users;
begin
  perform engine.check_reason(p_reason);
  v_user := engine.lock_user(p_user_id);
  update playground.users
  set throttled_at = null,
    throttled_reason = null,
    throttled_until = null
  where user_id = p_user_id;
  perform engine.write_audit('unthrottle', p_user_id, null, engine.throttle_json(v_user), null, p_reason);
end $$;
comment on function admin.unthrottle(uuid, text) is
  'Ends an operator''s throttle. SCD03 without a reason, SCD04 for an unknown person.';
