begin;
\ir ../helpers.psql
\ir ../stripe.psql
select plan(17);
select tests.freeze('2026-11-20 12:00:00+00');
select tests.open_shop();
select tests.make_user() as person \gset
select tests.make_payer() as other \gset

-- Tasks
select engine.ask_stripe(:'person', 'refund_payment_intent', 'pi_1', engine.now(), '5 minutes') \g /dev/null
select engine.ask_stripe(:'person', 'refund_payment_intent', 'pi_1', engine.now()) \g /dev/null
select is((count(*), min(next_try_at), min(state))::text, (1, engine.now() + interval '5 minutes', 'due')::text, 'a task is left once for a kind and an object, and waits as long as it was told to')
from playground.billing_tasks;
select engine.ask_stripe(:'person', 'cancel_payment_intent', 'pi_1', engine.now()) \g /dev/null
select engine.ask_stripe(:'other', 'refund_payment_intent', 'pi_1', engine.now()) \g /dev/null
select is(count(*), 3::bigint, 'another kind, or another payer, is another task') from playground.billing_tasks;
select engine.withdraw_task(:'person', 'refund_payment_intent', 'pi_1', engine.now()) \g /dev/null
select is((state, ended_at)::text, ('withdrawn', engine.now())::text, 'a task that nobody has begun is taken back')
from playground.billing_tasks where account_id = :'person' and kind = 'refund_payment_intent';
update playground.billing_tasks set attempts = 1 where kind = 'cancel_payment_intent';
select engine.withdraw_task(:'person', 'cancel_payment_intent', 'pi_1', engine.now()) \g /dev/null
select is(state, 'due', 'one that was begun is not') from playground.billing_tasks where kind = 'cancel_payment_intent';
select is(state, 'due', 'nor that of another payer') from playground.billing_tasks where account_id = :'other';

-- Whose an object of Stripe is
select is(engine.claim_stripe_id('sub_1', 'subscription', :'person'), true, 'an object is noted');
select is(engine.claim_stripe_id('sub_1', 'subscription', :'person'), false, 'once');
select throws_ok(format('select engine.claim_stripe_id(%L, %L, %L)', 'sub_1', 'subscription', :'other'), 'SCB09', null, 'and cannot become another payer''s');
select throws_ok(format('select engine.claim_stripe_id(%L, %L, %L)', 'sub_1', 'customer', :'person'), 'SCB09', null, 'nor anything else');

-- The one customer
select is((customer_id, is_customer_old)::text, '(,f)', 'who was never asked for has no customer') from engine.request_customer(:'person', engine.now());
select is((customer_id, is_customer_old)::text, '(,f)', 'and is not old at once') from engine.request_customer(:'person', engine.now() + interval '23 hours');
select is((customer_id, is_customer_old)::text, '(,t)', 'asked for so long ago that Stripe may have forgotten the key') from engine.request_customer(:'person', engine.now() + interval '23 hours 1 second');
select is((customer_id, is_customer_old)::text, format('(%s,f)', tests.customer_of(:'other')), 'a known one is never old') from engine.request_customer(:'other', engine.now() + interval '1 year');

-- Who acts for whom
select is(engine.payer_of(:'person'), :'person', 'a person acts on their own account');
select (api.create_organization(:'person', 'Payers') ->> 'id') as organization \gset
select is(engine.payer_of(:'person', :'organization'), :'organization', 'an owner on that of the organisation');
select throws_ok(format('select engine.payer_of(%L, %L)', :'other', :'organization'), 'SCN01', null, 'others do not even see it');
select is((engine.live_subscription(:'person')).subscription_id, null, 'who has no plan has no live one');
select * from finish();
rollback;
