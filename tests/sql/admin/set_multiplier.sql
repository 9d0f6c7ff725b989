begin;
\ir ../helpers.psql
\ir ../runs.psql
select plan(7);
select tests.freeze('2026-11-20 12:00:00+00');
select tests.make_package() as package_id, tests.make_user_with(100) as ann_id \gset
select admin.set_unlimited(:'ann_id', true, 'for a test') \g /dev/null
select tests.reserve(:'ann_id', p_model => 'opus') as before \gset
select admin.set_multiplier('opus', 7.5, 'dearer') \g /dev/null
select tests.reserve(:'ann_id', p_model => 'opus') as after \gset
select tests.settle(:'ann_id', :'before'), tests.settle(:'ann_id', :'after') \g /dev/null
select is(array_agg(charged order by charged), '{5,8}'::playground.credits[], 'an open run keeps its multiplier, the next one has the new')
from playground.holds;
select is((actor, subject, before, after, reason)::text,
  (session_user, 'opus', '{"multiplier": 5}'::jsonb, '{"multiplier": 7.5}'::jsonb, 'dearer')::text, 'who, which, before, after and why are kept')
from playground.audit_log where action = 'set_multiplier';
select admin.set_multiplier('opus', 7.50, 'the same') \g /dev/null
select is(count(*), 1::bigint, 'the same again leaves no line') from playground.audit_log where action = 'set_multiplier';
select throws_ok(statement, code, null, statement)
from (values
  ($$ select admin.set_multiplier('opus', 0, 'x') $$, 'SCD02'),
  ($$ select admin.set_multiplier('opus', null, 'x') $$, 'SCD02'),
  ($$ select admin.set_multiplier('opus', 2, '') $$, 'SCD03'),
  ($$ select admin.set_multiplier('none', 2, 'x') $$, 'SCD04')) as listed (statement, code);
select * from finish();
rollback;
