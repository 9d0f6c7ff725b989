create or replace function api.get_subscription(p_user_id uuid, p_organization_id uuid default null)
returns json
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_account_id constant uuid := engine.payer_of(p_user_id, p_organization_id);
begin
  perform engine.refresh_account(v_account_id);
  return coalesce(engine.subscription_json(v_account_id), json_build_object(
    'isActive', false, 'status', null, 'plan', null, 'cancelAtPeriodEnd', false, 'currentPeriodEnd', null));
end $$;
comment on function api.get_subscription(uuid, uuid) is
  'GET /playground/subscription and /organizations/{id}/subscription. The live plan, caught up. SCA02, SCN01, SCN02.';
