begin;
\ir ../helpers.psql
\ir ../runs.psql
select plan(5);
select tests.freeze('2026-11-20 12:00:00+00');
select tests.make_package() as package_id, tests.make_user() as ann_id \gset
select tests.settle(:'ann_id', tests.reserve(:'ann_id')) \g /dev/null
select is(admin.refresh_analytics(), '2026-11-20 12:00:00+00', 'an operator has the figures of now');
select is(runs, 1::bigint, 'with what just happened') from analytics.daily_usage;
select is(reason, 'asked for', 'that is on record') from playground.audit_log where action = 'refresh_analytics';
select admin.refresh_analytics(' the month''s report ') \g /dev/null
select bag_eq(
  $$ select reason from playground.audit_log where action = 'refresh_analytics' $$, array['asked for', 'the month''s report'],
  'with the reason given'
);
select throws_ok($$ select admin.refresh_analytics(' ') $$, 'SCD03', null, 'which is not empty');
select * from finish();
rollback;
