begin;
\ir ../helpers.psql
\ir ../runs.psql
select plan(14);
select tests.freeze('2026-11-20 12:00:00+00');
select tests.make_package() as package_id, tests.make_user_with(100) as ann_id \gset
select admin.set_unlimited(:'ann_id', true, 'for a test') \g /dev/null
select tests.reserve(:'ann_id') as run \gset
select admin.set_provider_enabled('anthropic', false, ' its prices doubled ') \g /dev/null
select is(
  tests.reserve(:'ann_id', p_model => model) -> 'refusal_detail',
  jsonb_build_object('model', model, 'reason', 'provider_disabled'), format('no run starts with %s, also without limits', model)
)
from unnest(array['sonnet', 'opus']) as model;
select is(tests.reserve(:'ann_id') ->> 'refusal', 'SCM02', 'the model is not available');
select is(tests.reserve(:'ann_id', p_model => 'gpt-4o') ->> 'refusal', null, 'others are');
select is((tests.settle(:'ann_id', :'run') ->> 'charged')::integer, 1, 'a run under way ends as usual');
select throws_ok(format('select api.estimate_run(%L, %L, null, %L, null, null, false, null)', :'ann_id', 'demo', 'Hello'), 'SCM02', null, 'an estimate says so too');
select is(
  (actor, user_id, subject, before, after, reason)::text, (session_user, null, 'anthropic', '{"isEnabled": true}', '{"isEnabled": false}', 'its prices doubled')::text,
  'who, what, before, after and why are kept'
)
from playground.audit_log where action = 'set_provider_enabled';
select admin.set_provider_enabled('anthropic', false, 'again') \g /dev/null
select is(count(*), 1::bigint, 'the same again changes nothing') from playground.audit_log where action = 'set_provider_enabled';
select admin.set_provider_enabled('anthropic', true, 'agreed') \g /dev/null
select is(tests.reserve(:'ann_id') ->> 'refusal', null, 'and it is switched on again');
select throws_ok(format('select admin.set_provider_enabled(%L, null, %L)', 'anthropic', 'x'), 'SCD02', null, 'it is on or off');
select throws_ok(format('select admin.set_provider_enabled(%L, true, %L)', 'anthropic', reason), 'SCD03', null, 'a reason must be given') from (values (''), (null)) as listed (reason);
select throws_ok(format('select admin.set_provider_enabled(%L, true, %L)', name, 'x'), 'SCD04', null, 'an unknown provider is refused') from (values ('nobody'), (null)) as listed (name);
select * from finish();
rollback;
