begin;
\ir ../helpers.psql
\ir ../runs.psql
\ir ../stripe.psql
select plan(25);
select tests.freeze('2026-11-20 12:00:00+00');
select tests.make_package() as package_id, tests.open_shop() as shop \gset
create function tests.platform_alerts()
returns text[]
language sql
as $$
  select array_agg(kind order by kind)
  from playground.alerts
  where user_id = '00000000-0000-0000-0000-000000000000' and window_starts_at = date_trunc('day', engine.now(), 'UTC')
$$;
create function tests.details_of(p_kind text)
returns jsonb
language sql
as $$
  select details
  from playground.alerts
  where user_id = '00000000-0000-0000-0000-000000000000' and window_starts_at = date_trunc('day', engine.now(), 'UTC') and kind = p_kind
$$;

select is((jobs.watch_platform(), tests.platform_alerts())::text, '(0,)', 'an empty house alerts nobody');
select lives_ok($$ select tests.run_as('scrip_cron', 'select jobs.watch_platform()') $$, 'the scheduler may watch it');

-- Margin: as paid in the month, less what went back, against the month's cost.
select tests.make_user() as ann_id \gset
select tests.freeze('2026-10-31 23:59:59+00');
select tests.make_user() as old_id \gset
select tests.buy(:'old_id', 1000, 500) \g /dev/null
select engine.count_spend('sonnet', engine.now(), 50) \g /dev/null
select tests.freeze('2026-11-20 12:00:00+00');
select engine.count_spend('sonnet', '2026-11-01 00:00:00+00', 3) \g /dev/null
select is(jobs.watch_platform(), 0, 'a month without revenue has no margin');
select tests.buy(:'ann_id', 100, 10) \g /dev/null
select is(jobs.watch_platform(), 0, 'what costs $3 of $10 earns 70 percent, which is enough');
select engine.count_spend('sonnet', '2026-11-20 00:00:00+00', 0.01) \g /dev/null
select is((jobs.watch_platform(), tests.platform_alerts())::text, '(1,{margin_low})', 'a cent more is not');
select is(tests.details_of('margin_low'), '{"revenueUsd": 10.00, "costUsd": 3.01, "marginPercent": 69.9, "alertPercent": 70}', 'and operators hear the figures');
select is(jobs.watch_platform(), 0, 'once a day');
update playground.payments set refunded_cents = 400 where account_id = :'ann_id';
select tests.freeze('2026-11-21 12:00:00+00');
select is((jobs.watch_platform(), tests.details_of('margin_low') ->> 'marginPercent')::text, '(1,49.8)', 'and again on the next; what was given back is not earned');
update playground.payments set refunded_cents = 0 where account_id = :'ann_id';
select admin.set_setting('margin_alert_percent', '69', 'for a test') \g /dev/null
select tests.freeze('2026-11-22 12:00:00+00');
select is(jobs.watch_platform(), 0, 'operators say what is too low');

select admin.set_setting('margin_alert_percent', '75', 'for a test') \g /dev/null
select api.record_customer(:'ann_id', tests.customer_of(:'ann_id')) \g /dev/null
select tests.deliver(tests.event('customer.subscription.created', tests.subscription('sub_ann', :'ann_id', 'active', '2026-11-22 11:00+00', '2026-12-22 11:00+00'))),
  tests.deliver(tests.event('invoice.paid', tests.invoice('in_ann', 'sub_ann', :'ann_id', '2026-11-22 11:00+00', '2026-12-22 11:00+00'))) \g /dev/null
select is(jobs.watch_platform(), 0, 'an invoice is revenue before Stripe tells how it was paid, and when it never does');

