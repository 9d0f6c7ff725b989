create or replace function api.get_organization(p_user_id uuid, p_organization_id uuid)
returns json
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform engine.find_account(p_user_id);
  perform engine.organization_role(p_user_id, p_organization_id);
  return engine.organization_json(p_user_id, p_organization_id);
end $$;
comment on function api.get_organization(uuid, uuid) is
  'GET /organizations/{id}. An organisation and its members, to its members; e-mail addresses to owners and admins. SCA02, SCN01.';
