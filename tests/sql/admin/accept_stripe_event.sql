begin;
\ir ../helpers.psql
\ir ../runs.psql
\ir ../stripe.psql
\ir ../plans.psql
select plan(34);
select tests.freeze('2026-11-01 12:00:00+00');
select tests.open_shop();
select tests.begun() as ann_id \gset
select tests.freeze('2026-12-01 12:00:00+00');
create function tests.month_of(p_account_id uuid, p_event_id text, p_changes jsonb)
returns text
language sql
as $$ select tests.deliver(tests.event('invoice.paid', tests.invoice('in_' || p_event_id, 'sub_' || p_account_id, p_account_id, '2026-12-01 12:00+00', '2026-12-31 12:00+00') || p_changes, p_event_id => p_event_id)) $$;
create function tests.paid_cents(p_account_id uuid)
returns text
language sql
as $$ select string_agg(format('%s %s %s', product, kind, cents), ', ' order by at, product) from engine.money_flows where account_id = p_account_id and at >= '2026-12-01' $$;

-- A plan's month, a third of it paid by a coupon.
select is(tests.month_of(:'ann_id', 'evt_coupon', '{"amount_paid": 400}'), 'parked: wrong_amount', 'a month that was paid with a coupon waits');
select is(tests.deliver(tests.event('invoice_payment.paid', tests.invoice_payment('in_evt_coupon', 'pi_coupon'))), 'parked: unknown_invoice', 'with what says which payment it was');
select is((state, reason)::text, '(handled,)', 'an operator may accept what was paid') from admin.accept_stripe_event('evt_coupon', ' coupon WINTER ');
select is(tests.plan_lots(:'ann_id'), array['rollover 100, suspended 0, until 2026-12-31', 'monthly 100, suspended 0, until 2027-01-03'], 'the month is granted whole, the one before rolls over');
select is(paid_cents::integer, 400, 'what was paid is booked') from playground.invoices where invoice_id = 'in_evt_coupon';
select is((invoice_id, paid_cents::integer, credits::integer)::text, '(in_evt_coupon,400,100)', 'and its payment, which had come before') from playground.payments where payment_intent_id = 'pi_coupon';
select is(tests.paid_cents(:'ann_id'), 'prpm_plus_individual paid 400', 'revenue is what was paid');
select is(
  (actor, subject, before, after, reason)::text,
  (session_user, 'evt_coupon', '{"state": "parked", "reason": "wrong_amount"}', '{"state": "handled", "reason": null}', 'coupon WINTER')::text, 'who, what and why are audited')
from playground.audit_log where action = 'accept_stripe_event';
select is(tests.month_of(:'ann_id', 'evt_again', '{"id": "in_evt_coupon", "amount_paid": 400}'), 'handled', 'another event of the invoice finds it accepted');
select is((state, reason)::text, '(handled,)', 'so does a replay') from admin.replay_stripe_event('evt_coupon', 'once more');
select is(outcome, 'handled', 'and reconciliation') from admin.reconcile_stripe_object('invoice.paid',
  tests.invoice('in_evt_coupon', 'sub_' || :'ann_id', :'ann_id', '2026-12-01 12:00+00', '2026-12-31 12:00+00') || '{"amount_paid": 400}', engine.now(), 'daily');
select is(tests.plan_lots(:'ann_id'), array['rollover 100, suspended 0, until 2026-12-31', 'monthly 100, suspended 0, until 2027-01-03'], 'which grant nothing more');
select is(tests.month_of(:'ann_id', 'evt_lie', '{"id": "in_evt_coupon", "amount_paid": 1}'), 'parked: wrong_amount', 'a third amount is not accepted with it');
select tests.deliver(tests.event('charge.refunded', tests.charge('pi_coupon', :'ann_id', 200, 400))) \g /dev/null
select is((tests.plan_lots(:'ann_id'))[2], 'monthly 50, suspended 0, until 2027-01-03', 'half of what was paid takes half of the month back');
select tests.advance('1 second'), tests.deliver(tests.event('charge.refunded', tests.charge('pi_coupon', :'ann_id', 400, 400), engine.now() + interval '1 second')) \g /dev/null
select is(cardinality(tests.plan_lots(:'ann_id')), 1, 'all of it the whole month');

