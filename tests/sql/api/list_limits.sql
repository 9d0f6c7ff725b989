begin;
\ir ../helpers.psql
\ir ../tokens.psql
select plan(6);
select tests.freeze('2026-11-20 12:00:00+00');
select tests.make_user('ann@example.com') as ann_id, tests.make_user('bob@example.com') as bob_id \gset
select admin.set_admin(:'ann_id', true, 'for a test') \g /dev/null
select tests.token_of(:'ann_id') as token, tests.token_of(:'bob_id') as bob_token \gset

select throws_ok(format('select api.list_limits(%L, %L, null)', id, token), code, null, why)
from (values
  (:'bob_id', :'bob_token', 'SCA07', 'who is no admin is refused'),
  (:'ann_id', :'bob_token', 'SCA01', 'so is who holds another''s token'),
  (:'ann_id', null, 'SCA01', 'or none')
) as listed (id, token, code, why);

select is(
  (select array_agg(listed.value ->> 'tier') from json_array_elements(api.list_limits(:'ann_id', :'token', null) -> 'limits') as listed), array['free', 'prpm_plus_individual', 'prpm_plus_org', 'unlimited'],
  'all tiers');
select is(
  api.list_limits(:'ann_id', :'token', null)::jsonb #> '{limits,0}',
  '{"tier": "free", "monthlyUsd": 0.5, "dailyUsd": 0.1, "runsPerHour": 10, "concurrentRuns": 20, "alertThresholds": [50, 75, 80, 90], "throttleOnExceed": true, "isActive": true, "isUnlimited": false}',
  'with their limits');
select is(api.list_limits(:'ann_id', :'token', null)::jsonb #> '{limits,3}' @> '{"isUnlimited": true, "monthlyUsd": null, "runsPerHour": null}', true, 'where there are any');
select * from finish();
rollback;
