begin;
\ir ../helpers.psql
\ir ../runs.psql
select plan(16);
select tests.freeze('2026-11-20 12:00:00+00');
select tests.make_package() as package_id, tests.make_user_with(100) as ann_id \gset
select admin.set_unlimited(:'ann_id', true, 'for a test') \g /dev/null
create function tests.ceiling()
returns text
language sql
as $$ select format('%s%s', trim_scale(daily_ceiling_usd), case when stops_at_ceiling then ', stops' end) from playground.providers where provider = 'anthropic' $$;
select is(tests.ceiling(), '100', 'a provider may cost 100 dollars a day, and alerts there');
select admin.set_provider_ceiling('anthropic', 0.001, null, ' small ') \g /dev/null
select is(tests.ceiling(), '0.001', 'an operator may say otherwise');
select is(
  (actor, user_id, subject, before, after, reason)::text,
  (session_user, null, 'anthropic', '{"stops": false, "dailyUsd": 100}', '{"stops": false, "dailyUsd": 0.001}', 'small')::text, 'who, what, before, after and why are kept'
)
from playground.audit_log where action = 'set_provider_ceiling';
select tests.settle(:'ann_id', tests.reserve(:'ann_id')) \g /dev/null
select is(tests.reserve(:'ann_id') ->> 'refusal', null, 'a ceiling that only alerts refuses nobody');
select admin.set_provider_ceiling('anthropic', null, true, 'and stop there') \g /dev/null
select is(tests.ceiling(), '0.001, stops', 'what is not said stays');
select is(tests.reserve(:'ann_id') -> 'refusal_detail' ->> 'reason', 'spend_ceiling', 'one that stops does, at once');
select admin.set_provider_ceiling('anthropic', 0.001, true, 'again') \g /dev/null
select is(count(*), 2::bigint, 'the same again changes nothing') from playground.audit_log where action = 'set_provider_ceiling';
select admin.set_provider_ceiling('anthropic', 1, null, 'more') \g /dev/null
select is(tests.reserve(:'ann_id') ->> 'refusal', null, 'a higher one lets runs start again');
select throws_ok(format('select admin.set_provider_ceiling(%L, %s, %L)', 'anthropic', arguments, 'x'), 'SCD02', null, about)
from (values ('null, null', 'nothing is no change'), ('-1, null', 'no ceiling is negative'), ('''NaN'', true', 'nor no number'), ('''Infinity'', true', 'nor without end')) as listed (arguments, about);
select throws_ok(format('select admin.set_provider_ceiling(%L, 1, null, %L)', 'anthropic', reason), 'SCD03', null, 'a reason must be given') from (values (''), (null)) as listed (reason);
select throws_ok(format('select admin.set_provider_ceiling(%L, 1, null, %L)', name, 'x'), 'SCD04', null, 'an unknown provider is refused') from (values ('nobody'), (null)) as listed (name);
select * from finish();
rollback;
