begin;
\ir ../helpers.psql
select plan(15);
select is(engine.read_price('{"input": 1.25}', name), price, format('%s', name)) from (values ('input', 1.25), ('output', null)) as listed (name, price);
select throws_ok($$ select engine.read_price('{"input": null}', 'input') $$, 'SCD02', null, 'null is no price');
select is(array_agg(m order by model)::text, '{"(gpt-4o,0.125)","(opus,4)"}', 'multipliers by model') from engine.read_multipliers('{"opus": 4, "gpt-4o": 0.125}') as m;
select throws_ok($$ select engine.read_multipliers(null) $$, 'SCD02', null, 'null is no object');
select is(p::text, '(gpt-4o,1,2,0.500000,0)', 'a given price stands, a missing one of the cache keeps its proportion')
from engine.read_prices('{"gpt-4o": {"input": 1, "output": 2, "cacheWrite": 0}}') as p;
select is(p::text, about, 'what is left out is as now: ' || given)
from (values
  ('{"gpt-4o": {"input": 1}}', '(gpt-4o,1,20.000000,0.500000,1.000000)'),
  ('{"gpt-4o": {"output": 7}}', '(gpt-4o,5.000000,7,2.500000,5.000000)')
) as listed (given, about)
cross join lateral engine.read_prices(given::jsonb) as p;
select throws_ok(format('select engine.read_prices(%L)', prices), 'SCD02', null, prices)
from unnest(array['[]', '{"opus": {"input": 1, "output": 1e9}}', '{"opus": {"input": 1e-9, "output": 1}}']) as prices;
select is(engine.priced_model(asked, answered), priced, about)
from (values
  ('sonnet', null, 'sonnet', 'nobody said which model answered'),
  ('sonnet', 'claude-sonnet-4-6-20260101', 'sonnet', 'a dated name is the model''s own'),
  ('sonnet', 'claude-opus-4-6', 'opus', 'another model of the provider has its own price'),
  ('sonnet', 'gpt-4o', 'sonnet', 'a name nobody knows there has the price of the model asked for')
) as listed (asked, answered, priced, about);
select * from finish();
rollback;
