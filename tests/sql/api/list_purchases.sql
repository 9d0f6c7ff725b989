begin;
\ir ../helpers.psql
\ir ../stripe.psql
select plan(9);
select tests.freeze('2026-11-20 12:00:00+00');
select tests.open_shop() \g /dev/null
select tests.make_payer() as ann_id, tests.make_payer() as bob_id \gset
select tests.start_purchase(:'ann_id', p_payment_intent_id => 'pi_1') as first_id \gset
select tests.deliver(tests.event('payment_intent.succeeded', tests.payment_intent('pi_1', :'ann_id', :'first_id'))) \g /dev/null
select tests.advance('1 minute'), tests.deliver(tests.event('charge.refunded', tests.charge('pi_1', :'ann_id', 300))), tests.deliver(tests.event('charge.dispute.created', tests.dispute('dp_1', 'pi_1', 100, 'needs_response'))) \g /dev/null
select tests.start_purchase(:'ann_id', 'small', 'pi_2') as second_id \gset
select tests.deliver(tests.event('payment_intent.payment_failed', tests.payment_intent('pi_2', :'ann_id', :'second_id', 500, '{"last_payment_error": {"code": "card_declined", "message": "Your card was declined."}}'))) \g /dev/null
select tests.advance('1 minute'), tests.start_purchase(:'ann_id', 'large') as third_id \gset

select is(api.list_purchases(:'bob_id')::jsonb, '{"purchases": [], "total": 0, "pagination": {"limit": 20, "offset": 0, "hasMore": false}}', 'a person sees their own');
select is((select array_agg(p ->> 'status') from json_array_elements(api.list_purchases(:'ann_id') -> 'purchases') as p), array['started', 'failed', 'succeeded'], 'the newest first, with what became of them');
select is(
  (api.list_purchases(:'ann_id') -> 'purchases' -> 2)::jsonb,
  jsonb_build_object('id', :'first_id', 'package', 'medium', 'packageName', 'Medium', 'credits', 250, 'price', 1000, 'currency', 'usd', 'status', 'succeeded',
    'failure', null, 'refunded', 300, 'disputed', 100, 'creditsRevoked', 75, 'shortfall', 0, 'receiptUrl', 'https://pay.stripe.com/receipts/pi_1',
    'createdAt', '2026-11-20T12:00:00.000000Z', 'completedAt', '2026-11-20T12:00:00.000000Z'),
  'a purchase says what was paid, given back and disputed in cents, and where its receipt is');
select is((api.list_purchases(:'ann_id') -> 'purchases' -> 1 -> 'failure')::jsonb, '{"code": "card_declined", "message": "Your card was declined."}', 'and why it failed');
select is((api.list_purchases(:'ann_id') -> 'purchases' -> 0 -> 'completedAt') #>> '{}', null, 'one that is not paid is not complete');
select is(api.list_purchases(:'ann_id', 1, 1)::jsonb - 'purchases', '{"total": 3, "pagination": {"limit": 1, "offset": 1, "hasMore": true}}', 'page by page');
select is((api.list_purchases(:'ann_id', 1, 1) -> 'purchases' -> 0 ->> 'id'), :'second_id', 'in that order');
select throws_ok(format('select api.list_purchases(%L, 0, 0)', :'ann_id'), 'SCV01', null, 'a page has at least one line');
select throws_ok(format('select api.list_purchases(%L)', gen_random_uuid()), 'SCA02', null, 'a stranger sees nothing');
select * from finish();
rollback;
