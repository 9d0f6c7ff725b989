-- Taking the credits that a payment owes, and giving them back: which grants answer for it, in which order, and whose claim
-- is the better one. What was taken of which grant for which payment is kept in playground.revocations.

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
