begin;
\ir ../helpers.psql
\ir ../runs.psql
select plan(37);
select tests.freeze('2026-11-20 12:00:00+00');
select tests.make_package() as package_id, tests.make_user() as ann_id, tests.make_user() as bob_id \gset

-- Once, with its delivery.
select engine.alert_once(:'ann_id', '2026-11-20 00:00:00+00', 'limit_exceeded_cost_day', '{"used": 1}', engine.now()) \g /dev/null
select tests.advance('1 minute') \g /dev/null
select engine.alert_once(:'ann_id', '2026-11-20 00:00:00+00', 'limit_exceeded_cost_day', '{"used": 2}', engine.now()) \g /dev/null
select is(array_agg(details ->> 'used'), array['1'], 'an alert is written once for a person, window and kind') from playground.alerts;
select is(array_agg((a.alert_id = d.alert_id, d.state, d.attempts, d.details)::text), array['(t,due,0,"{""used"": 1}")'], 'with one delivery of the same id to the operators')
from playground.alerts a join playground.alert_deliveries d using (user_id);
select engine.alert_once(:'ann_id', '2026-11-21 00:00:00+00', 'limit_exceeded_cost_day', '{}', engine.now()) \g /dev/null
select engine.alert_once(:'ann_id', '2026-11-20 00:00:00+00', 'throttled', '{}', engine.now()) \g /dev/null
select engine.alert_once(:'bob_id', '2026-11-20 00:00:00+00', 'limit_exceeded_cost_day', '{}', engine.now()) \g /dev/null
select is((select count(*) from playground.alerts), 4::bigint, 'another window, kind or person is another alert');
select is((select count(distinct alert_id) from playground.alert_deliveries), 4::bigint, 'and another delivery');
select is_empty('select from playground.notices', 'days are not mailed');
select throws_ok(
  format($$ do $do$ begin perform engine.alert_once(%L, '2026-11-22 00:00:00+00', 'gone', '{}', engine.now()); raise sqlstate 'TT001'; end $do$ $$, :'ann_id'),
  'TT001', null, 'when the call that saw the reason comes to nothing');
select is_empty($$ select from playground.alert_deliveries where kind = 'gone' $$, 'nothing is told');

-- People: the month's thresholds.
create function tests.cost(p_user_id uuid, p_cost_usd numeric, p_tier text default 'free')
returns integer
language sql
as $$
  select engine.count_run(p_user_id, engine.now(), 0, 0);
  select engine.settle_windows(p_user_id, engine.now(), p_tier, 0, 0, p_cost_usd, 0, 0, engine.now())
$$;
create function tests.mail(p_user_id uuid)
returns text[]
language sql
as $$
  select array_agg(format('%s %s %s of %s until %s', kind, details ->> 'percent', details ->> 'usedUsd', details ->> 'limitUsd', left(details ->> 'resetsAt', 10)) order by created_at, kind, subject)
  from playground.notices
  where user_id = p_user_id
$$;
select tests.cost(:'ann_id', 0.3) \g /dev/null
select is(tests.mail(:'ann_id'), null, 'below the setting a threshold of the month is not mailed');
select is((select count(*) from playground.alerts where user_id = :'ann_id' and kind = 'cost_month_50'), 1::bigint, 'though it is an alert');
select tests.cost(:'ann_id', 0.08) \g /dev/null
select is(tests.mail(:'ann_id'), array['cost_alert 75 0.38 of 0.50 until 2026-12-01'], 'from there on it is, to the cent and with the day on which the month ends');
select tests.cost(:'ann_id', 0.08) \g /dev/null
select is(tests.mail(:'ann_id'), array['cost_alert 90 0.46 of 0.50 until 2026-12-01'], 'what nobody could send yet is overtaken by the next');
select tests.cost(:'bob_id', 0.38) \g /dev/null
select api.claim_notices() \g /dev/null
select tests.advance('1 minute') \g /dev/null
select tests.cost(:'bob_id', 0.08) \g /dev/null
select is(
  tests.mail(:'bob_id'), array['cost_alert 75 0.38 of 0.50 until 2026-12-01', 'cost_alert 90 0.46 of 0.50 until 2026-12-01'],
  'what is on its way is not; of two thresholds at once only the higher is mailed');

select tests.make_user() as joe_id, tests.make_user() as kim_id, tests.make_user() as eve_id \gset
select admin.set_setting('notice_threshold_percent', '90', 'for a test') \g /dev/null
select tests.cost(:'joe_id', 0.44) \g /dev/null
select is(tests.mail(:'joe_id'), null, 'operators say from where on');
update playground.tiers set throttle_on_exceed = false where tier = 'free';
select tests.cost(:'kim_id', 0.49) \g /dev/null
select is(tests.mail(:'kim_id'), null, 'limits that refuse nobody are mailed to nobody');
select engine.limit_refusal(:'kim_id', engine.now(), 'cost_month', 0.5, 0.5, '2026-11-01 00:00:00+00', '2026-12-01 00:00:00+00', false) \g /dev/null
select is(tests.mail(:'kim_id'), null, 'nor when they would have refused');
update playground.tiers set throttle_on_exceed = true where tier = 'free';

