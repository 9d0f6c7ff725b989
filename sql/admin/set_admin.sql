create or replace function admin.set_admin(p_user_id uuid, p_is_admin boolean, p_reason text)
returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_user playground.users;
begin
  perform engine.check_reason(p_reason);
  if p_is_admin is null then
    perform engine.refuse('SCD02', 'Say true or false.');
  end if;
  v_user := engine.lock_user(p_user_id);
  update playground.users
  set is_admin = p_is_admin
  where user_id = p_user_id;
  perform engine.write_audit(
    'set_admin', p_user_id, null,
    jsonb_build_object('isAdmin', v_user.is_admin), jsonb_build_object('isAdmin', p_is_admin), p_reason
  );
end $$;
comment on function admin.set_admin(uuid, boolean, text) is
  'Lets a person act as an admin over HTTP (/api/v1/admin), or no longer: it counts from their next request on, whatever token they hold. Admins see what everybody costs, grant credits and set limits, and make no other admins. SCD02 for neither, SCD03 without a reason, SCD04 for an unknown person.';
