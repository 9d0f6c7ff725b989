begin;
\ir ../helpers.psql
\ir ../runs.psql
select plan(66);
select tests.freeze('2026-11-20 12:00:00+00');
select tests.make_package() as package_id, tests.make_user_with(500) as ann_id \gset
select admin.set_unlimited(:'ann_id', true, 'for a test') \g /dev/null

-- Reading what the provider said: 1,000 tokens of input estimated, 4,096 of output allowed.
create function tests.read(
  p_input bigint, p_output bigint, p_cache_read bigint, p_cache_write bigint, p_answer text default repeat('a', 40), p_outcome text default 'completed')
returns text
language sql
as $$
  select format('%s in, %s out, %s read, %s written: %s', u.p_input, u.p_output, u.p_cache_read, u.p_cache_write, usage_source)
  from engine.read_usage(p_outcome, p_answer, 1000, 4096, p_input, p_output, p_cache_read, p_cache_write) as u
$$;
select is(tests.read(input, output, cache_read, cache_write), expected, about)
from (values
  (900::bigint, 50::bigint, 30::bigint, 20::bigint, '900 in, 50 out, 30 read, 20 written: reported', 'what is reported counts'),
  (900, 50, null, null, '900 in, 50 out, 0 read, 0 written: reported', 'a provider without a cache reports none'),
  (0, 0, 0, 0, '0 in, 0 out, 0 read, 0 written: reported', 'zero is a figure, not a missing one'),
  (0, 50, 900, 0, '0 in, 50 out, 900 read, 0 written: reported', 'all of the input may come from the cache'),
  (null, 50, 30, 20, '1000 in, 50 out, 0 read, 0 written: estimated', 'a missing input is estimated, cache included'),
  (900, null, 30, 20, '900 in, 13 out, 30 read, 20 written: estimated', 'a missing output is estimated from the octets delivered'),
  (null, null, null, null, '1000 in, 13 out, 0 read, 0 written: estimated', 'as is everything'),
  (-1, 50, 0, 0, '1000 in, 50 out, 0 read, 0 written: estimated', 'a negative input is none'),
  (900, -1, 0, 0, '900 in, 13 out, 0 read, 0 written: estimated', 'a negative output is none'),
  (900, 50, -1, 0, '1000 in, 50 out, 0 read, 0 written: estimated', 'negative cache reads make the whole input doubtful'),
  (900, 50, 0, -1, '1000 in, 50 out, 0 read, 0 written: estimated', 'negative cache writes too'),
  (5097, 50, 0, 0, '5097 in, 50 out, 0 read, 0 written: reported', 'more than was asked for may be'),
  (50960, 50960, 50960, 50960, '50960 in, 50960 out, 50960 read, 50960 written: reported', 'up to ten times'),
  (50961, 50, 0, 0, '1000 in, 50 out, 0 read, 0 written: estimated', 'an absurd input is none'),
  (900, 50961, 0, 0, '900 in, 13 out, 0 read, 0 written: estimated', 'an absurd output is none'),
  (900, 50, 50961, 0, '1000 in, 50 out, 0 read, 0 written: estimated', 'absurd cache reads make the whole input doubtful'),
  (900, 50, 0, 50961, '1000 in, 50 out, 0 read, 0 written: estimated', 'absurd cache writes too'),
  (9223372036854775807, 9223372036854775807, 9223372036854775807, 9223372036854775807, '1000 in, 13 out, 0 read, 0 written: estimated', 'the largest figure there is overflows nothing')
) as listed (input, output, cache_read, cache_write, expected, about);
select is(tests.read(900, null, 0, 0, ''), '900 in, 0 out, 0 read, 0 written: estimated', 'where nothing was delivered nothing is estimated');
select is(tests.read(900, null, 0, 0, repeat('a', 50000)), '900 in, 4096 out, 0 read, 0 written: estimated', 'an estimate is at most the cap');
select is(tests.read(900, null, 0, 0, 'é€😀'), '900 in, 3 out, 0 read, 0 written: estimated', 'octets count, not characters');
select is(tests.read(null, null, null, null, '', 'provider_refused'), '0 in, 0 out, 0 read, 0 written: reported', 'a provider that refused bills nothing');
select is(tests.read(900, 0, 0, 0, '', 'provider_refused'), '900 in, 0 out, 0 read, 0 written: reported', 'unless it says so');
select is(tests.read(null, null, null, null, '', 'provider_timed_out'), '1000 in, 0 out, 0 read, 0 written: estimated', 'one that was silent may bill the input');
select admin.set_setting('absurd_usage_factor', '2', 'for a test') \g /dev/null
select is(tests.read(10193, 50, 0, 0), '1000 in, 50 out, 0 read, 0 written: estimated', 'what is absurd is a setting');
select admin.set_setting('absurd_usage_factor', '10', 'for a test') \g /dev/null

