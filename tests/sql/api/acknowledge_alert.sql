begin;
\ir ../helpers.psql
\ir ../tokens.psql
select plan(9);
select tests.freeze('2026-11-20 12:00:00+00');
select tests.make_user('ann@example.com') as ann_id, tests.make_user('bob@example.com') as bob_id \gset
select admin.set_admin(:'ann_id', true, 'for a test') \g /dev/null
select tests.token_of(:'ann_id') as token, tests.token_of(:'bob_id') as bob_token \gset

select engine.alert_once(:'bob_id', '2026-11-20 00:00:00+00', 'test', '{}', engine.now()) \g /dev/null
select alert_id from playground.alerts where kind = 'test' \gset
select throws_ok(format('select api.acknowledge_alert(%1$L, %2$L, null, %3$L, %4$L)', id, token, :'alert_id', 'x'), code, null, why)
from (values
  (:'bob_id', :'bob_token', 'SCA07', 'who is no admin is refused'),
  (:'ann_id', :'bob_token', 'SCA01', 'so is who holds another''s token'),
  (:'ann_id', null, 'SCA01', 'or none')
) as listed (id, token, code, why);
select throws_ok(format('select api.acknowledge_alert(%L, %L, null, %L, %L)', :'ann_id', :'token', :'alert_id', reason), 'SCV01', null, format('%s is no reason', to_json(reason)))
from (values (null), (' ')) as listed (reason);

select throws_ok(format('select api.acknowledge_alert(%L, %L, null, %L, %L)', :'ann_id', :'token', gen_random_uuid(), 'x'), 'SCD04', null, 'there must be such an alert');
select is(
  api.acknowledge_alert(:'ann_id', :'token', 'request-1', :'alert_id', 'seen')::jsonb @> jsonb_build_object('id', :'alert_id', 'email', 'bob@example.com', 'acknowledgedBy', :'ann_id', 'acknowledgedAt', '2026-11-20T12:00:00.000000Z'),
  true, 'who saw to it, and when, is answered');
select is((action, user_id, subject, reason, acting_user_id, request_id)::text, ('acknowledge_alert', :'bob_id', :'alert_id', 'seen', :'ann_id', 'request-1')::text, 'and kept')
from playground.audit_log where acting_user_id is not null;
select tests.advance('10 minutes') \g /dev/null
select is(api.acknowledge_alert(:'ann_id', :'token', null, :'alert_id', 'again') ->> 'acknowledgedAt', '2026-11-20T12:00:00.000000Z', 'the first who does counts');
select * from finish();
rollback;
