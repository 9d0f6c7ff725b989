begin;
\ir ../helpers.psql
\ir ../runs.psql
\ir ../history.psql
select plan(8);
select tests.freeze('2026-09-28 12:00:00+00');
select tests.make_history(0.6) \g /dev/null
select tests.make_user('ann@scrip.example') as ann_id \gset
select admin.set_unlimited(:'ann_id', true, 'for a test') \g /dev/null
select admin.grant_credits(:'ann_id', 1000, 'for a test', 'bonus') \g /dev/null
select count(tests.settle(:'ann_id', tests.reserve(:'ann_id', p_model => 'opus'), 4000, 4000)) from generate_series(1, 15) \g /dev/null

select is_empty($$ select from admin.user_cost_analytics where email = 'ann@scrip.example' $$, 'what happened since the latest refresh is not in it');
select is(admin.refresh_user_cost_analytics(), engine.now(), 'until the next one');
select results_eq(
  $$ select email, risk_level, created_at, current_month_requests from admin.user_cost_analytics where risk_level = 'high_risk' order by current_month_api_cost desc $$,
  $$ values ('ann@scrip.example', 'high_risk', engine.now(), 15::bigint) $$, 'who costs more than five dollars a month is found'
);
select set_eq(
  'select user_id, email, current_month_api_cost, lifetime_api_cost, is_throttled from admin.user_cost_analytics',
  'select id, email, current_month_api_cost, lifetime_api_cost, is_throttled from admin.users',
  'the figures are those of users at that moment'
);
select set_eq(
  'select user_id, total_requests, last_request_at from admin.user_cost_analytics where total_requests > 0',
  'select user_id, count(*), max(created_at) from admin.playground_usage group by 1', 'and those of their usage'
);
select results_eq(
  'select user_id, lifetime_revenue from admin.user_cost_analytics where lifetime_revenue > 0 order by 1',
  'select user_id, round(sum(paid_cents)::numeric / 100, 2) from playground.payments join playground.purchases using (account_id, purchase_id) where paid_cents > 0 group by 1 order by 1',
  'revenue is what was paid'
);
select is(
  (select array_agg(distinct created_at) from admin.user_cost_analytics), array[engine.now()], 'created_at says how old they are'
);
select throws_ok($$ select tests.run_as('scrip_operator', 'delete from admin.user_cost_analytics') $$, 'SCL01', null, 'and nothing is written to them');
select * from finish();
rollback;
