begin;
\ir ../helpers.psql
\ir ../stripe.psql
select plan(7);
select tests.freeze('2027-03-10 12:00:00+00');
select tests.open_shop();
select tests.make_payer('ann@scrip.example') as ann_id \gset
select tests.start_purchase(:'ann_id', 'medium', 'pi_old') as old_id \gset

select is(admin.forget_customer(:'ann_id', 'deleted at Stripe'), tests.customer_of(:'ann_id'), 'says whom it forgot');
select is(customer_id, null, 'the next purchase makes a new customer') from api.start_purchase(:'ann_id', 'small');
select is(api.record_customer(:'ann_id', 'cus_new'), 'cus_new', 'who then counts');
select is(tests.deliver(tests.event('payment_intent.succeeded', tests.payment_intent('pi_old', :'ann_id', :'old_id'))), 'handled', 'what the old one began still counts');
select is((api.get_balance(:'ann_id') ->> 'balance')::bigint, 255::bigint, 'and brings its credits');
select throws_ok(format('select admin.forget_customer(%L, %L)', tests.make_user(), 'x'), 'SCD04', null, 'who has none is refused');
select throws_ok(format('select admin.forget_customer(%L, null)', :'ann_id'), 'SCD03', null, 'a reason must be given');
select * from finish();
rollback;
