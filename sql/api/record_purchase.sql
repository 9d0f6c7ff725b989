create or replace function api.record_purchase(
  p_user_id uuid,
  p_purchase_id uuid,
  p_payment_intent_id text,
  p_body text,
  p_checkout_session_id text default null,
  p_checkout_url text default null,
  p_checkout_expires_at timestamptz default null
)
returns table (status integer, body text)
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_account playground.accounts := engine.touch_user(p_user_id);
  v_instant constant timestamptz := v_account.last_instant;
  v_purchase playground.purchases;
  v_checkout playground.checkouts;
begin
  select * into v_purchase
  from playground.purchases p
  where p.account_id = v_account.account_id and p.purchase_id = p_purchase_id and p.user_id = p_user_id;
  if not found then
    perform engine.refuse('SCB08', 'There is no such purchase.');
  end if;
  perform engine.open_payment(v_account.account_id, p_payment_intent_id, p_purchase_id);
  update playground.purchases p
  set payment_intent_id = coalesce(p.payment_intent_id, p_payment_intent_id),
    status = case when p.status = 'started' then 'pending' else p.status end
  where p.account_id = v_account.account_id and p.purchase_id = p_purchase_id;
  if p_checkout_session_id is not null then
    update playground.checkouts c
    set checkout_session_id = p_checkout_session_id, url = p_checkout_url, expires_at = p_checkout_expires_at, status = 'open'
    where c.account_id = v_account.account_id and c.checkout_id = v_purchase.checkout_id and c.status = 'started';
  end if;
  select * into v_checkout
  from playground.checkouts c
  where c.account_id = v_account.account_id and c.checkout_id = v_purchase.checkout_id and p_checkout_session_id is not null;

  status := 200;
  body := p_body;
  if v_purchase.idempotency_key is not null then
    select a.status, a.body into status, body
    from engine.keep_purchase_answer(v_purchase, v_checkout.success_url, v_checkout.cancel_url, p_body, v_instant) as a;
  end if;
  perform engine.retry_waiting(p_payment_intent_id);
  return next;
end $$;
comment on function api.record_purchase(uuid, uuid, text, text, text, text, timestamptz) is
  'POST /playground/credits/purchase, after Stripe answered: keeps the PaymentIntent, the page, and the answer for the Idempotency-Key; returns the answer that counts, the first. SCA02, SCB08, SCB09.';