-- The price of the model that answered.
create function tests.price(p_answered_model text, p_model text default 'sonnet')
returns text
language sql
as $$
  select format('%s/%s%s', trim_scale(input_price), trim_scale(output_price), case when is_unknown then ' unknown' end)
  from engine.price_of_answer(p_model, '2025-01-01 00:00:00+00', p_answered_model, engine.now())
$$;
select is(tests.price(answered, model), price, about)
from (values
  ('claude-sonnet-4-6', 'sonnet', '3/15', 'the model that was asked for'),
  ('claude-sonnet-4-6-20250929', 'sonnet', '3/15', 'its dated name is the same model'),
  (null, 'sonnet', '3/15', 'a provider that does not say'),
  ('claude-opus-4-6', 'sonnet', '15/75', 'another known model costs its own price'),
  ('claude-opus-4-6-20250805', 'sonnet', '15/75', 'dated or not'),
  ('claude-haiku-9', 'sonnet', '3/15 unknown', 'an unknown one costs the price of the one asked for, and is told'),
  ('claude-sonnet-4-6-mini', 'sonnet', '3/15 unknown', 'a longer name is not a dated one'),
  ('', 'sonnet', '3/15 unknown', 'an empty name is unknown'),
  ('gpt-4o-mini-2024-07-18', 'gpt-4o', '0.6/2.4', 'the longest name that fits is meant'),
  ('gpt-4o-2024-11-20', 'gpt-4o-mini', '5/20', 'also where it is the dearer one'),
  ('claude-opus-4-6', 'gpt-4o', '5/20 unknown', 'another provider''s model cannot have answered')
) as listed (answered, model, price, about);
insert into playground.model_prices values ('opus', '2026-11-20 12:00:00+00', 1, 2, 3, 4), ('sonnet', '2026-11-20 12:00:00+00', 5, 6, 7, 8);
select is(tests.price('claude-opus-4-6'), '1/2', 'another model''s price is that of the instant of the reservation');
select is(tests.price('claude-sonnet-4-6'), '3/15', 'the model asked for keeps the price the run was reserved with');
select is(tests.price('claude-haiku-9'), '3/15 unknown', 'an unknown one too');
select throws_ok($$ select engine.price_of_answer('sonnet', '2024-01-01', null, engine.now()) $$, 'P0002', null, 'without the hold''s price nothing is guessed');

insert into playground.models (model, provider, provider_model, multiplier, position) values ('dated', 'openai', 'gpt-4o-2024-11-20', 1, 9);
insert into playground.model_prices values ('dated', '2026-01-01 00:00:00+00', 7, 8, 7, 7);
select is(tests.price('gpt-4o-2024-11-20', 'gpt-4o-mini'), '7/8', 'a dated name with a price of its own costs that');

-- Charges and costs of a run, told by its usage row. (The newer sonnet price: 5 in, 6 out, 7 read, 8 written.)
create function tests.use(
  p_user_id uuid, p_tokens bigint, p_input bigint, p_output bigint, p_cache_read bigint default 0, p_cache_write bigint default 0,
  p_answer text default 'x', p_outcome text default 'completed', p_answered_model text default null)
returns text
language plpgsql
as $$
declare
  v_run jsonb := tests.reserve(p_user_id, tests.text_of(p_tokens), p_use_no_prompt => true);
begin
  perform tests.settle(p_user_id, v_run, p_input, p_output, p_cache_read, p_cache_write, p_answer, p_outcome, p_answered_model);
  return (
    select format('%s of %s credits, %s USD, %s beyond', u.credits, h.credits, trim_scale(u.cost_usd), tokens_beyond_hold)
    from playground.usage u
    join playground.holds h using (account_id, hold_id)
    where u.hold_id = (v_run ->> 'hold_id')::uuid);
