begin;
\ir ../helpers.psql
\ir ../runs.psql
select plan(21);
select tests.freeze('2026-11-20 12:00:00+00');
select tests.make_package() as package_id, tests.make_user() as ann_id \gset
select admin.set_unlimited(:'ann_id', true, 'for a test') \g /dev/null
select tests.add_lot(:'ann_id', 3, '2026-12-01 00:00:00+00') \g /dev/null
select tests.buy(:'ann_id', 100, 5) \g /dev/null
select tests.advance('1 second') \g /dev/null
select tests.reserve(:'ann_id', p_model => 'opus') as run \gset
create function tests.explained(p_user_id uuid, p_hold_id text)
returns jsonb
language sql
as $$ select to_jsonb(e) from admin.explain_charge(p_user_id, p_hold_id => p_hold_id::uuid) as e $$;

select is(e ->> 'explanation', 'Still running: 5 credit(s) held until 2026-11-20T12:03:11.000000Z.', 'a run under way says so')
from tests.explained(:'ann_id', :'run'::jsonb ->> 'hold_id') as e;
select is((e ->> 'cost_usd', e ->> 'tokens', e ->> 'number')::text, '(,,)', 'and has no figures of the call yet')
from tests.explained(:'ann_id', :'run'::jsonb ->> 'hold_id') as e;

select tests.advance('3 seconds') \g /dev/null
select tests.settle(:'ann_id', :'run', 100, 4000, 300, 40) \g /dev/null
select tests.explained(:'ann_id', :'run'::jsonb ->> 'hold_id') as explained \gset
select is(:'explained'::jsonb ->> name, value, about)
from (values
  ('explanation', '4440 tokens are 1 step(s) of 5000; x multiplier 5, rounded up, at least 1 = 5 credit(s).', 'the reckoning in words'),
  ('tokens', '4440', 'tokens of all classes'),
  ('cache_read_tokens', '300', 'by class'),
  ('steps', '1', 'steps'),
  ('multiplier', '5', 'times the multiplier'),
  ('credits_due', '5', 'are due'),
  ('credits_charged', '5', 'and charged'),
  ('tier', 'unlimited', 'in a tier'),
  -- (100 x 15 + 4000 x 75 + 300 x 1.5 + 40 x 18.75) / 1,000,000
  ('cost_usd', '0.3027', 'the cost by class'),
  ('budget_usd', '0', 'nothing of it paid by the bought budget: no limit binds'),
  ('output_usd_per_million', '75', 'at the prices of the run')
) as expected (name, value, about);
select is(
  jsonb_path_query_array(:'explained'::jsonb -> 'grants', '$[*].source')::text || jsonb_path_query_array(:'explained'::jsonb -> 'grants', '$[*].paid'),
  '["promo", "signup"][3, 2]', 'which grants paid how much, in burn order');
select is(:'explained'::jsonb #>> '{grants,0,expiresAt}', '2026-12-01T00:00:00.000000Z', 'with their expiry');
select is(to_jsonb(e), :'explained'::jsonb, 'the line of the history leads to the same')
from admin.explain_charge(:'ann_id', (:'explained'::jsonb ->> 'number')::bigint) as e;

select admin.set_model_price('opus', 1, 1, 'cheaper'), admin.set_multiplier('opus', 1, 'cheaper') \g /dev/null
select is(tests.explained(:'ann_id', :'run'::jsonb ->> 'hold_id'), :'explained'::jsonb, 'later prices and multipliers change nothing of it');

select tests.reserve(:'ann_id', p_custom_prompt => 'Be brief.') as short \gset
select tests.settle(:'ann_id', :'short', 9000, 3000) \g /dev/null
select is(e ->> 'explanation', '12000 tokens are 3 step(s) of 5000; x multiplier 2, rounded up, at least 1 = 6 credit(s); 2 were held, and no run is charged more.',
  'a charge that the hold bounds')
from tests.explained(:'ann_id', :'short'::jsonb ->> 'hold_id') as e;
select tests.reserve(:'ann_id') as refused \gset
select tests.release(:'ann_id', :'refused') \g /dev/null
select is(e ->> 'explanation', 'Ended without an answer that counts (provider_refused): nothing is charged.', 'a run that the provider refused')
from tests.explained(:'ann_id', :'refused'::jsonb ->> 'hold_id') as e;

select throws_ok(format(statement, :'ann_id'), code, null, statement)
from (values
  ($$ select admin.explain_charge('%s') $$, 'SCD02'),
  ($$ select admin.explain_charge('%s', 1) $$, 'SCD04')) as listed (statement, code);
select * from finish();
rollback;
