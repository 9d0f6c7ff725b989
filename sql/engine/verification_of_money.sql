-- The invariants of money: what came in brought its credits once, what went back took no more than that.

create or replace function engine.verify_payments(p_since timestamptz)
returns table (invariant text, account_id uuid, detail text)
language sql stable
as $$
  with checked as (
    select p.*,
      coalesce((select sum(r.credits) from playground.revocations r where r.account_id = p.account_id and r.payment_intent_id = p.payment_intent_id), 0) as revoked,
      -- What is wanted of gifts is counted on until the receiver's side has said that it is not there.
      coalesce((select sum(g.wanted) from playground.gift_parts g where g.account_id = p.account_id and g.payment_intent_id = p.payment_intent_id), 0) as of_gifts
    from playground.payments p
    join playground.accounts a using (account_id)
    where p_since is null or a.last_instant >= p_since
  ), bought as (
    select p.*, t.type, t.amount, t.purchase_id as line_purchase_id, y.paid_cents, y.purchase_id as payment_purchase_id,
      (select count(*) from playground.grants g where g.account_id = p.account_id and g.purchase_id = p.purchase_id and g.source = 'purchase') as grants,
      (select sum(g.granted) from playground.grants g where g.account_id = p.account_id and g.purchase_id = p.purchase_id and g.source = 'purchase') as granted
    from playground.purchases p
    join playground.accounts a using (account_id)
    left join playground.transactions t on t.account_id = p.account_id and t.number = p.number
    left join playground.payments y on y.account_id = p.account_id and y.payment_intent_id = p.payment_intent_id
    where p_since is null or a.last_instant >= p_since
  )
  select 'payment_is_credited_once', account_id, format('purchase %s: %s, %s grants of %s credits, line %s', purchase_id, status, grants, granted, number)
  from bought
  where case when status = 'succeeded'
    then grants <> 1 or granted <> credits or type is distinct from 'purchase' or amount is distinct from credits::bigint
      or line_purchase_id is distinct from purchase_id or paid_cents is distinct from price_cents or payment_purchase_id is distinct from purchase_id
    else grants > 0 end
  union all
  select 'payment_is_credited_once', g.account_id, format('grant %s belongs to no purchase', g.grant_id)
  from playground.grants g
  join playground.accounts a using (account_id)
  where g.source = 'purchase' and (p_since is null or a.last_instant >= p_since)
    and not exists (select from playground.purchases p where p.account_id = g.account_id and p.purchase_id = g.purchase_id)
  union all
  select 'revoked_is_what_is_owed', account_id, format('payment %s: %s of %s credits owed, taken %s, from grants %s, of gifts %s, due %s, short %s',
    payment_intent_id, owed, credits, taken, revoked, of_gifts, revoke_due, shortfall)
  from checked
  where taken <> revoked + of_gifts or taken > owed
    or (purchase_id is not null and paid_at is not null and taken + revoke_due + shortfall <> owed)
    or owed <> engine.owed_credits(credits, paid_cents, refunded_cents + lost_cents)
    or suspended <> engine.owed_credits(credits, paid_cents, refunded_cents + lost_cents + disputed_cents) - owed
  union all
  select 'budget_is_purchases_less_runs', a.account_id, format('budget %s, purchases gave %s, runs drew %s', a.cost_budget_usd, b.given, b.drawn)
  from playground.accounts a
  cross join lateral (
    select coalesce((select sum(p.budget_usd) from playground.payments p where p.account_id = a.account_id), 0) as given,
      coalesce((select sum(u.budget_usd) from playground.usage u where u.account_id = a.account_id and u.budget_usd > 0), 0) as drawn) as b
  where a.cost_budget_usd <> b.given - b.drawn and (p_since is null or a.last_instant >= p_since)
  union all
  select 'debts_are_known', c.account_id, format('payment %s owes, the account does not know', c.payment_intent_id)
  from checked c
  join playground.accounts a using (account_id)
  where (c.revoke_due > 0 or c.shortfall > 0 or c.budget_due_usd > 0) and not a.is_owing
$$;
comment on function engine.verify_payments(timestamptz) is 'Violations between money and credits: purchases credited other than once, revocations, bought cost budget (US dollars).';

create or replace function engine.verify_events(p_since timestamptz)
returns table (invariant text, account_id uuid, detail text)
language sql stable
as $$
  select 'event_is_handled_or_parked', e.account_id, format('event %s: %s, %s', i.event_id, e.state, e.reason)
  from playground.stripe_event_ids i
  left join playground.stripe_events e on e.received_at = i.received_at and e.event_id = i.event_id
  where (e.event_id is null or (e.state = 'parked') <> (e.handled_at is null) or (e.state = 'parked' and (e.reason is null or e.next_try_at is null)))
    and (p_since is null or i.received_at >= p_since)
$$;
comment on function engine.verify_events(timestamptz) is 'Events that were received and are neither handled nor kept for another try.';
