-- Sums of the credit history, and what credits are worth. A line is added once: by the transaction that takes it from the
-- queue, which rolls back with it.

create or replace view engine.lot_prices as
select g.account_id, g.grant_id, g.source::text as source, g.bucket::text as bucket,
  coalesce(own.currency, given.currency, i.currency, 'none') as currency,
  -- The only place where a price is rounded: all sums are of credits times this.
  coalesce(round(case
    when own.purchase_id is not null then own.price_cents::numeric / (100 * own.credits)
    when given.credits is not null then given.price_cents::numeric / (100 * given.credits)
    else i.paid_cents::numeric / (100 * o.granted)
  end, 12), 0) as price,
  coalesce(case g.source when 'purchase' then own.price_cents when 'period' then i.paid_cents end, 0)::numeric / 100 as paid
from playground.grants g
left join playground.purchases own
  on own.account_id = g.account_id and own.purchase_id = g.purchase_id and g.source = 'purchase'
left join lateral (
  -- The giver's purchase lies on the giver's account.
  select y.currency, y.price_cents, y.credits
  from playground.purchases y
  where y.purchase_id = g.purchase_id and g.source = 'gift'
  limit 1
) as given on true
left join playground.grants o
  on o.account_id = g.account_id and o.grant_id = case when g.source in ('period', 'rollover') then coalesce(g.from_grant_id, g.grant_id) end
left join playground.periods p
  on p.account_id = o.account_id and p.subscription_id = o.subscription_id and p.grant_id = o.grant_id
left join playground.invoices i
  on i.account_id = p.account_id and i.invoice_id = p.invoice_id;
comment on view engine.lot_prices is
  'What was paid for a lot of credits: of a purchase, also after it was given away, its price; of a period its invoice, also after it rolled over; nothing for plans set by hand, signup, promo, bonus and admin. It never changes: the price is written in the transaction that makes the lot. currency: none when nobody paid. price: of one credit, in currency (cents / 100), rounded to 12 places. paid: of the whole lot, for the lot that was paid for itself.';

create or replace function engine.queue_unqueued_lines()
returns void
language sql volatile
set enable_seqscan = on
set enable_hashjoin = on
set enable_nestloop = off
as $$
  insert into rollup.ledger_changes
  select t.account_id, t.number
  from playground.transactions t
  where not exists (select from rollup.ledger_changes c where c.account_id = t.account_id and c.number = t.number)
$$;
comment on function engine.queue_unqueued_lines() is
  'Before anything was added up: queues the lines that code of before wrote after the migration had queued what there was, and that only this code would have.';

create or replace function engine.roll_up_ledger(p_limit bigint default null)
returns bigint
language plpgsql volatile
-- Each line is looked up by its keys, whatever the planner believes of a queue that is filled and emptied all day: other
-- plans would read the history.
set enable_hashjoin = off
set enable_mergejoin = off
set enable_seqscan = off
set enable_bitmapscan = off
as $$
declare
  v_started_at constant timestamptz := clock_timestamp();
  v_lines bigint;
begin
  -- One at a time: the other waits here, and then sees what this one left and what came meanwhile.
  perform pg_advisory_xact_lock(hashtext('scrip ledger rollup'));
  if not exists (select from rollup.refreshes where name = 'ledger') then
    perform engine.queue_unqueued_lines();
  end if;
  with taken as materialized (
    delete from rollup.ledger_changes
    where ctid = any (array(select ctid from rollup.ledger_changes limit p_limit))
    returning account_id, number
  ), line as materialized (
    select t.account_id, t.number, t.type::text as type, t.amount, t.hold_id, date_trunc('month', t.effective_at, 'UTC') as month
    from taken
    join playground.transactions t using (account_id, number)
  ), piece as materialized (
    -- Before the lots: by way of those of the account all of its history would be read.
    select l.*, p.grant_id, p.amount as credits
    from line l
    join playground.transaction_parts p using (account_id, number)
  ), part as materialized (
    select p.*, lot.source, lot.bucket, lot.currency, lot.paid, p.credits * lot.price as value,
      p.type = 'monthly' and exists (
        select
        from playground.transaction_parts e
        where e.account_id = p.account_id and e.grant_id = p.grant_id and e.number < p.number
      ) as is_restored
    from piece p
    join engine.lot_prices lot on lot.account_id = p.account_id and lot.grant_id = p.grant_id
  ), counted as (
    insert into rollup.line_months as m (month, type, lines, amount)
    select month, type, count(*), sum(amount)::bigint
    from line
    group by 1, 2
    on conflict (month, type) do update
    set lines = m.lines + excluded.lines, amount = m.amount + excluded.amount
  ), flow as (
    insert into rollup.credit_months as m (month, kind, source, bucket, currency, credits_in, credits_out, value_in, value_out, paid)
    select month, case when is_restored then 'restore' else type end, source, bucket, currency,
      coalesce(sum(credits) filter (where credits > 0), 0)::bigint, coalesce(-sum(credits) filter (where credits < 0), 0)::bigint,
      coalesce(sum(value) filter (where credits > 0), 0), coalesce(-sum(value) filter (where credits < 0), 0),
      coalesce(sum(paid) filter (where type in ('purchase', 'monthly') and not is_restored), 0)
    from part
    group by 1, 2, 3, 4, 5
    on conflict (month, kind, source, bucket, currency) do update
    set credits_in = m.credits_in + excluded.credits_in, credits_out = m.credits_out + excluded.credits_out,
      value_in = m.value_in + excluded.value_in, value_out = m.value_out + excluded.value_out, paid = m.paid + excluded.paid
  ), earned as (
    insert into rollup.revenue_days as d (day, model, tier, credits, revenue_usd)
    select date_trunc('day', h.reserved_at, 'UTC'), h.model, h.tier, -sum(p.credits)::bigint,
      coalesce(-sum(p.value) filter (where p.currency = 'usd'), 0)
    from part p
    join playground.holds h using (account_id, hold_id)
    where p.type = 'spend'
    group by 1, 2, 3
    on conflict (day, model, tier) do update
    set credits = d.credits + excluded.credits, revenue_usd = d.revenue_usd + excluded.revenue_usd
  )
  select count(*) into strict v_lines from taken;
  perform engine.note_refresh('ledger', engine.now(), v_lines, clock_timestamp() - v_started_at);
  return v_lines;
end $$;
comment on function engine.roll_up_ledger(bigint) is
  'Adds the lines of the credit history that came since the last call, at most p_limit of them when that is given, to the sums of rollup: once each, however late they commit. Reads these lines only. A second call at the same time waits. Returns how many lines there were.';
