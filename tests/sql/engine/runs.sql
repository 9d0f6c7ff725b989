begin;
\ir ../helpers.psql
\ir ../runs.psql
select plan(59);
select tests.freeze('2026-11-20 12:00:00+00');
select tests.make_package() as package_id, tests.make_user_with(100) as ann_id, tests.make_user_with(100) as bob_id \gset

-- Fields within their range.
select is(engine.is_run_request(user_input, custom_prompt, temperature, idempotency_key), is_fine, about)
from (values
  ('x', null::text, null::numeric, null::text, true, 'an input suffices'),
  ('x', 'y', 0, 'k', true, 'temperature from 0'),
  ('x', 'y', 1, ' ~', true, 'to 1; a key of printable ASCII'),
  ('', null, null, null, false, 'an empty input is none'),
  (null, null, null, null, false, 'nor is a missing one'),
  ('x', '', null, null, false, 'an own prompt says something'),
  ('x', null, -0.001, null, false, 'temperature not below 0'),
  ('x', null, 1.001, null, false, 'nor above 1'),
  ('x', null, 'NaN', null, false, 'nor NaN'),
  ('x', null, null, '', false, 'a key has 1'),
  ('x', null, null, repeat('k', 255), true, 'to 255 characters'),
  ('x', null, null, repeat('k', 256), false, 'no more'),
  ('x', null, null, 'clé', false, 'all of them ASCII'),
  ('x', null, null, e'a\tb', false, 'and printable'),
  ('x', null, null, e'ab\n', false, 'to the end')
) as listed (user_input, custom_prompt, temperature, idempotency_key, is_fine, about);
create function tests.field_of(p_user_input text, p_custom_prompt text, p_temperature numeric)
returns text
language plpgsql
as $$
declare
  v_detail text;
begin
  perform engine.refuse_run_request(p_user_input, p_custom_prompt, p_temperature);
exception
  when sqlstate 'SCV01' then
    get stacked diagnostics v_detail = pg_exception_detail;
    return (select string_agg(field, ', ') from json_object_keys(v_detail::json -> 'fields') as field);
end $$;
select is(tests.field_of('', '', 2), 'userInput', 'the field that is wrong is named');
select is(tests.field_of(null, null, null), 'userInput', 'also where it is missing');
select is(tests.field_of('x', '', 2), 'customPrompt', 'an own prompt');
select is(tests.field_of('x', null, 2), 'temperature', 'the temperature');
select is(tests.field_of('x', null, 0.5), 'Idempotency-Key', 'or the key');

-- The answer.
select is(
  engine.run_body(
    '00000000-0000-0000-0000-00000000000a', '00000000-0000-0000-0000-00000000000b', e'He said "hi"\n\u2028', 3, 97, 10, 20, 30, 40, 0.001230000000, 1234, 'sonnet', null, false
  )::jsonb,
  jsonb_build_object(
    'id', '00000000-0000-0000-0000-00000000000a', 'conversationId', '00000000-0000-0000-0000-00000000000b', 'response', e'He said "hi"\n\u2028',
    'creditsSpent', 3, 'creditsRemaining', 97, 'tokensUsed', 100,
    'usage', '{"inputTokens": 10, "outputTokens": 20, "cacheReadTokens": 30, "cacheWriteTokens": 40}'::jsonb,
    'costUsd', 0.00123, 'durationMs', 1234, 'model', 'sonnet', 'stopReason', null, 'simulated', false),
  'a run answers with its fields'
);

-- The answer once more, from what is stored.
create function tests.is_repeated(p_user_id uuid, p_run jsonb, p_settled jsonb)
returns boolean
language sql
as $$
  select engine.result_of(h) = p_settled ->> 'body' and tests.settle(p_user_id, p_run, 9, 9, p_answer => 'other') = p_settled
  from playground.holds h
  where account_id = p_user_id and hold_id = (p_run ->> 'hold_id')::uuid
$$;
select tests.reserve(:'ann_id') as run \gset
select tests.settle(:'ann_id', :'run', 100, 50, 20, 10, e'Ünder "quotes"\n') as settled \gset
select ok(tests.is_repeated(:'ann_id', :'run', :'settled'), 'a repeat of settle answers byte for byte');
select admin.grant_credits(:'ann_id', 50, 'for a test') \g /dev/null
select ok(tests.is_repeated(:'ann_id', :'run', :'settled'), 'whatever was posted at the same instant since');
select tests.advance('1 day'), admin.grant_credits(:'ann_id', 50, 'for a test') \g /dev/null
select ok(tests.is_repeated(:'ann_id', :'run', :'settled'), 'or later');
select tests.reserve(:'ann_id') as run \gset
select tests.settle(:'ann_id', :'run', 100, 0, p_answer => '', p_outcome => 'client_gone') as settled \gset
select tests.advance('1 day'), admin.grant_credits(:'ann_id', 50, 'for a test') \g /dev/null
select ok(tests.is_repeated(:'ann_id', :'run', :'settled'), 'also where nothing was charged');
select is(count(*), 2::bigint, 'and no repeat adds anything') from playground.usage where account_id = :'ann_id';
select tests.reserve(:'ann_id') as run \gset
select tests.release(:'ann_id', :'run', 'not_called') \g /dev/null
select is(engine.result_of(h), null, 'a run that used nothing has no answer') from playground.holds h where hold_id = (:'run'::jsonb ->> 'hold_id')::uuid;