end $$;
select is(tests.use(:'ann_id', 1000, input, output, cache_read, cache_write), expected, about)
from (values
  (1::bigint, 0::bigint, 0::bigint, 0::bigint, '1 of 2 credits, 0.000005 USD, 0 beyond', 'one input token'),
  (0, 1, 0, 0, '1 of 2 credits, 0.000006 USD, 0 beyond', 'one output token'),
  (0, 0, 1, 0, '1 of 2 credits, 0.000007 USD, 0 beyond', 'one token read from the cache'),
  (0, 0, 0, 1, '1 of 2 credits, 0.000008 USD, 0 beyond', 'one token written to the cache'),
  (0, 0, 0, 0, '1 of 2 credits, 0 USD, 0 beyond', 'a complete answer costs at least one credit'),
  (2000, 1000, 1000, 1000, '1 of 2 credits, 0.031 USD, 0 beyond', 'all classes are charged for'),
  (2000, 1001, 1000, 1000, '2 of 2 credits, 0.031006 USD, 0 beyond', 'to the token'),
  (5000, 5000, 0, 0, '2 of 2 credits, 0.055 USD, 0 beyond', 'what the hold covers'),
  (5000, 5000, 1, 0, '2 of 2 credits, 0.055007 USD, 1 beyond', 'the first token beyond is the house''s loss'),
  (20000, 10000, 5000, 5000, '2 of 2 credits, 0.235 USD, 30000 beyond', 'a charge is never more than the hold')
) as listed (input, output, cache_read, cache_write, expected, about);
select is(tests.use(:'ann_id', 1000, 0, 0, p_answer => ''), '1 of 2 credits, 0 USD, 0 beyond', 'a complete answer may be empty');
select is(tests.use(:'ann_id', 1000, 500, 0, p_answer => '', p_outcome => 'client_gone'), '0 of 2 credits, 0.0025 USD, 0 beyond', 'who went before the first word pays nothing; the house does');
select is(tests.use(:'ann_id', 1000, 500, null, p_answer => repeat('a', 4000), p_outcome => 'client_gone'), '1 of 2 credits, 0.0103 USD, 0 beyond', 'who went later pays what was delivered');
select is(tests.use(:'ann_id', 1000, null, null, p_answer => repeat('a', 90000), p_outcome => 'client_gone'), '2 of 2 credits, 0.029576 USD, 0 beyond', 'at most the hold');

-- The row, and what it tells.
select tests.use(:'ann_id', 10, 30, 2, 3, 4, p_answered_model => 'claude-haiku-9') \g /dev/null
select is(
  (user_id, package_version, model, answered_model, is_answered_model_unknown, tier, outcome, usage_source, is_comparison, is_simulated,
    input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, input_tokens_estimated, budget_usd, stop_reason, duration_ms, recorded_at)::text,
  (:'ann_id'::uuid, '1.0.0', 'sonnet', 'claude-haiku-9', true, 'unlimited', 'completed', 'reported', true, true,
    30, 2, 3, 4, 10, 0.000000000000, 'end_turn', 7, '2026-11-20 12:00:00+00'::timestamptz)::text,
  'a usage row tells the whole model call'
)
from playground.usage where answered_model is not null;
select is(details, '{"asked": "sonnet", "answered": "claude-haiku-9"}'::jsonb, 'the platform is told of a model that nobody knows')
from playground.alerts where user_id = '00000000-0000-0000-0000-000000000000' and kind = 'unknown_model' and window_starts_at = '2026-11-20 00:00:00+00';
select is(details, '{"estimated": 1000, "reported": 4000, "model": "sonnet"}'::jsonb, 'and of the day''s first input beyond 1.5 times its estimate, cache included')
from playground.alerts where user_id = :'ann_id' and kind = 'input_underestimated';
select is(count(*), 1::bigint, 'once a day') from playground.alerts where kind = 'input_underestimated';
select tests.make_user_with(10) as bob_id \gset
select tests.use(:'bob_id', 10, 15, 2), tests.use(:'bob_id', 10, null, 2) \g /dev/null
select is(count(*), 0::bigint, '1.5 times is not beyond, and an estimate is not told against itself') from playground.alerts where user_id = :'bob_id';
select tests.use(:'bob_id', 10, 16, 2) \g /dev/null
select is(count(*), 1::bigint, '1.6 times is') from playground.alerts where user_id = :'bob_id' and kind = 'input_underestimated';

-- A release records the model call as well, unless there was none.
create function tests.fail(p_user_id uuid, p_outcome text, p_answer text default '', p_input bigint default null, p_output bigint default null)
returns text
language plpgsql
as $$
declare
  v_run jsonb := tests.reserve(p_user_id, tests.text_of(1000), p_use_no_prompt => true);
begin
  perform tests.release(p_user_id, v_run, p_outcome, p_answer, p_input, p_output);
  return (
    select format('%s: %s credits, %s USD, %s', outcome, credits, trim_scale(cost_usd), usage_source)
    from playground.usage
    where hold_id = (v_run ->> 'hold_id')::uuid);
end $$;
select is(tests.fail(:'ann_id', 'provider_refused'), 'provider_refused: 0 credits, 0 USD, reported', 'a provider that refused');
select is(tests.fail(:'ann_id', 'provider_timed_out'), 'provider_timed_out: 0 credits, 0.005 USD, estimated', 'one that timed out');
select is(tests.fail(:'ann_id', 'provider_empty', '', 900, 1), 'provider_empty: 0 credits, 0.004506 USD, reported', 'one that answered nothing');
select is(tests.fail(:'ann_id', 'provider_broke', repeat('a', 400)), 'provider_broke: 0 credits, 0.00578 USD, estimated', 'one that broke: cost so far');
select is(tests.fail(:'ann_id', 'not_called'), null, 'one that was not called leaves none');
select * from finish();
rollback;
