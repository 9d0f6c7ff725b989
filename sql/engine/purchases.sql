-- Packs: our row first, then Stripe's PaymentIntent, then its word that it was paid.

create or replace function engine.payer_problem(p_account_id uuid, p_customer_id text)
returns text
language plpgsql stable
as $$
declare
  v_payer record;
begin
  -- By the look-up, so that a customer who was replaced still pays for what he began.
  select i.account_id, u.deleted_at into v_payer
  from playground.stripe_ids i
  left join playground.users u on u.user_id = i.account_id
  where i.stripe_id = p_customer_id and i.kind = 'customer';
  return case
    when v_payer.account_id is distinct from p_account_id then 'unknown_customer'
    when v_payer.deleted_at is not null then 'deleted_user' end;
end $$;
comment on function engine.payer_problem(uuid, text) is 'Why an event about this payer cannot be used: the customer is another''s, or the person is deleted; null when it can.';

create or replace function engine.purchase_metadata(p_purchase playground.purchases)
returns jsonb
language sql stable
as $$
  select jsonb_build_object('pack', p_purchase.pack, 'packName', p_purchase.pack_name, 'price', p_purchase.price_cents, 'currency', p_purchase.currency)
$$;
comment on function engine.purchase_metadata(playground.purchases) is 'A purchase as its line in the credit history tells it: price in cents.';

create or replace function engine.credit_purchase(
  p_account playground.accounts, p_purchase playground.purchases, p_payment_intent_id text, p_charge_id text, p_paid_cents bigint, p_paid_at timestamptz)
returns void
language plpgsql volatile
as $$
declare
  v_instant constant timestamptz := p_account.last_instant;
  v_number bigint;
  v_budget_usd numeric := case when p_purchase.currency = 'usd' then trunc(p_paid_cents * p_purchase.cost_share / 100, 12) else 0 end;
begin
  v_number := engine.add_grant(
    p_account.account_id, v_instant, least(p_paid_at, v_instant), 'purchased', 'purchase', p_purchase.credits, 'purchase',
    p_purchase.pack_name || ' pack: ' || p_purchase.credits || ' credits', p_user_id => p_purchase.user_id,
    p_metadata => engine.purchase_metadata(p_purchase), p_purchase_id => p_purchase.purchase_id, p_budget_usd => v_budget_usd);
  update playground.purchases
  set status = 'succeeded', payment_intent_id = p_payment_intent_id, number = v_number, succeeded_at = p_paid_at
  where account_id = p_account.account_id and purchase_id = p_purchase.purchase_id;
  update playground.payments
  set paid_cents = p_paid_cents, paid_at = p_paid_at, charge_id = coalesce(p_charge_id, charge_id), credits = p_purchase.credits,
    budget_granted_usd = v_budget_usd, budget_usd = v_budget_usd
  where account_id = p_account.account_id and payment_intent_id = p_payment_intent_id;

  -- A purchase can be paid on Stripe's page or by the front end's own form: the other way is closed.
  if p_purchase.payment_intent_id <> p_payment_intent_id then
    perform engine.ask_stripe(p_account.account_id, 'cancel_payment_intent', p_purchase.payment_intent_id, v_instant);
  elsif p_purchase.checkout_id is not null then
    perform engine.ask_stripe(p_account.account_id, 'expire_checkout_session', checkout_session_id, v_instant)
    from playground.checkouts
    where account_id = p_account.account_id and purchase_id = p_purchase.purchase_id and status = 'open';
  end if;
  perform engine.write_notice(
    p_purchase.user_id, 'purchase', p_purchase.purchase_id::text,
    jsonb_build_object(
      'packName', p_purchase.pack_name, 'credits', p_purchase.credits, 'price', p_purchase.price_cents, 'currency', p_purchase.currency,
      'balance', p_account.last_balance + p_purchase.credits),
    v_instant);
end $$;
comment on function engine.credit_purchase(playground.accounts, playground.purchases, text, text, bigint, timestamptz) is
  'Credits a paid purchase, once (the caller looked at its status): grant, cost budget (US dollars: paid x its share), notice; closes the other way to pay. Cents. The account is locked by the caller.';

create or replace function engine.apply_payment_intent(
  p_event_id text, p_type text, p_created_at timestamptz, p_object jsonb, p_accepts_amount boolean default false,
  out state text, out reason text, out waits_for text, out account_id uuid)
