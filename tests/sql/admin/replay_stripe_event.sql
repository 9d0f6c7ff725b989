begin;
\ir ../helpers.psql
\ir ../stripe.psql
select plan(13);
select tests.freeze('2026-11-20 12:00:00+00');
select tests.open_shop();
select tests.make_payer() as payer \gset
select tests.start_purchase(:'payer') as purchase \gset
select tests.deliver(tests.event('payment_intent.succeeded', tests.payment_intent('pi_1', :'payer', :'purchase', 999), p_event_id => 'evt_1')) \g /dev/null

select is((state, reason)::text, '(parked,wrong_amount)', 'an event whose cause is still there stays parked') from admin.replay_stripe_event('evt_1', 'too early');
update playground.purchases set price_cents = 999;
select is((state, reason)::text, '(handled,)', 'once it is gone it is handled') from admin.replay_stripe_event('evt_1', 'price corrected');
select is(tests.balance(:'payer') ->> 'balance', '255', 'with its effect');
select is((state, reason)::text, '(handled,)', 'again it is handled again') from admin.replay_stripe_event('evt_1', 'once more');
select is(tests.balance(:'payer') ->> 'balance', '255', 'and does nothing more');
select results_eq(
  $$ select before ->> 'state', after ->> 'state', after ->> 'reason', reason from playground.audit_log where action = 'replay_stripe_event' and subject = 'evt_1' order by audit_id $$,
  $$ values ('parked', 'parked', 'wrong_amount', 'too early'), ('parked', 'handled', null, 'price corrected'), ('handled', 'handled', null, 'once more') $$,
  'each time is kept: from what to what, and why');

select tests.deliver(tests.event('x', '{"id": "x_1"}', p_event_id => 'evt_2')) \g /dev/null
select is((state, reason)::text, '(ignored,not_listened_to)', 'what nobody listens to stays ignored') from admin.replay_stripe_event('evt_2');
select api.record_stripe_event('\x00', tests.sign('\x00')) \g /dev/null
select is((state, reason)::text, '(parked,unreadable)', 'what cannot be read stays parked') from admin.replay_stripe_event('unreadable_' || encode(sha256('\x00'), 'hex'));
select is(payload, '\x00', 'with its bytes') from playground.stripe_events where reason = 'unreadable';

select throws_ok($$ select * from admin.replay_stripe_event('evt_unknown') $$, 'SCD04', null, 'there must be such an event');
select throws_ok($$ select * from admin.replay_stripe_event(null) $$, 'SCD04', null, 'and it must be named');
select throws_ok($$ select * from admin.replay_stripe_event('evt_1', ' ') $$, 'SCD03', null, 'a reason must be given');
select is(tests.books(), 'in order', 'and the books are in order');
select * from finish();
rollback;
