begin;
\ir ../helpers.psql
\ir ../tokens.psql
\ir ../stripe.psql
select plan(7);
select tests.freeze('2026-11-20 12:00:00+00');
select tests.make_user('ann@example.com') as ann_id, tests.make_user('bob@example.com') as bob_id \gset
select admin.set_admin(:'ann_id', true, 'for a test') \g /dev/null
select tests.token_of(:'ann_id') as token, tests.token_of(:'bob_id') as bob_token \gset

select throws_ok(format('select api.get_cost_summary(%L, %L, null)', id, token), code, null, why)
from (values
  (:'bob_id', :'bob_token', 'SCA07', 'who is no admin is refused'),
  (:'ann_id', :'bob_token', 'SCA01', 'so is who holds another''s token'),
  (:'ann_id', null, 'SCA01', 'or none')
) as listed (id, token, code, why);
create function tests.cost(p_user_id uuid, p_usd numeric)
returns void
language sql
as $$ insert into rollup.user_months (user_id, month, runs, credits, cost_usd, budget_usd) values (p_user_id, '2026-11-01 00:00:00+00', 2, 2, p_usd, 0) $$;
comment on function tests.cost(uuid, numeric) is 'What a person cost this month in two runs.';

select engine.refresh_analytics() \g /dev/null
select is(
  api.get_cost_summary(:'ann_id', :'token', null)::jsonb,
  '{"totalMonthlyRevenue": 0, "totalMonthlyCost": 0, "overallMargin": null, "activeUsers": 0, "throttledUsers": 0, "highRiskUsers": 0, "averageCostPerUser": 0, "refreshedAt": "2026-11-20T12:00:00.000000Z"}',
  'a month in which nothing happened');
select tests.open_shop(), tests.make_payer('cy@example.com') as cy_id \gset
select tests.start_purchase(:'cy_id', 'medium', 'pi_1') as purchase_id \gset
select tests.deliver(tests.event('payment_intent.succeeded', tests.payment_intent('pi_1', :'cy_id', :'purchase_id'))) \g /dev/null
select tests.deliver(tests.event('charge.refunded', tests.charge('pi_1', :'cy_id', 200))) \g /dev/null
select tests.cost(:'ann_id', 0.000000000001), tests.cost(:'bob_id', 5.5), admin.throttle(:'bob_id', 'x'), tests.advance('10 minutes') \g /dev/null
select is(api.get_cost_summary(:'ann_id', :'token', null) ->> 'refreshedAt', '2026-11-20T12:00:00.000000Z', 'figures are those of the cache, which says how old they are');
select is(api.get_cost_summary(:'ann_id', :'token', null) ->> 'activeUsers', '0', 'and nothing newer');
select engine.refresh_analytics() \g /dev/null
select is(
  api.get_cost_summary(:'ann_id', :'token', null)::jsonb,
  '{"totalMonthlyRevenue": 8, "totalMonthlyCost": 5.500000000001, "overallMargin": 31.25, "activeUsers": 2, "throttledUsers": 1, "highRiskUsers": 1, "averageCostPerUser": 2.750000000001, "refreshedAt": "2026-11-20T12:10:00.000000Z"}',
  'revenue, cost, margin, and people, to the last decimal');
select * from finish();
rollback;
