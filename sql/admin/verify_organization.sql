create or replace function admin.verify_organization(p_organization_id uuid, p_is_verified boolean, p_reason text)
returns void
language plpgsql volatile security definer
set search_path = ''
as $$
declare
  v_organization playground.organizations;
begin
  perform engine.check_reason(p_reason);
  if p_is_verified is null then
    perform engine.refuse('SCD02', 'Say true or false.');
  end if;
  v_organization := engine.lock_organization(p_organization_id);
  update playground.organizations
  set is_verified = p_is_verified
  where organization_id = p_organization_id;
  perform engine.write_audit(
    'verify_organization', null, p_organization_id::text,
    jsonb_build_object('isVerified', v_organization.is_verified), jsonb_build_object('isVerified', p_is_verified),
    p_reason
  );
end $$;
comment on function admin.verify_organization(uuid, boolean, text) is
  'Says that an organisation is verified (its members are offered the organisation price), or no longer. SCD03 without a reason, SCD04 for an unknown organisation.';
