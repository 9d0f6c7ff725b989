begin;
\ir ../helpers.psql
\ir ../stripe.psql
select plan(14);
select tests.freeze('2026-11-01 12:00:00+00');
select tests.open_shop() \g /dev/null
select tests.make_payer() as ann_id, tests.make_payer() as bob_id \gset
create function tests.told(p_ending text, p_account_id uuid, p_checkout_id uuid, p_changes jsonb default '{}')
returns text
language sql
as $$
  select tests.deliver(tests.event('checkout.session.' || p_ending, jsonb_build_object(
    'id', 'cs_1', 'object', 'checkout.session', 'metadata', jsonb_build_object('account_id', p_account_id, 'checkout_id', p_checkout_id)) || p_changes))
$$;
create function tests.page(p_checkout_id uuid)
returns text
language sql
as $$ select concat_ws(' ', status, to_char(ended_at, 'HH24:MI'), checkout_session_id) from playground.checkouts where checkout_id = p_checkout_id $$;

-- Whose page.
select checkout_id as page_id from api.start_checkout(:'ann_id', 'https://a.example/ok', 'https://a.example/no') \gset
select is(tests.told('expired', :'bob_id', :'page_id'), 'ignored: no_change', 'another''s page is none');
select is(tests.told('expired', :'ann_id', gen_random_uuid()), 'ignored: no_change', 'nor one that nobody opened');
select is(tests.told('expired', :'ann_id', :'page_id', '{"metadata": {}}'), 'ignored: no_change', 'nor one that was not opened by us');
select is(tests.page(:'page_id'), 'started', 'it stays as it was');

-- What became of it.
select is(tests.told('expired', :'ann_id', :'page_id'), 'handled', 'a page whose time is over');
select is(tests.page(:'page_id'), 'expired 12:00 cs_1', 'is known by its id, even if the gateway never learned of it');
select tests.advance('1 minute') \g /dev/null
select is(tests.told('completed', :'ann_id', :'page_id', '{"id": "cs_2"}'), 'handled', 'told in another order');
select is(tests.page(:'page_id'), 'completed 12:01 cs_1', 'that it was used counts; the id stays');
select tests.advance('1 minute') \g /dev/null
select is(tests.told('expired', :'ann_id', :'page_id'), 'ignored: no_change', 'and is not forgotten');
select is(tests.told('completed', :'ann_id', :'page_id'), 'ignored: no_change', 'nor told anew');
select is(tests.page(:'page_id'), 'completed 12:01 cs_1', 'by what comes after it');
select is(api.get_subscription(:'ann_id')::jsonb ->> 'isActive', 'false', 'a page that was used is no plan yet: that tells of itself');
select checkout_id as page_id from api.start_checkout(:'bob_id', 'https://a.example/ok', 'https://a.example/no') \gset
select is(tests.told('expired', :'bob_id', null, jsonb_build_object('client_reference_id', :'page_id')), 'handled', 'a page names itself by its reference, too');
select is(tests.books(), 'in order', 'the books hold');
select * from finish();
rollback;
