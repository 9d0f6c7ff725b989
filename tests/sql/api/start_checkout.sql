begin;
\ir ../helpers.psql
\ir ../stripe.psql
select plan(22);
select tests.freeze('2026-11-01 12:00:00+00');
select tests.make_user('ann@example.com') as ann_id, tests.make_user('bob@example.com') as bob_id \gset
create function tests.start(p_user_id uuid, p_ok text default 'https://a.example/ok', p_organization_id uuid default null)
returns jsonb
language sql
as $$ select to_jsonb(r) from api.start_checkout(p_user_id, p_ok, 'https://a.example/no', p_organization_id) as r $$;
create function tests.open_page(p_user_id uuid, p_checkout jsonb, p_session_id text, p_organization_id uuid default null)
returns text
language sql
as $$ select api.record_checkout(p_user_id, (p_checkout ->> 'checkout_id')::uuid, p_session_id, 'https://checkout.stripe.com/' || p_session_id, engine.now() + interval '1 day', p_organization_id) $$;

select throws_ok(format('select tests.start(%L)', :'ann_id'), 'SCB05', null, 'without a price at Stripe nothing can be bought');
select tests.open_shop() \g /dev/null
select tests.start(:'ann_id') as page \gset
select is(:'page'::jsonb - 'checkout_id', jsonb_build_object('url', null, 'account_id', :'ann_id', 'email', 'ann@example.com', 'customer_id', null, 'is_customer_old', false, 'stripe_price_id', 'price_individual', 'plan_price', 'prpm_plus_individual', 'is_old', false), 'a page for the plan at this person''s price');
select is(tests.start(:'ann_id') ->> 'checkout_id', :'page'::jsonb ->> 'checkout_id', 'two clicks lead to one page');
select tests.advance('24 hours') \g /dev/null
select is((tests.start(:'ann_id') -> 'is_old', tests.start(:'ann_id') -> 'is_customer_old')::text, ('true'::jsonb, 'true'::jsonb)::text, 'after a day Stripe may have forgotten the keys');
select tests.open_page(:'ann_id', :'page', 'cs_1') \g /dev/null
select is(tests.start(:'ann_id') ->> 'url', 'https://checkout.stripe.com/cs_1', 'a page that is open is sent again');
select isnt(tests.start(:'ann_id', 'https://b.example/ok') ->> 'checkout_id', :'page'::jsonb ->> 'checkout_id', 'one that leads elsewhere is another');
select is((kind, stripe_id)::text, ('expire_checkout_session'::text, 'cs_1'::text)::text, 'the first is closed: only one plan can be had') from playground.billing_tasks where account_id = :'ann_id';
select tests.advance('25 hours') \g /dev/null
select isnt(tests.start(:'ann_id') ->> 'checkout_id', :'page'::jsonb ->> 'checkout_id', 'a page whose time is over is not sent again');

-- The price by membership at this moment.
select api.create_organization(:'bob_id', 'Acme') ->> 'id' as acme_id \gset
select api.add_member(:'bob_id', :'acme_id', 'ann@example.com', 'member') \g /dev/null
select is(tests.start(:'ann_id') ->> 'stripe_price_id', 'price_individual', 'members of an organisation pay less only when it is verified');
select admin.verify_organization(:'acme_id', true, 'for a test') \g /dev/null
select is(tests.start(:'ann_id') ->> 'stripe_price_id', 'price_org', 'then they do');

-- An organisation's own plan.
select is((tests.start(:'bob_id', p_organization_id => :'acme_id') - array['checkout_id', 'is_customer_old', 'is_old'])::jsonb, jsonb_build_object('url', null, 'account_id', :'acme_id', 'email', 'bob@example.com', 'customer_id', null, 'stripe_price_id', 'price_verified', 'plan_price', 'verified'), 'an organisation buys verification, on its own account');
select is((select kind from playground.accounts where account_id = :'acme_id'), 'organization', 'which is made for it');
select throws_ok(format('select tests.start(%L, p_organization_id => %L)', :'ann_id', :'acme_id'), 'SCN02', null, 'a member cannot buy for it');
select throws_ok(format('select tests.start(%L, p_organization_id => %L)', :'ann_id', gen_random_uuid()), 'SCN01', null, 'nor anybody for one that is not there');

-- A plan that is live.
select api.record_customer(:'ann_id', tests.customer_of(:'ann_id')) \g /dev/null
select tests.deliver(tests.event('customer.subscription.created', tests.subscription('sub_1', :'ann_id', 'incomplete', engine.now(), engine.now() + interval '1 month'))) \g /dev/null
select lives_ok(format('select tests.start(%L)', :'ann_id'), 'a plan that has not begun is in nobody''s way');
select is(tests.start(:'ann_id') ->> 'customer_id', tests.customer_of(:'ann_id'), 'the customer is known by now');
select tests.advance('1 minute'), tests.deliver(tests.event('customer.subscription.updated', tests.subscription('sub_1', :'ann_id', 'past_due', engine.now(), engine.now() + interval '1 month'))) \g /dev/null
select throws_ok(format('select tests.start(%L)', :'ann_id'), 'SCB01', null, 'a live plan refuses a second, paid or not');
select tests.advance('1 minute'), tests.deliver(tests.event('customer.subscription.deleted', tests.subscription('sub_1', :'ann_id', 'canceled', engine.now(), engine.now() + interval '1 month'))) \g /dev/null
select lives_ok(format('select tests.start(%L)', :'ann_id'), 'when it has ended, another may begin');
select admin.set_plan(:'bob_id', 'prpm_plus_individual', null, 'for a test') \g /dev/null
select throws_ok(format('select tests.start(%L)', :'bob_id'), 'SCB01', null, 'a plan set by hand refuses one, too');
select throws_ok(format('select tests.start(%L)', gen_random_uuid()), 'SCA02', null, 'a stranger buys nothing');
select is((select count(*) from playground.customers where account_id = :'ann_id'), 1::bigint, 'there is one customer in all of it');
select is(tests.books(), 'in order', 'the books hold');
select * from finish();
rollback;
