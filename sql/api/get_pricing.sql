create or replace function api.get_pricing(p_user_id uuid)
returns json
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_offer record := engine.offer_to(p_user_id);
begin
  perform engine.find_account(p_user_id);
  return (
    select json_build_object(
      'price', v_offer.amount_cents,
      'currency', v_offer.currency,
      'interval', 'month',
      'credits', p.monthly_credits,
      'isOrgMember', v_offer.organization_name is not null,
      'orgName', v_offer.organization_name,
      'discount', v_offer.full_cents - v_offer.amount_cents)
    from playground.plans p
    where p.plan = v_offer.plan);
end $$;
comment on function api.get_pricing(uuid) is
  'GET /playground/pricing. What PRPM+ costs this person a month, in cents: the organisation price as a member of a verified organisation. discount: cents less than everybody else pays. SCA02.';
