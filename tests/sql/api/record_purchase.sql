begin;
\ir ../helpers.psql
\ir ../stripe.psql
select plan(14);
select tests.freeze('2026-11-20 12:00:00+00');
select tests.open_shop() \g /dev/null
select tests.make_payer() as ann_id, tests.make_payer() as bob_id \gset
select tests.start_purchase(:'ann_id') as purchase_id \gset
create function tests.record(p_user_id uuid, p_purchase_id uuid, p_payment_intent_id text, p_body text)
returns text
language sql
as $$ select concat_ws(' ', status, body) from api.record_purchase(p_user_id, p_purchase_id, p_payment_intent_id, p_body) $$;

select is(tests.record(:'ann_id', :'purchase_id', 'pi_ann', '{"n":1}'), '200 {"n":1}', 'the answer goes out as it came');
select is((status, payment_intent_id)::text, ('pending'::playground.purchase_status, 'pi_ann'::text)::text, 'the purchase waits to be paid') from playground.purchases where purchase_id = :'purchase_id';
select is((purchase_id, paid_cents, credits)::text, (:'purchase_id'::uuid, null::bigint, 0::playground.credits)::text, 'its payment is known, and not paid') from playground.payments where account_id = :'ann_id';
select is(tests.record(:'ann_id', :'purchase_id', 'pi_ann', '{"n":2}'), '200 {"n":2}', 'it may be told again');
select is(tests.record(:'ann_id', :'purchase_id', 'pi_page', '{}'), '200 {}', 'a page has a PaymentIntent of its own');
select is(payment_intent_id, 'pi_ann', 'the first one counts until something is paid') from playground.purchases where purchase_id = :'purchase_id';
select throws_ok(format('select tests.record(%L, %L, %L, %L)', :'bob_id', :'purchase_id', 'pi_bob', '{}'), 'SCB08', null, 'another''s purchase is none');
select tests.start_purchase(:'bob_id') as bobs_id \gset
select throws_ok(format('select tests.record(%L, %L, %L, %L)', :'bob_id', :'bobs_id', 'pi_ann', '{}'), 'SCB09', null, 'a PaymentIntent belongs to one payer');

-- News that came before our note of it.
select tests.deliver(tests.event('charge.refunded', tests.charge('pi_early', :'bob_id', 100))) as early \gset
select tests.record(:'bob_id', :'bobs_id', 'pi_early', '{}') \g /dev/null
select is(array[:'early', state], array['parked: unknown_payment', 'handled'], 'what waited for the PaymentIntent is applied') from playground.stripe_events where waits_for is null and type = 'charge.refunded';
select tests.deliver(tests.event('payment_intent.succeeded', tests.payment_intent('pi_early', :'bob_id', :'bobs_id'))) \g /dev/null
select is(tests.record(:'bob_id', :'bobs_id', 'pi_early', '{}'), '200 {}', 'an answer that comes after the payment');
select is(status, 'succeeded', 'undoes nothing') from playground.purchases where purchase_id = :'bobs_id';

-- A page, and the kept answer.
select purchase_id as kept_id, checkout_id from api.start_purchase(:'ann_id', 'small', 'https://a.example/ok', 'https://a.example/no', 'k') \gset
select body from api.record_purchase(:'ann_id', :'kept_id', 'pi_kept', '{"url": "x"}', 'cs_1', 'https://checkout.stripe.com/1', '2026-11-21 12:00:00+00') \g /dev/null
select is((checkout_session_id, url, expires_at, status)::text, ('cs_1'::text, 'https://checkout.stripe.com/1'::text, '2026-11-21 12:00:00+00'::timestamptz, 'open'::text)::text, 'the page is kept') from playground.checkouts where checkout_id = :'checkout_id';
select is((select body from api.record_purchase(:'ann_id', :'kept_id', 'pi_kept', '{"url": "y"}', 'cs_2', 'https://checkout.stripe.com/2', '2026-11-22 12:00:00+00')), '{"url": "x"}', 'under a key the first answer counts');
select is(checkout_session_id, 'cs_1', 'and the first page') from playground.checkouts where checkout_id = :'checkout_id';
select * from finish();
rollback;
