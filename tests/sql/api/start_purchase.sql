begin;
\ir ../helpers.psql
\ir ../stripe.psql
select plan(27);
select tests.freeze('2026-11-20 12:00:00+00');
select tests.make_user('ann@example.com') as ann_id \gset
create function tests.start(p_user_id uuid, p_pack text default 'medium', p_key text default null, p_ok text default null, p_no text default null)
returns jsonb
language sql
as $$ select to_jsonb(r) from api.start_purchase(p_user_id, p_pack, p_ok, p_no, p_key) as r $$;

select tests.start(:'ann_id') as first \gset
select is(
  :'first'::jsonb - array['refusal_message', 'purchase_id'],
  jsonb_build_object('refusal', null, 'refusal_detail', null, 'status', null, 'body', null, 'account_id', :'ann_id', 'pack_name', 'Medium', 'credits', 250,
    'price_cents', 1000, 'currency', 'usd', 'email', 'ann@example.com', 'customer_id', null, 'is_customer_old', false, 'is_old', false,
    'payment_intent_id', null, 'checkout_id', null, 'stripe_price_id', null),
  'a purchase has credits and price of its pack, before Stripe hears of it');
select is((status, requested_at, cost_share)::text, ('started'::playground.purchase_status, '2026-11-20 12:00:00+00'::timestamptz, 0.7000)::text, 'our row is there')
from playground.purchases where account_id = :'ann_id';
select is(customer_id, null, 'and the customer''s, so that two who ask at once make one') from playground.customers where account_id = :'ann_id';

-- A try that Stripe never answered.
select is(tests.start(:'ann_id') ->> 'purchase_id', :'first'::jsonb ->> 'purchase_id', 'the next try goes on with it');
select tests.advance('24 hours') \g /dev/null
select is((tests.start(:'ann_id') -> 'is_old', tests.start(:'ann_id') -> 'is_customer_old')::text, ('true'::jsonb, 'true'::jsonb)::text, 'after a day Stripe may have forgotten the key: it is searched there first');
select isnt(tests.start(:'ann_id', 'small') ->> 'purchase_id', :'first'::jsonb ->> 'purchase_id', 'another pack is another purchase');
update playground.packs set price_cents = 1100 where pack = 'medium';
select isnt(tests.start(:'ann_id') ->> 'purchase_id', :'first'::jsonb ->> 'purchase_id', 'a price that changed is another purchase');
update playground.packs set price_cents = 1000 where pack = 'medium';
select api.record_customer(:'ann_id', 'cus_ann') \g /dev/null
select api.record_purchase(:'ann_id', (:'first'::jsonb ->> 'purchase_id')::uuid, 'pi_ann', '{}') \g /dev/null
select tests.advance('1 hour') \g /dev/null
select is((tests.start(:'ann_id') ->> 'purchase_id') <> :'first'::jsonb ->> 'purchase_id', true, 'one that Stripe answered is not begun again');
select is(tests.start(:'ann_id') ->> 'customer_id', 'cus_ann', 'the customer is known by now');

-- Under a key.
select tests.make_user() as bob_id \gset
select tests.start(:'bob_id', 'small', 'k') ->> 'purchase_id' as purchase_id \gset
select is(tests.start(:'bob_id', 'small', 'k') ->> 'purchase_id', :'purchase_id', 'a key names one purchase');
select throws_ok(format('select tests.start(%L, %L, %L)', :'bob_id', 'large', 'k'), 'SCI01', null, 'of one pack');
select api.record_purchase(:'bob_id', :'purchase_id', 'pi_bob', '{"clientSecret": "x"}') \g /dev/null
select is(tests.start(:'bob_id', 'small', 'k') - 'refusal_message' @> '{"status": 200, "body": "{\"clientSecret\": \"x\"}", "purchase_id": null}', true, 'answered, it has that answer');
select throws_ok(format('select tests.start(%L, %L, %L)', :'bob_id', 'large', 'k'), 'SCI01', null, 'another request under it is refused');
select throws_ok(format('select tests.start(%L, %L, %L, %L, %L)', :'bob_id', 'small', 'k', 'https://a.example/', 'https://a.example/'), 'SCI01', null, 'also one that leads elsewhere');
select isnt(tests.start(:'bob_id', 'small', 'other') ->> 'purchase_id', :'purchase_id', 'another key is another purchase');
select tests.advance('24 hours') \g /dev/null
select isnt(tests.start(:'bob_id', 'small', 'k') ->> 'purchase_id', :'purchase_id', 'after a day a key is free');

-- On a page of Stripe's.
select tests.make_user() as cy_id \gset
select tests.start(:'cy_id', 'large', null, 'https://a.example/ok', 'https://a.example/no') as page \gset
select is((success_url, cancel_url, status, purchase_id = (:'page'::jsonb ->> 'purchase_id')::uuid)::text, ('https://a.example/ok'::text, 'https://a.example/no'::text, 'started'::text, true)::text, 'a page has its addresses')
from playground.checkouts where checkout_id = (:'page'::jsonb ->> 'checkout_id')::uuid;
select is(tests.start(:'cy_id', 'large', null, 'https://a.example/ok', 'https://a.example/no') ->> 'checkout_id', :'page'::jsonb ->> 'checkout_id', 'which the next try goes on with');
select is(:'page'::jsonb -> 'stripe_price_id', 'null'::jsonb, 'without a price at Stripe our own is told');
select admin.set_pack_price('large', 'price_large', 'for a test') \g /dev/null
select is(tests.start(:'cy_id', 'large', null, 'https://a.example/ok', 'https://a.example/no') ->> 'stripe_price_id', 'price_large', 'with one, that');
select is(tests.start(:'cy_id', 'large') -> 'checkout_id', 'null'::jsonb, 'the form needs no page');

-- Limits.
select tests.make_user() as dee_id \gset
select tests.start(:'dee_id', 'small', key) from unnest(array['1', '2']) as key \g /dev/null
select tests.advance('20 seconds') \g /dev/null
select is(tests.start(:'dee_id', 'small', '3') ->> 'refusal', null, 'three purchases a minute');
select is((tests.start(:'dee_id', 'small', '4') ->> 'refusal', tests.start(:'dee_id', 'small', '4') -> 'refusal_detail')::text, ('SCB06'::text, '{"retryAfter": 40}'::jsonb)::text, 'a fourth waits for the first to be a minute old');
select is(tests.start(:'dee_id', 'small', '1') ->> 'refusal', null, 'going on with one is none');
select tests.advance('40 seconds') \g /dev/null
select is(tests.start(:'dee_id', 'small', '4') ->> 'refusal', null, 'then it may');
select throws_ok(format('select tests.start(%L, %L)', :'dee_id', pack), 'SCB03', null, format('no pack: %s', coalesce(pack, 'nothing'))) from unnest(array['huge']) as pack;
select throws_ok(format('select tests.start(%L)', gen_random_uuid()), 'SCA02', null, 'a stranger buys nothing');
select * from finish();
rollback;
