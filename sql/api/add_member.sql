create or replace function api.add_member(p_user_id uuid, p_organization_id uuid, p_email text, p_role text)
returns json
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_own_role text;
  v_member_id uuid;
  v_before text;
begin
  perform engine.find_account(p_user_id);
  if not engine.is_email(p_email) then
    perform engine.refuse_field('email', 'is not an e-mail address');
  end if;
  if p_role is null or p_role not in ('owner', 'admin', 'member') then
    perform engine.refuse_field('role', 'must be owner, admin or member');
  end if;

  perform
  from playground.organizations
  where organization_id = p_organization_id
  for no key update;
  perform engine.check_organization_role(p_user_id, p_organization_id);
  v_own_role := engine.organization_role(p_user_id, p_organization_id);
  if v_own_role <> 'owner' and p_role <> 'member' then
    perform engine.refuse('SCN02', 'Only owners may make owners and admins.');
  end if;

  -- Locked: who is deleted at this moment is not there any more.
  select u.user_id into v_member_id
  from playground.user_emails as e
  join playground.users as u using (user_id)
  where e.email_key = engine.email_key(p_email)
    and u.deleted_at is null
  for share of u;
  if not found then
    perform engine.refuse('SCN03', 'Nobody is registered with this e-mail address.');
  end if;
  select role into v_before
  from playground.organization_members
  where organization_id = p_organization_id
    and user_id = v_member_id;
  if v_own_role <> 'owner' and v_before <> 'member' then
    perform engine.refuse('SCN02', 'Only owners may change the role of owners and admins.');
  end if;

  if not engine.put_member(p_organization_id, v_member_id, p_role) then
    perform engine.refuse('SCN04', 'An organisation keeps at least one owner.');
  end if;
  return engine.organization_json(p_user_id, p_organization_id);
end $$;
comment on function api.add_member(uuid, uuid, text, text) is
  'POST /organizations/{id}/members. Adds a registered person, or gives a member another role: members by owners and admins, owners and admins by owners. SCA02, SCV01, SCN01, SCN02, SCN03, SCN04.';
