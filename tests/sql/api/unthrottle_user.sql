begin;
\ir ../helpers.psql
\ir ../tokens.psql
select plan(9);
select tests.freeze('2026-11-20 12:00:00+00');
select tests.make_user('ann@example.com') as ann_id, tests.make_user('bob@example.com') as bob_id \gset
select admin.set_admin(:'ann_id', true, 'for a test') \g /dev/null
select tests.token_of(:'ann_id') as token, tests.token_of(:'bob_id') as bob_token \gset

select throws_ok(format('select api.unthrottle_user(%1$L, %2$L, null, %3$L, %4$L)', id, token, :'bob_id', 'x'), code, null, why)
from (values
  (:'bob_id', :'bob_token', 'SCA07', 'who is no admin is refused'),
  (:'ann_id', :'bob_token', 'SCA01', 'so is who holds another''s token'),
  (:'ann_id', null, 'SCA01', 'or none')
) as listed (id, token, code, why);
select throws_ok(format('select api.unthrottle_user(%L, %L, null, %L, %L)', :'ann_id', :'token', :'bob_id', reason), 'SCV01', null, format('%s is no reason', to_json(reason)))
from (values (null), (' ')) as listed (reason);

select throws_ok(format('select api.unthrottle_user(%L, %L, null, %L, %L)', :'ann_id', :'token', gen_random_uuid(), 'x'), 'SCN03', null, 'nobody is let go who is not there');
select admin.throttle(:'bob_id', 'too much') \g /dev/null
insert into playground.cost_windows (user_id, kind, starts_at, runs) values (:'bob_id', 'hour', '2026-11-20 12:00:00+00', 10);
select is(engine.user_costs_json(:'bob_id') ->> 'throttledBy', 'operator', 'who is throttled, with the hour''s runs used up as well,');
select is(api.unthrottle_user(:'ann_id', :'token', 'request-1', :'bob_id', 'said sorry')::jsonb @> '{"isThrottled": false, "throttledBy": null, "hourly": {"runs": 10}}', true, 'runs again');
select is(
  (action, user_id, before ->> 'reason', reason, acting_user_id, request_id)::text, ('unthrottle', :'bob_id', 'too much', 'said sorry', :'ann_id', 'request-1')::text,
  'who, what, before, why and in which request are kept')
from playground.audit_log where acting_user_id is not null;
select * from finish();
rollback;
