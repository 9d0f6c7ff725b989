begin;
\ir ../helpers.psql
\ir ../stripe.psql
select plan(7);
select tests.freeze('2026-11-10 12:00:00+00');
select tests.open_shop() \g /dev/null
select is_empty('select * from analytics.webhooks_now', 'no event, no day');
select tests.make_payer('ann@example.com') as ann_id \gset
select tests.deliver(tests.event('payout.paid', '{"id": "po_1"}')) \g /dev/null
select tests.deliver(tests.event('charge.refunded', tests.charge('pi_1', :'ann_id', 1000))) \g /dev/null
select tests.start_purchase(:'ann_id', 'medium') as purchase_id \gset
update playground.stripe_events set attempts = 3 where state = 'parked';
select results_eq('select day, received, handled, ignored, parked, handled_later, success_percent from analytics.webhooks_now',
  $$ values ('2026-11-10'::timestamptz, 2::bigint, 0::bigint, 1::bigint, 1::bigint, 0::bigint, 50.00) $$, 'an event is handled, ignored or parked, however often it was tried');
select tests.freeze('2026-11-11 12:00:00+00') \g /dev/null
select tests.deliver(tests.event('payment_intent.succeeded', tests.payment_intent('pi_1', :'ann_id', :'purchase_id'))) \g /dev/null
select results_eq('select day, received, handled, parked, handled_later, success_percent from analytics.webhooks_now order by day',
  $$ values ('2026-11-10'::timestamptz, 2::bigint, 1::bigint, 0::bigint, 1::bigint, 100.00), ('2026-11-11', 1, 1, 0, 0, 100.00) $$, 'one that waited counts on the day it came');
select is((select array[median_seconds, p95_seconds] from analytics.webhooks_now where day = '2026-11-10'), array[43200.000000, 82080.000000], 'with the time until its end');
update playground.stripe_events set handled_at = received_at + interval '30 milliseconds' where received_at >= '2026-11-11';
select is((select median_seconds from analytics.webhooks_now where day = '2026-11-11'), 0.030000, 'in seconds');
select tests.freeze('2027-02-11 12:00:00+00') \g /dev/null
select is((select array_agg(day::date) from analytics.webhooks_now), array['2026-11-11'::date], 'days older than 92 are left out');
select lives_ok($$ select tests.run_as('scrip_analyst', 'select * from analytics.webhooks, analytics.webhooks_now') $$, 'analysts read it, cached and live');
select * from finish();
rollback;