-- People: of those who ran this month.
select tests.settle(p.user_id, tests.reserve(p.user_id)) from (select tests.make_user_with(10) as user_id from generate_series(1, 20)) as p \g /dev/null
select user_id as one from playground.cost_windows where kind = 'month' order by user_id limit 1 \gset
select user_id as other from playground.cost_windows where kind = 'month' order by user_id offset 1 limit 1 \gset
select user_id as third from playground.cost_windows where kind = 'month' order by user_id offset 2 limit 1 \gset
select admin.throttle(:'one', 'for a test') \g /dev/null
select admin.throttle(:'old_id', 'for a test') \g /dev/null
select is(jobs.watch_platform(), 0, 'one of twenty throttled is five percent, which is not more; who does not run does not count');
update playground.users set cost_cap_usd = 0 where user_id = :'third';
select is(jobs.watch_platform(), 0, 'nor whom their own cap stops');
update playground.cost_windows set cost_usd = 0.5 where user_id = :'other' and kind = 'month';
select is((jobs.watch_platform(), tests.platform_alerts())::text, '(1,{many_throttled})', 'two are more');
select is(
  tests.details_of('many_throttled'), '{"activePeople": 20, "throttledPeople": 2, "byOperator": 1, "byMonth": 1, "byDay": 0, "byHour": 0, "alertPercent": 5}',
  'told by what throttles them');

-- Providers: without a run that would find it.
select tests.freeze('2026-11-23 12:00:00+00');
select admin.set_setting('throttled_alert_percent', '100', 'for a test') \g /dev/null
select admin.set_setting('margin_alert_percent', '0', 'for a test') \g /dev/null
select tests.buy(:'ann_id', 100, 1000) \g /dev/null
select engine.count_spend('sonnet', engine.now(), 79.99) \g /dev/null
select is(jobs.watch_platform(), 0, 'below 80 percent of its ceiling a provider is nobody''s worry');
select engine.count_spend('sonnet', engine.now(), 0.01) \g /dev/null
select is((jobs.watch_platform(), tests.platform_alerts())::text, '(1,"{""provider_spend_80: anthropic""}")', 'from there on it is');
select engine.count_spend('sonnet', engine.now(), 20) \g /dev/null
select is(jobs.watch_platform(), 1, 'and again at the ceiling');
select is((tests.details_of('provider_spend_100: anthropic') ->> 'costUsd')::numeric, 100.0, 'with what it cost');

-- Messages.
select tests.freeze('2026-11-24 12:00:00+00');
delete from playground.notices;
delete from playground.alert_deliveries;
select engine.write_notice(:'ann_id', 'refund', 'a', '{}', engine.now()) \g /dev/null
select engine.alert_once(:'ann_id', engine.now(), 'a', '{}', engine.now()) \g /dev/null
create function tests.fail_once()
returns void
language plpgsql
as $$
begin
  perform api.finish_notice(user_id, notice_id, '451 data') from api.claim_notices();
  perform api.finish_alert(user_id, alert_id, 'HTTP 500') from api.claim_alerts();
  perform tests.advance('10 minutes');
end $$;
select tests.fail_once() from generate_series(1, 3) \g /dev/null
select is(jobs.watch_platform(), 0, 'three tries in vain happen');
select tests.fail_once() \g /dev/null
select is((jobs.watch_platform(), tests.platform_alerts())::text, '(2,"{deliveries_failing,notices_failing}")', 'after the fourth operators are told, by the way that works');
select is(tests.details_of('deliveries_failing'), '{"waiting": 1, "oldestAt": "2026-11-24T12:00:00.000000Z", "attempts": 4, "lastError": "HTTP 500"}', 'since when, and what was said');
select is(tests.details_of('notices_failing') ->> 'lastError', '451 data', 'of each');

-- Stripe's inbox: a kind for each reason, as whoever parks them has it.
select tests.freeze('2026-11-25 12:00:00+00');
delete from playground.notices;
delete from playground.alert_deliveries;
select tests.deliver(tests.event('customer.subscription.updated', tests.subscription('sub_x', gen_random_uuid(), 'active', engine.now(), engine.now() + interval '1 month'))) \g /dev/null
update playground.alerts set kind = 'seen' where starts_with(kind, 'stripe_event');
update playground.stripe_events set next_try_at = engine.now() + interval '6 hours' where state = 'parked';
select is((select count(*) from playground.stripe_events where state = 'parked'), 1::bigint, 'an event that waits');
select is(jobs.watch_platform(), 0, 'may wait for a while');
select tests.advance('15 minutes') \g /dev/null
select is(
  array[jobs.watch_platform()::text, (tests.platform_alerts())[2]],
  array['1', 'stripe_event_parked: ' || split_part((select reason from playground.stripe_events where state = 'parked'), ':', 1)], 'not for ever');
select * from finish();
rollback;