-- Nothing at all paid, and more than the price.
select tests.begun() as bob_id, tests.begun() as cy_id \gset
select tests.freeze('2026-12-01 12:00:00+00');
select tests.month_of(:'bob_id', 'evt_free', '{"amount_paid": 0}'), tests.month_of(:'cy_id', 'evt_tax', '{"amount_paid": 714}') \g /dev/null
select is((state, reason)::text, '(handled,)', about) from (values ('evt_free', 'credit at Stripe may pay all of it'), ('evt_tax', 'tax may come on top')) as listed (event_id, about)
cross join lateral admin.accept_stripe_event(event_id, 'right');
select is(cardinality(tests.plan_lots(account_id)), 2, 'both have their month') from unnest(array[:'bob_id', :'cy_id']::uuid[]) as account_id;
select is(sum(paid_cents), 714::numeric, 'at its price') from playground.invoices where invoice_id in ('in_evt_free', 'in_evt_tax');

-- A pack.
select tests.start_purchase(:'bob_id', 'medium', 'pi_pack') as pack \gset
select is(tests.deliver(tests.event('payment_intent.succeeded', tests.payment_intent('pi_pack', :'bob_id', :'pack', 800), p_event_id => 'evt_pack')), 'parked: wrong_amount', 'a pack that was paid with a promotion of Stripe''s');
select is((state, reason)::text, '(handled,)', 'is accepted alike') from admin.accept_stripe_event('evt_pack', 'promotion');
select is(tests.balance(:'bob_id') -> 'budget', '5.6'::jsonb, 'its cost budget is the share of what was paid');
select is(tests.paid_cents(:'bob_id'), 'pack paid 800, prpm_plus_individual paid 0', 'so is revenue');
select is((state, reason)::text, '(handled,)', 'a replay finds it paid') from admin.replay_stripe_event('evt_pack', 'again');
select is(tests.deliver(tests.event('payment_intent.succeeded', tests.payment_intent('pi_twice', :'bob_id', :'pack', 700), p_event_id => 'evt_twice')), 'handled: second_payment', 'a second payment of it goes back, at whatever amount');
select is(stripe_id, 'pi_twice', 'by a task at Stripe') from playground.billing_tasks where account_id = :'bob_id' and kind = 'refund_payment_intent';
select tests.start_purchase(:'bob_id', 'medium', 'pi_less') as pack \gset
select tests.deliver(tests.event('payment_intent.succeeded', tests.payment_intent('pi_less', :'bob_id', :'pack', 700), p_event_id => 'evt_less')) \g /dev/null
select tests.deliver(tests.event('payment_intent.succeeded', tests.payment_intent('pi_full', :'bob_id', :'pack'))) \g /dev/null
select is((state, reason)::text, '(handled,second_payment)', 'so does one that waits, when the pack was paid for in full meanwhile') from admin.accept_stripe_event('evt_less', 'too late');

-- Nothing else can be accepted.
select tests.month_of(:'cy_id', 'evt_euro', '{"currency": "eur"}'), tests.month_of(:'cy_id', 'evt_word', '{"id": "in_word", "amount_paid": "600"}') \g /dev/null
select throws_ok($$ select admin.accept_stripe_event('evt_euro', 'x') $$, 'SCD05', null, 'another currency is no amount');
select is((state, reason)::text, '(parked,wrong_amount)', 'nor is what is no number') from admin.accept_stripe_event('evt_word', 'x');
select throws_ok($$ select admin.accept_stripe_event('evt_coupon', 'x') $$, 'SCD05', null, 'what was handled was accepted before');
select throws_ok($$ select admin.accept_stripe_event('evt_word', ' ') $$, 'SCD03', null, 'a reason must be given');
select throws_ok($$ select admin.accept_stripe_event('evt_unknown', 'x') $$, 'SCD04', null, 'there must be such an event');
select is(tests.books(), 'in order', 'and the books are in order');
select * from finish();
rollback;
