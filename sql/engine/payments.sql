-- What refunds and disputes take back. Everything is computed from the newest word of Stripe about a payment, never added
-- up event by event: whatever order events come in, and however often, the end is the same.

create or replace function engine.find_payment(
  p_payment_intent_id text, p_customer_id text, p_metadata jsonb, p_invoice_id text, p_instant timestamptz,
  out kind text, out account_id uuid, out is_known boolean)
language plpgsql volatile
as $$
#variable_conflict use_column
declare
  v_account_id uuid;
begin
  select i.kind, i.account_id into find_payment.kind, find_payment.account_id
  from playground.stripe_ids i
  where i.stripe_id = p_payment_intent_id;
  if not found and p_invoice_id is not null then
    -- The old shape: the charge itself names its invoice. The account first, as everywhere.
    select (engine.touch_account(i.account_id)).account_id into v_account_id
    from playground.stripe_ids i
    where i.stripe_id = p_invoice_id and i.kind = 'invoice';
    if found then
      perform engine.pay_invoice(v_account_id, p_payment_intent_id, p_invoice_id, p_instant);
    end if;
    select i.kind, i.account_id into find_payment.kind, find_payment.account_id
    from playground.stripe_ids i
    where i.stripe_id = p_payment_intent_id;
  end if;
  if not found and p_customer_id is not null then
    -- Before the payment's own event: a charge carries the metadata of its PaymentIntent.
    select (engine.touch_account(i.account_id)).account_id into v_account_id
    from playground.stripe_ids i
    where i.stripe_id = p_customer_id and i.kind = 'customer';
    select 'payment_intent', p.account_id into find_payment.kind, find_payment.account_id
    from playground.purchases p
    where p.account_id = v_account_id and p.purchase_id = engine.stripe_uuid(p_metadata ->> 'purchase_id')
      and (p.status <> 'succeeded' or p.payment_intent_id = p_payment_intent_id);
    if found then
      perform engine.open_payment(find_payment.account_id, p_payment_intent_id, engine.stripe_uuid(p_metadata ->> 'purchase_id'));
    end if;
  end if;
  is_known := find_payment.kind is not distinct from 'payment_intent';
end $$;
comment on function engine.find_payment(text, text, jsonb, text, timestamptz) is 'Whose payment a PaymentIntent is, from the look-up, else from what the charge says of itself. is_known: there is a row in payments.';

create or replace function engine.apply_charge(
  p_type text, p_created_at timestamptz, p_object jsonb,
  out state text, out reason text, out waits_for text, out account_id uuid)
language plpgsql volatile
as $$
#variable_conflict use_column
declare
  v_payment_intent_id constant text := engine.stripe_id(p_object -> 'payment_intent');
  v_refunded_cents constant bigint := engine.stripe_integer(p_object -> 'amount_refunded');
  v_found record;
  v_account playground.accounts;
begin
  state := 'parked';
  v_found := engine.find_payment(
    v_payment_intent_id, engine.stripe_id(p_object -> 'customer'), p_object -> 'metadata', engine.stripe_id(p_object -> 'invoice'), engine.now());
  account_id := v_found.account_id;
  if v_found.kind is not null and not v_found.is_known then
    state := 'ignored';
    reason := v_found.kind;
    return;
  elsif not v_found.is_known then
    -- A charge that only succeeded has nothing to tell but its receipt.
    state := case p_type when 'charge.succeeded' then 'ignored' else 'parked' end;
    reason := 'unknown_payment';
    waits_for := case state when 'parked' then v_payment_intent_id end;
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
  v_found record;
  v_account playground.accounts;
begin
  state := 'parked';
  v_found := engine.find_payment(v_payment_intent_id, null, p_object -> 'metadata', null, engine.now());
  account_id := v_found.account_id;
  if v_found.kind is not null and not v_found.is_known then
    state := 'ignored';
    reason := v_found.kind;
    return;
  elsif not v_found.is_known then
    reason := 'unknown_payment';
    waits_for := v_payment_intent_id;
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

