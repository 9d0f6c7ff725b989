begin;
\ir ../helpers.psql
\ir ../tokens.psql
\ir ../runs.psql
select plan(27);
select tests.freeze('2026-11-20 12:00:00+00');
select tests.make_user('ann@example.com') as ann_id, tests.make_user('bob@example.com') as bob_id \gset
select admin.set_admin(:'ann_id', true, 'for a test') \g /dev/null
select tests.token_of(:'ann_id') as token, tests.token_of(:'bob_id') as bob_token \gset

select throws_ok(format('select api.set_user_limit(%1$L, %2$L, null, %3$L, %4$L, p_runs_per_hour => 5)', id, token, :'bob_id', 'x'), code, null, why)
from (values
  (:'bob_id', :'bob_token', 'SCA07', 'who is no admin is refused'),
  (:'ann_id', :'bob_token', 'SCA01', 'so is who holds another''s token'),
  (:'ann_id', null, 'SCA01', 'or none')
) as listed (id, token, code, why);

create function tests.raise(p_person_id uuid, p_reason text default 'a launch', p_until timestamptz default null, p_monthly numeric default null, p_daily numeric default null, p_runs integer default null, p_concurrent integer default null)
returns jsonb
language sql
as $$ select api.set_user_limit(user_id, tests.token_of(user_id), 'request-1', p_person_id, p_reason, p_until, p_monthly, p_daily, p_runs, p_concurrent)::jsonb from playground.users where email = 'ann@example.com' $$;
select throws_ok(format('select tests.raise(%L, %L, p_runs => 5)', :'bob_id', reason), 'SCV01', null, format('%s is no reason', to_json(reason)))
from (values (null), (' ')) as listed (reason);
select throws_ok(format('select tests.raise(%L, %s)', :'bob_id', arguments), code, null, why)
from (values
  ('p_reason => ''x''', 'SCV01', 'one limit is named'),
  ('p_monthly => -1', 'SCV01', 'none is negative'), ('p_monthly => ''NaN''', 'SCV01', 'nor no number'), ('p_daily => 0.0000000000001', 'SCV01', 'nor finer than what is kept'),
  ('p_daily => 1e9', 'SCV01', 'nor beyond all bounds'), ('p_runs => -1', 'SCD02', 'nor are runs negative'), ('p_concurrent => -1', 'SCD02', 'of either kind'),
  ('p_until => engine.now(), p_runs => 5', 'SCV01', 'what ends does so in the future'), ('p_until => ''infinity'', p_runs => 5', 'SCD02', 'and at some time')
) as listed (arguments, code, why);
select throws_ok(format('select tests.raise(%L, p_runs => 5)', gen_random_uuid()), 'SCN03', null, 'nobody has limits who is not there');
select is((select count(*) from playground.audit_log where action = 'set_user_limit'), 0::bigint, 'what is refused leaves no line');

select tests.make_package(), admin.grant_credits(:'bob_id', 100, 'for a test') \g /dev/null
select tests.reserve(:'bob_id', p_model => 'gpt-4o-mini') is not null from generate_series(1, 10) \g /dev/null
select is(tests.reserve(:'bob_id', p_model => 'gpt-4o-mini') -> 'refusal_detail' ->> 'limitSource', 'runs_hour', 'somebody has used up their hour');
select tests.raise(:'bob_id', ' a launch ', '2026-11-21 12:00:00+00', p_daily => 0.123456789012, p_runs => 50) as shown \gset
select is(
  (:'shown'::jsonb #> '{overrides,0}'),
  jsonb_build_object('monthlyUsd', null, 'dailyUsd', 0.123456789012, 'runsPerHour', 50, 'concurrentRuns', null, 'reason', 'a launch', 'setBy', :'ann_id',
    'setAt', '2026-11-20T12:00:00.000000Z', 'until', '2026-11-21T12:00:00.000000Z'),
  'more for a day is answered, to the last decimal, with the admin who gave it');
select is(:'shown'::jsonb, engine.person_document(:'bob_id')::jsonb, 'as the person is shown from now on');
select is((:'shown'::jsonb -> 'hourly' -> 'limit', :'shown'::jsonb -> 'refusal')::text, '(50,null)', 'nothing refuses any more');
select is(tests.reserve(:'bob_id', p_model => 'gpt-4o-mini') ->> 'refusal', null, 'the next run starts');
select is(
  (action, user_id, before, after -> 'temporary' ->> 'runsPerHour', reason, acting_user_id, request_id)::text, ('set_user_limit', :'bob_id'::uuid, null, '50', 'a launch', :'ann_id'::uuid, 'request-1')::text,
  'who, what, before, after, why and in which request are kept')
from playground.audit_log where acting_user_id is not null;
select is(tests.raise(:'bob_id', p_monthly => 7) #>> '{overrides,1,monthlyUsd}', '7', 'one that stands lies beside one that ends, which goes first');
select is(
  (tests.raise(:'bob_id', p_until => '2026-11-22 00:00:00+00', p_concurrent => 30) #> '{overrides,0}') @> '{"runsPerHour": null, "dailyUsd": null, "concurrentRuns": 30}', true,
  'and the next of its kind takes its place whole');
select tests.freeze('2026-11-22 00:00:00+00');
select is(jsonb_array_length(engine.person_document(:'bob_id')::jsonb -> 'overrides'), 1, 'what ends does so by itself');
select tests.raise(:'bob_id', p_runs => 0) as none \gset
select is((:'none'::jsonb #>> '{refusal,limitSource}', :'none'::jsonb #>> '{refusal,reason}')::text, ('runs_hour', 'a launch')::text, 'less than the tier''s refuses, and says why');
select is((:'none'::jsonb #>> '{refusal,setBy}') in (:'ann_id', 'ann@example.com'), true, 'and by whose word');
select * from finish();
rollback;
