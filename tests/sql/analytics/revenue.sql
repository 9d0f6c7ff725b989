begin;
\ir ../helpers.psql
\ir ../runs.psql
\ir ../stripe.psql
\ir ../gifts.psql
select plan(12);
select tests.freeze('2026-11-10 12:00:00+00');
select tests.open_shop(), tests.make_package() \g /dev/null
create function tests.pay(p_number integer, p_account_id uuid, p_start timestamptz, p_price text default 'price_individual', p_amount bigint default 600)
returns text
language plpgsql
as $$
begin
  if not exists (select from playground.subscriptions where account_id = p_account_id) then
    perform tests.deliver(tests.event('customer.subscription.created', tests.subscription('sub_' || p_account_id, p_account_id, 'active', p_start, p_start + interval '30 days', p_price)));
  end if;
  return tests.deliver(tests.event('invoice.paid', tests.invoice(
    'in_' || p_account_id || p_number, 'sub_' || p_account_id, p_account_id, p_start, p_start + interval '30 days', p_price => p_price, p_amount => p_amount)));
end $$;
create function tests.revenue(p_month timestamptz, p_columns text[], p_currency text default 'usd')
returns text
language sql
as $$
  select string_agg(coalesce(trim_scale((to_jsonb(r) ->> name)::numeric)::text, '-'), ' ' order by place)
  from analytics.revenue_now r
  cross join unnest(p_columns) with ordinality as asked (name, place)
  where r.month = p_month and r.currency = p_currency
$$;
select is_empty('select * from analytics.revenue_now', 'there are no months before the first payment');
select tests.make_payer('ann@example.com') as ann_id, tests.make_payer('bob@example.com') as bob_id, tests.make_payer('cy@example.com') as cy_id \gset

-- November: two subscribers, of whom one ends at once; two packs; a pack in another currency.
select tests.pay(1, :'ann_id', '2026-11-10 12:00+00'), tests.pay(1, :'bob_id', '2026-11-10 12:00+00', 'price_org', 300) \g /dev/null
select is(tests.revenue('2026-11-01', '{mrr,mrr_individual,mrr_organization,mrr_verified,subscribers,new_subscribers,churned_subscribers}'), '9 6 3 0 2 2 0',
  'the month that runs shows the subscribers of now');
select tests.buy(:'cy_id', 100, 5), tests.buy(:'cy_id', 250, 10), tests.settle(:'cy_id', tests.reserve(:'cy_id')) \g /dev/null
update playground.packs set currency = 'eur' where pack = 'large';
select tests.start_purchase(:'cy_id', 'large', 'pi_eur') as purchase_id \gset
select tests.deliver(tests.event('payment_intent.succeeded', tests.payment_intent('pi_eur', :'cy_id', :'purchase_id', 2000, '{"currency": "eur"}'))) \g /dev/null
insert into playground.checkouts (account_id, checkout_id, user_id, plan_price, success_url, cancel_url, status, requested_at)
select :'ann_id', gen_random_uuid(), :'ann_id', 'prpm_plus_individual', 'https://x', 'https://x', status, engine.now() from unnest(array['completed', 'started', 'expired']) as status;
select engine.roll_up() \g /dev/null
select is(tests.revenue('2026-11-01', '{packs_sold,credits_sold,credits_per_purchase,pack_revenue,plan_revenue,gross,refunds,net,payers,active_people,arpu}'), '2 350 175 15 9 24 0 24 3 1 24',
  'money of packs and plans, of the payers of the month');
select is(tests.revenue('2026-11-01', '{packs_sold,gross,net,mrr,subscribers,checkouts_begun}', 'eur'), '1 20 20 0 0 0', 'other currencies are told apart');
select is(tests.revenue('2026-11-01', '{checkouts_begun,checkouts_completed}'), '3 1', 'pages of Stripe count in the month in which people were sent to them');
select tests.deliver(tests.event('customer.subscription.deleted', tests.subscription('sub_' || :'bob_id', :'bob_id', 'canceled', '2026-11-10 12:00+00', '2026-12-10 12:00+00', 'price_org',
  jsonb_build_object('ended_at', tests.seconds(engine.now()))))) \g /dev/null
select is(tests.revenue('2026-11-01', '{mrr,subscribers,new_subscribers}'), '6 1 1', 'who has ended is no subscriber, also in a month that is paid');

-- December: renewed; January: not, and one new by hand. A refund in December of what was paid in November.
select tests.freeze('2026-12-10 12:00:00+00') \g /dev/null
select tests.pay(2, :'ann_id', '2026-12-10 12:00+00'), tests.refund(:'cy_id', 250, 2) \g /dev/null
select is(tests.revenue('2026-12-01', '{mrr,subscribers,new_subscribers,churned_subscribers,churn_percent,ltv,gross,net,refund_rate_percent}'), '6 1 0 0 0 - 6 ' || case when tests.payment_of(:'cy_id', 2) = 'pi_eur' then '6' else '3.5' end || ' 0',
  'a subscriber who goes on is neither new nor gone; a refund goes back in the month in which it is made');
select is((select sum(refund_rate_percent) from analytics.revenue_now where month = '2026-11-01' and refund_rate_percent > 0),
  case when tests.payment_of(:'cy_id', 2) = 'pi_eur' then 12.5 else 10.42 end, 'and is the rate of the month in which it was paid');
select tests.freeze('2027-02-03 12:00:00+00') \g /dev/null
select admin.set_plan(:'cy_id', 'prpm_plus_individual', null, 'for a test') \g /dev/null
select is(tests.revenue('2027-01-01', '{mrr,subscribers,churned_subscribers,churn_percent,ltv}'), '0 0 1 100 -', 'who did not pay again is gone when the month ends');
select is(tests.revenue('2027-02-01', '{mrr,subscribers,new_subscribers,churned_subscribers,subscribers_by_hand}'), '0 0 0 0 1', 'a plan that an operator set is nobody''s payment');
select is_empty($$
  select * from (
    select currency, month, subscribers, new_subscribers, churned_subscribers, lag(subscribers, 1, 0::bigint) over (partition by currency order by month) as before
    from analytics.revenue_now) as r
  where subscribers <> before + new_subscribers - churned_subscribers $$, 'subscribers are those before, the new ones, less those who are gone');
select lives_ok($$ select tests.run_as('scrip_analyst', 'select * from analytics.revenue, analytics.revenue_now') $$, 'analysts read it, cached and live');
select * from finish();
rollback;
