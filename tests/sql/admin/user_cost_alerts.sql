begin;
\ir ../helpers.psql
\ir ../runs.psql
\ir ../history.psql
select plan(10);
select tests.freeze('2026-11-20 12:00:00+00');
select tests.make_package() as package_id, tests.make_user_with(1000) as ann_id \gset

-- $0.06 of $0.10, then a throttle, then nothing left.
select tests.settle(:'ann_id', tests.reserve(:'ann_id'), 0, 4000) \g /dev/null
select results_eq(
  'select user_id, alert_type, threshold_amount, current_amount, limit_source, sent_at, acknowledged_at, acknowledged_by, created_at from admin.user_cost_alerts',
  format('values (%L::uuid, %L, 0.05, 0.06, %L, null::timestamptz, null::timestamptz, null::text, engine.now())', :'ann_id', 'warning_50', 'cost_day'),
  'a threshold that was crossed: of which limit, what was reached, what was used'
);
select admin.throttle(:'ann_id', 'for a test') \g /dev/null
select tests.reserve(:'ann_id') \g /dev/null
select admin.unthrottle(:'ann_id', 'for a test') \g /dev/null
select results_eq(
  $$ select alert_type, threshold_amount, current_amount, limit_source from admin.user_cost_alerts where alert_type = 'throttled' $$,
  $$ values ('throttled', null::numeric, null::numeric, null) $$, 'a throttled person who tried'
);
select admin.check_and_throttle_user(:'ann_id', 1) \g /dev/null
select results_eq(
  $$ select alert_type, threshold_amount, current_amount, limit_source from admin.user_cost_alerts where alert_type = 'limit_exceeded' $$,
  $$ values ('limit_exceeded', 0.1::numeric, 0.06::numeric, 'cost_day') $$, 'a limit that left no room'
);
select tests.make_user() as bob_id \gset
select engine.limit_refusal(:'bob_id', engine.now(), 'runs_hour', 10, 10, engine.now(), engine.now(), false) \g /dev/null
select results_eq(
  format('select alert_type, current_amount, limit_source, metadata ->> %L from admin.user_cost_alerts where user_id = %L', 'refused', :'bob_id'),
  $$ values ('limit_exceeded', 10::numeric, 'runs_hour', 'false') $$, 'or, while limits only watch, would have left none'
);
delete from playground.alert_deliveries where user_id = :'bob_id';
delete from playground.alerts where user_id = :'bob_id';
update playground.alert_deliveries set state = 'sent', ended_at = engine.now() where kind = 'throttled';
select is((select array_agg(alert_type) from admin.user_cost_alerts where sent_at is not null), array['throttled'], 'which ones the webhook took');
select admin.acknowledge_alert(id, 'seen') from admin.user_cost_alerts where alert_type = 'limit_exceeded' \g /dev/null
select is((select array_agg(alert_type || ' by ' || acknowledged_by) from admin.user_cost_alerts where acknowledged_at is not null), array['limit_exceeded by ' || session_user], 'and which ones somebody knows of');

select engine.alert_once('00000000-0000-0000-0000-000000000000', engine.now(), 'margin', '{}', engine.now()) \g /dev/null
select is_empty($$ select from admin.user_cost_alerts where user_id = '00000000-0000-0000-0000-000000000000' $$, 'what is nobody''s is not among them');
select tests.make_history(0.5) \g /dev/null
select bag_eq(
  'select user_id, created_at, metadata from admin.user_cost_alerts',
  $$ select user_id, created_at, details from playground.alerts where user_id in (select user_id from playground.users) $$, 'each alert about a person is one row'
);
select is_empty(
  $$ select from admin.user_cost_alerts where alert_type ~ '^warning' and (current_amount < threshold_amount or metadata ->> 'percent' <> substr(alert_type, 9)) $$,
  'a warning says that so much was used'
);
select throws_ok($$ select tests.run_as('scrip_operator', 'update admin.user_cost_alerts set acknowledged_at = created_at') $$, 'SCL01', null, 'and is acknowledged by a function');
select * from finish();
rollback;
