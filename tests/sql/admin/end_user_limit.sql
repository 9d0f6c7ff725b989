begin;
\ir ../helpers.psql
\ir ../runs.psql
select plan(9);
select tests.freeze('2026-11-20 12:00:00+00');
select tests.make_package() as package_id, tests.make_user() as ann_id, tests.make_user() as bob_id \gset
select admin.set_user_limit(:'ann_id', 'abuse', p_daily_usd => 0), admin.set_user_limit(:'ann_id', 'more of it', '2026-11-21 00:00:00+00', p_daily_usd => 0, p_monthly_usd => 0),
  admin.set_user_limit(:'bob_id', 'abuse', p_daily_usd => 0) \g /dev/null
select is(tests.reserve(:'ann_id') ->> 'refusal', 'SCT02', 'a person has limits of their own');
select admin.end_user_limit(:'ann_id', ' sorted out ') \g /dev/null
select is(tests.reserve(:'ann_id') ->> 'refusal', null, 'until an operator ends them: the tier''s hold again');
select is((select array_agg(user_id) from playground.user_limits), array[:'bob_id']::uuid[], 'both kinds are gone, and nobody else''s');
select is(has_own_limits, false, 'runs look nothing up any more') from playground.users where user_id = :'ann_id';
select is(
  (actor, user_id, before -> 'standing' ->> 'dailyUsd', before -> 'temporary' ->> 'until', after, reason)::text,
  (session_user, :'ann_id', '0', '2026-11-21T00:00:00.000000Z', null, 'sorted out')::text, 'who, what and why are kept'
)
from playground.audit_log where action = 'end_user_limit';
select admin.end_user_limit(:'ann_id', 'again') \g /dev/null
select is(count(*), 1::bigint, 'twice is as good as once') from playground.audit_log where action = 'end_user_limit';
select throws_ok(format('select admin.end_user_limit(%L, %L)', :'ann_id', reason), 'SCD03', null, 'a reason must be given') from (values (''), (null)) as listed (reason);
select throws_ok(format('select admin.end_user_limit(%L, %L)', gen_random_uuid(), 'x'), 'SCD04', null, 'an unknown person is refused');
select * from finish();
rollback;
