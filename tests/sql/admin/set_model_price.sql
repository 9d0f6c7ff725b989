begin;
\ir ../helpers.psql
\ir ../runs.psql
select plan(17);
select tests.freeze('2026-11-20 12:00:00+00');
select tests.make_package() as package_id, tests.make_user_with(100) as ann_id \gset
create function tests.prices(p_model text)
returns text[]
language sql
as $$
  select array_agg(format('%s: %s/%s, cache %s/%s', engine.iso(effective_from), trim_scale(input_usd_per_million), trim_scale(output_usd_per_million),
    trim_scale(cache_read_usd_per_million), trim_scale(cache_write_usd_per_million)) order by effective_from)
  from playground.model_prices where model = p_model
$$;

select tests.reserve(:'ann_id') as before \gset
select is(admin.set_model_price('sonnet', 6, 30, 'twice as dear'), '2026-11-20 12:00:00+00', 'a price begins now unless told otherwise');
select is(
  tests.prices('sonnet'),
  '{"2025-01-01T00:00:00.000000Z: 3/15, cache 0.3/3.75","2026-11-20T12:00:00.000000Z: 6/30, cache 0.6/7.5"}'::text[],
  'in a row of its own, the one before unchanged; the cache keeps its proportions');
select is((actor, subject, before, after, reason)::text, (
  session_user, 'sonnet',
  '{"input": 3, "output": 15, "cacheRead": 0.3, "cacheWrite": 3.75, "effectiveFrom": "2025-01-01T00:00:00.000000Z"}'::jsonb,
  '{"input": 6, "output": 30, "cacheRead": 0.6, "cacheWrite": 7.5, "effectiveFrom": "2026-11-20T12:00:00.000000Z"}'::jsonb, 'twice as dear')::text,
  'who, which, before, after and why are kept')
from playground.audit_log where action = 'set_model_price';
select tests.reserve(:'ann_id') as after \gset
select tests.settle(:'ann_id', :'before', 1000, 1000), tests.settle(:'ann_id', :'after', 1000, 1000) \g /dev/null
select is(
  array_agg(cost_usd order by cost_usd), '{0.018,0.036}'::playground.usd[],
  'an open run keeps its price, the next one has the new')
from playground.usage;

select is(admin.set_model_price('gpt-4o', 1, 2, 'announced', '2026-12-01 00:00:00+00'), '2026-12-01 00:00:00+00', 'a price may begin later');
select is(tests.prices('gpt-4o'), '{"2025-01-01T00:00:00.000000Z: 5/20, cache 2.5/5","2026-12-01T00:00:00.000000Z: 1/2, cache 0.5/1"}'::text[], 'OpenAI''s proportions');
select is(admin.set_model_price('gpt-4o', 1, 2, 'with a cache', null, 0.25, 0), '2026-11-20 12:00:00+00', 'prices of the cache may be given');
select is(before ->> 'input', '5', 'what was before is what is in force at that instant')
from playground.audit_log where reason = 'with a cache';
select throws_ok(
  $$ select admin.set_model_price('gpt-4o', 3, 3, 'again', '2026-12-01 00:00:00+00') $$, 'SCD05', null, 'a row is never changed');
select throws_ok(
  format('select admin.set_model_price(%L, 1, 1, %L, %L)', 'gpt-4o', 'x', instant), 'SCD02', null, format('no price begins at %s', instant))
from unnest(array['2026-11-20 11:59:59.999+00', '-infinity', 'infinity']) as instant;
select throws_ok(statement, 'SCD02', null, statement)
from unnest(array[
  $$ select admin.set_model_price('gpt-4o', null, 1, 'x') $$,
  $$ select admin.set_model_price('gpt-4o', 1, 0, 'x') $$,
  $$ select admin.set_model_price('gpt-4o', 1, 1, 'x', null, -1) $$]) as statement;
select throws_ok($$ select admin.set_model_price('gpt-4o', 1, 1, ' ') $$, 'SCD03', null, 'a reason must be given');
select throws_ok($$ select admin.set_model_price('gpt-9', 1, 1, 'x') $$, 'SCD04', null, 'for a model that is there');
select * from finish();
rollback;
