create or replace function api.get_user(p_user_id uuid)
returns json
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform engine.visit_user(p_user_id);
  return engine.user_json(p_user_id);
end $$;
comment on function api.get_user(uuid) is 'GET /auth/me. The person, their tier and their live subscription. SCA02.';