create or replace function engine.apply_dispute(
  p_event_id text, p_created_at timestamptz, p_object jsonb,
  out state text, out reason text, out waits_for text, out account_id uuid)
language plpgsql volatile
as $$
#variable_conflict use_column
declare
  v_payment_intent_id constant text := engine.stripe_id(p_object -> 'payment_intent');
  v_amount_cents constant bigint := engine.stripe_integer(p_object -> 'amount');
  v_status constant text := p_object ->> 'status';
  v_found record;
  v_account playground.accounts;
begin
  state := 'parked';
  v_found := engine.find_payment(v_payment_intent_id, null, p_object -> 'metadata', null, engine.now());
  account_id := v_found.account_id;
  if v_found.kind is not null and not v_found.is_known then
    state := 'ignored';
    reason := v_found.kind;
    return;
  elsif not v_found.is_known then
    reason := 'unknown_payment';
    waits_for := v_payment_intent_id;
    return;
  elsif v_amount_cents is null or v_status is null then
    reason := 'malformed';
    return;
  end if;
  v_account := engine.touch_account(apply_dispute.account_id);
  insert into playground.disputes as d (account_id, dispute_id, payment_intent_id, amount_cents, status, changed_at, event_id)
  values (v_account.account_id, engine.stripe_text(p_object -> 'id'), v_payment_intent_id, v_amount_cents, v_status, p_created_at, p_event_id)
  on conflict (account_id, dispute_id) do update
  set amount_cents = excluded.amount_cents, status = excluded.status, changed_at = excluded.changed_at, event_id = excluded.event_id
  where (d.changed_at, engine.dispute_rank(d.status), d.event_id) < (excluded.changed_at, engine.dispute_rank(excluded.status), excluded.event_id);
  perform engine.settle_payment(v_account.account_id, v_payment_intent_id, v_account.last_instant);
  state := 'handled';
end $$;
comment on function engine.apply_dispute(text, timestamptz, jsonb) is 'charge.dispute.*: the newest state of a dispute. Open suspends, won (or a closed warning) restores, lost revokes.';

create or replace function engine.is_disputed(p_status text)
returns boolean
language sql immutable
as $$
  -- Whatever is neither over nor a mere warning: an appeal too, and what Stripe may call it one day.
  select p_status not in ('won', 'lost', 'prevented', 'charge_refunded') and p_status not like 'warning%'
$$;
comment on function engine.is_disputed(text) is 'Whether a dispute is open: its money is not ours for now.';

create or replace function engine.dispute_rank(p_status text)
returns integer
language sql immutable
as $$
  select case
    when p_status like 'warning%' and p_status <> 'warning_closed' then 1
    when engine.is_disputed(p_status) then 2
    else 3 end
$$;
comment on function engine.dispute_rank(text) is 'Which of two states of one second is the later: a dispute ends once.';

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

create or replace function engine.own_grants(p_payment playground.payments)
returns table (grant_id bigint, remaining bigint, held bigint, rank integer)
language plpgsql stable
as $$
#variable_conflict use_column
begin
  if p_payment.purchase_id is not null then
    return query
    select g.grant_id, g.remaining::bigint, g.held::bigint, 1
    from playground.grants g
    where g.account_id = p_payment.account_id and g.purchase_id = p_payment.purchase_id and g.source = 'purchase';
  else
    return query
    select g.grant_id, g.remaining::bigint, g.held::bigint, case g.bucket when 'monthly' then 1 else 2 end
    from playground.periods p
    join playground.grants g on g.account_id = p.account_id and (g.grant_id = p.grant_id or g.from_grant_id = p.grant_id)
    where p.account_id = p_payment.account_id and p.invoice_id = p_payment.invoice_id
    order by 4, 1;
  end if;
end $$;
comment on function engine.own_grants(playground.payments) is 'The grants a payment brought: of a purchase its lot, of a period its monthly credits, then what of them rolled over.';

