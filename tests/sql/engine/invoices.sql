begin;
\ir ../helpers.psql
\ir ../runs.psql
\ir ../stripe.psql
\ir ../plans.psql
select plan(44);
select tests.freeze('2026-11-01 12:00:00+00');
select tests.open_shop() \g /dev/null
select tests.make_package() \g /dev/null

-- A plan begins.
select tests.make_payer() as ann_id \gset
select is(tests.paid_period(:'ann_id', '2026-11-01 12:00+00', '2026-12-01 12:00+00'), 'parked: unknown_subscription', 'an invoice that comes before its subscription waits');
select is(tests.state('created', :'ann_id', 'incomplete', '2026-11-01 12:00+00', '2026-12-01 12:00+00'), 'handled', 'a subscription that has not begun');
select is(tests.plan_lots(:'ann_id'), array['monthly 100, suspended 0, until 2026-12-04'], 'what waited for it is applied: a paid invoice grants the month');
select is(tests.state('updated', :'ann_id', 'active', '2026-11-01 12:00+00', '2026-12-01 12:00+00'), 'handled', 'it begins');
select is(tests.plan_of(:'ann_id'), 'active 1 until 2026-12-01', 'the plan has one period');
select is(tests.state('updated', :'ann_id', 'active', '2026-11-01 12:00+00', '2026-12-01 12:00+00'), 'handled', 'news of the plan');
select is(tests.paid_period(:'ann_id', '2026-11-01 12:00+00', '2026-12-01 12:00+00'), 'handled', 'and the invoice in another event');
select is(tests.ledger(:'ann_id'), array['1 signup +5 = 5 (signup +5)', '2 monthly +100 = 105 (period +100)'], 'grant nothing more');
select is(
  tests.deliver(tests.event('invoice.paid', tests.invoice('in_other', 'sub_' || :'ann_id', :'ann_id', '2026-11-15 12:00+00', '2026-12-15 12:00+00'))),
  'handled: period_confirmed_before', 'nor does a period that overlaps');
select is((paid_at, confirmed_at, invoice_id)::text, ('2026-11-01 12:00+00'::timestamptz, '2026-11-01 12:00+00'::timestamptz, 'in_' || :'ann_id' || '2026-11-01')::text, 'the period knows what paid it') from playground.periods where account_id = :'ann_id';

-- Refunds and disputes of an invoice.
select tests.begun() as gus_id \gset
select is(tests.deliver(tests.event('charge.refunded', tests.charge('pi_gus', :'gus_id', 300, 600))), 'parked: unknown_payment', 'a refund of what paid an invoice');
select is(tests.deliver(tests.event('invoice_payment.paid', tests.invoice_payment('in_' || :'gus_id' || '2026-11-01', 'pi_gus'))), 'handled', 'finds it when Stripe says so');
select is(tests.plan_lots(:'gus_id'), array['monthly 50, suspended 0, until 2026-12-04'], 'and takes from that period''s credits');
select tests.freeze('2026-12-01 12:01+00'), tests.paid_period(:'gus_id', '2026-12-01 12:00+00', '2026-12-31 12:00+00') \g /dev/null
select tests.deliver(tests.event('charge.refunded', tests.charge('pi_gus', :'gus_id', 450, 600))) \g /dev/null
select is(tests.plan_lots(:'gus_id'), array['rollover 25, suspended 0, until 2026-12-31', 'monthly 100, suspended 0, until 2027-01-03'], 'then from its rollover, never from another period''s');
select tests.deliver(tests.event('charge.dispute.created', tests.dispute('dp_gus', 'pi_gus', 60, 'needs_response'))) \g /dev/null
select is((tests.plan_lots(:'gus_id'))[1], 'rollover 25, suspended 10, until 2026-12-31', 'a dispute suspends there');
select tests.advance('1 minute'), tests.deliver(tests.event('charge.refunded', tests.charge('pi_gus', :'gus_id', 600, 600))) \g /dev/null
select is((owed, taken, revoke_due, shortfall)::text, (100::playground.credits, 100::playground.credits, 0::playground.credits, 0::playground.credits)::text, 'all of it back') from playground.payments where payment_intent_id = 'pi_gus';

-- Of a period that a run was in at the renewal: what it holds stays, the rest rolled over.
select tests.begun() as dee_id \gset
select tests.freeze('2026-12-01 11:59+00'), tests.reserve(:'dee_id') \g /dev/null
select tests.freeze('2026-12-01 12:00+00'), tests.paid_period(:'dee_id', '2026-12-01 12:00+00', '2026-12-31 12:00+00') \g /dev/null
select tests.deliver(tests.event('invoice_payment.paid', tests.invoice_payment('in_' || :'dee_id' || '2026-11-01', 'pi_dee'))) \g /dev/null
select tests.deliver(tests.event('charge.dispute.created', tests.dispute('dp_dee', 'pi_dee', 594, 'needs_response'))) \g /dev/null
select is((count(*) filter (where suspended > 0), sum(suspended))::text, '(2,99)', 'a dispute suspends its share once, wherever the credits lie') from playground.grants where account_id = :'dee_id';
select tests.deliver(tests.event('charge.dispute.closed', tests.dispute('dp_dee', 'pi_dee', 594, 'won'))) \g /dev/null
select is(sum(suspended), 0::numeric, 'and lifts it from all of them') from playground.grants where account_id = :'dee_id';

