-- Invoices of plans: a paid one confirms the period of its line, and its payment is known by it.

create or replace function engine.apply_invoice(
  p_type text, p_created_at timestamptz, p_object jsonb, p_accepts_amount boolean default false,
  out state text, out reason text, out waits_for text, out account_id uuid)
language plpgsql volatile
as $$
#variable_conflict use_column
declare
  v_invoice record := engine.read_invoice(p_object);
  v_kind text;
  v_account playground.accounts;
  v_subscription playground.subscriptions;
  v_price playground.stripe_prices;
begin
  state := 'parked';
  if v_invoice.invoice_id is null then
    reason := 'malformed';
    return;
  end if;
  select i.account_id into apply_invoice.account_id
  from playground.stripe_ids i
  where i.stripe_id = v_invoice.customer_id and i.kind = 'customer';
  if not found then
    reason := 'unknown_customer';
    waits_for := v_invoice.customer_id;
    return;
  end if;
  if p_type = 'invoice.payment_failed' then
    -- The state of the plan comes with customer.subscription.updated.
    state := 'handled';
    return;
  end if;
  v_account := engine.touch_account(apply_invoice.account_id);
  reason := engine.payer_problem(v_account.account_id, v_invoice.customer_id);
  if reason is not null then
    return;
  end if;
  select i.kind into v_kind from playground.stripe_ids i where i.stripe_id = v_invoice.stripe_subscription_id;
  if v_invoice.stripe_subscription_id is null or v_kind = 'refused_subscription'
    or v_invoice.billing_reason is null or v_invoice.billing_reason not in ('subscription_create', 'subscription_cycle')
  then
    state := 'ignored';
    reason := case v_kind when 'refused_subscription' then v_kind else 'not_a_period' end;
    if engine.claim_stripe_id(v_invoice.invoice_id, 'invoice', v_account.account_id) then
      perform engine.retry_waiting(v_invoice.invoice_id);
    end if;
    return;
  end if;
  select * into v_subscription
  from playground.subscriptions s
  where s.account_id = v_account.account_id and s.stripe_subscription_id = v_invoice.stripe_subscription_id;
  if not found then
    reason := 'unknown_subscription';
    waits_for := v_invoice.stripe_subscription_id;
    return;
  elsif v_subscription.status = 'incomplete' and (engine.live_subscription(v_account.account_id)).subscription_id is not null then
    -- Not begun, and another plan is live: it may be one too many, and brings nothing before that is decided.
    reason := 'second_subscription';
    waits_for := v_invoice.stripe_subscription_id;
    return;
  end if;

  select * into v_price from playground.stripe_prices p where p.stripe_price_id = v_invoice.stripe_price_id and p.plan_price is not null;
  if v_price.stripe_price_id is null then
    reason := 'unknown_price';
  elsif v_invoice.currency is distinct from v_price.currency then
    reason := 'wrong_currency';
  elsif v_invoice.paid_cents is distinct from v_price.amount_cents and (v_invoice.paid_cents < 0 or not p_accepts_amount) is not false
    -- What an operator accepted is accepted in each further event of it.
    and not exists (
      select from playground.invoices i
      where i.account_id = v_account.account_id and i.invoice_id = v_invoice.invoice_id and i.paid_cents = v_invoice.paid_cents)
  then
    reason := 'wrong_amount';
  elsif v_invoice.period_start is null or v_invoice.period_end is null or v_invoice.period_end <= v_invoice.period_start then
    reason := 'malformed';
  end if;
  if reason is not null then
    return;
  end if;

  perform engine.claim_stripe_id(v_invoice.invoice_id, 'invoice', v_account.account_id);
  insert into playground.invoices (account_id, invoice_id, subscription_id, paid_cents, currency, period_start, period_end, paid_at)
  values (
    v_account.account_id, v_invoice.invoice_id, v_subscription.subscription_id, v_invoice.paid_cents, v_invoice.currency,
    v_invoice.period_start, v_invoice.period_end, coalesce(v_invoice.paid_at, p_created_at))
  on conflict (account_id, invoice_id) do nothing;
  state := 'handled';
  if found then
    if not engine.confirm_period(
      v_account.account_id, v_subscription.subscription_id, v_invoice.invoice_id, v_invoice.period_start, v_invoice.period_end,
      coalesce(v_invoice.paid_at, p_created_at), v_account.last_instant)
    then
      -- Paid for a time that was paid for already: somebody should look.
      reason := 'period_confirmed_before';
      perform engine.alert_parked(v_invoice.invoice_id, p_type, reason, v_account.last_instant);
    end if;
    perform engine.retry_waiting(v_invoice.invoice_id);
  end if;
  if v_invoice.payment_intent_id is not null then
    perform engine.pay_invoice(v_account.account_id, v_invoice.payment_intent_id, v_invoice.invoice_id, v_account.last_instant);
  end if;
