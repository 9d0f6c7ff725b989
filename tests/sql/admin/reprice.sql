begin;
\ir ../helpers.psql
\ir ../runs.psql
select plan(34);
select tests.freeze('2026-11-10 12:00:00+00');
select tests.make_package() as package_id, tests.make_user_with(1000) as ann_id, tests.make_user() as bob_id \gset
select admin.set_unlimited(:'ann_id', true, 'for a test') \g /dev/null
select tests.buy(:'bob_id', 100, 5) \g /dev/null
create function tests.run(
  p_user_id uuid, p_model text, p_input bigint, p_output bigint, p_cache_read bigint default 0, p_cache_write bigint default 0,
  p_custom_prompt text default null, p_answered_model text default null, p_outcome text default 'completed', p_answer text default 'An answer.')
returns void
language plpgsql
as $$
declare
  v_run jsonb := tests.reserve(p_user_id, p_model => p_model, p_custom_prompt => p_custom_prompt);
begin
  perform tests.advance('1 second');
  perform tests.settle(p_user_id, v_run, p_input, p_output, p_cache_read, p_cache_write, p_answer, p_outcome, p_answered_model);
  perform tests.advance('1 second');
end $$;
-- Runs of all kinds: one step, several, own prompts, cached tokens, another model's answer, a charge that the hold bounds.
select tests.run(:'ann_id', 'opus', 100, 4000, 300, 40), tests.run(:'ann_id', 'opus', 900, 3000, p_custom_prompt => 'Be brief.'),
  tests.run(:'ann_id', 'opus', 15000, 4096), tests.run(:'ann_id', 'sonnet', 7, 1), tests.run(:'ann_id', 'sonnet', 4000, 1500),
  tests.run(:'ann_id', 'sonnet', 500, 500, p_answered_model => 'claude-opus-4-6-20260301'), tests.run(:'ann_id', 'gpt-4o-mini', 333, 777, 111),
  tests.run(:'ann_id', 'sonnet', 100, 0, p_outcome => 'client_gone', p_answer => ''), tests.run(:'bob_id', 'sonnet', 2000, 1000) \g /dev/null
-- Abandoned, answered late: nothing charged, the cost corrected.
select tests.reserve(:'ann_id', p_model => 'gpt-4o') as late \gset
select tests.advance('10 minutes') \g /dev/null
select tests.settle(:'ann_id', :'late', 1000, 2000) \g /dev/null
select tests.freeze('2026-11-11 00:00:00+00');
select tests.run(:'ann_id', 'sonnet', 1000, 1000) \g /dev/null
select tests.freeze('2026-11-12 00:00:00+00');
create function tests.rows_of(p_multipliers jsonb default '{}', p_prices jsonb default '{}', p_from timestamptz default '2026-11-10', p_to timestamptz default '2026-11-12')
returns setof record
language sql
as $$ select model, tier, runs, credits, new_credits, cost_usd, new_cost_usd from admin.reprice(p_from, p_to, p_multipliers, p_prices) $$;
create function tests.new_of(p_model text, p_multipliers jsonb default '{}', p_prices jsonb default '{}')
returns text
language sql
as $$ select format('%s %s', new_credits, trim_scale(new_cost_usd)) from admin.reprice('2026-11-10', '2026-11-12', p_multipliers, p_prices) where model = p_model and tier = 'unlimited' $$;
create temporary view happened as
select model, tier, count(*) as runs, sum(credits)::bigint as credits, sum(credits)::bigint as new_credits, sum(cost_usd) as cost_usd, sum(cost_usd) as new_cost_usd
from playground.usage
group by 1, 2;

select bag_eq('select * from tests.rows_of() as (model text, tier text, runs bigint, credits bigint, new_credits bigint, cost_usd numeric, new_cost_usd numeric)',
  'select * from happened', 'with nothing changed it is what happened, to the credit and to the 12th decimal');
select bag_eq($$ select * from tests.rows_of(
    (select jsonb_object_agg(model, multiplier) from playground.models),
    (select jsonb_object_agg(model, jsonb_build_object('input', input_usd_per_million, 'output', output_usd_per_million,
      'cacheRead', cache_read_usd_per_million, 'cacheWrite', cache_write_usd_per_million)) from playground.model_prices))
    as (model text, tier text, runs bigint, credits bigint, new_credits bigint, cost_usd numeric, new_cost_usd numeric) $$,
  'select * from happened', 'and so it is when all multipliers and prices are named as they are');
select is(count(*), 5::bigint, 'a line per model and tier') from happened;
select is(sum(credits) = (select -sum(amount) from playground.transactions where type = 'spend'), true, 'these are the credits of the ledger') from happened;

-- Opus: 4,440, 3,900 (own prompt) and 19,096 tokens in 1, 1 and 4 steps; the last had held 1 step.
select is(tests.new_of('opus', '{"opus": 4}'), 4 + 8 + 4 || ' ' || trim_scale(0.3027 + 0.0135 + 0.225 + 0.225 + 0.3072), 'another multiplier; own prompts keep their factor, a charge its bound');
select is(tests.new_of('opus', '{"opus": 0.25}'), 1 + 1 + 1 || ' 1.0734', 'never less than a credit');
select is(tests.new_of('sonnet', '{"opus": 4}'), tests.new_of('sonnet'), 'other models are as they were');
select is(tests.new_of('sonnet', '{"sonnet": 3}'), (1 + 2 + 1 + 0 + 1) * 3 - 3 || ' ' || (select trim_scale(cost_usd) from happened where model = 'sonnet' and tier = 'unlimited'),
  'what was not charged is not charged');