create or replace function engine.collect(p_account_id uuid, p_payment_intent_id text, p_instant timestamptz)
returns void
language plpgsql volatile
as $$
declare
  v_payment playground.payments;
  v_grant record;
  v_need bigint;
  v_taken bigint;
  v_part bigint;
  v_gifts bigint := 0;
  v_held bigint := 0;
  v_left bigint;
  v_own bigint;
  v_lent record;
  v_displaced text[] := array[]::text[];
begin
  select * into strict v_payment from playground.payments where account_id = p_account_id and payment_intent_id = p_payment_intent_id;
  v_taken := (select coalesce(sum(credits), 0) from playground.revocations where account_id = p_account_id and payment_intent_id = p_payment_intent_id);

  -- More was taken than is owed: given back to where it came from, the last source first.
  v_need := v_payment.owed - v_taken;
  if v_need < 0 then
    perform engine.give_back(v_payment, -v_need, p_instant);
    v_taken := v_payment.owed;
    v_need := 0;
  end if;

  -- From what the payment itself brought, as far as no hold has it.
  for v_grant in select * from engine.own_grants(v_payment) loop
    v_part := least(v_need, v_grant.remaining - v_grant.held);
    if v_part > 0 then
      perform engine.revoke(v_payment, v_grant.grant_id, v_part, p_instant);
      v_taken := v_taken + v_part;
      v_need := v_need - v_part;
    end if;
    v_held := v_held + v_grant.held;
  end loop;

  -- Where another payment took of that, it looks elsewhere: nothing moves but who it was taken for.
  for v_lent in select * from engine.lent(v_payment) where is_own loop
    v_part := least(v_need, v_lent.credits);
    if v_part > 0 then
      perform engine.reassign(v_payment, v_lent.payment_intent_id, v_lent.grant_id, v_part);
      v_displaced := v_displaced || v_lent.payment_intent_id;
      v_taken := v_taken + v_part;
      v_need := v_need - v_part;
    end if;
  end loop;

  -- From what of it was given away, then from other bought lots in burn order; those of plans pay for nothing else.
  if v_payment.purchase_id is not null then
    if exists (select from playground.gift_parts where account_id = p_account_id and payment_intent_id = p_payment_intent_id) then
      select coalesce(sum(r.credits), 0), v_payment.suspended - least(v_payment.suspended, coalesce(sum(g.remaining), 0))
      into v_own, v_left
      from engine.own_grants(v_payment) as g
      left join playground.revocations r
        on r.account_id = p_account_id and r.payment_intent_id = p_payment_intent_id and r.grant_id = g.grant_id;
      v_gifts := engine.take_from_gifts(p_account_id, p_payment_intent_id, v_payment.owed - v_own, v_left);
      v_need := v_payment.owed - v_taken - v_gifts;
      if v_need < 0 then
        perform engine.give_back(v_payment, -v_need, p_instant);
        v_taken := v_payment.owed - v_gifts;
        v_need := 0;
      end if;
    end if;
    for v_grant in
      select grant_id, remaining, held
      from playground.grants
      where account_id = p_account_id and source = 'purchase' and purchase_id <> v_payment.purchase_id and remaining > 0
      order by granted_at, grant_id
    loop
      -- Suspended ones too: an open dispute keeps them from being spent, not from paying what is owed.
      v_part := least(v_need, v_grant.remaining - v_grant.held);
      if v_part > 0 then
        perform engine.revoke(v_payment, v_grant.grant_id, v_part, p_instant);
        v_taken := v_taken + v_part;
        v_need := v_need - v_part;
      end if;
      v_held := v_held + v_grant.held;
    end loop;
    -- Of two payments that are short the older one is served first, whichever was heard of first.
    for v_lent in select * from engine.lent(v_payment) where not is_own loop
      v_part := least(v_need, v_lent.credits);
      if v_part > 0 then
        perform engine.reassign(v_payment, v_lent.payment_intent_id, v_lent.grant_id, v_part);
        v_displaced := v_displaced || v_lent.payment_intent_id;
        v_taken := v_taken + v_part;
        v_need := v_need - v_part;
      end if;
    end loop;
  end if;

  update playground.payments
  set taken = v_taken + v_gifts,
    revoke_due = least(v_need, v_held),
    shortfall = case when v_payment.purchase_id is null then 0 else v_need - least(v_need, v_held) end
  where account_id = p_account_id and payment_intent_id = p_payment_intent_id;
  perform engine.suspend(v_payment, p_instant);
  perform engine.settle_budget(p_account_id, p_payment_intent_id);
  perform engine.collect(p_account_id, displaced, p_instant) from unnest(v_displaced) as displaced;
  update playground.accounts
  set is_owing = exists (
    select from playground.payments where account_id = p_account_id and (revoke_due > 0 or shortfall > 0 or budget_due_usd > 0))
  where account_id = p_account_id;
