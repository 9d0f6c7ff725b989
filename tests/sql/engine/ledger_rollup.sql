begin;
\ir ../helpers.psql
\ir ../runs.psql
\ir ../stripe.psql
\ir ../gifts.psql
select plan(26);
select tests.freeze('2026-11-01 12:00:00+00');
select tests.open_shop() \g /dev/null
select tests.make_package() \g /dev/null
create function tests.flow(p_month timestamptz)
returns text[]
language sql
as $$
  select array_agg(
    format('%s %s/%s %s: +%s -%s, worth +%s -%s', kind, source, bucket, currency, credits_in, credits_out, trim_scale(value_in), trim_scale(value_out))
      || case when paid > 0 then ', paid ' || paid else '' end
    order by kind, source, bucket, currency)
  from rollup.credit_months
  where month = p_month
$$;
create function tests.prices(p_account_id uuid)
returns text[]
language sql
as $$
  select array_agg(format('%s %s %s of %s', source, currency, trim_scale(price), trim_scale(paid)) order by grant_id)
  from engine.lot_prices
  where account_id = p_account_id
$$;

-- What a credit is worth.
select tests.make_payer('ann@example.com') as ann_id, tests.make_payer('bob@example.com') as bob_id \gset
select tests.buy(:'ann_id', 250, 10), tests.advance('1 second'), tests.buy(:'ann_id', 600, 20), admin.grant_credits(:'ann_id', 7, 'for a test', 'bonus') \g /dev/null
select is(tests.prices(:'ann_id'), array['signup none 0 of 0', 'purchase usd 0.04 of 10', 'purchase usd 0.033333333333 of 20', 'bonus none 0 of 0'],
  'a bought credit is worth what was paid for it, rounded once to 12 places; a free one nothing');
update playground.packs set currency = 'eur' where pack = 'small';
select tests.start_purchase(:'ann_id', 'small', 'pi_eur') as purchase_id \gset
select tests.deliver(tests.event('payment_intent.succeeded', tests.payment_intent('pi_eur', :'ann_id', :'purchase_id', 500, '{"currency": "eur"}'))) \g /dev/null
select is((tests.prices(:'ann_id'))[5], 'purchase eur 0.05 of 5', 'in the currency it was paid in');

-- Once.
select is(engine.roll_up_ledger(), 6::bigint, 'every line since the last call is taken');
select is((select count(*) from rollup.ledger_changes), 0::bigint, 'and leaves the queue');
select is(engine.roll_up_ledger(), 0::bigint, 'so that the next call finds nothing');
select is(tests.flow('2026-11-01'), array[
  'bonus bonus/purchased none: +7 -0, worth +0 -0', 'purchase purchase/purchased eur: +100 -0, worth +5 -0, paid 5.00',
  'purchase purchase/purchased usd: +850 -0, worth +29.9999999998 -0, paid 30.00', 'signup signup/purchased none: +10 -0, worth +0 -0'],
  'credits, their value and what was paid are added up by month, kind, lot and currency');
select is((select array_agg(type || ' ' || lines || ' ' || amount order by type) from rollup.line_months where month = '2026-11-01'),
  array['bonus 1 7', 'purchase 3 950', 'signup 2 10'], 'and lines by month and type');

-- Runs.
select tests.reserve(:'ann_id') as run \gset
select tests.settle(:'ann_id', :'run', 100, 100) \g /dev/null
select tests.freeze('2026-11-02 00:00:00+00') \g /dev/null
update playground.grants set suspended = remaining where account_id = :'ann_id' and source in ('signup', 'bonus');
select tests.reserve(:'ann_id', p_model => 'opus') as run \gset
select tests.settle(:'ann_id', :'run', 100, 100) \g /dev/null
select tests.freeze('2026-11-02 23:59:00+00') \g /dev/null
update playground.grants set suspended = remaining where account_id = :'ann_id' and grant_id not in (select grant_id from engine.lot_prices where currency = 'eur');
select tests.reserve(:'ann_id') as run \gset
select tests.freeze('2026-11-03 00:00:30+00') \g /dev/null
select tests.settle(:'ann_id', :'run', 100, 100) \g /dev/null
update playground.grants set suspended = 0 where account_id = :'ann_id' and source = 'purchase';
select admin.grant_credits(:'bob_id', 3, 'for a test', 'bonus') \g /dev/null
select is(engine.roll_up_ledger(), 4::bigint, 'lines of runs are taken too');
select is((select credits_in from rollup.credit_months where month = '2026-11-01' and kind = 'bonus'), 10::bigint, 'and added to what is there');
select results_eq('select day, model, tier, credits, revenue_usd from rollup.revenue_days order by day, model',
  $$ values ('2026-11-01 00:00+00'::timestamptz, 'sonnet', 'free', 1::bigint, 0::numeric), ('2026-11-02', 'opus', 'free', 5, 0.2), ('2026-11-02', 'sonnet', 'free', 1, 0) $$,
  'what a run charged, and the dollars that were paid for it, belong to the day on which it began, its model and tier');

