begin;
\ir ../helpers.psql
\ir ../runs.psql
\ir ../gifts.psql
select plan(5);
select tests.freeze('2026-11-10 12:00:00+00');
select tests.make_package(), tests.make_user() as ann_id, tests.make_user() as bob_id \gset
select tests.settle(:'ann_id', tests.reserve(:'ann_id')), tests.settle(:'bob_id', tests.reserve(:'bob_id')), tests.settle(:'bob_id', tests.reserve(:'bob_id')) \g /dev/null
select tests.buy(:'ann_id', 100, 5), tests.buy(:'ann_id', 250, 10) \g /dev/null
select tests.freeze('2027-01-10 12:00:00+00') \g /dev/null
select tests.make_user() as cy_id \gset
select tests.settle(:'bob_id', tests.reserve(:'bob_id')), tests.buy(:'bob_id', 100, 5), tests.buy(:'cy_id', 100, 5) \g /dev/null
update playground.payments set reported_refunded_cents = 100, reported_at = engine.now() where account_id = :'ann_id';
select engine.settle_payment(account_id, payment_intent_id, engine.now()) from playground.payments where account_id = :'ann_id' \g /dev/null
select engine.roll_up() \g /dev/null
select results_eq($$ select month_number, month, people, active_people, retained_percent from analytics.cohorts_now where cohort = '2026-11-01' order by month_number $$,
  $$ values (0, '2026-11-01'::timestamptz, 2::bigint, 2::bigint, 100.00), (1, '2026-12-01', 2, 0, 0.00), (2, '2027-01-01', 2, 1, 50.00) $$,
  'each month since the registration shows who of the cohort was active, once');
select results_eq($$ select revenue_usd, cumulative_revenue_usd from analytics.cohorts_now where cohort = '2026-11-01' order by month_number $$,
  $$ values (15.00, 15.00), (0.00, 15.00), (3.00, 18.00) $$, 'and what they paid, less what went back');
select results_eq($$ select month_number, people, active_people, revenue_usd from analytics.cohorts_now where cohort = '2027-01-01' $$,
  $$ values (0, 1::bigint, 0::bigint, 5.00) $$, 'each person belongs to one cohort');
insert into playground.organizations (organization_id, name, created_at) values (gen_random_uuid(), 'Acme', engine.now()), (gen_random_uuid(), 'Other', engine.now());
insert into playground.organization_members (organization_id, user_id, role, joined_at) select organization_id, :'cy_id', 'member', engine.now() from playground.organizations;
select is((select sum(revenue_usd) from analytics.cohorts_now), 23.00, 'nobody counts twice, in however many organisations');
select lives_ok($$ select tests.run_as('scrip_analyst', 'select * from analytics.cohorts, analytics.cohorts_now') $$, 'analysts read it, cached and live');
select * from finish();
rollback;
