begin;
\ir ../helpers.psql
\ir ../stripe.psql
select plan(21);
select tests.freeze('2026-11-20 12:00:00+00');
select tests.open_shop();
select tests.make_payer() as payer \gset
select tests.start_purchase(:'payer', 'medium', 'pi_1') as purchase \gset

create function tests.record(p_payload text, p_signature text default null)
returns json
language sql
as $$ select api.record_stripe_event(convert_to(p_payload, 'UTF8'), coalesce(p_signature, tests.sign(convert_to(p_payload, 'UTF8')))) $$;
create function tests.paid(p_changes jsonb default '{}')
returns text
language sql
as $$
  -- With blanks and an escape, so that bytes kept are told from JSON written anew.
  select E' \n' || replace((tests.event('payment_intent.succeeded', tests.payment_intent('pi_1', account_id, purchase_id), p_event_id => 'evt_1') || p_changes)::text, '"usd"', '"\u0075sd"') || ' '
  from playground.purchases
$$;

select throws_ok(format('select tests.record(%L, %L)', tests.paid(), signature), 'SCB04', null, format('%L is refused', left(signature, 30)))
from (values (''), ('t=1795176000,v1=' || repeat('0', 64)), (tests.sign(convert_to('another', 'UTF8')))) as listed (signature);
select throws_ok($$ select api.record_stripe_event('{}', null) $$, 'SCB04', null, 'no signature is refused');
select throws_ok($$ select api.record_stripe_event(null, tests.sign('')) $$, 'SCB04', null, 'nothing signed by it is refused');
select throws_ok(format('select tests.record(%L)', tests.paid(jsonb_build_object('livemode', mode))), 'SCB04', null, format('livemode %s under a secret of test mode is refused', mode))
from (values ('true'::jsonb), ('null'), ('"false"')) as listed (mode);
select is_empty('select from playground.stripe_event_ids union all select from playground.stripe_events', 'what is refused leaves no row');

select is(tests.record(tests.paid())::jsonb, '{"received": true}', 'a signed event is received');
select is((state, type, created_at, account_id, attempts, handled_at)::text, ('handled', 'payment_intent.succeeded', engine.now(), :'payer'::uuid, 1, engine.now())::text, 'kept with what became of it')
from playground.stripe_events;
select is(convert_from(payload, 'UTF8'), tests.paid(), 'and with the bytes as they came') from playground.stripe_events;
select is(tests.balance(:'payer') ->> 'balance', '255', 'and its effect is there at once');

select tests.advance('1 day');
select is(tests.record(tests.paid())::jsonb, '{"received": true}', 'again it is received as before');
select is((count(*), max(attempts))::text, '(1,1)', 'counts once') from playground.stripe_events;
select is(tests.balance(:'payer') ->> 'balance', '255', 'and does nothing');

select tests.record('{"id": "\u0000"}') \g /dev/null
select is((event_id, state::text, reason, next_try_at)::text, ('unreadable_' || encode(sha256(convert_to('{"id": "\u0000"}', 'UTF8')), 'hex'), 'parked', 'unreadable', engine.now() + interval '1 minute')::text,
  'what is signed and cannot be read is kept under the hash of its bytes')
from playground.stripe_events where state = 'parked';
select is(kind, 'stripe_event_parked: unreadable', 'and operators are told') from playground.alerts where kind like 'stripe_event%';

select is(tests.deliver(tests.event('charge.refunded', tests.charge('pi_early', :'payer', 100), p_event_id => 'evt_2')), 'parked: unknown_payment', 'what came early is parked');
select is(count(*), 1::bigint, 'without an alert') from playground.alerts where kind like 'stripe_event%';
set local synchronous_commit = off;
select tests.record('[]') \g /dev/null
select is(current_setting('synchronous_commit'), 'on', 'what is taken is on disk before Stripe hears so, even what nobody can read');
select * from finish();
rollback;
