-- What a payment owes. Everything is computed from the newest word of Stripe about it, never added up event by event:
-- whatever order events come in, and however often, the end is the same.

create or replace function engine.find_payment(
  p_object jsonb, out state text, out reason text, out waits_for text, out account_id uuid)
language plpgsql volatile
as $$
#variable_conflict use_column
declare
  v_payment_intent_id constant text := engine.stripe_id(p_object -> 'payment_intent');
  v_invoice_id constant text := engine.stripe_id(p_object -> 'invoice');
  v_customer_id constant text := engine.stripe_id(p_object -> 'customer');
  v_purchase_id constant uuid := engine.stripe_uuid(p_object #>> '{metadata,purchase_id}');
  v_kind text;
  v_account playground.accounts;
begin
  state := 'parked';
  select i.kind, i.account_id into v_kind, find_payment.account_id from playground.stripe_ids i where i.stripe_id = v_payment_intent_id;
  if not found and v_invoice_id is not null then
    -- The old shape: the charge itself names its invoice. The account first, as everywhere.
    select i.account_id into find_payment.account_id from playground.stripe_ids i where i.stripe_id = v_invoice_id and i.kind = 'invoice';
    if found then
      v_account := engine.touch_account(find_payment.account_id);
      perform engine.pay_invoice(v_account.account_id, v_payment_intent_id, v_invoice_id, v_account.last_instant);
    end if;
    select i.kind, i.account_id into v_kind, find_payment.account_id from playground.stripe_ids i where i.stripe_id = v_payment_intent_id;
  end if;
  if not found and v_customer_id is not null then
    -- Before the payment's own event: a charge carries the metadata of its PaymentIntent.
    select i.account_id into find_payment.account_id from playground.stripe_ids i where i.stripe_id = v_customer_id and i.kind = 'customer';
    if found then
      v_account := engine.touch_account(find_payment.account_id);
    end if;
    select 'payment_intent', p.account_id into v_kind, find_payment.account_id
    from playground.purchases p
    where p.account_id = v_account.account_id and p.purchase_id = v_purchase_id
      and (p.status <> 'succeeded' or p.payment_intent_id = v_payment_intent_id);
    if found then
      perform engine.open_payment(find_payment.account_id, v_payment_intent_id, v_purchase_id);
    end if;
  end if;
  if v_kind is null then
    reason := 'unknown_payment';
    waits_for := v_payment_intent_id;
  elsif v_kind <> 'payment_intent' then
    state := 'ignored';
    reason := v_kind;
  end if;
end $$;
comment on function engine.find_payment(jsonb) is
  'Whose payment a charge, a refund or a dispute is about: from the look-up, else from what the object says of itself. reason is null when there is a row in payments; else state, reason and waits_for are what becomes of the event.';

create or replace function engine.settle_payment(p_account_id uuid, p_payment_intent_id text, p_instant timestamptz)
returns void
language plpgsql volatile
as $$
declare
  v_payment playground.payments;
  v_refunds record;
  v_disputes record;
  v_refunded bigint;
  v_owed bigint;
  v_suspended bigint;
begin
  select * into strict v_payment from playground.payments where account_id = p_account_id and payment_intent_id = p_payment_intent_id;
  if v_payment.paid_at is null then
    return;
  end if;
  -- The newest report of the charge holds every refund made up to it: what failed since is taken off, what was made
  -- since is added.
  select
    coalesce(sum(amount_cents) filter (where status in ('failed', 'canceled') and changed_at >= v_payment.reported_at and created_at <= v_payment.reported_at), 0)::bigint as failed,
    coalesce(sum(amount_cents) filter (where status not in ('failed', 'canceled') and (v_payment.reported_at is null or created_at > v_payment.reported_at)), 0)::bigint as later
  into v_refunds
  from playground.refunds
  where account_id = p_account_id and payment_intent_id = p_payment_intent_id;
  select
    coalesce(sum(amount_cents) filter (where engine.is_disputed(status)), 0)::bigint as disputed,
    coalesce(sum(amount_cents) filter (where status = 'lost'), 0)::bigint as lost
  into v_disputes
  from playground.disputes
  where account_id = p_account_id and payment_intent_id = p_payment_intent_id;

  v_refunded := greatest(0, least(v_payment.paid_cents, v_payment.reported_refunded_cents - v_refunds.failed + v_refunds.later));
  v_owed := engine.owed_credits(v_payment.credits, v_payment.paid_cents, v_refunded + v_disputes.lost);
  v_suspended := engine.owed_credits(v_payment.credits, v_payment.paid_cents, v_refunded + v_disputes.lost + v_disputes.disputed) - v_owed;
  -- Held credits and shortfalls of the owed part are told anew below.
  update playground.payments
  set refunded_cents = v_refunded, disputed_cents = v_disputes.disputed, lost_cents = v_disputes.lost,
    owed = v_owed, suspended = v_suspended, taken = least(taken, v_owed)
  where account_id = p_account_id and payment_intent_id = p_payment_intent_id;
  perform engine.collect(p_account_id, p_payment_intent_id, p_instant);
  -- What it gave back may be owed for another one.
  if v_owed < v_payment.owed or v_suspended < v_payment.suspended then
    perform engine.settle_debts(p_account_id, p_instant);
  end if;
  perform engine.tell_refund(v_payment, p_instant);
end $$;
comment on function engine.settle_payment(uuid, text, timestamptz) is
  'Computes what a payment owes from the newest word on its charge, refunds and disputes, takes or gives back the difference, and suspends what is disputed. Before the payment itself is known nothing happens. The account is locked and caught up by the caller.';

create or replace function engine.owed_credits(p_credits bigint, p_paid_cents bigint, p_back_cents bigint)
returns bigint
language sql immutable
as $$
  -- A payment of nothing brought nothing that could be taken back.
  select case when p_paid_cents = 0 then 0 else floor(p_credits::numeric * least(p_paid_cents, p_back_cents) / p_paid_cents)::bigint end
$$;
comment on function engine.owed_credits(bigint, bigint, bigint) is 'Credits that a payment owes when p_back_cents of it went back: rounded down, all of them when all did.';

create or replace function engine.settle_budget(p_account_id uuid, p_payment_intent_id text)
returns void
language plpgsql volatile
as $$
declare
  v_payment playground.payments;
  v_target_usd numeric;
  v_change_usd numeric;
begin
  select * into strict v_payment from playground.payments where account_id = p_account_id and payment_intent_id = p_payment_intent_id;
  if v_payment.budget_granted_usd = 0 then
    return;
  end if;
  v_target_usd := trunc(
    v_payment.budget_granted_usd * (v_payment.paid_cents - least(v_payment.paid_cents, v_payment.refunded_cents + v_payment.lost_cents + v_payment.disputed_cents))
      / v_payment.paid_cents, 12);
  -- What runs have drawn or hold cannot be taken: it stays due.
  v_change_usd := greatest(
    v_target_usd - v_payment.budget_usd,
    (select cost_budget_held_usd - cost_budget_usd from playground.accounts where account_id = p_account_id));
  update playground.accounts set cost_budget_usd = cost_budget_usd + v_change_usd where account_id = p_account_id and v_change_usd <> 0;
  update playground.payments
  set budget_usd = budget_usd + v_change_usd, budget_due_usd = budget_usd + v_change_usd - v_target_usd
  where account_id = p_account_id and payment_intent_id = p_payment_intent_id;
end $$;
comment on function engine.settle_budget(uuid, text) is 'Takes back, or gives again, the bought API cost budget (US dollars) in proportion to what went back of a payment.';

create or replace function engine.settle_debts(p_account_id uuid, p_instant timestamptz)
returns void
language plpgsql volatile
as $$
declare
  v_payment_intent_id text;
begin
  for v_payment_intent_id in
    select payment_intent_id
    from playground.payments
    where account_id = p_account_id and (revoke_due > 0 or shortfall > 0 or budget_due_usd > 0)
    order by paid_at, payment_intent_id
  loop
    perform engine.collect(p_account_id, v_payment_intent_id, p_instant);
  end loop;
end $$;
comment on function engine.settle_debts(uuid, timestamptz) is 'Something came back or was bought: payments that still owe take of it, the oldest first. The account is locked by the caller.';

create or replace function engine.tell_refund(p_before playground.payments, p_instant timestamptz)
returns void
language plpgsql volatile
as $$
declare
  v_after playground.payments;
  v_balance bigint;
begin
  select * into strict v_after from playground.payments where account_id = p_before.account_id and payment_intent_id = p_before.payment_intent_id;
  v_balance := (select last_balance from playground.accounts where account_id = p_before.account_id);
  if v_after.refunded_cents > p_before.refunded_cents then
    perform engine.notify_payer(
      p_before.account_id, 'refund', p_before.payment_intent_id || ':' || v_after.refunded_cents,
      jsonb_build_object('credits', v_after.owed, 'refunded', v_after.refunded_cents, 'currency', v_after.currency, 'balance', v_balance,
        'shortfall', v_after.revoke_due + v_after.shortfall), p_instant);
  end if;
  if v_after.disputed_cents > p_before.disputed_cents then
    perform engine.notify_payer(
      p_before.account_id, 'dispute', p_before.payment_intent_id || ':' || v_after.disputed_cents,
      jsonb_build_object('credits', v_after.suspended), p_instant);
  end if;
end $$;
comment on function engine.tell_refund(playground.payments, timestamptz) is 'Writes to the payer when more was refunded or disputed than before; once per figure.';
