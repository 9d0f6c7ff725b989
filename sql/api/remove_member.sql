create or replace function api.remove_member(p_user_id uuid, p_organization_id uuid, p_member_id uuid)
returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_own_role text;
  v_role text;
begin
  perform engine.find_account(p_user_id);
  perform
  from playground.organizations
  where organization_id = p_organization_id
  for no key update;
  v_own_role := engine.organization_role(p_user_id, p_organization_id);
  select role into v_role
  from playground.organization_members
  where organization_id = p_organization_id
    and user_id = p_member_id;
  if not found then
    perform engine.refuse('SCN03', 'This person is no member of the organisation.');
  end if;
  if p_member_id <> p_user_id and v_own_role <> 'owner' and (v_own_role = 'member' or v_role <> 'member') then
    perform engine.refuse('SCN02', 'Members are removed by owners and admins, owners and admins by owners.');
  end if;

  if not engine.put_member(p_organization_id, p_member_id, null) then
    perform engine.refuse('SCN04', 'An organisation keeps at least one owner.');
  end if;
end $$;
comment on function api.remove_member(uuid, uuid, uuid) is
  'DELETE /organizations/{id}/members/{userId}. Removes a member; everybody may leave. SCA02, SCN01, SCN02, SCN03, SCN04 when the last owner would go.';