-- Holds are found by their own account only.
select is((engine.find_hold(:'ann_id', :'ann_id', (:'run'::jsonb ->> 'hold_id')::uuid)).status::text, 'released', 'a hold is found whatever its state');
select throws_ok(format('select engine.find_hold(%1$L, %1$L, %2$L)', :'bob_id', :'run'::jsonb ->> 'hold_id'), 'SCH01', null, 'another account''s is not');
select throws_ok(format('select engine.find_hold(%1$L, %1$L, null)', :'bob_id'), 'SCH01', null, 'nor none');

select throws_ok(
  format('select engine.find_hold(%L, %L, %L)', :'ann_id', :'bob_id', :'run'::jsonb ->> 'hold_id'), 'SCH01', null, 'nor another person''s on the same account'
);

-- An answer that comes after the hold expired.
select tests.freeze('2026-11-30 23:58:00+00');
select tests.reserve(:'bob_id', p_idempotency_key => 'k') as run \gset
select tests.freeze('2026-12-01 00:02:00+00');
select tests.settle(:'bob_id', :'run', 1000, 200, 10, 0, 'Late.', p_answered_model => 'claude-haiku-9') as settled \gset
select is((:'settled'::jsonb ->> 'status')::integer, 200, 'a late answer is an answer');
select is((:'settled'::jsonb ->> 'charged')::integer, 0, 'and charges nothing');
select is(
  (:'settled'::jsonb ->> 'body')::jsonb - 'id' - 'conversationId',
  '{"response": "Late.", "creditsSpent": 0, "creditsRemaining": 105, "tokensUsed": 1210, "usage": {"inputTokens": 1000, "outputTokens": 200, "cacheReadTokens": 10, "cacheWriteTokens": 0},
    "costUsd": 0.006003, "durationMs": 7, "model": "sonnet", "stopReason": "end_turn", "simulated": true}'::jsonb,
  'it says so'
);
select is(
  (outcome, usage_source, answered_model, is_answered_model_unknown, input_tokens, output_tokens, cache_read_tokens, credits, cost_usd, is_simulated, stop_reason, duration_ms, recorded_at)::text,
  ('late', 'reported', 'claude-haiku-9', true, 1000, 200, 10, 0, 0.006003000000, true, 'end_turn', 7, '2026-12-01 00:02:00+00'::timestamptz)::text,
  'its usage is corrected from abandoned to late'
)
from playground.usage where account_id = :'bob_id';
select is((status, outcome, charged)::text, '(expired,late,)', 'the hold stays expired') from playground.holds where account_id = :'bob_id';
select is(
  tests.windows(:'bob_id'),
  array['day 2026-11-30 00:00: 1 run(s), 0.006003 + 0', 'hour 2026-11-30 23:00: 1 run(s), 0.006003 + 0', 'month 2026-11-01 00:00: 1 run(s), 0.006003 + 0'],
  'the cost of the windows it belongs to is corrected'
);
select is(cardinality(tests.ledger(:'bob_id')), 2, 'the history says nothing of it');
select is(
  array_agg(content order by number), array['Hello', 'Late.'], 'the answer is kept in the conversation'
)
from playground.messages where user_id = :'bob_id' and is_complete;
select is(tests.reserve(:'bob_id', p_idempotency_key => 'k') ->> 'replay_body', :'settled'::jsonb ->> 'body', 'and for repeats of the request');
select is(tests.settle(:'bob_id', :'run', 1, 1), :'settled'::jsonb, 'a repeat of settle answers the same');
select is(cost_usd::numeric, 0.006003, 'and corrects nothing twice') from playground.usage where account_id = :'bob_id';
select is(tests.release(:'bob_id', :'run'), false, 'what has ended cannot be released');
-- The key may have been taken by another run meanwhile.
select tests.reserve(:'bob_id', p_idempotency_key => 'again') as run \gset
select tests.advance('4 minutes'), tests.reserve(:'bob_id', p_idempotency_key => 'again') as other_run \gset
select isnt(:'other_run'::jsonb ->> 'hold_id', :'run'::jsonb ->> 'hold_id', 'the key of an abandoned run is free');
select tests.settle(:'bob_id', :'run') \g /dev/null
select throws_ok(format('select tests.reserve(%L, p_idempotency_key => %L)', :'bob_id', 'again'), 'SCI02', null, 'a late answer does not end another run');
-- A late answer that nobody waited for, and that was never charged.
select tests.reserve(:'bob_id', p_idempotency_key => 'gone') as run \gset
select tests.advance('4 minutes'), tests.settle(:'bob_id', :'run', p_outcome => 'client_gone') \g /dev/null
select isnt(tests.reserve(:'bob_id', p_idempotency_key => 'gone') ->> 'hold_id', null, 'the key of a late answer whose caller had gone is free');
-- The bought budget that an abandoned run drew stays drawn.
select tests.make_user() as eve_id \gset
select tests.buy(:'eve_id', 100, 20), tests.reserve(:'eve_id', tests.text_of(20000), 'opus', p_use_no_prompt => true) as run \gset
select tests.advance('4 minutes'), tests.settle(:'eve_id', :'run', 10, 1) \g /dev/null
select is((cost_usd, budget_usd)::text, '(0.200000000000,0.200000000000)', 'a late answer that cost less than what it drew from the bought budget counts that') from playground.usage where account_id = :'eve_id';
select is(trim_scale(cost_usd), 0::numeric, 'and the tier''s windows nothing') from playground.cost_windows where user_id = :'eve_id' and kind = 'day';
select is((cost_budget_usd, cost_budget_held_usd)::text, '(13.800000000000,0.000000000000)', 'what was drawn stays drawn') from playground.accounts where account_id = :'eve_id';
-- Its month of usage may have been retired by then.
select tests.freeze('2025-02-10 12:00:00+00');
select tests.make_user_with(100) as flo_id \gset
select tests.reserve(:'flo_id', p_idempotency_key => 'old') as old, tests.reserve(:'flo_id') as older \gset
select tests.settle(:'flo_id', :'older') \g /dev/null
select tests.advance('1 hour'), api.get_balance(:'flo_id') \g /dev/null
select to_jsonb(u) as abandoned from playground.usage u where hold_id = (:'old'::jsonb ->> 'hold_id')::uuid \gset
create function tests.retire_all()
returns void
language plpgsql
as $$
begin
  perform jobs.retire_partitions();
  perform tests.advance('1 hour');
  while jobs.retire_partitions() > 0 loop
  end loop;
