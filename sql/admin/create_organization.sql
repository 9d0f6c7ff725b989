create or replace function admin.create_organization(p_name text, p_owner uuid, p_reason text)
returns uuid
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_organization_id uuid;
begin
  perform engine.check_reason(p_reason);
  if not engine.is_organization_name(p_name) then
    perform engine.refuse('SCD02', 'A name must have 1 to 200 printable characters.');
  end if;
  perform engine.lock_user(p_owner);
  v_organization_id := engine.add_organization(p_name, p_owner);
  perform engine.write_audit(
    'create_organization', p_owner, v_organization_id::text, null,
    jsonb_build_object('name', btrim(p_name), 'owner', p_owner), p_reason
  );
  return v_organization_id;
end $$;
comment on function admin.create_organization(text, uuid, text) is
  'Makes an organisation, not verified, with its owner. Returns its id. SCD02 for a wrong name, SCD03 without a reason, SCD04 for an unknown person.';
