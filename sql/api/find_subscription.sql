create or replace function api.find_subscription(p_user_id uuid, p_organization_id uuid default null)
returns table (account_id uuid, customer_id text, stripe_subscription_id text, cancels boolean)
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_account_id constant uuid := engine.payer_of(p_user_id, p_organization_id);
  v_live playground.subscriptions := engine.live_subscription(v_account_id);
begin
  if v_live.source = 'operator' then
    perform engine.refuse('SCB07', 'This plan was set by the operator and is not billed; ask them to change it.');
  end if;
  account_id := v_account_id;
  customer_id := (select c.customer_id from playground.customers c where c.account_id = v_account_id);
  stripe_subscription_id := v_live.stripe_subscription_id;
  cancels := v_live.ends_at is not null;
  if customer_id is null then
    perform engine.refuse('SCB02', 'There is no subscription.');
  end if;
  return next;
end $$;
comment on function api.find_subscription(uuid, uuid) is
  'Whom and what to change at Stripe: the customer, and the live subscription (null when none is). SCA02, SCB02 when nothing was ever billed, SCB07 for a plan set by hand, SCN01, SCN02.';
