create or replace function admin.verify_organization(p_organization_id uuid, p_is_verified boolean, p_reason text)
returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_organization playground.organizations;
  v_is_verified boolean;
begin
  perform engine.check_reason(p_reason);
  if p_is_verified is null then
    perform engine.refuse('SCD02', 'Say true or false.');
  end if;
  v_organization := engine.lock_organization(p_organization_id);
  update playground.organizations
  set is_verified_by_operator = p_is_verified
  where organization_id = p_organization_id;
  perform engine.refresh_verification(p_organization_id);
  select is_verified into strict v_is_verified from playground.organizations where organization_id = p_organization_id;
  perform engine.write_audit(
    'verify_organization', null, p_organization_id::text,
    jsonb_build_object('byOperator', v_organization.is_verified_by_operator, 'isVerified', v_organization.is_verified),
    jsonb_build_object('byOperator', p_is_verified, 'isVerified', v_is_verified), p_reason
  );
end $$;
comment on function admin.verify_organization(uuid, boolean, text) is
  'Says that an organisation is verified (its members are offered the organisation price), or no longer; it stays verified while it pays for the verified plan. SCD02, SCD03 without a reason, SCD04 for an unknown organisation.';
