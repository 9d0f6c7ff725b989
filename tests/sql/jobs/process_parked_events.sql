begin;
\ir ../helpers.psql
\ir ../stripe.psql
select plan(17);
select tests.freeze('2026-11-20 12:00:00+00');
select tests.open_shop();
select tests.make_payer() as payer \gset
select tests.start_purchase(:'payer') as purchase \gset

select tests.deliver(tests.event('invoice.paid', tests.invoice('in_1', 'sub_1', :'payer', engine.now(), engine.now() + interval '30 days'), p_event_id => 'evt_early')) \g /dev/null
select is(jobs.process_parked_events(), 0, 'before its pause is over nothing is tried');
select is(attempts, 1, 'indeed') from playground.stripe_events;
select tests.advance('1 minute');
select is(jobs.process_parked_events(), 1, 'then it is');
select is((attempts, next_try_at)::text, (2, engine.now() + interval '1 minute')::text, 'it waits on, a little longer') from playground.stripe_events;
select tests.advance('1 minute');
select jobs.process_parked_events() \g /dev/null
select is((attempts, next_try_at)::text, (3, engine.now() + interval '2 minutes')::text, 'each pause is longer') from playground.stripe_events;
select is_empty($$ select from playground.alerts where kind like 'stripe_event%' $$, 'nobody hears of what came early');
select tests.advance('13 minutes');
select jobs.process_parked_events() \g /dev/null
select is(kind, 'stripe_event_parked: unknown_subscription', 'until it has waited a quarter of an hour') from playground.alerts where kind like 'stripe_event%';

select tests.deliver(tests.event('payment_intent.succeeded', tests.payment_intent('pi_1', :'payer', :'purchase', 999), p_event_id => 'evt_wrong')) \g /dev/null
update playground.purchases set price_cents = 999;
select tests.advance('1 minute');
select is(jobs.process_parked_events(10), 1, 'what is due is tried, the rest is not');
select is((state::text, reason, handled_at)::text, ('handled', null, engine.now())::text, 'and is parked no more') from playground.stripe_events where event_id = 'evt_wrong';
select is(tests.balance(:'payer') ->> 'balance', '255', 'and its effect is there');
select is(jobs.process_parked_events(), 0, 'then none is due');

-- Many that can never be read, before one that can be used.
select api.record_stripe_event(body, tests.sign(body)) from (select convert_to('garbage ' || n, 'UTF8') as body from generate_series(1, 30) as n) as bodies \g /dev/null
select tests.deliver(tests.event('payment_intent.succeeded', tests.payment_intent('pi_2', :'payer', tests.start_purchase(:'payer'), 999), p_event_id => 'evt_late')) \g /dev/null
update playground.purchases set price_cents = 999;
select tests.advance('1 minute');
update playground.stripe_events set next_try_at = next_try_at - interval '1 second' where reason = 'unreadable';
select is(jobs.process_parked_events(), 1, 'a run tries one, so that no account waits for another''s');
select is(jobs.process_parked_events(9), 9, 'or as many as it is told to');
select is((count(*) filter (where attempts > 1), count(*))::text, '(10,30)', 'the longest due first') from playground.stripe_events where reason = 'unreadable';
select jobs.process_parked_events(20) \g /dev/null
select is(jobs.process_parked_events(10), 1, 'what cannot be read makes way for what can be used');
select is(state::text, 'handled', 'which is not kept waiting') from playground.stripe_events where event_id = 'evt_late';
select is(tests.books(), 'in order', 'and the books are in order');
select * from finish();
rollback;
