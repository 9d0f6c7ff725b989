-- What Stripe says of money that went back: the charge tells the sum, each refund its own state.

create or replace function engine.apply_charge(
  p_type text, p_created_at timestamptz, p_object jsonb,
  out state text, out reason text, out waits_for text, out account_id uuid)
language plpgsql volatile
as $$
#variable_conflict use_column
declare
  v_payment_intent_id constant text := engine.stripe_id(p_object -> 'payment_intent');
  v_refunded_cents constant bigint := engine.stripe_integer(p_object -> 'amount_refunded');
  v_account playground.accounts;
begin
  select * into state, reason, waits_for, account_id from engine.find_payment(p_object);
  if reason = 'unknown_payment' and p_type = 'charge.succeeded' then
    -- It has nothing to tell but its receipt.
    state := 'ignored';
    waits_for := null;
  end if;
  if reason is not null then
    return;
  elsif v_refunded_cents is null then
    reason := 'malformed';
    return;
  end if;
  v_account := engine.touch_account(apply_charge.account_id);
  update playground.payments p
  set charge_id = coalesce(engine.stripe_text(p_object -> 'id'), p.charge_id),
    receipt_url = coalesce(left(p_object ->> 'receipt_url', 500), p.receipt_url)
  where p.account_id = v_account.account_id and p.payment_intent_id = v_payment_intent_id;
  if p_type = 'charge.refunded' then
    -- Of two reports of one second the larger is the later: refunds only add up.
    update playground.payments p
    set reported_refunded_cents = v_refunded_cents, reported_at = p_created_at
    where p.account_id = v_account.account_id and p.payment_intent_id = v_payment_intent_id
      and (p.reported_at is null or (p.reported_at, p.reported_refunded_cents) < (p_created_at, v_refunded_cents));
    perform engine.settle_payment(v_account.account_id, v_payment_intent_id, v_account.last_instant);
  end if;
  state := 'handled';
end $$;
comment on function engine.apply_charge(text, timestamptz, jsonb) is 'charge.refunded: the newest report of what was given back, in cents. charge.succeeded: the receipt.';

create or replace function engine.apply_refund(
  p_event_id text, p_created_at timestamptz, p_object jsonb,
  out state text, out reason text, out waits_for text, out account_id uuid)
language plpgsql volatile
as $$
#variable_conflict use_column
declare
  v_payment_intent_id constant text := engine.stripe_id(p_object -> 'payment_intent');
  v_amount_cents constant bigint := engine.stripe_integer(p_object -> 'amount');
  v_status constant text := p_object ->> 'status';
  v_account playground.accounts;
begin
  select * into state, reason, waits_for, account_id from engine.find_payment(p_object);
  if reason is not null then
    return;
  elsif v_amount_cents is null or v_status is null then
    reason := 'malformed';
    return;
  end if;
  v_account := engine.touch_account(apply_refund.account_id);
  insert into playground.refunds as r (account_id, refund_id, payment_intent_id, amount_cents, status, created_at, changed_at, event_id)
  values (
    v_account.account_id, engine.stripe_text(p_object -> 'id'), v_payment_intent_id, v_amount_cents, v_status,
    coalesce(engine.stripe_time(p_object -> 'created'), p_created_at), p_created_at, p_event_id)
  on conflict (account_id, refund_id) do update
  set amount_cents = excluded.amount_cents, status = excluded.status, changed_at = excluded.changed_at, event_id = excluded.event_id
  where (r.changed_at, engine.refund_rank(r.status), r.event_id) < (excluded.changed_at, engine.refund_rank(excluded.status), excluded.event_id);
  perform engine.settle_payment(v_account.account_id, v_payment_intent_id, v_account.last_instant);
  state := 'handled';
end $$;
comment on function engine.apply_refund(text, timestamptz, jsonb) is 'refund.*: the newest state of a refund; one that failed or was cancelled gives back.';

create or replace function engine.refund_rank(p_status text)
returns integer
language sql immutable
as $$ select case p_status when 'pending' then 1 when 'requires_action' then 2 when 'succeeded' then 3 else 4 end $$;
comment on function engine.refund_rank(text) is 'Which of two states of one second is the later: a refund that succeeded may still fail.';