select is(tests.new_of('opus', '{}', '{"opus": {"input": 12, "output": 60, "cacheRead": 2, "cacheWrite": 10}}'),
  '20 ' || trim_scale((16000 * 12 + 11096 * 60 + 300 * 2 + 40 * 10) / 1000000.0), 'other prices, by class of token');
select is(tests.new_of('opus', '{}', '{"opus": {"input": 10, "output": 60}}'),
  '20 ' || trim_scale((16000 * 10 + 11096 * 60 + 300 * 1 + 40 * 12.5) / 1000000.0), 'prices of the cache in proportion to input');
select is(tests.new_of('sonnet', '{}', '{"opus": {"input": 0, "output": 0.000001}}')::text <> tests.new_of('sonnet'), true, 'what opus answered in the place of sonnet costs what opus costs');
select is(tests.new_of('gpt-4o', '{}', '{"gpt-4o": {"input": 10, "output": 40}}'), '0 ' || trim_scale((1000 * 10 + 2000 * 40) / 1000000.0), 'a late answer is priced, and charges nothing');

-- Earned: bob's credits cost 5 cents each, ann's nothing.
select is((earned_usd, new_earned_usd, margin_percent)::text, '(0,0,)', 'before the roll-up nothing is known to be earned')
from admin.reprice('2026-11-10', '2026-11-12') where tier = 'free';
insert into rollup.revenue_days values ('2026-11-10', 'sonnet', 'free', 1, 0.05), ('2026-11-10', 'opus', 'unlimited', 3, 0.1), ('2026-11-13', 'opus', 'unlimited', 3, 100)
on conflict (day, model, tier) do update set credits = excluded.credits, revenue_usd = excluded.revenue_usd;
select is((credits, earned_usd, new_credits, new_earned_usd)::text, '(1,0.05,4,0.2)', 'the new credits earn what the old ones did')
from admin.reprice('2026-11-10', '2026-11-12', '{"sonnet": 4}') where tier = 'free';
select is((margin_percent, new_margin_percent)::text, '(58.00,89.50)', 'margins in percent of what is earned: 0.021 USD of cost')
from admin.reprice('2026-11-10', '2026-11-12', '{"sonnet": 4}') where tier = 'free';
select is((earned_usd)::text, trim_scale(round(0.1 * credits / 3, 12))::text, 'per model and tier') from admin.reprice('2026-11-10', '2026-11-12') where model = 'opus';
select is((earned_usd)::text, trim_scale(round(0.15 * credits / 4, 12))::text, 'where none is known, at the average of the period') from admin.reprice('2026-11-10', '2026-11-12') where model = 'gpt-4o-mini';

select is(runs, 4::bigint, 'a period is half-open') from admin.reprice('2026-11-10', '2026-11-11') where model = 'sonnet' and tier = 'unlimited';
select throws_ok(format('select * from admin.reprice(%s)', arguments), 'SCD02', null, about)
from (values
  ($$ '2026-11-10', '2026-11-10' $$, 'an empty period'),
  ($$ '2026-11-10', null $$, 'no end'),
  ($$ '2026-11-10', '2026-11-12', '{"gpt-9": 2}' $$, 'an unknown model'),
  ($$ '2026-11-10', '2026-11-12', '{"opus": "2"}' $$, 'a text for a number'),
  ($$ '2026-11-10', '2026-11-12', '{"opus": 0}' $$, 'no multiplier'),
  ($$ '2026-11-10', '2026-11-12', '[]' $$, 'no object'),
  ($$ '2026-11-10', '2026-11-12', '{}', '{"opus": {"input": null}}' $$, 'null for a price'),
  ($$ '2026-11-10', '2026-11-12', '{}', '{"opus": {"input": 1, "output": 1, "cache": 1}}' $$, 'a price of something else'),
  ($$ '2026-11-10', '2026-11-12', '{}', '{"opus": 3}' $$, 'no prices'),
  ($$ '2026-11-10', '2026-11-12', '{}', '{"gpt-9": {"input": 1, "output": 1}}' $$, 'prices of an unknown model')) as listed (arguments, about);
select is(count(*), 0::bigint, 'nobody ran then') from admin.reprice('2031-01-01', '2031-01-02', '{"opus": 4}', '{"opus": {"input": 12.5}}');
select throws_ok(format('select * from admin.reprice(%L, %L, %L, %L)', '2031-01-01', '2031-01-02', multipliers, prices), 'SCD02', null,
  'also where nobody ran, what is no multiplier and no price is refused: ' || multipliers || prices)
from (values ('{"__proto__": 1}', '{}'), ('{"opus": -1}', '{}'), ('{}', '{"opus": {"input": -1}}'), ('{}', '{"none": {"input": 1}}')) as listed (multipliers, prices);
select engine.write_audit('retire_months', '00000000-0000-0000-0000-000000000000', null, '{}', '{"usage": "2026-11-11T00:00:00Z"}', 'for a test') \g /dev/null
select throws_ok($$ select * from admin.reprice('2026-11-10', '2026-11-12') $$, 'SCD02', null, 'a period whose usage is gone');
select * from finish();
rollback;
