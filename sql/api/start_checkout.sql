create or replace function api.start_checkout(p_user_id uuid, p_success_url text, p_cancel_url text, p_organization_id uuid default null)
returns table (
  checkout_id uuid, url text, account_id uuid, email text, customer_id text, is_customer_old boolean, stripe_price_id text,
  plan_price text, is_old boolean)
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_account playground.accounts := engine.touch_account(engine.payer_of(p_user_id, p_organization_id));
  v_instant constant timestamptz := v_account.last_instant;
  v_live playground.subscriptions := engine.live_subscription(v_account.account_id);
  v_checkout playground.checkouts;
begin
  if v_live.subscription_id is not null then
    perform engine.refuse('SCB01', 'There is a plan already.');
  end if;
  plan_price := case when p_organization_id is null then (engine.offer_to(p_user_id)).plan_price else 'verified' end;
  select s.stripe_price_id into stripe_price_id
  from playground.stripe_prices s
  where s.plan_price = start_checkout.plan_price and s.is_current;
  if not found then
    perform engine.refuse('SCB05', 'This plan cannot be bought at the moment.');
  end if;

  -- Two clicks lead to one page: a page still open, or one that Stripe was asked for and did not answer yet.
  select * into v_checkout
  from playground.checkouts c
  where c.account_id = v_account.account_id and c.plan_price = start_checkout.plan_price
    and (c.success_url, c.cancel_url) = (p_success_url, p_cancel_url)
    and (c.status = 'started' or (c.status = 'open' and c.expires_at > v_instant))
  order by c.requested_at desc
  limit 1;
  if not found then
    insert into playground.checkouts (account_id, checkout_id, user_id, plan_price, success_url, cancel_url, status, requested_at)
    values (v_account.account_id, gen_random_uuid(), p_user_id, plan_price, p_success_url, p_cancel_url, 'started', v_instant)
    returning * into v_checkout;
  end if;
  -- Pages for another price, or that lead elsewhere, are closed: only one plan can be had.
  perform engine.ask_stripe(v_account.account_id, 'expire_checkout_session', c.checkout_session_id, v_instant)
  from playground.checkouts c
  where c.account_id = v_account.account_id and c.plan_price is not null and c.checkout_id <> v_checkout.checkout_id and c.status = 'open' and c.expires_at > v_instant;

  select c.customer_id, c.is_customer_old into customer_id, is_customer_old from engine.request_customer(v_account.account_id, v_instant) as c;
  update playground.accounts a set last_instant = v_instant where a.account_id = v_account.account_id;
  checkout_id := v_checkout.checkout_id;
  url := v_checkout.url;
  account_id := v_account.account_id;
  email := (select u.email from playground.users u where u.user_id = p_user_id);
  is_old := v_checkout.requested_at < v_instant - (select stripe_key_lifetime from playground.platform_settings);
  return next;
end $$;
comment on function api.start_checkout(uuid, text, text, uuid) is
  'POST /playground/subscribe and /organizations/{id}/subscribe, before Stripe is asked: the price by verified membership at this moment. url: a page that is open still. SCA02, SCB01 when a plan is live, SCB05 when the price has no Stripe id, SCN01, SCN02.';
