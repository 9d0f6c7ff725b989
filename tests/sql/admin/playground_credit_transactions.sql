begin;
\ir ../helpers.psql
\ir ../runs.psql
\ir ../history.psql
select plan(7);
select tests.freeze('2026-09-28 12:00:00+00');
select tests.make_history(0.4) \g /dev/null

select cmp_ok((select count(distinct type::text) from playground.transactions), '>=', 5::bigint, 'many kinds of lines were written');
-- Against what the person is told.
select bag_eq(
  $$ select user_id, amount, balance_after, transaction_type, description, session_id::text, purchase_id::text, engine.iso(created_at) from admin.playground_credit_transactions $$,
  $$ select user_id, (line ->> 'amount')::bigint as a, (line ->> 'balanceAfter')::bigint as b, line ->> 'type' as c, line ->> 'description' as d, line ->> 'sessionId' as e, line ->> 'purchaseId' as f, line ->> 'createdAt' as g
     from playground.users
     cross join generate_series(0, 900, 100) as page
     cross join lateral json_array_elements(api.list_transactions(user_id, p_limit => 100, p_offset => page) -> 'transactions') as line $$,
  'operators see each line that the person sees'
);
select results_eq(
  'select user_id, sum(amount)::bigint from admin.playground_credit_transactions group by 1 order by 1', 'select user_id, balance from admin.playground_credits order by 1',
  'and they add up to the balance'
);
select bag_eq(
  $$ select attname::text from pg_attribute where attrelid = 'admin.playground_credit_transactions'::regclass and attnum > 0 $$,
  array['user_id', 'amount', 'balance_after', 'transaction_type', 'description', 'session_id', 'purchase_id', 'created_at', 'number'], 'runbooks find the columns they name'
);
select is_empty(
  $$ select line.user_id, line.number from admin.playground_credit_transactions as line
     cross join lateral admin.explain_charge(line.user_id, line.number) as charge
     where line.transaction_type = 'spend' and charge.credits_charged is distinct from -line.amount $$,
  'the number is what explain_charge wants'
);
select lives_ok($$ select tests.run_as('scrip_operator', 'select * from admin.playground_credit_transactions') $$, 'operators may look');
select throws_ok(
  $$ select tests.run_as('scrip_operator', 'insert into admin.playground_credit_transactions (user_id, amount) select id, 100 from admin.users') $$, 'SCL01', null,
  'and write no line');
select * from finish();
rollback;
