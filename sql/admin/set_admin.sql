create or replace function admin.set_admin(p_user_id uuid, p_is_admin boolean, p_reason text)
returns void
language sql volatile security definer
set search_path = pg_catalog, pg_temp
as $$ select engine.set_flag(p_user_id, 'isAdmin', p_is_admin, 'set_admin', p_reason) $$;
comment on function admin.set_admin(uuid, boolean, text) is
  'Lets a person act as an admin over HTTP (/api/v1/admin), or no longer: it counts from their next request on, whatever token they hold. Admins see what everybody costs, grant credits and set limits, and make no other admins. SCD02 for neither, SCD03 without a reason, SCD04 for an unknown person.';
