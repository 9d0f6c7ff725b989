begin;
\ir ../helpers.psql
select plan(12);
select tests.freeze('2026-11-20 12:00:00+00');
select tests.make_user() as person \gset
select tests.make_user() as other \gset
select (api.create_organization(:'person', 'Customers') ->> 'id') as organization \gset

select is(api.record_customer(:'person', 'cus_1'), 'cus_1', 'the customer that Stripe made is kept');
select is(api.record_customer(:'person', 'cus_1'), 'cus_1', 'again it is the same');
select is(api.record_customer(:'person', 'cus_2'), 'cus_1', 'the first one counts');
select is_empty($$ select from playground.stripe_ids where stripe_id = 'cus_2' $$, 'and another one is nobody''s');
select throws_ok(format('select api.record_customer(%L, %L)', :'other', 'cus_1'), 'SCB09', null, 'nobody takes the customer of another');
select is(api.record_customer(:'other', 'cus_2'), 'cus_2', 'each has their own');
select is(array_agg(stripe_id || ' ' || account_id order by stripe_id), array['cus_1 ' || :'person', 'cus_2 ' || :'other'], 'events find the payer by it') from playground.stripe_ids where kind = 'customer';

select is(api.record_customer(:'person', 'cus_3', :'organization'), 'cus_3', 'an organisation has one of its own');
select throws_ok(format('select api.record_customer(%L, %L, %L)', :'other', 'cus_4', :'organization'), 'SCN01', null, 'which others do not see');
select api.add_member(:'person', :'organization', (select email from playground.users where user_id = :'other'), 'member') \g /dev/null
select throws_ok(format('select api.record_customer(%L, %L, %L)', :'other', 'cus_4', :'organization'), 'SCN02', null, 'and members do not set');
select throws_ok($$ select api.record_customer(gen_random_uuid(), 'cus_5') $$, 'SCA02', null, 'there must be such a person');
select throws_ok(format('select api.record_customer(%L, null)', tests.make_user()), '23502', null, 'and a customer');
select * from finish();
rollback;
