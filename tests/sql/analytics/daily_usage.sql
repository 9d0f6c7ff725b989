begin;
\ir ../helpers.psql
\ir ../runs.psql
select plan(6);
select tests.freeze('2026-11-20 23:59:00+00');
select tests.make_package() as package_id, tests.make_user_with(100) as ann_id, tests.make_user_with(100) as bob_id \gset
select admin.set_unlimited(:'bob_id', true, 'for a test') \g /dev/null
select tests.reserve(:'ann_id') as ann_run, tests.reserve(:'bob_id') as bob_run, tests.reserve(:'bob_id', p_use_no_prompt => true) as compared, tests.reserve(:'bob_id') as failed \gset
select tests.advance('2 minutes');
select tests.settle(:'ann_id', :'ann_run', p_cache_read => 1000, p_cache_write => 10),
  tests.settle(:'bob_id', :'bob_run', p_outcome => 'client_gone'),
  tests.settle(:'bob_id', :'compared', p_input => 4000, p_output => 2000),
  tests.release(:'bob_id', :'failed', p_input => 100, p_output => 0) \g /dev/null
select is_empty('select from analytics.daily_usage', 'the cache knows of nothing yet');
select engine.refresh_analytics() \g /dev/null
select results_eq(
  'select to_char(day at time zone ''UTC'', ''MM-DD''), tier, runs, completed, client_gone, provider_failed, comparisons from analytics.daily_usage order by tier',
  $$ values ('11-20', 'free', 1::bigint, 1::bigint, 0::bigint, 0::bigint, 0::bigint), ('11-20', 'unlimited', 3, 1, 1, 1, 1) $$,
  'a day''s calls by tier and what became of them, on the day on which they began'
);
select results_eq(
  'select tier, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, credits, trim_scale(cost_usd) from analytics.daily_usage order by tier',
  $$ values ('free', 100::bigint, 50::bigint, 1000::bigint, 10::bigint, 1::bigint, 0.0013875), ('unlimited', 4200, 2050, 0, 0, 2, 0.04335) $$,
  'with tokens by class, credits and cost'
);
select is(average_seconds, 0.007, 'and the time they took') from analytics.daily_usage where tier = 'free';
select results_eq('select * from analytics.daily_usage_now order by day, tier', 'select d.* from rollup.daily_usage_cache d order by day, tier', 'the view of this moment says the same');
select lives_ok($$ select tests.run_as('scrip_analyst', 'select * from analytics.daily_usage, analytics.daily_usage_now') $$, 'analysts read both');
select * from finish();
rollback;
