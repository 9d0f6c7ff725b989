begin;
\ir ../helpers.psql
\ir ../runs.psql
\ir ../history.psql
select plan(7);
select tests.freeze('2026-09-28 12:00:00+00');
select tests.make_history(0.2) \g /dev/null

select cmp_ok((select count(distinct outcome::text) from playground.usage), '>=', 3::bigint, 'calls ended in several ways');
select bag_eq(
  'select user_id, session_id, tokens_used, duration_ms, credits_spent, trim_scale(estimated_api_cost), created_at from admin.playground_usage',
  $$ select h.user_id, h.session_id, u.input_tokens + u.output_tokens + u.cache_read_tokens + u.cache_write_tokens, u.duration_ms, coalesce(h.charged, 0)::bigint, trim_scale(u.cost_usd), h.reserved_at
     from playground.usage u join playground.holds h using (account_id, hold_id) $$,
  'each call is one row: its tokens, charge and cost, at the instant of its hold'
);
select results_eq(
  'select user_id, sum(estimated_api_cost) from admin.playground_usage group by 1 order by 1',
  'select id, lifetime_api_cost from admin.users where lifetime_api_cost > 0 order by 1', 'and they add up to what users shows'
);
select bag_eq(
  $$ select attname::text from pg_attribute where attrelid = 'admin.playground_usage'::regclass and attnum > 0 $$,
  array['user_id', 'session_id', 'tokens_used', 'duration_ms', 'credits_spent', 'estimated_api_cost', 'created_at', 'hold_id'], 'runbooks find the columns they name'
);
select is_empty(
  $$ select call.hold_id from admin.playground_usage as call
     cross join lateral admin.explain_charge(call.user_id, p_hold_id => call.hold_id) as charge
     where coalesce(charge.credits_charged, 0) is distinct from call.credits_spent $$,
  'hold_id is what explain_charge wants'
);
select lives_ok($$ select tests.run_as('scrip_operator', 'select * from admin.playground_usage') $$, 'operators may look');
select throws_ok($$ select tests.run_as('scrip_operator', 'update admin.playground_usage set credits_spent = 0') $$, 'SCL01', null, 'and change nothing');
select * from finish();
rollback;
