begin;
\ir ../helpers.psql
\ir ../runs.psql
\ir ../stripe.psql
select plan(4);
select tests.freeze('2026-11-20 12:00:00+00');
select tests.make_user() as ann_id \gset
select tests.buy(:'ann_id', 250, 10) \g /dev/null
insert into playground.purchases (account_id, purchase_id, user_id, pack, pack_name, credits, price_cents, currency, cost_share, status, requested_at)
values (:'ann_id', gen_random_uuid(), :'ann_id', 'small', 'Small', 100, 500, 'usd', 0.7, 'started', engine.now());

select bag_eq(
  $$ select user_id, credits, amount_cents, stripe_payment_intent_id, stripe_status from admin.playground_credit_purchases $$,
  $$ select p.user_id, p.credits::bigint, p.price_cents::bigint, y.payment_intent_id, case when y.paid_cents is null then 'started' else 'succeeded' end
     from playground.purchases p left join playground.payments y using (account_id, purchase_id) $$,
  'a purchase is one row, with its payment once there is one'
);
select is((select sum(amount_cents) from admin.playground_credit_purchases where stripe_status = 'succeeded'), 1000::numeric, 'what was paid can be added up');
select lives_ok($$ select tests.run_as('scrip_operator', 'select * from admin.playground_credit_purchases') $$, 'operators may look');
select throws_ok($$ select tests.run_as('scrip_operator', 'update admin.playground_credit_purchases set stripe_status = ''succeeded''') $$, 'SCL01', null, 'and mark nothing as paid');
select * from finish();
rollback;
