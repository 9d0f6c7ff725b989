begin;
\ir ../helpers.psql
\ir ../runs.psql
\ir ../history.psql
select plan(8);
select tests.freeze('2026-09-28 12:00:00+00');
select tests.make_history(0.3) \g /dev/null

-- What the person is told; the door catches their account up, so that both tell of the same moment.
create temporary table told as
select user_id, api.get_balance(user_id) as body from playground.users;
select isnt_empty($$ select from told where (body #>> '{monthly,used}')::bigint > 0 $$, 'in this history monthly credits were used');
select isnt_empty($$ select from told where (body #>> '{rollover,amount}')::bigint > 0 $$, 'and some rolled over');
select set_eq(
  $$ select user_id, balance, monthly_credits, monthly_credits_used, engine.iso(monthly_reset_at) as a, rollover_credits, engine.iso(rollover_expires_at) as b, purchased_credits from admin.playground_credits $$,
  $$ select user_id, (body ->> 'balance')::bigint as a, (body #>> '{monthly,allocated}')::bigint as b, (body #>> '{monthly,used}')::bigint as c, body #>> '{monthly,resetAt}' as d,
       (body #>> '{rollover,amount}')::bigint as e, body #>> '{rollover,expiresAt}' as f, (body ->> 'purchased')::bigint as g from told $$,
  'operators see the credits that the person sees'
);
select set_eq(
  'select user_id, lifetime_earned, lifetime_spent, lifetime_purchased from admin.playground_credits',
  $$ select a.account_id,
       (select coalesce(sum(granted), 0)::bigint from playground.grants g where g.account_id = a.account_id and source <> 'rollover') as earned,
       (select coalesce(sum(charged), 0)::bigint from playground.holds h where h.account_id = a.account_id) as spent,
       (select coalesce(sum(credits), 0)::bigint from playground.purchases p where p.account_id = a.account_id and status = 'succeeded') as purchased
     from playground.accounts a $$,
  'and what ever came in, was charged and was bought'
);
select bag_eq(
  $$ select attname::text from pg_attribute where attrelid = 'admin.playground_credits'::regclass and attnum > 0 $$,
  array['user_id', 'balance', 'monthly_credits', 'monthly_credits_used', 'monthly_reset_at', 'rollover_credits', 'rollover_expires_at', 'purchased_credits',
    'lifetime_earned', 'lifetime_spent', 'lifetime_purchased'],
  'runbooks find the columns they name'
);
select engine.organization_account(gen_random_uuid()) \g /dev/null
select is((select count(*) from admin.playground_credits), 11::bigint, 'an organisation''s account is nobody''s credits');
select lives_ok($$ select tests.run_as('scrip_operator', 'select * from admin.playground_credits') $$, 'operators may look');
select throws_ok($$ select tests.run_as('scrip_operator', 'update admin.playground_credits set balance = 1000000') $$, 'SCL01', null, 'and write no balance');
select * from finish();
rollback;
