create or replace function admin.set_member(p_organization_id uuid, p_user_id uuid, p_role text, p_reason text)
returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_before text;
begin
  perform engine.check_reason(p_reason);
  if p_role not in ('owner', 'admin', 'member') then
    perform engine.refuse('SCD02', 'The role must be owner, admin or member; null removes.');
  end if;
  perform engine.lock_organization(p_organization_id);
  select role into v_before
  from playground.organization_members
  where organization_id = p_organization_id
    and user_id = p_user_id;

  if p_role is not null then
    perform engine.lock_user(p_user_id);
  end if;
  if not engine.put_member(p_organization_id, p_user_id, p_role) then
    perform engine.refuse('SCD02', 'An organisation keeps at least one owner.');
  end if;
  perform engine.write_audit(
    'set_member', p_user_id, p_organization_id::text,
    jsonb_build_object('role', v_before), jsonb_build_object('role', p_role), p_reason
  );
end $$;
comment on function admin.set_member(uuid, uuid, text, text) is
  'Makes a person owner, admin or member of an organisation; a null role removes them. SCD02 for another role, or when the last owner would go; SCD03 without a reason, SCD04 for an unknown person or organisation.';
