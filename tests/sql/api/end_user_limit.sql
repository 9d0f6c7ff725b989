begin;
\ir ../helpers.psql
\ir ../tokens.psql
select plan(11);
select tests.freeze('2026-11-20 12:00:00+00');
select tests.make_user('ann@example.com') as ann_id, tests.make_user('bob@example.com') as bob_id \gset
select admin.set_admin(:'ann_id', true, 'for a test') \g /dev/null
select tests.token_of(:'ann_id') as token, tests.token_of(:'bob_id') as bob_token \gset
select admin.set_user_limit(:'bob_id', 'abuse', p_runs_per_hour => 0), admin.set_user_limit(:'bob_id', 'a launch', '2026-11-21 00:00:00+00', p_daily_usd => 0) \g /dev/null

select throws_ok(format('select api.end_user_limit(%1$L, %2$L, null, %3$L, %4$L)', id, token, :'bob_id', 'x'), code, null, why)
from (values
  (:'bob_id', :'bob_token', 'SCA07', 'who is no admin is refused'),
  (:'ann_id', :'bob_token', 'SCA01', 'so is who holds another''s token'),
  (:'ann_id', null, 'SCA01', 'or none')
) as listed (id, token, code, why);
select throws_ok(format('select api.end_user_limit(%L, %L, null, %L, %L)', :'ann_id', :'token', :'bob_id', reason), 'SCV01', null, format('%s is no reason', to_json(reason)))
from (values (null), (' ')) as listed (reason);
select throws_ok(format('select api.end_user_limit(%L, %L, null, %L, %L)', :'ann_id', :'token', gen_random_uuid(), 'x'), 'SCN03', null, 'of nobody nothing is ended');
select is(jsonb_array_length(engine.person_document(:'bob_id')::jsonb -> 'overrides'), 2, 'what is refused changes nothing');

select is(
  api.end_user_limit(:'ann_id', :'token', 'request-1', :'bob_id', ' sorted out ')::jsonb @> '{"overrides": [], "refusal": null, "isThrottled": false}', true,
  'both kinds end, and how the person stands is answered');
select is(
  (action, user_id, before -> 'standing' ->> 'runsPerHour', before -> 'temporary' ->> 'dailyUsd', after, reason, request_id)::text,
  ('end_user_limit', :'bob_id'::uuid, '0', '0', null, 'sorted out', 'request-1')::text, 'what there was, why it ended and in which request are kept')
from playground.audit_log where acting_user_id = :'ann_id';
select is(api.end_user_limit(:'ann_id', :'token', 'request-2', :'bob_id', 'again') -> 'overrides' #>> '{}', '[]', 'who has none is left alone');
select is(count(*), 1::bigint, 'and nothing is said of it') from playground.audit_log where acting_user_id = :'ann_id';
select * from finish();
rollback;