-- People: a refusal by the month's limit, and a throttle.
select engine.limit_refusal(:'joe_id', engine.now(), 'cost_day', 0.1, 0.1, '2026-11-20 00:00:00+00', '2026-11-21 00:00:00+00', true) \g /dev/null
select engine.limit_refusal(:'joe_id', engine.now(), 'own_cap', 0.1, 0.1, '2026-11-01 00:00:00+00', '2026-12-01 00:00:00+00', true) \g /dev/null
select is(tests.mail(:'joe_id'), null, 'a refusal by the day, or by one''s own cap, is not mailed');
select engine.limit_refusal(:'joe_id', engine.now(), 'cost_month', 0.498, 0.5, '2026-11-01 00:00:00+00', '2026-12-01 00:00:00+00', true) \g /dev/null
select engine.limit_refusal(:'joe_id', engine.now(), 'cost_month', 0.499, 0.5, '2026-11-01 00:00:00+00', '2026-12-01 00:00:00+00', true) \g /dev/null
select is(tests.mail(:'joe_id'), array['cost_alert  0.50 of 0.50 until 2026-12-01'], 'the first by the month is, and no later one');
select tests.cost(:'joe_id', 0.02) \g /dev/null
select is(cardinality(tests.mail(:'joe_id')), 2, 'a threshold after it does not take its place');
select admin.throttle(:'eve_id', 'looks like a robot', '2026-11-21 00:00:00+00') \g /dev/null
select is(array_agg((kind, details)::text), array['(throttled,"{""until"": ""2026-11-21T00:00:00.000000Z""}")'], 'who is throttled is told until when, and not why')
from playground.notices where user_id = :'eve_id';
select engine.throttle_refusal(:'eve_id', engine.now()) \g /dev/null
select is((select count(*) from playground.notices where user_id = :'eve_id'), 1::bigint, 'and not again when a run is refused');

-- Operators.
create function tests.platform_mail()
returns text[]
language sql
as $$ select array_agg(format('%s: %s', email, details ->> 'kind') order by details ->> 'kind') from playground.notices where kind = 'platform_alert' $$;
select engine.alert_once('00000000-0000-0000-0000-000000000000', '2026-11-20 00:00:00+00', 'margin_low', '{}', engine.now()) \g /dev/null
select is(tests.platform_mail(), null, 'without an address alerts of the platform are not mailed');
select throws_ok($$ select admin.set_setting('alert_email', 'nobody', 'for a test') $$, 'SCD02', null, 'which must be one');
select admin.set_setting('alert_email', 'ops@scrip.example', 'for a test') \g /dev/null
select engine.alert_once('00000000-0000-0000-0000-000000000000', '2026-11-20 00:00:00+00', 'margin_low', '{}', engine.now()) \g /dev/null
select engine.alert_once('00000000-0000-0000-0000-000000000000', '2026-11-20 00:00:00+00', 'job_late: beat', '{"schedule": "* * * * *"}', engine.now()) \g /dev/null
select engine.alert_once(:'ann_id', '2026-11-20 00:00:00+00', 'catch_up_failed', '{}', engine.now()) \g /dev/null
select engine.alert_once(:'ann_id', '2026-11-20 00:00:00+00', 'input_underestimated', '{}', engine.now()) \g /dev/null
select is(tests.platform_mail(), array['ops@scrip.example: catch_up_failed', 'ops@scrip.example: job_late: beat'], 'with one they are, each once, as are accounts that only operators can put right');
select is(
  (details - 'alertId', user_id, details ->> 'alertId' = (select alert_id::text from playground.alerts where kind = 'job_late: beat'))::text,
  ('{"kind": "job_late: beat", "userId": null, "details": {"schedule": "* * * * *"}, "statement": "select * from admin.jobs;", "createdAt": "2026-11-20T12:02:00.000000Z"}'::jsonb,
    '00000000-0000-0000-0000-000000000000'::uuid, true)::text,
  'with what an operator needs to act') from playground.notices where details ->> 'kind' = 'job_late: beat';
select is(array_agg(email), array['ops@scrip.example', 'ops@scrip.example'], 'claimed like all mail') from api.claim_notices() where kind = 'platform_alert';
select lives_ok($$ select admin.set_setting('alert_email', null, 'for a test') $$, 'the address can be taken back');

select engine.alert_failing('notices_failing', 3, engine.now() - interval '1 hour', 5, '451 data', engine.now()) \g /dev/null
select engine.alert_failing('notices_failing', 9, engine.now(), 6, '451 data', engine.now()) \g /dev/null
select is(array_agg(details), array['{"waiting": 3, "oldestAt": "2026-11-20T11:02:00.000000Z", "attempts": 5, "lastError": "451 data"}'::jsonb], 'messages that fail are told of once a day')
from playground.alerts where kind = 'notices_failing';

-- What an operator runs first can be run.
select is(engine.alert_statement('cost_day_50'), null, 'what concerns one person needs no statement');
select lives_ok(format('select tests.run_as(%L, %L)', 'scrip_operator', engine.alert_statement(kind)), format('%s names a statement that operators may run', kind))
from unnest(array[
  'margin_low', 'many_throttled', 'provider_spend_80: openai', 'provider_bill: openai', 'job_late: beat', 'ledger: holds_add_up', 'stripe_event_parked: failed',
  'deliveries_failing', 'notices_failing'
]) as listed (kind);
select * from finish();
rollback;
