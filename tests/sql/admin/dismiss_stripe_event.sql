begin;
\ir ../helpers.psql
\ir ../stripe.psql
select plan(25);
select tests.freeze('2026-11-20 12:00:00+00');
select tests.open_shop();
select tests.make_payer() as payer \gset
-- Another product of the same account at Stripe.
select tests.deliver(tests.event('payment_intent.succeeded', '{"id": "pi_shop", "customer": "cus_of_the_shop"}', p_event_id => 'evt_shop')) as became \gset
select is(:'became'::text, 'parked: unknown_customer', 'a payment of somebody who is not ours waits');
select payload as payload from playground.stripe_events where event_id = 'evt_shop' \gset
create function tests.event_of(p_event_id text)
returns text
language sql
as $$ select concat_ws(' ', e.state || ':', e.reason, 'attempts ' || e.attempts, 'next ' || e.next_try_at) from playground.stripe_events e where e.event_id = p_event_id $$;

select admin.dismiss_stripe_event('evt_shop', ' the shop''s ') \g /dev/null
select is(tests.event_of('evt_shop'), 'ignored: dismissed: the shop''s attempts 1', 'until an operator says that nothing will come of it');
select is((payload = :'payload'::bytea, handled_at = engine.now())::text, '(t,t)', 'its bytes are kept, with the moment') from playground.stripe_events where event_id = 'evt_shop';
select is(
  (actor, subject, before, after, reason)::text,
  (session_user, 'evt_shop', '{"state": "parked", "reason": "unknown_customer"}', '{"state": "ignored"}', 'the shop''s')::text, 'who, what it waited for and why are audited')
from playground.audit_log where action = 'dismiss_stripe_event';
select is((state, reason)::text, '(ignored,"dismissed: the shop''s")', 'operators see it') from admin.stripe_events where event_id = 'evt_shop';
select is(tests.books(), 'in order', 'no book misses it');

-- No more tries, no more alerts.
select tests.freeze('2026-11-22 12:00:00+00');
select is(jobs.process_parked_events(100), 0, 'it is tried no more');
select jobs.watch_platform() \g /dev/null
select is(count(*), 0::bigint, 'nor alerted') from playground.alerts where kind like 'stripe_event_parked%' and window_starts_at >= '2026-11-21 00:00:00+00';
select is(is_ok, true, 'nothing waits any more') from admin.health() where name = 'parked Stripe events';
select tests.make_user() as late \gset
select api.record_customer(:'late', 'cus_of_the_shop') \g /dev/null
select is(tests.event_of('evt_shop'), 'ignored: dismissed: the shop''s attempts 1', 'not even when what it waited for becomes known');
select api.record_stripe_event(:'payload'::bytea, tests.sign(:'payload'::bytea)) \g /dev/null
select is(tests.event_of('evt_shop'), 'ignored: dismissed: the shop''s attempts 1', 'or Stripe sends it again');

-- Taken back.
select tests.deliver(tests.event('payment_intent.succeeded', '{"id": "pi_other", "customer": "cus_nobody"}', p_event_id => 'evt_other')) \g /dev/null
select admin.dismiss_stripe_event('evt_other', 'by mistake') \g /dev/null
select is((state, reason)::text, '(parked,unknown_customer)', 'who replays it takes that back') from admin.replay_stripe_event('evt_other', 'it is ours');
select is(handled_at, null, 'it waits again') from playground.stripe_events where event_id = 'evt_other';
select tests.advance('1 day') \g /dev/null
select is(jobs.process_parked_events(100), 1, 'and is tried again');
select is(before ->> 'reason', 'dismissed: by mistake', 'the audit log has both') from playground.audit_log where action = 'replay_stripe_event' and subject = 'evt_other';
select api.record_stripe_event('\x00', tests.sign('\x00')) \g /dev/null
select event_id as unreadable from playground.stripe_events where reason = 'unreadable' \gset
select admin.dismiss_stripe_event(:'unreadable', 'garbage') \g /dev/null
select is((state, reason)::text, '(parked,unreadable)', 'also what cannot be read') from admin.replay_stripe_event(:'unreadable', 'let me see');

-- A retry that began before: what it did counts, that it did nothing does not.
select received_at as other_at from playground.stripe_events where event_id = 'evt_other' \gset
select admin.dismiss_stripe_event('evt_other', 'after all') \g /dev/null
select engine.retry_event(:'other_at', 'evt_other') \g /dev/null
select is(tests.event_of('evt_other') like 'ignored: dismissed: after all%', true, 'a job that finds it useless once more does not bring it back');
select engine.retry_event(received_at, event_id) from playground.stripe_events where event_id = 'evt_shop' \g /dev/null
select is(tests.event_of('evt_shop') like 'ignored: not_a_purchase attempts 2%', true, 'one that it could be applied by does');

select throws_ok($$ select admin.dismiss_stripe_event('evt_shop', 'x') $$, 'SCD05', null, 'what was ended cannot be dismissed');
select tests.start_purchase(:'payer', 'medium', 'pi_paid') as purchase \gset
select tests.deliver(tests.event('payment_intent.succeeded', tests.payment_intent('pi_paid', :'payer', :'purchase'), p_event_id => 'evt_paid')) \g /dev/null
select throws_ok($$ select admin.dismiss_stripe_event('evt_paid', 'x') $$, 'SCD05', null, 'nor what was handled');
select throws_ok(format('select admin.dismiss_stripe_event(%L, %L)', 'evt_other', reason), 'SCD03', null, 'a reason must be given') from (values (null), (' ')) as listed (reason);
select throws_ok(format('select admin.dismiss_stripe_event(%L, %L)', event_id, 'x'), 'SCD04', null, 'there must be such an event') from (values (null), ('evt_unknown')) as listed (event_id);
select is(tests.books(), 'in order', 'and the books are in order');
select * from finish();
rollback;
