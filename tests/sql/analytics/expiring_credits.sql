begin;
\ir ../helpers.psql
\ir ../runs.psql
\ir ../stripe.psql
select plan(9);
select tests.freeze('2026-11-01 12:00:00+00');
select tests.open_shop(), tests.make_package() \g /dev/null
create function tests.expiring()
returns text[]
language sql
as $$
  select array_agg(format('%s %s: %s, over %s, expiring %s, held %s, people %s, worth %s', day::date, bucket, credits, carried_over, expiring, held, people, trim_scale(value_usd)) order by day, bucket)
  from analytics.expiring_credits_now
$$;
select tests.make_payer('ann@example.com') as ann_id, tests.make_user('bob@example.com') as bob_id \gset
select tests.buy(:'ann_id', 100, 5) \g /dev/null
select is(tests.expiring(), null, 'bought credits and those of the signup stay');
select tests.add_lot(:'ann_id', 10, '2026-11-20 08:00+00'), tests.add_lot(:'ann_id', 5, '2026-11-20 23:00+00'), tests.add_lot(:'bob_id', 7, '2026-11-20 10:00+00') \g /dev/null
select is(tests.expiring(), array['2026-11-20 purchased: 22, over 0, expiring 22, held 0, people 2, worth 0'], 'those of a promo code are added up by day; people count once');
select tests.deliver(tests.event('customer.subscription.created', tests.subscription('sub_ann', :'ann_id', 'active', '2026-11-01', '2026-12-01'))) \g /dev/null
select tests.deliver(tests.event('invoice.paid', tests.invoice('in_1', 'sub_ann', :'ann_id', '2026-11-01', '2026-12-01'))) \g /dev/null
select is((tests.expiring())[2], '2026-12-04 monthly: 100, over 100, expiring 0, held 0, people 1, worth 0', 'what a live plan carries over is told apart');
select tests.reserve(:'ann_id', p_model => 'opus') \g /dev/null
select is((tests.expiring())[2], '2026-12-04 monthly: 95, over 95, expiring 0, held 5, people 1, worth 0', 'and what runs hold');
update playground.plans set rollover_cap = 60 where plan = 'prpm_plus';
select is((tests.expiring())[2], '2026-12-04 monthly: 95, over 60, expiring 35, held 5, people 1, worth 2.1', 'beyond the plan''s cap nothing is carried over');
select tests.deliver(tests.event('customer.subscription.updated', tests.subscription('sub_ann', :'ann_id', 'past_due', '2026-11-01', '2026-12-01'), '2026-11-01 13:00+00')) \g /dev/null
select is((tests.expiring())[2], '2026-12-04 monthly: 95, over 0, expiring 95, held 5, people 1, worth 5.7', 'nor while a payment is missing');
select tests.deliver(tests.event('customer.subscription.updated', tests.subscription('sub_ann', :'ann_id', 'active', '2026-11-01', '2026-12-01', p_changes => '{"cancel_at_period_end": true}'), '2026-11-01 14:00+00')) \g /dev/null
select is((tests.expiring())[2], '2026-12-01 monthly: 95, over 0, expiring 95, held 5, people 1, worth 5.7', 'nor of a plan that ends');
select tests.freeze('2026-12-02 12:00:00+00') \g /dev/null
select api.get_balance(:'ann_id'), api.get_balance(:'bob_id') \g /dev/null
select is(tests.expiring(), null, 'what has expired is gone');
select lives_ok($$ select tests.run_as('scrip_analyst', 'select * from analytics.expiring_credits, analytics.expiring_credits_now') $$, 'analysts read it, cached and live');
select * from finish();
rollback;