end $$;
comment on function engine.collect(uuid, text, timestamptz) is
  'Takes what a payment owes and has not given yet: from its own credits, then their gifted parts, then other bought credits in burn order; never what holds have (revoke_due). What is left is shortfall. Credits. The account is locked by the caller.';

create or replace function engine.lent(p_payment playground.payments)
returns table (payment_intent_id text, grant_id bigint, credits bigint, is_own boolean)
language plpgsql stable
as $$
#variable_conflict use_column
begin
  return query
  select r.payment_intent_id, r.grant_id, r.credits::bigint, g.purchase_id = p_payment.purchase_id
  from playground.revocations r
  join playground.grants g on g.account_id = r.account_id and g.grant_id = r.grant_id and g.source = 'purchase'
  join playground.payments y on y.account_id = r.account_id and y.payment_intent_id = r.payment_intent_id
  where r.account_id = p_payment.account_id and r.payment_intent_id <> p_payment.payment_intent_id and r.credits > 0
    and g.purchase_id <> y.purchase_id
    and (g.purchase_id = p_payment.purchase_id or (y.paid_at, y.payment_intent_id) > (p_payment.paid_at, p_payment.payment_intent_id))
  order by y.paid_at desc, y.payment_intent_id desc, r.grant_id desc;
end $$;
comment on function engine.lent(playground.payments) is
  'Credits that other payments took of lots not their own and that this payment has the better claim to: is_own: of its own lot; else the other payment is younger. The youngest first.';

create or replace function engine.reassign(p_payment playground.payments, p_from text, p_grant_id bigint, p_credits bigint)
returns void
language plpgsql volatile
as $$
begin
  update playground.revocations
  set credits = credits - p_credits
  where account_id = p_payment.account_id and payment_intent_id = p_from and grant_id = p_grant_id;
  insert into playground.revocations as r (account_id, payment_intent_id, grant_id, credits)
  values (p_payment.account_id, p_payment.payment_intent_id, p_grant_id, p_credits)
  on conflict (account_id, payment_intent_id, grant_id) do update set credits = r.credits + excluded.credits;
end $$;
comment on function engine.reassign(playground.payments, text, bigint, bigint) is 'Credits that were taken of a grant for one payment count for another one.';

create or replace function engine.revoke(p_payment playground.payments, p_grant_id bigint, p_credits bigint, p_instant timestamptz)
returns void
language plpgsql volatile
as $$
begin
  perform engine.post_transaction(
    p_payment.account_id, p_instant, p_instant, 'refund', 'Credits of a refunded or disputed payment', array[p_grant_id], array[-p_credits],
    p_purchase_id => p_payment.purchase_id, p_metadata => jsonb_build_object('refundedCents', p_payment.refunded_cents, 'disputedCents', p_payment.disputed_cents + p_payment.lost_cents));
  insert into playground.revocations as r (account_id, payment_intent_id, grant_id, credits)
  values (p_payment.account_id, p_payment.payment_intent_id, p_grant_id, p_credits)
  on conflict (account_id, payment_intent_id, grant_id) do update set credits = r.credits + excluded.credits;
end $$;
comment on function engine.revoke(playground.payments, bigint, bigint, timestamptz) is 'Takes credits of a grant for a payment and keeps where they came from.';

