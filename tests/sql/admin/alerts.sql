begin;
\ir ../helpers.psql
select plan(5);
select tests.freeze('2026-11-20 12:00:00+00');
select tests.make_user('ann@scrip.example') as ann_id \gset
select engine.alert_once(:'ann_id', '2026-11-01', 'test', '{"costUsd": 1}', engine.now()) \g /dev/null
select engine.alert_once('00000000-0000-0000-0000-000000000000', '2026-11-20', 'margin_low', '{}', engine.now()) \g /dev/null
select is(array_agg(format('%s %s %s', kind, user_id, details) order by kind),
  array['margin_low  {}', 'test ' || :'ann_id' || ' {"costUsd": 1}'], 'alerts of people and of the platform') from admin.alerts;
select is(array_agg(email order by kind), array[null, 'ann@scrip.example'], 'a person is shown by address as well') from admin.alerts;
select is(count(*), 2::bigint, 'all of which wait for somebody') from admin.alerts where acknowledged_at is null;
select engine.act_as(tests.make_user('eve@scrip.example'), 'req-1'), admin.acknowledge_alert(alert_id, 'seen') from admin.alerts where kind = 'test' \g /dev/null
select is(array_agg(format('%s by %s', kind, acknowledged_by) order by kind), '{"margin_low by ","test by eve@scrip.example"}', 'who has seen to one, an admin by address') from admin.alerts;
select lives_ok($$ select tests.run_as('scrip_operator', 'select * from admin.alerts') $$, 'operators read it');
select * from finish();
rollback;
