begin;
\ir ../helpers.psql
\ir ../runs.psql
\ir ../stripe.psql
\ir ../gifts.psql
select plan(13);
select tests.freeze('2026-11-01 12:00:00+00');
select tests.open_shop(), tests.make_package() \g /dev/null
create function tests.deferred(p_source text)
returns text
language sql
as $$
  select format('paid %s, recognised %s, breakage %s, refunded %s, deferred %s, rounding %s; %s credits; back %s',
    trim_scale(paid), trim_scale(recognised), trim_scale(breakage), trim_scale(refunded), trim_scale(deferred), trim_scale(rounding), credits, trim_scale(money_back))
  from analytics.deferred_revenue_now where source = p_source and currency = 'usd'
$$;
select tests.make_payer('ann@example.com') as ann_id, tests.make_payer('bob@example.com') as bob_id \gset
select admin.grant_credits(:'ann_id', 50, 'for a test'), engine.roll_up() \g /dev/null
select is_empty('select * from analytics.deferred_revenue_now', 'free credits are no revenue');

select tests.buy(:'ann_id', 250, 10), engine.roll_up() \g /dev/null
select is(tests.deferred('pack'), 'paid 10, recognised 0, breakage 0, refunded 0, deferred 10, rounding 0; 250 credits; back 0', 'what was bought is owed');
update playground.grants set suspended = remaining where account_id = :'ann_id' and source in ('signup', 'admin');
select tests.settle(:'ann_id', tests.reserve(:'ann_id', p_model => 'opus')), engine.roll_up() \g /dev/null
select is(tests.deferred('pack'), 'paid 10, recognised 0.2, breakage 0, refunded 0, deferred 9.8, rounding 0; 245 credits; back 0', 'until a run uses it');
select tests.freeze('2026-11-20 12:00:00+00') \g /dev/null
select tests.give(:'ann_id', 'bob@example.com', 100), tests.carry(), tests.give(:'ann_id', 'new@example.com', 10), engine.roll_up() \g /dev/null
select is(tests.deferred('pack'), 'paid 10, recognised 0.2, breakage 0, refunded 0, deferred 9.8, rounding 0; 245 credits; back 0', 'given away it is owed all the same, also on the way');
select tests.refund(:'ann_id', 500), tests.carry(), engine.roll_up() \g /dev/null
select is(tests.deferred('pack'), 'paid 10, recognised 0.2, breakage 0, refunded 5, deferred 4.8, rounding 0; 120 credits; back 5', 'a refund takes credits of the same worth');
select tests.settle(:'bob_id', tests.reserve(:'bob_id', p_model => 'opus')) \g /dev/null
select tests.refund(:'ann_id', 1000), tests.carry(), engine.roll_up() \g /dev/null
select is(tests.deferred('pack'), 'paid 10, recognised 0.2, breakage 0, refunded 9.4, deferred 0.4, rounding 0; 10 credits; back 10',
  'what runs used is not taken: more money goes back than credits; what a gift on its way owes is taken where it arrives');
select tests.buy(:'bob_id', 600, 20), engine.roll_up() \g /dev/null
select matches(tests.deferred('pack'), '^paid 30, .*, rounding 0.0000000002;', 'prices of a credit are rounded, and what that leaves is told');

-- Plans.
select tests.make_payer('cy@example.com') as cy_id \gset
select tests.deliver(tests.event('customer.subscription.created', tests.subscription('sub_cy', :'cy_id', 'active', '2026-11-20', '2026-12-20'))) \g /dev/null
select tests.deliver(tests.event('invoice.paid', tests.invoice('in_1', 'sub_cy', :'cy_id', '2026-11-20', '2026-12-20'))) \g /dev/null
select tests.settle(:'cy_id', tests.reserve(:'cy_id', p_model => 'opus')), engine.roll_up() \g /dev/null
select is(tests.deferred('plan'), 'paid 6, recognised 0.3, breakage 0, refunded 0, deferred 5.7, rounding 0; 95 credits; back 0', 'a month of a plan is earned as its credits are used');
select tests.freeze('2026-12-20 12:00:00+00') \g /dev/null
select tests.deliver(tests.event('invoice.paid', tests.invoice('in_2', 'sub_cy', :'cy_id', '2026-12-20', '2027-01-19'))), engine.roll_up() \g /dev/null
select is(tests.deferred('plan'), 'paid 12, recognised 0.3, breakage 0, refunded 0, deferred 11.7, rounding 0; 195 credits; back 0', 'what rolls over is still owed');
select tests.freeze('2027-02-01 12:00:00+00') \g /dev/null
select api.get_balance(:'cy_id'), engine.roll_up() \g /dev/null
select is(tests.deferred('plan'), 'paid 12, recognised 0.3, breakage 11.7, refunded 0, deferred 0, rounding 0; 0 credits; back 0', 'what expires is breakage');

-- Plans without credits.
select admin.create_organization('Acme', :'ann_id', 'for a test') as org_id \gset
select api.record_customer(:'ann_id', tests.customer_of(:'org_id'), :'org_id') \g /dev/null
select tests.freeze('2027-03-01 00:00:00+00') \g /dev/null
select tests.deliver(tests.event('customer.subscription.created', tests.subscription('sub_org', :'org_id', 'active', '2027-03-01', '2027-03-31', 'price_verified'))) \g /dev/null
select tests.deliver(tests.event('invoice.paid', tests.invoice('in_3', 'sub_org', :'org_id', '2027-03-01', '2027-03-31', p_price => 'price_verified', p_amount => 2000))) \g /dev/null
select tests.freeze('2027-03-07 00:00:00+00') \g /dev/null
select is(tests.deferred('access'), 'paid 20, recognised 4, breakage 0, refunded 0, deferred 16, rounding 0; 0 credits; back 0', 'a plan without credits is earned as its month passes');
select is_empty('select * from analytics.deferred_revenue_now where paid <> recognised + breakage + refunded + deferred + rounding', 'what was paid is earned, broken, refunded or owed, to the last place');
select lives_ok($$ select tests.run_as('scrip_analyst', 'select * from analytics.deferred_revenue, analytics.deferred_revenue_now') $$, 'analysts read it, cached and live');
select * from finish();
rollback;
