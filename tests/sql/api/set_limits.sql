begin;
\ir ../helpers.psql
\ir ../tokens.psql
\ir ../runs.psql
select plan(22);
select tests.freeze('2026-11-20 12:00:00+00');
select tests.make_user('ann@example.com') as ann_id, tests.make_user('bob@example.com') as bob_id \gset
select admin.set_admin(:'ann_id', true, 'for a test') \g /dev/null
select tests.token_of(:'ann_id') as token, tests.token_of(:'bob_id') as bob_token \gset

select throws_ok(format('select api.set_limits(%1$L, %2$L, null, %3$L, %4$L, p_runs_per_hour => 5)', id, token, 'free', 'x'), code, null, why)
from (values
  (:'bob_id', :'bob_token', 'SCA07', 'who is no admin is refused'),
  (:'ann_id', :'bob_token', 'SCA01', 'so is who holds another''s token'),
  (:'ann_id', null, 'SCA01', 'or none')
) as listed (id, token, code, why);

create function tests.set_limits(p_tier text, p_reason text default null, p_dry boolean default false, p_monthly numeric default null, p_daily numeric default null, p_runs integer default null, p_concurrent integer default null)
returns jsonb
language sql
as $$ select api.set_limits(user_id, tests.token_of(user_id), 'request-1', p_tier, p_reason, p_dry, p_monthly, p_daily, p_runs, p_concurrent)::jsonb from playground.users where email = 'ann@example.com' $$;
select is(
  tests.set_limits('free', 'more for all', p_monthly => 0.75, p_concurrent => 3),
  '{"dryRun": false, "limits": {"tier": "free", "monthlyUsd": 0.75, "dailyUsd": 0.1, "runsPerHour": 10, "concurrentRuns": 3, "alertThresholds": [50, 75, 80, 90], "throttleOnExceed": true, "isActive": true, "isUnlimited": false}, "refusedUsers": null, "refusedRuns": null, "refused": null}',
  'what is given changes, what is not stays');
select is(
  (action, subject, before ->> 'monthlyUsd', after ->> 'monthlyUsd', reason, acting_user_id, request_id)::text, ('set_limits', 'free', '0.5', '0.75', 'more for all', :'ann_id', 'request-1')::text,
  'who, what, before, after, why and in which request are kept')
from playground.audit_log where acting_user_id is not null;
select throws_ok(format('select tests.set_limits(%L, %L, false, %L, %L)', 'free', reason, monthly, daily), 'SCV01', null, why)
from (values
  (null, 1, null, 'a reason must be given'), (' ', 1, null, 'and say something'), ('x', -1, null, 'no limit is negative'), ('x', null, 0.0000000000001, 'or finer than what is kept'),
  ('x', 'NaN'::numeric, null, 'or no number'), ('x', null, 1e9, 'or beyond all bounds')
) as listed (reason, monthly, daily, why);
select throws_ok($$ select tests.set_limits('free', 'x', p_runs => -1) $$, 'SCD02', null, 'runs are not negative either');
select throws_ok($$ select tests.set_limits('free', 'x') $$, 'SCD02', null, 'something must change');
select throws_ok(format('select tests.set_limits(%L, %L, %L, 1)', 'nothing', 'x', dry), 'SCD04', null, 'of a tier that there is') from (values (true), (false)) as listed (dry);

-- a dry run
select tests.make_package() \g /dev/null
select tests.settle(:'bob_id', tests.reserve(:'bob_id')) from generate_series(1, 3) \g /dev/null
select tests.advance('1 minute') \g /dev/null
select count(*) as lines from playground.audit_log \gset
select is(
  (tests.set_limits('free', p_dry => true, p_runs => 1) #- '{limits}') #- '{refused,0,cost}',
  jsonb_build_object('dryRun', true, 'refusedUsers', 1, 'refusedRuns', 2, 'refused', jsonb_build_array(jsonb_build_object(
    'userId', :'bob_id', 'email', 'bob@example.com', 'limitSource', 'runs_hour', 'firstRefusedAt', '2026-11-20T12:00:00.000000Z', 'refusedRuns', 2, 'runs', 3))),
  'a dry run says who would have been refused, how often and by what');
select is(tests.set_limits('free', p_dry => true, p_runs => 3) - 'limits', '{"dryRun": true, "refusedUsers": 0, "refusedRuns": 0, "refused": []}', 'or that nobody would');
select throws_ok(format('select api.set_limits(%L, %L, null, %L, p_is_dry_run => true, %s)', :'ann_id', :'token', 'free', argument), 'SCV01', null, about)
from (values
  ('p_concurrent_runs => 0', 'what a dry run does not look at is no answer of it'), ('p_throttle_on_exceed => false', 'limits that refuse nobody would have refused nobody')
) as listed (argument, about);
select lives_ok(format('select api.set_limits(%L, %L, null, %L, p_is_dry_run => true, p_throttle_on_exceed => true)', :'ann_id', :'token', 'free'), 'that they refuse is what it shows');
select is((select runs_per_hour from playground.tiers where tier = 'free'), 10, 'it changes nothing');
select is((select count(*) from playground.audit_log), :lines::bigint, 'and leaves no line');
select * from finish();
rollback;
