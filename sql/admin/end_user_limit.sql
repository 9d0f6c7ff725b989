create or replace function admin.end_user_limit(p_user_id uuid, p_reason text)
returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_before jsonb;
begin
  perform engine.check_reason(p_reason);
  perform engine.lock_user(p_user_id);
  v_before := engine.own_limits_json(p_user_id);
  delete from playground.user_limits where user_id = p_user_id;
  if not found then
    return;
  end if;
  update playground.users
  set has_own_limits = false
  where user_id = p_user_id;
  perform engine.write_audit('end_user_limit', p_user_id, null, v_before, null, p_reason);
end $$;
comment on function admin.end_user_limit(uuid, text) is
  'Ends the limits that operators gave a person, standing and temporary: the tier''s hold again. Who has none is left alone. SCD03 without a reason, SCD04 for an unknown person.';
