begin;
\ir ../helpers.psql
select plan(23);
select tests.freeze('2026-11-20 12:00:00+00');

select lives_ok(format('select engine.check_price(%L, %s)', 'input', price), format('%s is a price', price))
from unnest(array['0', '0.000001', '999999.999999', '3.5000000']) as price;
select throws_ok(format('select engine.check_price(%L, %s)', 'input', price), 'SCD02', null, format('%s is none', price))
from unnest(array['null', '-0.000001', '0.0000001', '1000000', '''NaN''', '''Infinity''']) as price;
select throws_ok($$ select engine.check_price('output', 0, false) $$, 'SCD02', null, 'output is never free');

select lives_ok(format('select engine.check_multiplier(%s)', multiplier), format('%s is a multiplier', multiplier))
from unnest(array['0.001', '99999.999']) as multiplier;
select throws_ok(format('select engine.check_multiplier(%s)', multiplier), 'SCD02', null, format('%s is none', multiplier))
from unnest(array['null', '0', '-1', '0.0005', '''NaN''']) as multiplier;

select is(engine.cache_prices(model, 4)::text, cached, about)
from (values
  ('opus', '(0.400000,5.000000)', 'Anthropic: reads 0.1 x, writes 1.25 x of input'),
  ('gpt-4o', '(2.000000,4.000000)', 'OpenAI: reads 0.5 x, writes plain input'),
  ('none', '(4,4)', 'nobody knows: plain input')
) as listed (model, cached, about);
select throws_ok($$ select engine.lock_model('none') $$, 'SCD04', null, 'a model must be there to be locked');
select is(
  engine.price_json(p), '{"input": 3, "output": 15, "cacheRead": 0.3, "cacheWrite": 3.75, "effectiveFrom": "2025-01-01T00:00:00.000000Z"}',
  'a row as the audit log keeps it')
from playground.model_prices p where model = 'sonnet';
select * from finish();
rollback;
