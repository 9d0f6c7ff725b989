begin;
\ir ../helpers.psql
select plan(3);
select tests.freeze('2026-11-20 12:00:00+00');
select tests.make_user() as ann_id \gset
select engine.alert_once(:'ann_id', '2026-11-20 00:00:00+00', 'cost_day_90', '{}', engine.now()) \g /dev/null
select engine.alert_once('00000000-0000-0000-0000-000000000000', '2026-11-20 00:00:00+00', 'margin_low', '{"costUsd": 1}', engine.now()) \g /dev/null
select is(
  array_agg((user_id, kind, state, attempts, last_error)::text order by kind), array[(:'ann_id'::uuid, 'cost_day_90', 'due', 0, null)::text, '(,margin_low,due,0,)'],
  'what the webhook was to hear of, and of whom; the platform is nobody') from admin.alert_deliveries;
select api.finish_alert(user_id, alert_id, 'HTTP 500') from api.claim_alerts(1) \g /dev/null
select is(array_agg(last_error), array['HTTP 500'], 'and why it has not yet') from admin.alert_deliveries where last_error is not null;
select lives_ok($$ select tests.run_as('scrip_operator', 'select * from admin.alert_deliveries') $$, 'operators read it');
select * from finish();
rollback;
