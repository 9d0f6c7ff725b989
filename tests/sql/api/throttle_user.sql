begin;
\ir ../helpers.psql
\ir ../tokens.psql
select plan(10);
select tests.freeze('2026-11-20 12:00:00+00');
select tests.make_user('ann@example.com') as ann_id, tests.make_user('bob@example.com') as bob_id \gset
select admin.set_admin(:'ann_id', true, 'for a test') \g /dev/null
select tests.token_of(:'ann_id') as token, tests.token_of(:'bob_id') as bob_token \gset

select throws_ok(format('select api.throttle_user(%1$L, %2$L, null, %3$L, %4$L)', id, token, :'bob_id', 'x'), code, null, why)
from (values
  (:'bob_id', :'bob_token', 'SCA07', 'who is no admin is refused'),
  (:'ann_id', :'bob_token', 'SCA01', 'so is who holds another''s token'),
  (:'ann_id', null, 'SCA01', 'or none')
) as listed (id, token, code, why);
select throws_ok(format('select api.throttle_user(%L, %L, null, %L, %L)', :'ann_id', :'token', :'bob_id', reason), 'SCV01', null, format('%s is no reason', to_json(reason)))
from (values (null), (' ')) as listed (reason);

select throws_ok(format('select api.throttle_user(%L, %L, null, %L, %L, %L)', :'ann_id', :'token', :'bob_id', 'x', engine.now()), 'SCV01', null, 'a throttle ends in the future');
select throws_ok(format('select api.throttle_user(%L, %L, null, %L, %L)', :'ann_id', :'token', gen_random_uuid(), 'x'), 'SCN03', null, 'nobody is throttled who is not there');
select is(count(*), 0::bigint, 'what is refused leaves no line') from playground.audit_log where action = 'throttle';
select is(
  api.throttle_user(:'ann_id', :'token', 'request-1', :'bob_id', ' too much ', '2026-11-21 00:00:00+00')::jsonb @> '{"isThrottled": true, "throttledBy": "operator", "throttledReason": "too much", "throttledUntil": "2026-11-21T00:00:00.000000Z"}',
  true, 'a person is throttled, and how they stand is answered');
select is(
  (action, user_id, subject, before, after, reason, acting_user_id, request_id)::text,
  ('throttle', :'bob_id'::uuid, null::text, '{"until": null, "reason": null, "throttledAt": null}'::jsonb, '{"until": "2026-11-21T00:00:00.000000Z", "reason": "too much", "throttledAt": "2026-11-20T12:00:00.000000Z"}'::jsonb, 'too much', :'ann_id'::uuid, 'request-1')::text,
  'who, what, before, after, why and in which request are kept')
from playground.audit_log where acting_user_id is not null;
select * from finish();
rollback;
