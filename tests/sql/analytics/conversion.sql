begin;
\ir ../helpers.psql
\ir ../runs.psql
\ir ../stripe.psql
select plan(6);
select tests.freeze('2026-11-10 12:00:00+00');
select tests.open_shop(), tests.make_package() \g /dev/null
select tests.make_payer('ann@example.com') as ann_id, tests.make_payer('bob@example.com') as bob_id, tests.make_user('cy@example.com') as cy_id, tests.make_user() as dan_id \gset
select admin.create_organization('Acme', :'bob_id', 'for a test'), admin.create_organization('Other', :'bob_id', 'for a test') \g /dev/null
select tests.settle(:'ann_id', tests.reserve(:'ann_id')), tests.settle(:'ann_id', tests.reserve(:'ann_id')), tests.settle(:'bob_id', tests.reserve(:'bob_id')) \g /dev/null
select tests.buy(:'ann_id', 100, 5), tests.buy(:'ann_id', 100, 5), tests.buy(:'cy_id', 100, 5) \g /dev/null
select tests.deliver(tests.event('customer.subscription.created', tests.subscription('sub_bob', :'bob_id', 'active', '2026-11-10', '2026-12-10', 'price_org'))) \g /dev/null
select tests.deliver(tests.event('invoice.paid', tests.invoice('in_1', 'sub_bob', :'bob_id', '2026-11-10', '2026-12-10', p_price => 'price_org', p_amount => 300))) \g /dev/null
select tests.deliver(tests.event('invoice.paid', tests.invoice('in_2', 'sub_bob', :'bob_id', '2026-12-10', '2027-01-09', p_price => 'price_org', p_amount => 300))) \g /dev/null
select admin.set_plan(:'dan_id', 'prpm_plus_individual', null, 'for a test') \g /dev/null
select is_empty('select * from analytics.conversion_now where ran > 0', 'runs are known when they have been added up');
select engine.roll_up() \g /dev/null
select results_eq($$ select registered, ran, purchased, ran_and_purchased, subscribed from analytics.conversion_now where segment = 'individual' $$,
  $$ values (3::bigint, 1::bigint, 2::bigint, 1::bigint, 0::bigint) $$, 'each person counts once in a step, however often; a plan set by an operator was bought by nobody');
select results_eq($$ select registered, ran, purchased, subscribed, subscribed_individual, subscribed_organization from analytics.conversion_now where segment = 'organization' $$,
  $$ values (1::bigint, 1::bigint, 0::bigint, 1::bigint, 0::bigint, 1::bigint) $$, 'members are told apart, once in however many organisations');
select results_eq($$ select ran_percent, purchased_percent, purchased_of_ran_percent, subscribed_percent from analytics.conversion_now where segment = 'individual' $$,
  $$ values (33.33, 66.67, 100.00, 0.00) $$, 'and the shares of those who registered');
select tests.freeze('2026-12-10 12:00:00+00') \g /dev/null
select tests.make_user() \g /dev/null
select results_eq($$ select month, registered, ran, purchased_of_ran_percent from analytics.conversion_now where segment = 'individual' order by month desc limit 1 $$,
  $$ values ('2026-12-01'::timestamptz, 1::bigint, 0::bigint, null::numeric) $$, 'by the month of registration');
select lives_ok($$ select tests.run_as('scrip_analyst', 'select * from analytics.conversion, analytics.conversion_now') $$, 'analysts read it, cached and live');
select * from finish();
rollback;