end $$;
comment on function engine.apply_invoice(text, timestamptz, jsonb, boolean) is
  'invoice.paid of a subscription''s begin or renewal confirms the period of its line; paid cents must be what our price says, unless p_accepts_amount: then the period is granted whole and what was paid is booked. Others are ignored. invoice.payment_failed changes nothing.';

create or replace function engine.pay_invoice(p_account_id uuid, p_payment_intent_id text, p_invoice_id text, p_instant timestamptz)
returns void
language plpgsql volatile
as $$
declare
  v_invoice playground.invoices;
begin
  select * into v_invoice from playground.invoices where account_id = p_account_id and invoice_id = p_invoice_id;
  if not found or exists (
    select from playground.payments
    where account_id = p_account_id and invoice_id = p_invoice_id and payment_intent_id <> p_payment_intent_id)
  then
    -- An invoice that confirmed no period, or a further part of one: nothing of ours was paid by it.
    insert into playground.stripe_ids (stripe_id, kind, account_id)
    values (p_payment_intent_id, 'other_payment', p_account_id)
    on conflict (stripe_id) do nothing;
  else
    perform engine.claim_stripe_id(p_payment_intent_id, 'payment_intent', p_account_id);
    insert into playground.payments (account_id, payment_intent_id, invoice_id, currency, paid_cents, paid_at, credits)
    select p_account_id, p_payment_intent_id, p_invoice_id, v_invoice.currency, v_invoice.paid_cents, v_invoice.paid_at, coalesce((
      select g.granted
      from playground.periods p
      join playground.grants g on g.account_id = p.account_id and g.grant_id = p.grant_id
      where p.account_id = p_account_id and p.invoice_id = p_invoice_id), 0)
    on conflict (account_id, payment_intent_id) do nothing;
    perform engine.settle_payment(p_account_id, p_payment_intent_id, p_instant);
  end if;
  perform engine.retry_waiting(p_payment_intent_id);
end $$;
comment on function engine.pay_invoice(uuid, text, text, timestamptz) is 'Notes which PaymentIntent paid an invoice, so that its refunds and disputes find the period. SCB09 when the payment is another''s.';

create or replace function engine.apply_invoice_payment(
  p_object jsonb,
  out state text, out reason text, out waits_for text, out account_id uuid)
language plpgsql volatile
as $$
#variable_conflict use_column
declare
  v_invoice_id constant text := engine.stripe_id(p_object -> 'invoice');
  v_payment_intent_id constant text := engine.stripe_id(p_object #> '{payment,payment_intent}');
  v_account playground.accounts;
begin
  state := 'ignored';
  if v_invoice_id is null or v_payment_intent_id is null then
    reason := 'not_by_payment_intent';
    return;
  end if;
  select i.account_id into apply_invoice_payment.account_id from playground.stripe_ids i where i.stripe_id = v_invoice_id and i.kind = 'invoice';
  if not found then
    state := 'parked';
    reason := 'unknown_invoice';
    waits_for := v_invoice_id;
    return;
  end if;
  v_account := engine.touch_account(apply_invoice_payment.account_id);
  perform engine.pay_invoice(v_account.account_id, v_payment_intent_id, v_invoice_id, v_account.last_instant);
  state := 'handled';
end $$;
comment on function engine.apply_invoice_payment(jsonb) is 'invoice_payment.paid: which PaymentIntent paid an invoice.';
