begin;
\ir ../helpers.psql
\ir ../tokens.psql
select plan(16);
select tests.freeze('2026-11-20 12:00:00+00');
select tests.make_user('ann@example.com') as ann_id, tests.make_user('bob@example.com') as bob_id \gset
select admin.set_admin(:'ann_id', true, 'for a test') \g /dev/null
select tests.token_of(:'ann_id') as token, tests.token_of(:'bob_id') as bob_token \gset

select throws_ok(format('select api.list_user_costs(%L, %L, null)', id, token), code, null, why)
from (values
  (:'bob_id', :'bob_token', 'SCA07', 'who is no admin is refused'),
  (:'ann_id', :'bob_token', 'SCA01', 'so is who holds another''s token'),
  (:'ann_id', null, 'SCA01', 'or none')
) as listed (id, token, code, why);
create function tests.cost(p_user_id uuid, p_usd numeric, p_paid_cents integer default null)
returns void
language sql
as $$
  insert into rollup.user_months (user_id, month, runs, credits, cost_usd, budget_usd) values (p_user_id, '2026-11-01 00:00:00+00', 2, 2, p_usd, 0);
  insert into playground.payments (account_id, payment_intent_id, currency, paid_cents, paid_at)
  select p_user_id, 'pi_' || p_user_id, 'usd', p_paid_cents, engine.now() where p_paid_cents is not null;
$$;
comment on function tests.cost(uuid, numeric, integer) is 'What a person cost this month in two runs, and paid.';

select tests.cost(:'bob_id', 5.01, 1000) \g /dev/null
select count(tests.cost(tests.make_user('p' || n || '@example.com'), (n % 5)::numeric / 2)) from generate_series(1, 30) as n \g /dev/null
select engine.refresh_analytics() \g /dev/null
create function tests.page(p_limit integer, p_cursor text default null, p_risk text default null)
returns jsonb
language sql
as $$ select api.list_user_costs((select user_id from playground.users where email = 'ann@example.com'), tests.token_of((select user_id from playground.users where email = 'ann@example.com')), null, p_risk, p_limit, p_cursor)::jsonb $$;
select is(
  tests.page(1) #> '{users,0}' #- '{userId}',
  '{"email": "bob@example.com", "tier": "free", "currentMonthCost": 5.01, "requests": 2, "averageCost": 2.505, "lifetimeCost": 0, "revenue": 10, "margin": 49.9, "isThrottled": false, "riskLevel": "high_risk", "lastRequestAt": null}',
  'who cost most comes first, with all that is known of them');
create temporary table walked as
with recursive walk (page, number) as (
  select tests.page(7), 1
  union all
  select tests.page(7, page ->> 'nextCursor'), number + 1 from walk where page ->> 'nextCursor' is not null
)
select number, person.value ->> 'email' as email, (person.value ->> 'currentMonthCost')::numeric as cost from walk cross join jsonb_array_elements(page -> 'users') as person;
select is((select count(*) from walked), 32::bigint, 'pages go on to the end');
select is((select count(distinct email) from walked), 32::bigint, 'and show everybody once');
select is((select array_agg(cost order by number) = array_agg(cost order by cost desc) from walked), true, 'in order, also from page to page');
select is(tests.page(100, null, risk) #>> '{users,0,riskLevel}', risk, format('only %s', risk)) from (values ('high_risk'), ('low_risk'), ('safe')) as listed (risk);
select is(jsonb_array_length(tests.page(100, null, 'low_risk') -> 'users'), 12, 'all of them: 1.50 and 2.00 are a low risk');
select is(tests.page(100, null, 'medium_risk'), jsonb_build_object('users', '[]'::jsonb, 'nextCursor', null, 'refreshedAt', '2026-11-20T12:00:00.000000Z'), 'and none where there is none');
select throws_ok(format('select tests.page(%L, %L, %L)', rows, cursor, risk), 'SCV01', null, why)
from (values (0, null, null, 'a page has rows'), (101, null, null, 'a hundred at most'), (1, 'x', null, 'a cursor comes from this list'), (1, null, 'x', 'a risk is one of four')) as listed (rows, cursor, risk, why);
select * from finish();
rollback;
