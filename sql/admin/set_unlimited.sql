create or replace function admin.set_unlimited(p_user_id uuid, p_is_unlimited boolean, p_reason text)
returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_user playground.users;
begin
  perform engine.check_reason(p_reason);
  if p_is_unlimited is null then
    perform engine.refuse('SCD02', 'Say true or false.');
  end if;
  v_user := engine.lock_user(p_user_id);
  update playground.users
  set is_unlimited = p_is_unlimited
  where user_id = p_user_id;
  perform engine.write_audit(
    'set_unlimited', p_user_id, null,
    jsonb_build_object('isUnlimited', v_user.is_unlimited), jsonb_build_object('isUnlimited', p_is_unlimited), p_reason
  );
end $$;
comment on function admin.set_unlimited(uuid, boolean, text) is
  'Puts a person into the tier without cost limits, or takes them out of it; open runs keep the limits they began with. SCD03 without a reason, SCD04 for an unknown person.';