language plpgsql volatile
as $$
#variable_conflict use_column
declare
  v_id constant text := engine.stripe_text(p_object -> 'id');
  v_customer_id constant text := engine.stripe_id(p_object -> 'customer');
  v_purchase_id uuid := engine.stripe_uuid(p_object #>> '{metadata,purchase_id}');
  v_kind text;
  v_account playground.accounts;
  v_purchase playground.purchases;
  v_payment record;
  v_is_new boolean;
  v_received_cents constant bigint := engine.stripe_integer(p_object -> 'amount_received');
  v_code text;
begin
  state := 'parked';
  select i.kind, i.account_id into v_kind, apply_payment_intent.account_id from playground.stripe_ids i where i.stripe_id = v_id;
  if v_kind in ('refused_payment', 'other_payment') then
    state := 'ignored';
    reason := v_kind;
    return;
  elsif v_kind is null then
    select i.account_id into apply_payment_intent.account_id from playground.stripe_ids i where i.stripe_id = v_customer_id and i.kind = 'customer';
    if not found then
      reason := 'unknown_customer';
      waits_for := v_customer_id;
      return;
    elsif v_purchase_id is null then
      -- Ours always name the purchase: this one pays an invoice, which tells of itself.
      state := 'ignored';
      reason := 'not_a_purchase';
      return;
    end if;
  end if;

  v_account := engine.touch_account(apply_payment_intent.account_id);
  select p.purchase_id,
    p.reported_at is not null
    or exists (select from playground.refunds r where r.account_id = v_account.account_id and r.payment_intent_id = v_id)
    or exists (select from playground.disputes d where d.account_id = v_account.account_id and d.payment_intent_id = v_id) as has_news
  into v_payment
  from playground.payments p
  where p.account_id = v_account.account_id and p.payment_intent_id = v_id;
  v_is_new := not found;
  if v_is_new then
    v_purchase_id := engine.stripe_uuid(p_object #>> '{metadata,purchase_id}');
  else
    v_purchase_id := v_payment.purchase_id;
  end if;
  if v_purchase_id is null then
    state := 'handled';
    reason := 'pays_an_invoice';
    return;
  end if;
  select * into v_purchase from playground.purchases p where p.account_id = v_account.account_id and p.purchase_id = v_purchase_id;
  if not found then
    reason := 'unknown_purchase';
    return;
  end if;
  reason := engine.payer_problem(v_account.account_id, v_customer_id);
  if reason is not null then
    return;
  end if;

  if p_type = 'payment_intent.payment_failed' then
    -- Never downgrades a success; of two failures the newer counts, of one second always the same.
    v_code := left(coalesce(p_object #>> '{last_payment_error,decline_code}', p_object #>> '{last_payment_error,code}', 'payment_failed'), 100);
    update playground.purchases p
    set status = 'failed', failed_at = p_created_at, payment_intent_id = coalesce(p.payment_intent_id, v_id),
      failure_code = v_code,
      failure_message = left(p_object #>> '{last_payment_error,message}', 300)
    where p.account_id = v_account.account_id and p.purchase_id = v_purchase_id and p.status <> 'succeeded'
      and (p.failed_at is null or (p.failed_at, p.failure_code) <= (p_created_at, v_code));
    if v_is_new then
      perform engine.open_payment(v_account.account_id, v_id, v_purchase_id);
    end if;
    state := 'handled';
    return;
  end if;

  if v_purchase.status = 'succeeded' and v_purchase.payment_intent_id <> v_id and v_received_cents > 0 then
    -- Paid twice, on both ways: the second payment goes back, whatever it was.
    state := 'handled';
    reason := 'second_payment';
    insert into playground.stripe_ids as i (stripe_id, kind, account_id)
    values (v_id, 'refused_payment', v_account.account_id)
    on conflict (stripe_id) do update set kind = excluded.kind;
    perform engine.ask_stripe(v_account.account_id, 'refund_payment_intent', v_id, v_account.last_instant);
    perform engine.alert_parked(p_event_id, p_type, reason, v_account.last_instant);
    return;
  end if;
  if p_object ->> 'currency' is distinct from v_purchase.currency then
    reason := 'wrong_currency';
    return;
  elsif p_accepts_amount and v_received_cents > 0 and v_purchase.status <> 'succeeded' then
    -- The sale was made at what was paid.
    update playground.purchases p
    set price_cents = v_received_cents
    where p.account_id = v_account.account_id and p.purchase_id = v_purchase_id
    returning * into v_purchase;
  end if;
  if v_received_cents is distinct from v_purchase.price_cents then
    reason := 'wrong_amount';
    return;
  end if;
  state := 'handled';
  if v_purchase.status = 'succeeded' then
    return;
  end if;
  if v_is_new then
    perform engine.open_payment(v_account.account_id, v_id, v_purchase_id);
  end if;
  perform engine.credit_purchase(
    v_account, v_purchase, v_id, engine.stripe_id(p_object -> 'latest_charge'), v_purchase.price_cents, p_created_at);
  -- News of this payment that came before it; and what is owed for others, which new credits pay first.
  if v_payment.has_news then
    perform engine.settle_payment(v_account.account_id, v_id, v_account.last_instant);
  end if;
  if v_account.is_owing then
    perform engine.settle_debts(v_account.account_id, v_account.last_instant);
  end if;
  perform engine.retry_waiting(v_id);
end $$;
comment on function engine.apply_payment_intent(text, text, timestamptz, jsonb, boolean) is
  'payment_intent.succeeded, .payment_failed: credits, price and currency come from our own row, never from metadata; what differs is parked, unless p_accepts_amount: then the price is what was paid, and the credits are the pack''s.';

create or replace function engine.open_payment(p_account_id uuid, p_payment_intent_id text, p_purchase_id uuid)
returns void
language plpgsql volatile
as $$
begin
  perform engine.claim_stripe_id(p_payment_intent_id, 'payment_intent', p_account_id);
  insert into playground.payments (account_id, payment_intent_id, purchase_id, currency)
  select account_id, p_payment_intent_id, purchase_id, currency
  from playground.purchases
  where account_id = p_account_id and purchase_id = p_purchase_id
  on conflict (account_id, payment_intent_id) do nothing;
end $$;
comment on function engine.open_payment(uuid, text, uuid) is 'Makes the row of a purchase''s payment, not paid yet. SCB09 when the id belongs to somebody else.';

create or replace function engine.purchase_fingerprint(p_pack text, p_success_url text, p_cancel_url text)
returns bytea
language sql immutable
as $$ select sha256(convert_to(json_build_array(p_pack, p_success_url, p_cancel_url)::text, 'UTF8')) $$;
comment on function engine.purchase_fingerprint(text, text, text) is 'What tells one purchase request from another under the same Idempotency-Key.';

create or replace function engine.purchase_json(p_purchase playground.purchases)
returns json
language sql stable
as $$
  select json_build_object(
    'id', p_purchase.purchase_id,
    'package', p_purchase.pack,
    'packageName', p_purchase.pack_name,
    'credits', p_purchase.credits,
    'price', p_purchase.price_cents,
    'currency', p_purchase.currency,
    'status', p_purchase.status,
    'failure', case when p_purchase.status = 'failed' then json_build_object('code', p_purchase.failure_code, 'message', p_purchase.failure_message) end,
    'refunded', coalesce(p.refunded_cents, 0),
    'disputed', coalesce(p.disputed_cents + p.lost_cents, 0),
    'creditsRevoked', coalesce(p.taken, 0),
    'shortfall', coalesce(p.revoke_due + p.shortfall, 0),
    'receiptUrl', p.receipt_url,
    'createdAt', engine.iso(p_purchase.requested_at),
    'completedAt', engine.iso(p_purchase.succeeded_at)
  )
  from (select) as one
  left join playground.payments p on p.account_id = p_purchase.account_id and p.payment_intent_id = p_purchase.payment_intent_id
$$;
comment on function engine.purchase_json(playground.purchases) is 'A purchase as the API shows it: credits, cents.';

create or replace function engine.keep_purchase_answer(
  p_purchase playground.purchases, p_success_url text, p_cancel_url text, p_body text, p_instant timestamptz,
  out status integer, out body text)
language plpgsql volatile
as $$
#variable_conflict use_column
begin
  select a.status, a.body into status, body
  from playground.answers a
  where a.user_id = p_purchase.user_id and a.operation = 'purchase' and a.idempotency_key = p_purchase.idempotency_key and a.state = 'answered'
  order by a.created_at desc
  limit 1;
  if not found then
    status := 200;
    body := p_body;
    insert into playground.answers (user_id, operation, idempotency_key, created_at, fingerprint, state, status, body, finished_at)
    values (
      p_purchase.user_id, 'purchase', p_purchase.idempotency_key, p_instant,
      engine.purchase_fingerprint(p_purchase.pack, p_success_url, p_cancel_url), 'answered', status, body, p_instant);
  end if;
end $$;
comment on function engine.keep_purchase_answer(playground.purchases, text, text, text, timestamptz) is
  'Keeps the answer of a purchase for its Idempotency-Key and returns the one that counts, the first. No state `running`: a try that died is gone on with. The account is locked by the caller.';