create or replace function engine.give_back(p_payment playground.payments, p_credits bigint, p_instant timestamptz)
returns void
language plpgsql volatile
as $$
declare
  v_source record;
  v_left bigint := p_credits;
  v_part bigint;
begin
  for v_source in
    select r.grant_id, r.credits, g.expired_at
    from playground.revocations r
    join playground.grants g on g.account_id = r.account_id and g.grant_id = r.grant_id
    where r.account_id = p_payment.account_id and r.payment_intent_id = p_payment.payment_intent_id and r.credits > 0
    order by (select o.rank from engine.own_grants(p_payment) as o where o.grant_id = r.grant_id) desc nulls first, g.granted_at desc, r.grant_id desc
  loop
    exit when v_left = 0;
    v_part := least(v_left, v_source.credits);
    update playground.revocations
    set credits = credits - v_part
    where account_id = p_payment.account_id and payment_intent_id = p_payment.payment_intent_id and grant_id = v_source.grant_id;
    perform engine.post_transaction(
      p_payment.account_id, p_instant, p_instant, 'refund', 'Credits given back: a refund failed or a dispute was won', array[v_source.grant_id], array[v_part],
      p_purchase_id => p_payment.purchase_id);
    -- What comes back to another purchase may be in dispute there.
    perform engine.suspend(y, p_instant)
    from playground.grants g
    join playground.payments y on y.account_id = g.account_id and y.purchase_id = g.purchase_id
    where g.account_id = p_payment.account_id and g.grant_id = v_source.grant_id and y.suspended > 0
      and y.payment_intent_id <> p_payment.payment_intent_id;
    if v_source.expired_at is not null then
      perform engine.expire_given_back(p_payment.account_id, v_source.grant_id, p_instant);
    end if;
    v_left := v_left - v_part;
  end loop;
end $$;
comment on function engine.give_back(playground.payments, bigint, timestamptz) is 'Gives back what was taken for a payment: to other lots first, to its own last. What has expired meanwhile expires at once.';

create or replace function engine.suspend(p_payment playground.payments, p_instant timestamptz)
returns void
language plpgsql volatile
as $$
declare
  v_grant record;
  v_left bigint := p_payment.suspended;
  v_part bigint;
begin
  for v_grant in select * from engine.own_grants(p_payment) loop
    v_grant.remaining := (select remaining from playground.grants where account_id = p_payment.account_id and grant_id = v_grant.grant_id);
    v_part := least(v_left, v_grant.remaining);
    perform engine.set_suspended(p_payment.account_id, v_grant.grant_id, v_part, p_instant);
    v_left := v_left - v_part;
  end loop;
end $$;
comment on function engine.suspend(playground.payments, timestamptz) is 'Suspends what open disputes ask for of the credits that a payment brought, and lifts the rest.';

create or replace function engine.set_suspended(p_account_id uuid, p_grant_id bigint, p_credits bigint, p_instant timestamptz)
returns void
language plpgsql volatile
as $$
declare
  v_credits bigint := p_credits;
begin
  -- Grace credits of a plan that is past due stay suspended as a whole, dispute or not.
  if exists (
    select
    from playground.grants g
    join playground.subscriptions s on s.account_id = g.account_id and s.subscription_id = g.subscription_id
    where g.account_id = p_account_id and g.grant_id = p_grant_id and g.bucket = 'monthly' and g.expired_at is null
      and s.ended_at is null and s.status in ('past_due', 'unpaid') and s.period_end <= p_instant)
  then
    v_credits := (select remaining from playground.grants where account_id = p_account_id and grant_id = p_grant_id);
  end if;
  update playground.grants
  set suspended = v_credits, unavailable_until = case when v_credits < suspended then p_instant else unavailable_until end
  where account_id = p_account_id and grant_id = p_grant_id and suspended <> v_credits;
end $$;
comment on function engine.set_suspended(uuid, bigint, bigint, timestamptz) is 'Sets how many credits of a grant are suspended.';

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