end $$;
select tests.freeze('2027-05-20 12:00:00+00'), tests.retire_all() \g /dev/null
select is_empty(format('select from playground.usage where user_id = %L', :'flo_id'), 'usage of 26 months ago is not kept');
select tests.settle(:'flo_id', :'old', 1000, 200, p_answer => 'At last.') as settled \gset
select is(
  (:'settled'::jsonb ->> 'body')::jsonb - '{id,conversationId}'::text[],
  '{"response": "At last.", "creditsSpent": 0, "creditsRemaining": 104, "tokensUsed": 1200, "costUsd": 0.006, "durationMs": 7, "model": "sonnet", "stopReason": "end_turn", "simulated": true,
    "usage": {"inputTokens": 1000, "outputTokens": 200, "cacheReadTokens": 0, "cacheWriteTokens": 0}}'::jsonb, 'a run of then that answers now is an answer');
select is(trim_scale(sum(cost_usd)), 0.00705, 'what it cost takes the place of what its end had estimated') from rollup.usage_changes where user_id = :'flo_id';
select is(cost_usd::numeric, 0.00705, 'in the window of its month as well') from playground.cost_windows where user_id = :'flo_id' and kind = 'month' and starts_at = '2025-02-01 00:00:00+00';
select is(string_agg(content, ' ' order by number), 'Hello At last.', 'the person finds it in the conversation') from playground.messages where session_id = (:'old'::jsonb ->> 'session_id')::uuid;
select is(tests.settle(:'flo_id', :'old', 1, 1), :'settled'::jsonb, 'a repeat gets the same');
select is_empty(format('select * from admin.verify_ledger() where account_id = %L', :'flo_id'), 'the books hold');
select tests.advance('1 day'), tests.retire_all() \g /dev/null
select throws_ok(format('select tests.settle(%L, %L)', :'flo_id', run), 'SCH02', null, about)
from (values (:'old'::jsonb, 'until its usage is retired once more'), (:'older', 'as a run that was settled then')) as listed (run, about);
select is(to_jsonb(engine.restore_abandoned_usage(h)) - 'recorded_at', :'abandoned'::jsonb - 'recorded_at', 'what is written once more is what was written') from playground.holds h where hold_id = (:'old'::jsonb ->> 'hold_id')::uuid;
select * from finish();
rollback;
