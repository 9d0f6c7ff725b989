begin;
\ir ../helpers.psql
\ir ../runs.psql
select plan(32);
select tests.freeze('2026-11-20 12:00:00+00');
select tests.make_package() as package_id, tests.make_user() as ann_id \gset
create function tests.limits()
returns text
language sql
as $$
  select format('%s a month, %s a day, %s an hour, %s at once%s%s, %s', trim_scale(monthly_cost_limit_usd), trim_scale(daily_cost_limit_usd), runs_per_hour,
    concurrent_runs, case when not throttle_on_exceed then ', shadow' end, case when not is_active then ', inactive' end, alert_thresholds)
  from playground.tiers where tier = 'free'
$$;

select is(tests.limits(), '0.5 a month, 0.1 a day, 10 an hour, 20 at once, {50,75,80,90}', 'a tier has its limits');
select admin.set_limits('free', 0.75, null, null, ' spring ') \g /dev/null
select is(tests.limits(), '0.75 a month, 0.1 a day, 10 an hour, 20 at once, {50,75,80,90}', 'one is changed, what is not said stays');
select is(
  (actor, user_id, subject, before, after, reason)::text,
  (session_user, null, 'free',
    '{"dailyUsd": 0.1, "isActive": true, "monthlyUsd": 0.5, "runsPerHour": 10, "concurrentRuns": 20, "alertThresholds": [50, 75, 80, 90], "throttleOnExceed": true}',
    '{"dailyUsd": 0.1, "isActive": true, "monthlyUsd": 0.75, "runsPerHour": 10, "concurrentRuns": 20, "alertThresholds": [50, 75, 80, 90], "throttleOnExceed": true}',
    'spring')::text,
  'who, what, before, after and why are kept'
)
from playground.audit_log where action = 'set_limits';
select admin.set_limits('free', 0.75, 0.1, 10, 'the same again') \g /dev/null
select is(count(*), 1::bigint, 'the same again changes nothing and leaves no line') from playground.audit_log where action = 'set_limits';

select admin.set_limits('free', null, 0, null, 'nothing more today') \g /dev/null
select is(tests.reserve(:'ann_id') -> 'refusal_detail' ->> 'limitSource', 'cost_day', 'it holds for new runs at once');
select admin.set_limits('free', null, null, null, 'only watch', p_throttle_on_exceed => false) \g /dev/null
select is(tests.reserve(:'ann_id') ->> 'refusal', null, 'a tier whose limits only alert refuses nobody');
select admin.set_limits('free', 1, 0.2, 30, 'all of it', 5, true, false, '{100}') \g /dev/null
select is(tests.limits(), '1 a month, 0.2 a day, 30 an hour, 5 at once, inactive, {100}', 'each limit may be set');
select is(tests.reserve(:'ann_id') -> 'refusal_detail' ->> 'limitSource', 'runs_hour', 'a tier that is not active refuses');

select throws_ok(format('select admin.set_limits(%L, %s, %L)', 'free', arguments, 'x'), 'SCD02', null, about)
from (values
  ('null, null, null', 'nothing is no change'), ('-0.000001, null, null', 'no limit is negative'), ('null, ''NaN'', null', 'nor no number'),
  ('''Infinity'', null, null', 'nor without end'), ('100000000, null, null', 'nor beyond what is kept'), ('0.0000000000001, null, null', 'nor rounded'),
  ('null, null, -1', 'no number of runs is negative')
) as listed (arguments, about);
select throws_ok(format('select admin.set_limits(%L, null, null, null, %L, %s)', 'free', 'x', argument), 'SCD02', null, about)
from (values
  ('p_concurrent_runs => -1', 'nor one at once'), ('p_alert_thresholds => ''{0}''', 'thresholds are percents'), ('p_alert_thresholds => ''{50,101}''', 'of at most 100'),
  ('p_alert_thresholds => ''{50,null}''', 'each of them'), ('p_alert_thresholds => ''{{50,60},{70,80}}''', 'in one list')
) as listed (argument, about);
select admin.set_limits('free', null, null, null, 'in any order', p_alert_thresholds => '{90,50,75,50}') \g /dev/null
select is(alert_thresholds, '{50,75,90}', 'they are kept in order, each once') from playground.tiers where tier = 'free';
select admin.set_limits('free', null, null, null, 'the same', p_alert_thresholds => '{75,90,50}') \g /dev/null
select is(count(*), 0::bigint, 'so another order is no change') from playground.audit_log where reason = 'the same';
update admin.cost_limits_config set alert_at_percent = '{60,40}' where tier_name = 'free';
select is(alert_thresholds, '{40,60}', 'by the view, too') from playground.tiers where tier = 'free';
-- A run that reaches two at once: the person is written to about the last.
select admin.set_limits('free', 0.03, 1, null, 'for a test', 20, true, true, '{90,75}') \g /dev/null
select tests.make_user() as bob_id \gset
select tests.settle(:'bob_id', tests.reserve(:'bob_id'), 12, 1900) \g /dev/null
select is(array_agg(details ->> 'percent'), array['90'], 'a run that reaches two is told by the higher') from playground.notices where user_id = :'bob_id' and kind = 'cost_alert';
select lives_ok($$ select admin.set_limits('free', 99999999.999999999999, 0, 0, 'as large as it gets', 0, p_alert_thresholds => '{}') $$, 'nothing at all is a limit, and so is the largest');
select throws_ok(format('select admin.set_limits(%L, 1, null, null, %L)', 'free', reason), 'SCD03', null, 'a reason must be given')
from (values (''), ('  '), (null)) as listed (reason);
select throws_ok(format('select admin.set_limits(%L, 1, null, null, %L)', 'gold', 'x'), 'SCD04', null, 'an unknown tier is refused');
select is(count(*), 8::bigint, 'a refused change leaves no line') from playground.audit_log where action = 'set_limits';
select throws_ok($$ select admin.set_limits('unlimited', 10, null, null, 'x') $$, 'SCD02', null, 'who has no limits gets none by a number that nobody reads');
select lives_ok($$ select admin.set_limits('unlimited', null, null, null, 'x', p_alert_thresholds => '{}') $$, 'the rest of that tier is changed as any other''s');
select * from finish();
rollback;
