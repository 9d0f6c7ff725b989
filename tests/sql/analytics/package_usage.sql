begin;
\ir ../helpers.psql
\ir ../runs.psql
select plan(7);
select tests.freeze('2026-11-01 12:00:00+00');
select tests.make_package('used') as package_id, tests.make_package('unused') as unused_id, tests.make_user_with(100) as ann_id, tests.make_user_with(100) as bob_id \gset
select tests.settle(:'ann_id', tests.reserve(:'ann_id', p_package => 'used')), tests.settle(:'ann_id', tests.reserve(:'ann_id', p_package => 'used', p_use_no_prompt => true)),
  tests.settle(:'bob_id', tests.reserve(:'bob_id', p_package => 'used')) \g /dev/null
select tests.advance('29 days');
select tests.settle(:'ann_id', tests.reserve(:'ann_id', p_package => 'used')) \g /dev/null
select engine.refresh_analytics() \g /dev/null
select results_eq(
  'select package, runs, comparisons, credits, trim_scale(cost_usd), people from analytics.package_usage',
  $$ values ('used', 4::bigint, 1::bigint, 4::bigint, 0.0042, 2::bigint) $$,
  'a package has its runs, cost, and people each once; one that nobody ran has no row'
);
select is(recent_runs, 4::bigint, 'the 30 days end today') from analytics.package_usage_now;
select tests.advance('1 day');
select is((recent_runs, trim_scale(recent_cost_usd))::text, '(1,0.00105)', 'and begin 29 days ago') from analytics.package_usage_now;
select is(recent_runs, 4::bigint, 'a cache is as of its refresh') from analytics.package_usage;
-- Auckland turned its clocks back on 4 April 2027: a day of UTC has 24 hours all the same.
select tests.freeze('2027-04-03 12:00:00+00') \g /dev/null
select tests.settle(:'bob_id', tests.reserve(:'bob_id', p_package => 'used')) \g /dev/null
select tests.freeze('2027-05-03 12:00:00+00') \g /dev/null
select tests.settle(:'bob_id', tests.reserve(:'bob_id', p_package => 'used')) \g /dev/null
select engine.roll_up() \g /dev/null
select is(recent_runs, 1::bigint, 'days are those of UTC') from analytics.package_usage_now;
set local timezone = 'Pacific/Auckland';
select is(recent_runs, 1::bigint, 'wherever the reader is') from analytics.package_usage_now;
set local timezone = 'UTC';
select lives_ok($$ select tests.run_as('scrip_analyst', 'select * from analytics.package_usage, analytics.package_usage_now') $$, 'analysts read both');
select * from finish();
rollback;
