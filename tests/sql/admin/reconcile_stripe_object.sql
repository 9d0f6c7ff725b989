begin;
\ir ../helpers.psql
\ir ../stripe.psql
select plan(22);
select tests.freeze('2026-11-20 12:00:00+00');
select tests.open_shop();
select tests.make_payer() as payer \gset
select tests.start_purchase(:'payer', 'medium', 'pi_1') as purchase \gset

create function tests.reconcile(p_type text, p_object jsonb, p_at timestamptz default engine.now())
returns text
language sql
as $$ select concat_ws(' ', outcome, reason, is_change) from admin.reconcile_stripe_object(p_type, p_object, p_at, 'an outage') $$;

select is(tests.reconcile('payment_intent.succeeded', tests.payment_intent('pi_1', :'payer', :'purchase')), 'handled t', 'an object that no event told of is applied');
select is(tests.balance(:'payer') ->> 'balance', '255', 'with its effect');
select is((state::text, type, (convert_from(payload, 'UTF8')::jsonb #>> '{data,object,id}'))::text, '(handled,payment_intent.succeeded,pi_1)', 'and kept in the inbox') from playground.stripe_events where event_id like 'reconciled_%';
select is((subject, after ->> 'outcome', reason)::text, '(pi_1,handled,"an outage")', 'and audited') from playground.audit_log where action = 'reconcile_stripe_object';

select is(tests.reconcile('payment_intent.succeeded', tests.payment_intent('pi_1', :'payer', :'purchase')), 'handled f', 'again it changes nothing');
select is(tests.deliver(tests.event('payment_intent.succeeded', tests.payment_intent('pi_1', :'payer', :'purchase'))), 'handled', 'nor does its event when it comes at last');
select is(tests.balance(:'payer') ->> 'balance', '255', 'once is once');
select is((count(*) filter (where event_id like 'reconciled_%'), count(*))::text, '(1,2)', 'what tells nothing new leaves no row') from playground.stripe_events;
select is(count(*), 1::bigint, 'nor a line') from playground.audit_log where action = 'reconcile_stripe_object';

select is(tests.reconcile('charge.refunded', tests.charge('pi_1', :'payer', 400)), 'handled t', 'a refund is brought in');
select is(tests.balance(:'payer') ->> 'balance', '155', 'and takes its part');
select is(tests.reconcile('charge.refunded', tests.charge('pi_1', :'payer', 0), engine.now() - interval '1 day'), 'handled f', 'an object retrieved before is older than what is known');
select is(tests.reconcile('payment_intent.succeeded', tests.payment_intent('pi_2', :'payer', :'payer')), 'parked unknown_purchase f', 'what cannot be used is parked');
select is(state::text, 'parked', 'and can be replayed') from playground.stripe_events where reason = 'unknown_purchase';
select is(tests.reconcile('charge.refunded', tests.charge('pi_1', :'payer', 500), engine.now() + interval '1 year'), 'handled t', 'no object is of the future');
select ok(reported_at <= engine.now(), 'it counts as of now') from playground.payments where payment_intent_id = 'pi_1';

select throws_ok(format('select tests.reconcile(%L, %L)', type, object), 'SCD02', null, format('%s with %s cannot be', type, object))
from (values ('charge.refunded', '[]'::jsonb), ('charge.refunded', 'null'), (null, '{}'), ('charge.refunded', '{"id": "ch_1", "livemode": true}')) as listed (type, object);
select throws_ok($$ select * from admin.reconcile_stripe_object('x', '{"id": "x"}', engine.now(), '') $$, 'SCD03', null, 'a reason must be given');
select is(tests.books(), 'in order', 'and the books are in order');
select * from finish();
rollback;
