create or replace function api.start_purchase(
  p_user_id uuid,
  p_pack text,
  p_success_url text default null,
  p_cancel_url text default null,
  p_idempotency_key text default null
)
returns table (
  refusal text, refusal_message text, refusal_detail json, status integer, body text, purchase_id uuid, account_id uuid, pack_name text,
  credits bigint, price_cents bigint, currency text, email text, customer_id text, is_customer_old boolean, is_old boolean,
  payment_intent_id text, checkout_id uuid, stripe_price_id text)
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_account playground.accounts := engine.touch_user(p_user_id);
  v_instant constant timestamptz := v_account.last_instant;
  v_settings playground.platform_settings;
  v_pack playground.packs;
  v_purchase playground.purchases;
  v_recent record;
begin
  select * into strict v_settings from playground.platform_settings;
  if p_idempotency_key is not null then
    select a.status, a.body into status, body
    from engine.find_answer(p_user_id, 'purchase', p_idempotency_key, engine.purchase_fingerprint(p_pack, p_success_url, p_cancel_url), v_instant) as a;
    if body is not null then
      return next;
      return;
    end if;
  end if;
  select * into v_pack from playground.packs p where p.pack = p_pack and p.is_active;
  if not found then
    perform engine.refuse('SCB03', 'There is no such pack on sale.');
  end if;

  -- A try that Stripe never answered is gone on with, under the same key: no second PaymentIntent.
  select * into v_purchase
  from playground.purchases p
  where p.account_id = v_account.account_id and p.user_id = p_user_id and p.idempotency_key is not distinct from p_idempotency_key
    and case when p_idempotency_key is null then p.status = 'started' else p.requested_at > v_instant - v_settings.answer_retention end
    and (p_idempotency_key is not null or (p.pack, p.price_cents, p.currency, p.credits) = (v_pack.pack, v_pack.price_cents, v_pack.currency, v_pack.credits))
  order by p.requested_at desc
  limit 1;
  if not found then
    select count(*) as purchases, min(r.requested_at) as first_at into v_recent
    from (
      select p.requested_at
      from playground.purchases p
      where p.account_id = v_account.account_id and p.user_id = p_user_id and p.requested_at > v_instant - interval '1 minute'
      order by p.requested_at desc
      limit v_settings.purchases_per_minute) as r;
    if v_recent.purchases >= v_settings.purchases_per_minute then
      refusal := 'SCB06';
      refusal_message := 'Too many purchases at once; please wait a moment.';
      refusal_detail := json_build_object('retryAfter', greatest(1, ceil(extract(epoch from v_recent.first_at + interval '1 minute' - v_instant)))::bigint);
      return next;
      return;
    end if;
    insert into playground.purchases (
      account_id, purchase_id, user_id, pack, pack_name, credits, price_cents, currency, cost_share, status, idempotency_key, requested_at)
    values (
      v_account.account_id, gen_random_uuid(), p_user_id, v_pack.pack, v_pack.name, v_pack.credits, v_pack.price_cents, v_pack.currency,
      v_settings.pack_cost_share, 'started', p_idempotency_key, v_instant)
    returning * into v_purchase;
  elsif v_purchase.pack <> p_pack then
    perform engine.refuse('SCI01', 'This Idempotency-Key was used with another request.');
  end if;

  if p_success_url is not null then
    select c.checkout_id into checkout_id
    from playground.checkouts c
    where c.account_id = v_account.account_id and c.purchase_id = v_purchase.purchase_id and c.status = 'started'
      and (c.success_url, c.cancel_url) = (p_success_url, p_cancel_url)
    order by c.requested_at desc
    limit 1;
    if not found then
      checkout_id := gen_random_uuid();
      insert into playground.checkouts (account_id, checkout_id, user_id, purchase_id, success_url, cancel_url, status, requested_at)
      values (v_account.account_id, checkout_id, p_user_id, v_purchase.purchase_id, p_success_url, p_cancel_url, 'started', v_instant);
    end if;
    update playground.purchases p
    set checkout_id = start_purchase.checkout_id
    where p.account_id = v_account.account_id and p.purchase_id = v_purchase.purchase_id and p.checkout_id is distinct from start_purchase.checkout_id;
    stripe_price_id := (select s.stripe_price_id from playground.stripe_prices s where s.pack = p_pack and s.is_current and s.amount_cents = v_purchase.price_cents and s.currency = v_purchase.currency);
  end if;
  select c.customer_id, c.is_customer_old into customer_id, is_customer_old from engine.request_customer(v_account.account_id, v_instant) as c;
  email := (select u.email from playground.users u where u.user_id = p_user_id);
  update playground.accounts a set last_instant = v_instant where a.account_id = v_account.account_id;
  purchase_id := v_purchase.purchase_id;
  account_id := v_account.account_id;
  pack_name := v_purchase.pack_name;
  credits := v_purchase.credits;
  price_cents := v_purchase.price_cents;
  currency := v_purchase.currency;
  payment_intent_id := v_purchase.payment_intent_id;
  is_old := v_purchase.payment_intent_id is null and v_purchase.requested_at < v_instant - v_settings.stripe_key_lifetime;
  return next;
end $$;
comment on function api.start_purchase(uuid, text, text, text, text) is
  'POST /playground/credits/purchase, before Stripe is asked: our row, with credits and price (cents) of the pack now. An earlier one that Stripe never answered is gone on with. Returns the kept answer of an Idempotency-Key, or the refusal SCB06 beyond purchases_per_minute. SCA02, SCB03, SCI01.';
