-- What a plan costs whom, and the page on which it is bought.

create or replace function engine.offer_to(
  p_user_id uuid, out plan_price text, out plan text, out amount_cents bigint, out currency text, out full_cents bigint, out organization_name text)
language sql stable
as $$
  select price.plan_price, price.plan, price.amount_cents, price.currency, individual.amount_cents, member.name
  from playground.plan_prices as individual
  left join (
    select o.name
    from playground.organization_members m
    join playground.organizations o using (organization_id)
    where m.user_id = p_user_id and o.is_verified
    order by m.joined_at, o.organization_id
    limit 1
  ) as member on true
  join playground.plan_prices as price
    on price.plan_price = case when member.name is null then 'prpm_plus_individual' else 'prpm_plus_org' end
  where individual.plan_price = 'prpm_plus_individual'
$$;
comment on function engine.offer_to(uuid) is 'The price of PRPM+ for a person now, in cents a month: that of members while one of their organisations is verified.';
