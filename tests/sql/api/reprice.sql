begin;
\ir ../helpers.psql
\ir ../tokens.psql
\ir ../runs.psql
select plan(17);
select tests.freeze('2026-11-20 12:00:00+00');
select tests.make_user('ann@example.com') as ann_id, tests.make_user('bob@example.com') as bob_id \gset
select admin.set_admin(:'ann_id', true, 'for a test') \g /dev/null
select tests.token_of(:'ann_id') as token, tests.token_of(:'bob_id') as bob_token \gset

select throws_ok(format('select api.reprice(%L, %L, null)', id, token), code, null, why)
from (values
  (:'bob_id', :'bob_token', 'SCA07', 'who is no admin is refused'),
  (:'ann_id', :'bob_token', 'SCA01', 'so is who holds another''s token'),
  (:'ann_id', null, 'SCA01', 'or none')
) as listed (id, token, code, why);

select tests.make_package(), admin.grant_credits(:'bob_id', 100, 'x') \g /dev/null
create function tests.reprice(p_multipliers text default '{}', p_prices text default '{}', p_from timestamptz default '2026-11-01 00:00:00+00', p_to timestamptz default null)
returns jsonb
language sql
as $$ select api.reprice(user_id, tests.token_of(user_id), null, p_multipliers, p_prices, p_from, p_to)::jsonb from playground.users where email = 'ann@example.com' $$;
select tests.settle(:'bob_id', tests.reserve(:'bob_id', p_model => 'sonnet'), 1000, 1000) from generate_series(1, 2) \g /dev/null
select tests.settle(:'bob_id', tests.reserve(:'bob_id', p_model => 'gpt-4o'), 1000, 1000) \g /dev/null
select tests.advance('1 minute') \g /dev/null
select is(
  tests.reprice() - 'models',
  '{"from": "2026-11-01T00:00:00.000000Z", "to": "2026-11-20T12:01:00.000000Z", "runs": 3, "credits": 4, "newCredits": 4, "cost": 0.061, "newCost": 0.061, "earned": 0, "newEarned": 0, "margin": null, "newMargin": null}',
  'nothing changed is what happened');
select is(tests.reprice() #> '{models}', (
  select jsonb_agg(jsonb_build_object('model', model, 'tier', tier, 'runs', runs, 'credits', credits, 'newCredits', credits, 'cost', trim_scale(cost_usd), 'newCost', trim_scale(cost_usd),
    'earned', 0, 'newEarned', 0, 'margin', null, 'newMargin', null) order by model)
  from admin.reprice('2026-11-01 00:00:00+00', engine.now())), 'model by model');
select is(
  tests.reprice('{"sonnet": 3}', '{"sonnet": {"input": 6, "output": 30}}') - array['models', 'from', 'to'],
  '{"runs": 3, "credits": 4, "newCredits": 8, "cost": 0.061, "newCost": 0.097, "earned": 0, "newEarned": 0, "margin": null, "newMargin": null}',
  'other multipliers and prices change what would have been');
select is(tests.reprice(p_from => null) - array['models', 'runs', 'credits', 'newCredits'] @> '{"from": "2026-10-01T00:00:00.000000Z", "to": "2026-11-01T00:00:00.000000Z"}', true, 'without a period it is last month');
select is(tests.reprice(p_from => null, p_to => '2026-11-15 00:00:00+00') ->> 'from', '2026-10-15T00:00:00.000000Z', 'without a beginning, a month before the end');
select is(tests.reprice(p_from => '2026-10-10 00:00:00+00') ->> 'to', '2026-11-01T00:00:00.000000Z', 'without an end, that of last month');
select throws_ok(format('select tests.reprice(%L, %L)', multipliers, prices), code, null, format('not with %s and %s', multipliers, prices))
from (values ('{"nothing": 1}', '{}', 'SCD02'), ('{}', '{"nothing": {"input": 1}}', 'SCD02'), ('{"opus": -1}', '{}', 'SCD02'), ('{"opus": 1e999999}', '{}', 'SCV01'), ('{', '{}', 'SCV01'), ('{"\u0000": 1}', '{}', 'SCV01')) as listed (multipliers, prices, code);
select throws_ok($$ select tests.reprice(p_from => '2026-11-20', p_to => '2026-11-19') $$, 'SCD02', null, 'a period ends after it begins');
select is((select count(*) from playground.audit_log where acting_user_id is not null), 0::bigint, 'nothing is changed');
select * from finish();
rollback;
