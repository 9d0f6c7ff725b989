-- The invariants of money: what came in brought its credits once, what went back took no more than that.

create or replace function engine.verify_payments(p_since timestamptz)
returns table (invariant text, account_id uuid, detail text)
language sql stable
as $$
  with touched as (
    select * from playground.accounts a where p_since is null or a.last_instant >= p_since
  ), lot as (
    select g.account_id, g.purchase_id, count(*) as grants, sum(g.granted) as granted
    from playground.grants g
    join touched using (account_id)
    where g.source = 'purchase'
    group by 1, 2
  ), given as (
    select p.account_id, sum(p.budget_usd) as budget_usd from playground.payments p join touched using (account_id) group by 1
  ), drawn as (
    -- Of months whose usage is not kept the windows tell: they were compared while it was.
    select account_id, sum(budget_usd) as budget_usd
    from (
      select u.account_id, u.budget_usd
      from playground.usage u
      join touched using (account_id)
      where u.budget_usd > 0 and u.reserved_at >= (select engine.kept_since('usage'))
      union all
      select p.account_id, w.budget_usd
      from playground.cost_windows w
      join playground.users p using (user_id)
      join touched on touched.account_id = p.account_id
      where w.kind = 'month' and w.budget_usd > 0 and w.starts_at < (select engine.kept_since('usage'))
    ) as draw
    group by 1
  ), checked as (
    select p.*,
      coalesce((select sum(r.credits) from playground.revocations r where r.account_id = p.account_id and r.payment_intent_id = p.payment_intent_id), 0) as revoked,
      -- What is wanted of gifts is counted on until the receiver's side has said that it is not there.
      coalesce((select sum(g.wanted) from playground.gift_parts g where g.account_id = p.account_id and g.payment_intent_id = p.payment_intent_id), 0) as of_gifts
    from playground.payments p
    join touched using (account_id)
  ), bought as (
    select p.*, t.type, t.amount, t.purchase_id as line_purchase_id, y.paid_cents, y.purchase_id as payment_purchase_id,
      coalesce(lot.grants, 0) as grants, lot.granted
    from playground.purchases p
    join touched using (account_id)
    left join lot on lot.account_id = p.account_id and lot.purchase_id = p.purchase_id
    left join playground.transactions t on t.account_id = p.account_id and t.number = p.number
    left join playground.payments y on y.account_id = p.account_id and y.payment_intent_id = p.payment_intent_id
  )
  select 'payment_is_credited_once', account_id, format('purchase %s: %s, %s grants of %s credits, line %s', purchase_id, status, grants, granted, number)
  from bought
  where case when status = 'succeeded'
    then grants <> 1 or granted <> credits or type is distinct from 'purchase' or amount is distinct from credits::bigint
      or line_purchase_id is distinct from purchase_id or paid_cents is distinct from price_cents or payment_purchase_id is distinct from purchase_id
    else grants > 0 end
  union all
  select 'payment_is_credited_once', lot.account_id, format('%s grants belong to no purchase', lot.grants)
  from lot
  left join playground.purchases p on p.account_id = lot.account_id and p.purchase_id = lot.purchase_id
  where p.purchase_id is null
  union all
  select 'revoked_is_what_is_owed', account_id, format('payment %s: %s of %s credits owed, taken %s, from grants %s, of gifts %s, due %s, short %s',
    payment_intent_id, owed, credits, taken, revoked, of_gifts, revoke_due, shortfall)
  from checked
  where taken <> revoked + of_gifts or taken > owed
    or (purchase_id is not null and paid_at is not null and taken + revoke_due + shortfall <> owed)
    or owed <> engine.owed_credits(credits, paid_cents, refunded_cents + lost_cents)
    or suspended <> engine.owed_credits(credits, paid_cents, refunded_cents + lost_cents + disputed_cents) - owed
  union all
  select 'budget_is_purchases_less_runs', a.account_id, format('budget %s, purchases gave %s, runs drew %s', a.cost_budget_usd, coalesce(given.budget_usd, 0), coalesce(drawn.budget_usd, 0))
  from touched a
  left join given using (account_id)
  left join drawn using (account_id)
  where a.cost_budget_usd <> coalesce(given.budget_usd, 0) - coalesce(drawn.budget_usd, 0)
  union all
  select 'debts_are_known', c.account_id, format('payment %s owes, the account does not know', c.payment_intent_id)
  from checked c
  join touched a using (account_id)
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
  where ((e.event_id is null and i.received_at >= (select engine.kept_since('stripe_events'))) or (e.state = 'parked') <> (e.handled_at is null) or (e.state = 'parked' and (e.reason is null or e.next_try_at is null)))
    and (p_since is null or i.received_at >= p_since)
$$;
comment on function engine.verify_events(timestamptz) is 'Events that were received and are neither handled nor kept for another try.';
