begin;
\ir ../helpers.psql
select plan(3);
select tests.freeze('2026-11-20 12:00:00+00');
select tests.make_user('ann@scrip.example') as ann_id \gset
select engine.act_as(:'ann_id', 'req-1') \g /dev/null
select engine.write_audit('throttle', :'ann_id', 'x', '{"a": 1}', '{"a": 2}', ' why ') \g /dev/null
select engine.write_audit('retire_months', '00000000-0000-0000-0000-000000000000', null, null, '{}', 'old') \g /dev/null
select is((actor, acting_user_id, action, user_id, subject, before, after, reason, request_id, acting_email, email)::text,
  (session_user, :'ann_id'::uuid, 'throttle', :'ann_id'::uuid, 'x', '{"a": 1}'::jsonb, '{"a": 2}'::jsonb, 'why', 'req-1', 'ann@scrip.example', 'ann@scrip.example')::text, 'who, for whom, what, before, after, why and on which request')
from admin.audit_log where action = 'throttle';
select is(user_id, null, 'the platform is nobody in particular') from admin.audit_log where action = 'retire_months';
select lives_ok($$ select tests.run_as('scrip_operator', 'select * from admin.audit_log') $$, 'operators read it');
select * from finish();
rollback;
