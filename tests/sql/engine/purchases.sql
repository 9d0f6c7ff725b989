begin;
\ir ../helpers.psql
\ir ../runs.psql
\ir ../stripe.psql
select plan(51);
select tests.freeze('2026-11-20 12:00:00+00');
select tests.open_shop() \g /dev/null
create function tests.intent(p_id text, p_user_id uuid, p_purchase_id uuid, p_amount bigint default 1000, p_changes jsonb default '{}', p_at timestamptz default null)
returns text
language sql
as $$ select tests.deliver(tests.event('payment_intent.succeeded', tests.payment_intent(p_id, p_user_id, p_purchase_id, p_amount, p_changes), p_at)) $$;
create function tests.decline(p_id text, p_user_id uuid, p_purchase_id uuid, p_code text, p_at timestamptz default null)
returns text
language sql
as $$
  select tests.deliver(tests.event('payment_intent.payment_failed', tests.payment_intent(p_id, p_user_id, p_purchase_id, 1000,
    jsonb_build_object('amount_received', 0, 'last_payment_error', jsonb_build_object('code', 'card_declined', 'decline_code', p_code, 'message', 'No: ' || p_code))), p_at))
$$;
create function tests.purchase(p_purchase_id uuid)
returns text
language sql
as $$ select concat_ws(' ', status, failure_code, payment_intent_id) from playground.purchases where purchase_id = p_purchase_id $$;
create function tests.tasks(p_account_id uuid)
returns text[]
language sql
as $$ select array_agg(kind || ' ' || stripe_id order by kind, stripe_id) from playground.billing_tasks where account_id = p_account_id and state = 'due' $$;

-- A purchase is paid.
select tests.make_payer() as ann_id \gset
select tests.start_purchase(:'ann_id') as purchase_id \gset
select is(tests.purchase(:'purchase_id'), 'started', 'our row is there before Stripe is asked');
select is(tests.intent('pi_ann', :'ann_id', :'purchase_id', p_at => '2026-11-20 11:58:00+00'), 'handled', 'the payment may be faster than our own note of it');
select is(tests.purchase(:'purchase_id'), 'succeeded pi_ann', 'the purchase is paid');
select is(tests.balance(:'ann_id'), '{"balance": 255, "available": 255, "suspended": 0, "budget": 7}', 'it brings what our row says, whatever metadata say, and its cost budget');
select is((type, amount, metadata)::text, ('purchase'::playground.transaction_type, 250::bigint, '{"pack": "medium", "price": 1000, "currency": "usd", "packName": "Medium"}'::jsonb)::text, 'the history shows pack and price')
from playground.transactions where account_id = :'ann_id' and number = 2;
select is((p.number, p.succeeded_at, g.expires_at, g.bucket, t.purchase_id)::text, (2::bigint, '2026-11-20 11:58:00+00'::timestamptz, null::timestamptz, 'purchased'::playground.bucket, :'purchase_id'::uuid)::text, 'purchase, line and lot know one another; it does not expire')
from playground.purchases p
join playground.grants g on g.account_id = p.account_id and g.purchase_id = p.purchase_id
join playground.transactions t on t.account_id = p.account_id and t.number = p.number
where p.purchase_id = :'purchase_id';
select is(tests.intent('pi_ann', :'ann_id', :'purchase_id'), 'handled', 'told again in another event');
select is(tests.balance(:'ann_id') ->> 'balance', '255', 'it brings nothing more');
select is(array_agg(details), array['{"price": 1000, "balance": 255, "credits": 250, "currency": "usd", "packName": "Medium"}'::jsonb], 'the buyer is told once') from playground.notices where user_id = :'ann_id';
select is((credits::bigint, paid_cents, budget_granted_usd, charge_id)::text, (250::bigint, 1000::bigint, 7.000000000000, 'ch_pi_ann'::text)::text, 'what came in is kept') from playground.payments where payment_intent_id = 'pi_ann';

