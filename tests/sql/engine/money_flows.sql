begin;
\ir ../helpers.psql
\ir ../runs.psql
\ir ../stripe.psql
\ir ../gifts.psql
select plan(13);
select tests.freeze('2026-11-10 12:00:00+00');
select tests.open_shop() \g /dev/null
create function tests.flows(p_account_id uuid)
returns text[]
language sql
as $$
  select array_agg(format('%s %s %s %s at %s', kind, product, cents, currency, at::date) order by at, kind, cents)
  from engine.money_flows
  where account_id = p_account_id
$$;

-- Months.
set local timezone = 'America/Los_Angeles';
select results_eq($$ select * from engine.months('2026-12-31 23:00+00', '2027-02-01 00:00+00') $$,
  $$ values ('2026-12-01 00:00+00'::timestamptz, '2027-01-01 00:00+00'::timestamptz), ('2027-01-01 00:00+00', '2027-02-01 00:00+00'), ('2027-02-01 00:00+00', '2027-03-01 00:00+00') $$,
  'months are those of UTC, whatever the session''s time zone, both ends included');
set local timezone = 'UTC';
select is_empty($$ select * from engine.months('2027-02-01', '2027-01-31') $$, 'there is none before the first');

-- Packs.
select tests.make_payer('ann@example.com') as ann_id, tests.make_payer('bob@example.com') as bob_id \gset
select tests.start_purchase(:'ann_id', 'small', 'pi_ann') as purchase_id \gset
select is(tests.flows(:'ann_id'), null, 'what is not paid is no money');
select tests.deliver(tests.event('payment_intent.succeeded', tests.payment_intent('pi_ann', :'ann_id', :'purchase_id', 500))) \g /dev/null
select is(tests.flows(:'ann_id'), array['paid pack 500 usd at 2026-11-10'], 'a pack that was paid');
select is((select credits from engine.money_flows where account_id = :'ann_id'), 100::bigint, 'with its credits');
select tests.freeze('2026-12-02 12:00:00+00') \g /dev/null
select tests.deliver(tests.event('charge.refunded', tests.charge('pi_ann', :'ann_id', 300, 500))) \g /dev/null
select is((tests.flows(:'ann_id'))[2:], array['refunded pack 300 usd at 2026-12-02'], 'what the charge alone tells went back when it told it');
select tests.deliver(tests.event('refund.created', tests.refund('re_1', 'pi_ann', 200, 'succeeded', '2026-11-20 12:00+00'))) \g /dev/null
select is((tests.flows(:'ann_id'))[2:], array['refunded pack 200 usd at 2026-11-20', 'refunded pack 100 usd at 2026-12-02'], 'a refund that is known, when it was made; only the rest with the charge');
select tests.freeze('2027-01-02 12:00:00+00') \g /dev/null
select tests.deliver(tests.event('refund.created', tests.refund('re_2', 'pi_ann', 900, 'succeeded', '2027-01-01 12:00+00'))) \g /dev/null
select is((select sum(cents) from engine.money_flows where account_id = :'ann_id' and kind = 'refunded'), 500::numeric, 'never more than was paid');
select tests.deliver(tests.event('refund.failed', tests.refund('re_2', 'pi_ann', 900, 'failed', '2027-01-01 12:00+00'))) \g /dev/null
select is((tests.flows(:'ann_id'))[2:], array['refunded pack 200 usd at 2026-11-20', 'refunded pack 100 usd at 2026-12-02'], 'a refund that failed is none');
select tests.deliver(tests.event('charge.dispute.created', tests.dispute('dp_1', 'pi_ann', 100, 'needs_response'))) \g /dev/null
select is(array_length(tests.flows(:'ann_id'), 1), 3, 'an open dispute is not lost');
select tests.deliver(tests.event('charge.dispute.closed', tests.dispute('dp_1', 'pi_ann', 100, 'lost'))) \g /dev/null
select is((tests.flows(:'ann_id'))[4], 'lost pack 100 usd at 2027-01-02', 'a lost one is, since then');

-- Plans.
select tests.deliver(tests.event('customer.subscription.created', tests.subscription('sub_bob', :'bob_id', 'active', '2027-01-02', '2027-02-01'))) \g /dev/null
select tests.deliver(tests.event('invoice.paid', tests.invoice('in_1', 'sub_bob', :'bob_id', '2027-01-02', '2027-02-01'))) \g /dev/null
select tests.deliver(tests.event('invoice_payment.paid', tests.invoice_payment('in_1', 'pi_bob'))) \g /dev/null
select is(tests.flows(:'bob_id'), array['paid prpm_plus_individual 600 usd at 2027-01-02'], 'an invoice is paid once, whichever payment it was');
select tests.refund(:'bob_id', 250) \g /dev/null
select results_eq(format('select product, cents, paid_at::date from engine.money_flows where account_id = %L and kind = ''refunded''', :'bob_id'),
  $$ values ('prpm_plus_individual', 250::bigint, '2027-01-02'::date) $$, 'and its refunds know what was paid, and when');
select * from finish();
rollback;