-- Gifts.
select tests.freeze('2026-11-16 12:00:00+00') \g /dev/null
select tests.give(:'ann_id', 'bob@example.com', 100), tests.give(:'ann_id', 'new@example.com', 10), tests.carry() \g /dev/null
select is((tests.prices(:'bob_id'))[3], 'gift usd 0.04 of 0', 'a gift is worth what its giver paid, and was not paid for again');
select is(engine.roll_up_ledger(), 3::bigint, 'a gift is a line on each account');
select is((tests.flow('2026-11-01'))[2:3], array['gift gift/purchased usd: +100 -0, worth +4 -0', 'gift purchase/purchased usd: +0 -110, worth +0 -4.4'],
  'what left and what arrived differ by what is under way');

-- A refund takes at the price of each lot, and gives back at the same.
select tests.refund(:'ann_id', 1000, 1), tests.carry() \g /dev/null
select engine.roll_up_ledger() \g /dev/null
select is((select array_agg(format('%s: +%s -%s, worth -%s', source, credits_in, credits_out, trim_scale(value_out)) order by source) from rollup.credit_months where kind = 'refund'),
  array['gift: +0 -100, worth -4', 'purchase: +0 -140, worth -5.566666666665'],
  'a refund takes of the purchase, of what was given of it, then of other purchases, each at its price');
select tests.refund(:'ann_id', 0, 1), tests.carry() \g /dev/null
select engine.roll_up_ledger() \g /dev/null
select is((select sum(value_in - value_out) from rollup.credit_months where kind = 'refund'), 0::numeric, 'a refund that failed gives back what it took, at the same price');

-- Plans.
select tests.freeze('2026-12-01 00:00:00+00') \g /dev/null
select tests.make_payer('cy@example.com') as cy_id \gset
select tests.deliver(tests.event('customer.subscription.created', tests.subscription('sub_cy', :'cy_id', 'active', '2026-12-01', '2026-12-31'))) \g /dev/null
select tests.deliver(tests.event('invoice.paid', tests.invoice('in_1', 'sub_cy', :'cy_id', '2026-12-01', '2026-12-31'))) \g /dev/null
select is(tests.prices(:'cy_id'), array['signup none 0 of 0', 'period usd 0.06 of 6'], 'credits of a period are worth its invoice''s share');
select tests.freeze('2026-12-31 00:00:00+00') \g /dev/null
select tests.deliver(tests.event('invoice.paid', tests.invoice('in_2', 'sub_cy', :'cy_id', '2026-12-31', '2027-01-30'))) \g /dev/null
select is((tests.prices(:'cy_id'))[3:], array['rollover usd 0.06 of 0', 'period usd 0.06 of 6'], 'and keep their price when they roll over');
select tests.freeze('2027-02-03 00:00:00+00') \g /dev/null
select api.get_balance(:'cy_id') \g /dev/null
select engine.roll_up_ledger() \g /dev/null
select is(tests.flow('2027-01-01'), array['expire rollover/rollover usd: +0 -100, worth +0 -6'],
  'what expires counts when it fell due');
select is(tests.flow('2027-02-01'), array['expire period/monthly usd: +0 -100, worth +0 -6'], 'not when it was noticed');
select tests.deliver(tests.event('invoice.paid', tests.invoice('in_3', 'sub_cy', :'cy_id', '2027-01-30', '2027-03-01', '2027-01-30'))) \g /dev/null
select engine.roll_up_ledger() \g /dev/null
select is((tests.flow('2027-02-01'))[3:4], array['restore period/monthly usd: +100 -0, worth +6 -0', 'rollover period/monthly usd: +0 -100, worth +0 -6'],
  'credits that expired and come back, since the renewal was heard of late, are told from new ones');
select is((tests.flow('2027-02-01'))[2], 'monthly period/monthly usd: +100 -0, worth +6 -0, paid 6.00', 'and were not paid for again');
select tests.make_user('dan@example.com') as dan_id \gset
select admin.set_plan(:'dan_id', 'prpm_plus_individual', null, 'for a test') \g /dev/null
select is((tests.prices(:'dan_id'))[2], 'period none 0 of 0', 'a plan by hand was paid by nobody');

-- All of it.
select engine.roll_up_ledger() \g /dev/null
select is((select sum(credits_in - credits_out) from rollup.credit_months), (select sum(last_balance) from playground.accounts), 'all that came less all that went is what people have');
select is((select sum(lines) from rollup.line_months), (select sum(last_number) from playground.accounts), 'every line was added once');
select is((select sum(value_in - value_out) from rollup.credit_months),
  (select sum(p.price * g.remaining) from engine.lot_prices p join playground.grants g using (account_id, grant_id)), 'the value of all flows is the value of what is left');
select is((select prosecdef from pg_proc where oid = 'engine.roll_up_ledger'::regproc), false, 'nobody but the engine''s doors reaches it');
select * from finish();
rollback;
