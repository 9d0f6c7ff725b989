begin;
\ir ../helpers.psql
\ir ../stripe.psql
select plan(10);
select tests.freeze('2026-11-01 12:00:00+00');
select tests.open_shop() \g /dev/null
select tests.make_user('ann@example.com') as ann_id, tests.make_user('bob@example.com') as bob_id \gset
create function tests.find(p_user_id uuid, p_organization_id uuid default null)
returns text
language sql
as $$ select (f.account_id, f.customer_id, f.stripe_subscription_id, f.cancels)::text from api.find_subscription(p_user_id, p_organization_id) as f $$;

select throws_ok(format('select tests.find(%L)', :'ann_id'), 'SCB02', null, 'who was never billed has nothing to change');
select api.record_customer(:'ann_id', tests.customer_of(:'ann_id')) \g /dev/null
select is(tests.find(:'ann_id'), (:'ann_id'::uuid, tests.customer_of(:'ann_id'), null::text, false)::text, 'a customer without a plan may look at what they paid');
select tests.deliver(tests.event('customer.subscription.created', tests.subscription('sub_1', :'ann_id', 'active', engine.now(), engine.now() + interval '1 month'))) \g /dev/null
select is(tests.find(:'ann_id'), (:'ann_id'::uuid, tests.customer_of(:'ann_id'), 'sub_1'::text, false)::text, 'a live plan');
select tests.advance('1 minute'), tests.deliver(tests.event('customer.subscription.updated', tests.subscription('sub_1', :'ann_id', 'active', engine.now(), engine.now() + interval '1 month', p_changes => '{"cancel_at_period_end": true}'))) \g /dev/null
select is(tests.find(:'ann_id'), (:'ann_id'::uuid, tests.customer_of(:'ann_id'), 'sub_1'::text, true)::text, 'that cancels');
select tests.advance('1 minute'), tests.deliver(tests.event('customer.subscription.deleted', tests.subscription('sub_1', :'ann_id', 'canceled', engine.now(), engine.now() + interval '1 month'))) \g /dev/null
select is(tests.find(:'ann_id'), (:'ann_id'::uuid, tests.customer_of(:'ann_id'), null::text, false)::text, 'one that has ended is not changed any more');
select admin.set_plan(:'ann_id', 'prpm_plus_individual', null, 'for a test') \g /dev/null
select throws_ok(format('select tests.find(%L)', :'ann_id'), 'SCB07', null, 'a plan set by hand is not Stripe''s');
select api.create_organization(:'bob_id', 'Acme') ->> 'id' as acme_id \gset
select api.record_customer(:'bob_id', 'cus_acme', :'acme_id') \g /dev/null
select is(tests.find(:'bob_id', :'acme_id'), (:'acme_id'::uuid, 'cus_acme'::text, null::text, false)::text, 'an organisation is a customer of its own');
select throws_ok(format('select tests.find(%L)', :'bob_id'), 'SCB02', null, 'not its owner');
select throws_ok(format('select tests.find(%L, %L)', :'ann_id', :'acme_id'), 'SCN01', null, 'nobody else changes its plan');
select throws_ok(format('select tests.find(%L)', gen_random_uuid()), 'SCA02', null, 'a stranger has none');
select * from finish();
rollback;