-- What does not count.
select tests.begun() as bob_id \gset
create function tests.paid_next(p_account_id uuid, p_changes jsonb)
returns text
language sql
as $$ select tests.paid_period(p_account_id, '2026-12-01 12:00+00', '2026-12-31 12:00+00', p_changes => p_changes) $$;
select is(tests.paid_next(:'bob_id', changes), outcome, format('%s: %s', why, outcome))
from (values
  ('{"amount_paid": 599}'::jsonb, 'parked: wrong_amount', 'another amount than our price says'),
  ('{"amount_paid": "600"}', 'parked: wrong_amount', 'an amount that is no number'),
  ('{"currency": "eur"}', 'parked: wrong_currency', 'another currency'),
  ('{"lines": {"data": []}}', 'parked: unknown_price', 'no line of a plan'),
  ('{"customer": "cus_unknown"}', 'parked: unknown_customer', 'a customer nobody knows'),
  ('{"id": 1}', 'parked: malformed', 'no id')
) as listed (changes, outcome, why);
select is(tests.paid_period(:'bob_id', '2026-12-31 12:00+00', '2026-12-01 12:00+00'), 'parked: malformed', 'a period that ends before it begins');
select is(
  tests.deliver(tests.event('invoice.payment_failed', tests.invoice('in_failed', 'sub_' || :'bob_id', :'bob_id', '2026-12-01 12:00+00', '2026-12-31 12:00+00'))),
  'handled', 'an invoice that failed changes nothing by itself');
select is(tests.paid_next(:'bob_id', changes), 'ignored: not_a_period', why)
from (values
  ('{"billing_reason": "subscription_update"}'::jsonb, 'a change within a period pays for none'),
  ('{"billing_reason": null}', 'nor what says no reason'),
  ('{"parent": null}', 'nor an invoice of no plan')
) as listed (changes, why);
select is((tests.plan_of(:'bob_id'), tests.plan_lots(:'bob_id'))::text, ('active 1 until 2026-12-01'::text, array['monthly 100, suspended 0, until 2026-12-04'])::text, 'none of them brings anything');

-- Which payment paid an invoice.
select is(tests.deliver(tests.event('invoice_payment.paid', tests.invoice_payment('in_unknown', 'pi_unknown'))), 'parked: unknown_invoice', 'a payment of an invoice to come waits for it');
select is(
  tests.deliver(tests.event('invoice_payment.paid', tests.invoice_payment('in_' || :'bob_id' || '2026-11-01', 'pi_bob') || '{"payment": {"type": "charge"}}')),
  'ignored: not_by_payment_intent', 'one that is no PaymentIntent says nothing');
select is(tests.deliver(tests.event('invoice_payment.paid', tests.invoice_payment('in_' || :'bob_id' || invoice, payment))), 'handled', why)
from (values
  ('2026-11-01', 'pi_bob', 'what paid a period is noted'),
  ('2026-11-01', 'pi_part', 'and a further payment of the same invoice'),
  ('2026-12-01', 'pi_extra', 'and of one that brought no period')
) as listed (invoice, payment, why);
select is(tests.deliver(tests.event('charge.refunded', tests.charge(payment, :'bob_id', 600, 600))), 'ignored: other_payment', format('what goes back of %s takes nothing', payment))
from (values ('pi_part'), ('pi_extra')) as listed (payment);
select is(tests.plan_lots(:'bob_id'), array['monthly 100, suspended 0, until 2026-12-04'], 'for nothing of ours was paid by it');
select is(
  tests.deliver(tests.event('payment_intent.succeeded', tests.payment_intent('pi_bob', :'bob_id', null, 600))), 'handled: pays_an_invoice',
  'the PaymentIntent of an invoice credits nothing');

-- The old shape: a charge names its invoice, and nothing else says which payment paid it.
select tests.begun() as cy_id \gset
select 'in_' || :'cy_id' || '2026-11-01' as invoice_id \gset
select is(tests.deliver(tests.event('charge.refunded', tests.charge('pi_cy', :'cy_id', 300, 600) || '{"invoice": "in_unknown"}')), 'parked: unknown_payment', 'a charge of an invoice that nobody knows waits');
select is(tests.deliver(tests.event('charge.succeeded', tests.charge('pi_cy', :'cy_id', 0, 600) || jsonb_build_object('invoice', :'invoice_id'))), 'handled', 'a charge says which invoice it paid');
select is(tests.plan_lots(:'cy_id'), array['monthly 50, suspended 0, until 2026-12-04'], 'and what waited for its payment is applied');
select is((receipt_url, invoice_id)::text, ('https://pay.stripe.com/receipts/pi_cy'::text, :'invoice_id'::text)::text, 'the payment is that of the invoice') from playground.payments where payment_intent_id = 'pi_cy';
select is(tests.books(), 'in order', 'the books hold');
select * from finish();
rollback;
