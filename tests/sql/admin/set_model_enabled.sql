begin;
\ir ../helpers.psql
\ir ../runs.psql
select plan(9);
select tests.freeze('2026-11-20 12:00:00+00');
select tests.make_package() as package_id, tests.make_user_with(100) as ann_id \gset
select tests.reserve(:'ann_id', p_model => 'opus') as open \gset
select admin.set_model_enabled('opus', false, 'answers nonsense') \g /dev/null
select throws_ok(format('select tests.reserve(%L, p_model => %L)', :'ann_id', 'opus'), 'SCM02', null, 'no run begins with a model that is switched off');
select is((tests.settle(:'ann_id', :'open') ->> 'charged')::integer, 5, 'an open one ends as usual');
select is((actor, subject, before, after, reason)::text,
  (session_user, 'opus', '{"isEnabled": true}'::jsonb, '{"isEnabled": false}'::jsonb, 'answers nonsense')::text, 'who, which, before, after and why are kept')
from playground.audit_log where action = 'set_model_enabled';
select admin.set_model_enabled('opus', false, 'again') \g /dev/null
select is(count(*), 1::bigint, 'the same again leaves no line') from playground.audit_log where action = 'set_model_enabled';
select admin.set_model_enabled('opus', true, 'well again') \g /dev/null
select lives_ok(format('select tests.reserve(%L, p_model => %L)', :'ann_id', 'opus'), 'switched on again, it runs');
select throws_ok(statement, code, null, statement)
from (values
  ($$ select admin.set_model_enabled('sonnet', false, 'x') $$, 'SCD05'),
  ($$ select admin.set_model_enabled('opus', null, 'x') $$, 'SCD02'),
  ($$ select admin.set_model_enabled('opus', false, '') $$, 'SCD03'),
  ($$ select admin.set_model_enabled('none', false, 'x') $$, 'SCD04')) as listed (statement, code);
select * from finish();
rollback;
