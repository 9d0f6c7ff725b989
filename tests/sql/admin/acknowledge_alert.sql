begin;
\ir ../helpers.psql
select plan(9);
select tests.freeze('2026-11-20 12:00:00+00');
select tests.make_user() as ann_id \gset
select engine.alert_once(:'ann_id', '2026-11-20 00:00:00+00', 'cost_day_90', '{}', engine.now()) \g /dev/null
select engine.alert_once('00000000-0000-0000-0000-000000000000', '2026-11-20 00:00:00+00', 'margin_low', '{}', engine.now()) \g /dev/null
select alert_id from playground.alerts where user_id = :'ann_id' \gset
select alert_id as platform_alert_id from playground.alerts where kind = 'margin_low' \gset
select tests.advance('1 hour') \g /dev/null

select admin.acknowledge_alert(:'alert_id', ' raised the limit ') \g /dev/null
select is((acknowledged_at, acknowledged_by)::text, (engine.now(), session_user)::text, 'an alert that somebody has seen to says when and who') from playground.alerts where alert_id = :'alert_id';
select is((select count(acknowledged_at) from playground.alerts), 1::bigint, 'no other one does');
select is(
  (actor, user_id, subject, after, reason)::text,
  (session_user, :'ann_id', :'alert_id', '{"kind": "cost_day_90", "window": "2026-11-20T00:00:00.000000Z", "acknowledgedAt": "2026-11-20T13:00:00.000000Z"}'::jsonb, 'raised the limit')::text,
  'who, what and why are kept') from playground.audit_log where action = 'acknowledge_alert';
select tests.advance('1 hour') \g /dev/null
select admin.acknowledge_alert(:'alert_id', 'again') \g /dev/null
select is((select engine.now() - acknowledged_at from playground.alerts where alert_id = :'alert_id'), interval '1 hour', 'the first counts');
select is((select count(*) from playground.audit_log where action = 'acknowledge_alert'), 1::bigint, 'a second call changes nothing');

select engine.act_as(:'ann_id', null) \g /dev/null
select admin.acknowledge_alert(:'platform_alert_id', 'told the team') \g /dev/null
select is((a.acknowledged_by, l.acting_user_id, l.user_id)::text, (:'ann_id', :'ann_id', null)::text, 'an admin who asked through a gateway is named; the platform is nobody')
from playground.alerts a, playground.audit_log l where a.alert_id = :'platform_alert_id' and l.subject = :'platform_alert_id';
select throws_ok(format('select admin.acknowledge_alert(%L, %L)', :'alert_id', ' '), 'SCD03', null, 'a reason must be given');
select throws_ok(format('select admin.acknowledge_alert(%L, %L)', gen_random_uuid(), 'x'), 'SCD04', null, 'an unknown alert is refused');
select lives_ok(format($$ select tests.run_as('scrip_operator', %L) $$, format('select admin.acknowledge_alert(%L, %L)', :'alert_id', 'x')), 'operators may');
select * from finish();
rollback;
