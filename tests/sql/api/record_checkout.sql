begin;
\ir ../helpers.psql
\ir ../stripe.psql
select plan(9);
select tests.freeze('2026-11-01 12:00:00+00');
select tests.open_shop() \g /dev/null
select tests.make_user() as ann_id, tests.make_user() as bob_id \gset
select checkout_id from api.start_checkout(:'ann_id', 'https://a.example/ok', 'https://a.example/no') \gset
create function tests.record(p_user_id uuid, p_checkout_id uuid, p_session_id text, p_organization_id uuid default null)
returns text
language sql
as $$ select api.record_checkout(p_user_id, p_checkout_id, p_session_id, 'https://checkout.stripe.com/' || p_session_id, '2026-11-02 12:00:00+00', p_organization_id) $$;

select is(tests.record(:'ann_id', :'checkout_id', 'cs_1'), 'https://checkout.stripe.com/cs_1', 'the page''s address');
select is((checkout_session_id, status, expires_at)::text, ('cs_1'::text, 'open'::text, '2026-11-02 12:00:00+00'::timestamptz)::text, 'is kept') from playground.checkouts where checkout_id = :'checkout_id';
select is(tests.record(:'ann_id', :'checkout_id', 'cs_2'), 'https://checkout.stripe.com/cs_1', 'the first counts');
select throws_ok(format('select tests.record(%L, %L, %L)', :'bob_id', :'checkout_id', 'cs_3'), 'SCB08', null, 'another''s page is none');
select is(tests.deliver(tests.event('checkout.session.expired', jsonb_build_object('id', 'cs_1', 'metadata', jsonb_build_object('account_id', :'ann_id', 'checkout_id', :'checkout_id')))), 'handled', 'a page whose time is over');
select is(tests.record(:'ann_id', :'checkout_id', 'cs_1'), 'https://checkout.stripe.com/cs_1', 'told again');
select is(status, 'expired', 'stays over') from playground.checkouts where checkout_id = :'checkout_id';
select api.create_organization(:'bob_id', 'Acme') ->> 'id' as acme_id \gset
select checkout_id as acmes_id from api.start_checkout(:'bob_id', 'https://a.example/ok', 'https://a.example/no', :'acme_id') \gset
select is(tests.record(:'bob_id', :'acmes_id', 'cs_4', :'acme_id'), 'https://checkout.stripe.com/cs_4', 'an organisation''s page is kept by who may buy for it');
select throws_ok(format('select tests.record(%L, %L, %L, %L)', :'ann_id', :'acmes_id', 'cs_5', :'acme_id'), 'SCN01', null, 'and by nobody else');
select * from finish();
rollback;
