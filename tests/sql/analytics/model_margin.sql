begin;
\ir ../helpers.psql
\ir ../runs.psql
select plan(5);
select tests.freeze('2026-11-20 23:59:00+00');
select tests.make_package() as package_id, tests.make_user() as ann_id, tests.make_user() as bob_id \gset
select tests.buy(:'bob_id', 100, 10);
select admin.set_unlimited(:'bob_id', true, 'for a test') \g /dev/null
-- The signup credits go first.
select tests.settle(:'bob_id', tests.reserve(:'bob_id'), p_input => 4000, p_output => 10) from generate_series(1, 5) \g /dev/null
select tests.reserve(:'bob_id', p_model => 'opus') as last_run \gset
select tests.advance('2 minutes');
select tests.settle(:'bob_id', :'last_run', p_input => 8000, p_output => 100) \g /dev/null
select engine.refresh_analytics() \g /dev/null
select results_eq(
  'select to_char(day at time zone ''UTC'', ''MM-DD''), model, runs, input_tokens, output_tokens, credits, trim_scale(cost_usd) from analytics.model_margin order by model',
  $$ values ('11-20', 'opus', 1::bigint, 8000::bigint, 100::bigint, 5::bigint, 0.1275), ('11-20', 'sonnet', 5, 20000, 50, 5, 0.06075) $$,
  'a model''s day: calls, tokens, credits and cost'
);
select results_eq(
  'select model, trim_scale(revenue_usd), trim_scale(margin_usd), margin_percent from analytics.model_margin order by model',
  $$ values ('opus', 0.5, 0.3725, 74.50), ('sonnet', 0, -0.06075, null) $$,
  'credits earn what was paid for them, free ones nothing; where nothing came in there is no margin'
);
select is(sum(credits), (select sum(credits)::numeric from rollup.revenue_days), 'what was charged is what was earned from') from analytics.model_margin;
select results_eq('select * from analytics.model_margin_now order by model', 'select d.* from rollup.model_margin_cache d order by model', 'the view of this moment says the same');
select lives_ok($$ select tests.run_as('scrip_analyst', 'select * from analytics.model_margin, analytics.model_margin_now') $$, 'analysts read both');
select * from finish();
rollback;
