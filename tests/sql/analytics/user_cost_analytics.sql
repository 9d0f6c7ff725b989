begin;
\ir ../helpers.psql
\ir ../runs.psql
\ir ../stripe.psql
select plan(17);
create view tests.costs as
select u.email, c.*
from rollup.user_cost_analytics_now c
join playground.users u using (user_id);

select tests.freeze('2026-10-31 12:00:00+00');
select tests.make_package() as package_id, tests.make_user('ann@scrip.example') as ann_id, tests.make_user('bob@scrip.example') as bob_id, tests.make_user('eve@scrip.example') as eve_id \gset
select tests.buy(:'ann_id', 100, 10);
select admin.set_unlimited(:'ann_id', true, 'for a test') \g /dev/null
select tests.settle(:'ann_id', tests.reserve(:'ann_id')) \g /dev/null
select tests.advance('1 day');
select tests.buy(:'ann_id', 50, 4.99);
select tests.settle(:'ann_id', tests.reserve(:'ann_id')), tests.settle(:'ann_id', tests.reserve(:'ann_id')), tests.settle(:'bob_id', tests.reserve(:'bob_id')) \g /dev/null
select engine.refresh_analytics() \g /dev/null

select results_eq(
  'select email, month_requests, trim_scale(month_cost_usd), trim_scale(average_cost_usd), lifetime_requests, trim_scale(lifetime_cost_usd) from tests.costs order by email',
  $$ values ('ann@scrip.example', 2::bigint, 0.0021, 0.00105, 3::bigint, 0.00315), ('bob@scrip.example', 1, 0.00105, 0.00105, 1, 0.00105), ('eve@scrip.example', 0, 0, 0, 0, 0) $$,
  'calls and cost of the month and of all time, of everybody'
);
select results_eq(
  'select email, month_revenue_usd, lifetime_revenue_usd, margin_percent from tests.costs order by email',
  $$ values ('ann@scrip.example', 4.99, 14.99, 99.96), ('bob@scrip.example', 0.00, 0.00, null), ('eve@scrip.example', 0.00, 0.00, null) $$,
  'what they paid, and what is left of it; without revenue there is no margin'
);
select is(last_request_at, '2026-11-01 12:00:00+00', 'when somebody was last here is known') from tests.costs where email = 'ann@scrip.example';
select is(last_request_at, null, 'who never was has no such time') from tests.costs where email = 'eve@scrip.example';
select is(tier, 'unlimited', 'the tier is the one that binds now') from tests.costs where email = 'ann@scrip.example';

-- Money that went back.
update playground.payments set refunded_cents = 100, lost_cents = 200 where account_id = :'ann_id' and paid_cents = 499;
update playground.payments set refunded_cents = 900, lost_cents = 900 where account_id = :'ann_id' and paid_cents = 1000;
select is((month_revenue_usd, lifetime_revenue_usd)::text, '(1.99,1.99)', 'what was given back or lost is no revenue, at most what was paid') from tests.costs where email = 'ann@scrip.example';
update playground.payments set currency = 'jpy' where account_id = :'ann_id';
select is((month_revenue_usd, lifetime_revenue_usd)::text, '(0.00,0.00)', 'other currencies are not added to dollars') from tests.costs where email = 'ann@scrip.example';

-- A plan's month, of which Stripe has not named the PaymentIntent: it may have been paid by bank transfer.
select tests.open_shop(), api.record_customer(:'eve_id', tests.customer_of(:'eve_id')) \g /dev/null
select tests.deliver(tests.event('customer.subscription.created', tests.subscription('sub_eve', :'eve_id', 'active', '2026-11-01 11:00+00', '2026-12-01 11:00+00'))),
  tests.deliver(tests.event('invoice.paid', tests.invoice('in_eve', 'sub_eve', :'eve_id', '2026-11-01 11:00+00', '2026-12-01 11:00+00'))) \g /dev/null
select is((month_revenue_usd, lifetime_revenue_usd)::text, '(6.00,6.00)', 'an invoice is paid, however it was') from tests.costs where email = 'eve@scrip.example';
select tests.deliver(tests.event('invoice_payment.paid', tests.invoice_payment('in_eve', 'pi_eve'))),
  tests.deliver(tests.event('refund.created', tests.refund('re_eve', 'pi_eve', 150, 'succeeded', engine.now()))) \g /dev/null
select is((month_revenue_usd, lifetime_revenue_usd)::text, '(4.50,4.50)', 'and once, less what went back of it') from tests.costs where email = 'eve@scrip.example';

-- Risk is told by the month's cost.
create function tests.risk_at(p_cost_usd numeric)
returns text
language plpgsql
as $$
begin
  update rollup.user_months set cost_usd = p_cost_usd where user_id = (select user_id from playground.users where email = 'bob@scrip.example');
  return (select risk_level from tests.costs where email = 'bob@scrip.example');
end $$;
select is(
  array[tests.risk_at(1), tests.risk_at(1.000001), tests.risk_at(2.5), tests.risk_at(2.500001), tests.risk_at(5), tests.risk_at(5.000001)],
  array['safe', 'low_risk', 'low_risk', 'medium_risk', 'medium_risk', 'high_risk'],
  'risk begins above its bound'
);

-- Joins that could multiply rows.
select admin.create_organization('One', :'bob_id', 'for a test'), admin.create_organization('Two', :'bob_id', 'for a test') \g /dev/null
select is(count(*), 1::bigint, 'a person of two organisations is one person') from tests.costs where email = 'bob@scrip.example' and is_organization_member;
select is(count(*), 3::bigint, 'there are as many rows as people') from tests.costs;

select admin.throttle(:'bob_id', 'for a test');
select ok(is_throttled, 'whom an operator throttles is throttled') from tests.costs where email = 'bob@scrip.example';
select ok(not is_throttled, 'others are not') from tests.costs where email = 'eve@scrip.example';

-- Analysts.
select is_empty(
  $$ select from pg_attribute where attrelid in ('analytics.user_cost_analytics'::regclass, 'analytics.user_cost_analytics_now'::regclass) and attname = 'user_id' $$,
  'analysts do not see who it is'
);
select is(
  (select person from rollup.user_cost_analytics where user_id = :'ann_id'),
  engine.pseudonym(:'ann_id', (select pseudonym_key from playground.platform_state)), 'but a pseudonym'
);
select lives_ok($$ select tests.run_as('scrip_analyst', 'select * from analytics.user_cost_analytics, analytics.user_cost_analytics_now') $$, 'in both views');
select * from finish();
rollback;
