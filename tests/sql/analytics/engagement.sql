begin;
\ir ../helpers.psql
\ir ../runs.psql
select plan(4);
select tests.freeze('2026-11-20 12:00:00+00');
select tests.make_package() as package_id, tests.make_user_with(100) as ann_id, tests.make_user_with(100) as bob_id \gset
select tests.settle(:'ann_id', tests.reserve(:'ann_id')) \g /dev/null
select tests.settle(:'ann_id', tests.reserve(:'ann_id', p_session_id => session_id), p_input => 9000) from playground.sessions \g /dev/null
select tests.release(:'bob_id', tests.reserve(:'bob_id')) \g /dev/null
select tests.advance('1 day');
select tests.settle(:'ann_id', tests.reserve(:'ann_id', p_session_id => session_id)) from playground.sessions \g /dev/null
select engine.refresh_analytics() \g /dev/null
select results_eq(
  'select extract(day from day at time zone ''UTC'')::integer, people, people_of_month, runs, runs_per_person, credits, credits_per_person, credits_per_run from analytics.engagement order by day',
  $$ values (20, 2::bigint, 2::bigint, 3::bigint, 1.50, 2::bigint, 1.00, 0.67), (21, 1, 2, 1, 1.00, 1, 1.00, 1.00) $$,
  'a day has people, runs and credits, each person once'
);
select results_eq(
  'select sessions, messages, messages_per_session from analytics.engagement order by day',
  $$ values (1::bigint, 4::bigint, 4.00), (0, 2, null) $$,
  'conversations begun and messages said; a run that failed is neither'
);
select results_eq('select * from analytics.engagement_now order by day', 'select d.* from rollup.engagement_cache d order by day', 'the view of this moment says the same');
select lives_ok($$ select tests.run_as('scrip_analyst', 'select * from analytics.engagement, analytics.engagement_now') $$, 'analysts read both');
select * from finish();
rollback;