-- Failures.
select is(tests.decline('pi_ann', :'ann_id', :'purchase_id', 'expired_card'), 'handled', 'a failure heard of after the success');
select is(tests.purchase(:'purchase_id'), 'succeeded pi_ann', 'changes nothing');
select tests.make_payer() as bob_id \gset
select tests.start_purchase(:'bob_id', p_payment_intent_id => 'pi_bob') as purchase_id \gset
select is(tests.purchase(:'purchase_id'), 'pending pi_bob', 'a purchase that Stripe knows waits to be paid');
select is(tests.decline('pi_bob', :'bob_id', :'purchase_id', 'insufficient_funds'), 'handled', 'a card that is declined');
select is(tests.purchase(:'purchase_id'), 'failed insufficient_funds pi_bob', 'is a failed purchase, with the reason');
select tests.decline('pi_bob', :'bob_id', :'purchase_id', 'expired_card', engine.now() - interval '1 minute') \g /dev/null
select is(tests.purchase(:'purchase_id'), 'failed insufficient_funds pi_bob', 'of two failures the newer counts');
select tests.decline('pi_bob', :'bob_id', :'purchase_id', 'expired_card') \g /dev/null
select is(tests.purchase(:'purchase_id'), 'failed insufficient_funds pi_bob', 'of two of one second the same, whichever is heard of last');
select tests.intent('pi_bob', :'bob_id', :'purchase_id') \g /dev/null
select is(tests.purchase(:'purchase_id'), 'succeeded insufficient_funds pi_bob', 'a later try may succeed');
select is(engine.purchase_json(p) -> 'failure' #>> '{}', null, 'and is shown as no failure') from playground.purchases p where purchase_id = :'purchase_id';

-- What cannot be right.
select tests.make_payer() as cy_id \gset
select tests.start_purchase(:'cy_id') as purchase_id \gset
select is(tests.intent('pi_cy', :'cy_id', :'purchase_id', 999), 'parked: wrong_amount', 'another amount is parked');
select is(tests.intent('pi_cy', :'cy_id', :'purchase_id', 1000, '{"amount_received": "1000"}'), 'parked: wrong_amount', 'an amount is a number');
select is(tests.intent('pi_cy', :'cy_id', :'purchase_id', 1000, '{"currency": "eur"}'), 'parked: wrong_currency', 'so is another currency');
select is(tests.intent('pi_cy', :'cy_id', gen_random_uuid()), 'parked: unknown_purchase', 'a purchase of nobody');
select is(tests.intent('pi_cy', :'ann_id', :'purchase_id'), 'parked: unknown_purchase', 'another''s purchase');
select is(tests.intent('pi_cy', :'cy_id', :'purchase_id', 1000, '{"customer": "cus_of_nobody"}'), 'parked: unknown_customer', 'a customer of nobody');
select is(tests.intent('pi_ann', :'cy_id', :'purchase_id'), 'parked: unknown_customer', 'another''s payment');
select is(tests.intent('pi_other', :'cy_id', null), 'ignored: not_a_purchase', 'a payment that names no purchase pays something else');
select is(tests.balance(:'cy_id') ->> 'balance', '5', 'none of it brings anything');
update playground.users set deleted_at = engine.now(), email = null where user_id = :'cy_id';
select is(tests.intent('pi_cy', :'cy_id', :'purchase_id'), 'parked: deleted_user', 'a deleted person''s payment waits for somebody to look');
update playground.users set deleted_at = null, email = 'cy@example.com' where user_id = :'cy_id';
select is(engine.payer_problem(:'cy_id', tests.customer_of(:'cy_id')), null, 'a payer without a problem');
select is(engine.payer_problem(:'cy_id', 'cus_of_nobody'), 'unknown_customer', 'a payer who is another');
select is((admin.replay_stripe_event(event_id)).state, 'handled', 'parked, it can be tried again') from playground.stripe_events where reason = 'deleted_user';

-- Paid twice, or on one of two ways.
select tests.make_payer() as dee_id \gset
select tests.start_purchase(:'dee_id') as purchase_id \gset
select tests.intent('pi_dee', :'dee_id', :'purchase_id') \g /dev/null
select is(tests.intent('pi_dee_2', :'dee_id', :'purchase_id'), 'handled: second_payment', 'a second payment of one purchase');
select is(tests.tasks(:'dee_id'), array['refund_payment_intent pi_dee_2'], 'goes back');
select is(tests.balance(:'dee_id') ->> 'balance', '255', 'and brings nothing');
select is(tests.deliver(tests.event('charge.refunded', tests.charge('pi_dee_2', :'dee_id', 1000))), 'ignored: refused_payment', 'its own refund takes nothing');
select is(tests.intent('pi_dee_2', :'dee_id', :'purchase_id'), 'ignored: refused_payment', 'nor is it looked at again');
select tests.make_payer() as eve_id \gset
select purchase_id, checkout_id from api.start_purchase(:'eve_id', 'medium', 'https://a.example/ok', 'https://a.example/no') \gset
select api.record_purchase(:'eve_id', :'purchase_id', 'pi_eve', '{}', 'cs_eve', 'https://checkout.stripe.com/eve', engine.now() + interval '1 day') \g /dev/null
select tests.intent('pi_eve', :'eve_id', :'purchase_id') \g /dev/null
select is(tests.tasks(:'eve_id'), array['expire_checkout_session cs_eve'], 'paid by the form: the page is closed');
select is(tests.deliver(tests.event('checkout.session.completed', jsonb_build_object('id', 'cs_eve', 'metadata', jsonb_build_object('account_id', :'eve_id', 'checkout_id', :'checkout_id')))), 'handled', 'a page that was used all the same');
select is((select status from playground.checkouts where checkout_id = :'checkout_id'), 'completed', 'is over');
select is(tests.balance(:'eve_id') ->> 'balance', '255', 'and says nothing about money');
select tests.make_payer() as fay_id \gset
select tests.start_purchase(:'fay_id', p_payment_intent_id => 'pi_fay') as purchase_id \gset
select tests.intent('pi_page', :'fay_id', :'purchase_id') \g /dev/null
select is(tests.tasks(:'fay_id'), array['cancel_payment_intent pi_fay'], 'paid on a page: the other PaymentIntent is cancelled');
select throws_ok(format('select engine.open_payment(%L, %L, %L)', :'fay_id', 'pi_eve', :'purchase_id'), 'SCB09', null, 'a payment belongs to one payer');

-- The kept answer.
select tests.make_payer() as gus_id \gset
select purchase_id from api.start_purchase(:'gus_id', 'small', null, null, 'k') \gset
select is((select (a.status, a.body)::text from engine.keep_purchase_answer((select p from playground.purchases p where purchase_id = :'purchase_id'), null, null, '{"n": 1}', engine.now()) as a), (200, '{"n": 1}')::text, 'the first answer is kept');
select is((select (a.status, a.body)::text from engine.keep_purchase_answer((select p from playground.purchases p where purchase_id = :'purchase_id'), null, null, '{"n": 2}', engine.now()) as a), (200, '{"n": 1}')::text, 'and counts');
select isnt(engine.purchase_fingerprint('small', null, null), engine.purchase_fingerprint('small', 'https://a.example', 'https://a.example'), 'where one is sent back to is part of a request');
select is(engine.purchase_fingerprint('small', null, null), engine.purchase_fingerprint('small', null, null), 'the same request is the same');
select is(tests.intent('pi_gus', :'gus_id', :'purchase_id', 500), 'handled', 'a small pack');
select is((engine.purchase_json(p)::jsonb - 'id' - 'createdAt')::text, '{"price": 500, "status": "succeeded", "credits": 100, "failure": null, "package": "small", "currency": "usd", "disputed": 0, "refunded": 0, "shortfall": 0, "receiptUrl": null, "completedAt": "2026-11-20T12:00:00.000000Z", "packageName": "Small", "creditsRevoked": 0}', 'as the API shows it')
from playground.purchases p where purchase_id = :'purchase_id';
select is(engine.purchase_metadata(p), '{"pack": "small", "price": 500, "currency": "usd", "packName": "Small"}', 'as its line tells it') from playground.purchases p where purchase_id = :'purchase_id';
select is(tests.books(), 'in order', 'the books hold');
select * from finish();
rollback;
