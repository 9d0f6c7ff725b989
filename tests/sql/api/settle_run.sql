begin;
\ir ../helpers.psql
\ir ../runs.psql
select plan(51);
select tests.freeze('2026-11-20 12:00:00+00');
select tests.make_package() as package_id, tests.make_user_with(100) as ann_id, tests.make_user_with(100) as bob_id \gset

-- An answer that is complete.
select tests.reserve(:'ann_id') as run \gset
select tests.advance('1 second') \g /dev/null
select tests.settle(:'ann_id', :'run', 100, 50, 20, 10, 'Hi there.') as settled \gset
select is((:'settled'::jsonb ->> 'status')::integer, 200, 'a run that answered is answered');
select is(
  (:'settled'::jsonb ->> 'body')::jsonb,
  jsonb_build_object(
    'id', :'run'::jsonb -> 'hold_id', 'conversationId', :'run'::jsonb -> 'session_id', 'response', 'Hi there.', 'creditsSpent', 1, 'creditsRemaining', 104, 'tokensUsed', 180,
    'usage', '{"inputTokens": 100, "outputTokens": 50, "cacheReadTokens": 20, "cacheWriteTokens": 10}'::jsonb, 'costUsd', 0.0010935, 'durationMs', 7, 'model', 'sonnet',
    'stopReason', 'end_turn', 'simulated', true),
  'with its text, its charge, its tokens and its cost'
);
select is((tests.ledger(:'ann_id'))[3], '3 spend -1 = 104 (signup -1)', 'it is charged');
select is((outcome, usage_source, credits, cost_usd)::text, '(completed,reported,1,0.001093500000)', 'its usage is recorded') from playground.usage where account_id = :'ann_id';
select is((tests.windows(:'ann_id'))[1], 'day 2026-11-20 00:00: 1 run(s), 0.0010935 + 0', 'its cost is booked');
select is(count(*), 2::bigint, 'its two messages are kept') from playground.messages where hold_id = (:'run'::jsonb ->> 'hold_id')::uuid and is_complete;
select is((status, outcome, charged)::text, '(settled,completed,1)', 'its hold has ended') from playground.holds where account_id = :'ann_id';

-- Once.
select is(tests.settle(:'ann_id', :'run', 9000, 9000, p_answer => 'Other', p_outcome => 'client_gone'), :'settled'::jsonb, 'a repeat returns the first result');
select tests.advance('1 hour') \g /dev/null
select is(tests.settle(:'ann_id', :'run'), :'settled'::jsonb, 'at any later time');
select is(cardinality(tests.ledger(:'ann_id')), 3, 'and charges nothing');
select is(count(*), 1::bigint, 'nor uses anything') from playground.usage where account_id = :'ann_id';
select is(count(*), 2::bigint, 'nor says anything') from playground.messages where user_id = :'ann_id';
select is(tests.release(:'ann_id', :'run'), false, 'a settled run is not released');
select is(tests.lots(:'ann_id'), array['signup 4 of 5, held 0', 'bonus 100 of 100, held 0'], 'by nobody');

-- Whose run it is.
select tests.reserve(:'ann_id') as run \gset
select throws_ok(format('select tests.settle(%L, %L)', :'bob_id', :'run'), 'SCH01', null, 'another person''s run is not found');
select throws_ok(format('select tests.settle(%L, %L)', :'ann_id', json_build_object('hold_id', gen_random_uuid())), 'SCH01', null, 'an unknown one, either');
select throws_ok(format('select tests.settle(%L, %L)', gen_random_uuid(), :'run'), 'SCA02', null, 'an unknown person is refused');
select throws_ok(format('select tests.settle(%L, %L, p_outcome => %L)', :'ann_id', :'run', outcome), 'SCV01', null, format('%s is no answer', coalesce(outcome, 'no outcome')))
from unnest(array['provider_broke', 'abandoned', 'late', 'not_called', '', null]) as outcome;
select is(status::text, 'open', 'the run is still open') from playground.holds where hold_id = (:'run'::jsonb ->> 'hold_id')::uuid;

-- Who went away mid-stream pays what was delivered.
select tests.settle(:'ann_id', :'run', 100, null, p_answer => repeat('a', 400), p_outcome => 'client_gone') as settled \gset
select is((outcome, usage_source, input_tokens, output_tokens, credits)::text, '(client_gone,estimated,100,130,1)', 'the output is estimated from what was delivered')
from playground.usage where hold_id = (:'run'::jsonb ->> 'hold_id')::uuid;
select is((role, is_complete, is_in_history)::text, '(assistant,f,t)', 'what was delivered is kept, marked incomplete')
from playground.messages where hold_id = (:'run'::jsonb ->> 'hold_id')::uuid and role = 'assistant';
select is((:'settled'::jsonb ->> 'charged')::bigint, 1::bigint, 'and charged');
select tests.reserve(:'ann_id', p_idempotency_key => 'gone') as run \gset
select tests.settle(:'ann_id', :'run', 100, 0, p_answer => '', p_outcome => 'client_gone') as settled \gset
select is((:'settled'::jsonb ->> 'charged')::bigint, 0::bigint, 'before the first word there is nothing to pay');
select is((h.status, h.charged, u.cost_usd)::text, '(settled,0,0.000300000000)', 'though it cost the house something')
from playground.holds h join playground.usage u using (account_id, hold_id) where hold_id = (:'run'::jsonb ->> 'hold_id')::uuid;
select is(tests.reserve(:'ann_id', 'else', p_idempotency_key => 'gone') ->> 'refusal', null, 'and the key is free');
select tests.reserve(:'ann_id', p_idempotency_key => 'half') as run \gset
select tests.settle(:'ann_id', :'run', 100, 5, p_answer => 'Half an', p_outcome => 'client_gone') as settled \gset
select is(tests.reserve(:'ann_id', p_idempotency_key => 'half') ->> 'replay_body', :'settled'::jsonb ->> 'body', 'what was charged is answered again');

-- Never more than the hold.
select tests.reserve(:'bob_id') as run \gset
select tests.settle(:'bob_id', :'run', 4000, 9000) as settled \gset
select is((:'settled'::jsonb ->> 'charged')::bigint, 1::bigint, 'a charge is never more than the hold');
select is((tokens_beyond_hold, credits)::text, '(8000,1)', 'the house''s loss is recorded') from playground.usage where account_id = :'bob_id';

-- A model's own refusal is an answer.
select tests.make_user() as sam_id \gset
select tests.reserve(:'sam_id') as run \gset
select (settle.body::json ->> 'stopReason') as stop_reason, settle.charged as charged
from api.settle_run(:'sam_id', (:'run'::jsonb ->> 'hold_id')::uuid, 'completed', 'Hello', 'I cannot help with that.', 50, 10, 0, 0, null, 'refusal', 5, false) as settle \gset
select is((:'stop_reason', :'charged')::text, '(refusal,1)', 'a model''s own refusal is an answer and costs what it costs');

-- The windows of reserved_at, whenever it ends.
select tests.freeze('2026-12-31 23:59:59+00');
select tests.make_user_with(100) as eve_id \gset
select tests.reserve(:'eve_id') as run \gset
select tests.freeze('2027-01-01 00:01:00+00');
select tests.settle(:'eve_id', :'run', 1000, 1000) \g /dev/null
select is(
  tests.windows(:'eve_id'),
  array['day 2026-12-31 00:00: 1 run(s), 0.018 + 0', 'hour 2026-12-31 23:00: 1 run(s), 0.018 + 0', 'month 2026-12-01 00:00: 1 run(s), 0.018 + 0'],
  'a run belongs to the hour, day and month in which it was reserved'
);
select is((recorded_at, reserved_at)::text, ('2027-01-01 00:01:00+00'::timestamptz, '2026-12-31 23:59:59+00'::timestamptz)::text, 'its usage, too') from playground.usage where account_id = :'eve_id';
select tests.reserve(:'eve_id') as run \gset
select is(runs, 1, 'the new year counts from one') from playground.cost_windows where user_id = :'eve_id' and kind = 'month' and starts_at = '2027-01-01 00:00:00+00';

-- Thresholds, in the settle that crosses them.
select tests.make_user_with(100) as joe_id \gset
select tests.settle(:'joe_id', tests.reserve(:'joe_id'), 10, 3330) \g /dev/null
select is(count(*), 0::bigint, 'below half of the limit there is no alert') from playground.alerts where user_id = :'joe_id';
select tests.settle(:'joe_id', tests.reserve(:'joe_id'), 10, 3) \g /dev/null
select is(array_agg(kind), array['cost_day_50'], 'the settle that reaches it tells') from playground.alerts where user_id = :'joe_id';
-- An open run keeps the limits it began with.
select tests.reserve(:'joe_id') as run \gset
select admin.set_plan(:'joe_id', 'prpm_plus_individual', null, 'for a test') \g /dev/null
select tests.settle(:'joe_id', :'run', 10, 10) \g /dev/null
select is(tier, 'free', 'an open run keeps the tier it began with') from playground.usage where hold_id = (:'run'::jsonb ->> 'hold_id')::uuid;

-- Prices and multipliers are those of the reservation.
select tests.make_user_with(100) as kim_id \gset
select tests.reserve(:'kim_id', tests.text_of(1000), p_use_no_prompt => true) as run \gset
insert into playground.model_prices values ('sonnet', engine.now(), 300, 1500, 30, 375);
update playground.models set multiplier = 50 where model = 'sonnet';
select admin.set_setting('tokens_per_credit', '1', 'for a test') \g /dev/null
select tests.settle(:'kim_id', :'run', 5000, 1) \g /dev/null
select is((credits, cost_usd)::text, '(2,0.015015000000)', 'a run is settled at the price it was reserved at') from playground.usage where account_id = :'kim_id';
update playground.models set multiplier = 1 where model = 'sonnet';
select admin.set_setting('tokens_per_credit', '5000', 'for a test') \g /dev/null

-- After the hold expired.
select tests.make_user_with(100) as zoe_id \gset
select tests.reserve(:'zoe_id', p_model => 'gpt-4o') as run \gset
select tests.advance('190 seconds') \g /dev/null
select tests.settle(:'zoe_id', :'run', 100, 50) as settled \gset
select is((:'settled'::jsonb ->> 'status', :'settled'::jsonb ->> 'charged')::text, '(200,0)', 'at the hold''s last instant it is too late to charge');
select is((outcome, cost_usd)::text, '(late,0.001500000000)', 'the cost is corrected') from playground.usage where account_id = :'zoe_id';
select is(tests.settle(:'zoe_id', :'run', 7, 7), :'settled'::jsonb, 'once');
select is(cardinality(tests.ledger(:'zoe_id')), 2, 'the credits are free');
select tests.reserve(:'zoe_id', p_model => 'gpt-4o') as run \gset
select tests.advance('189.999999 seconds') \g /dev/null
select is((tests.settle(:'zoe_id', :'run', 100, 50) ->> 'charged')::integer, 2, 'an instant before it is in time');

-- After a release.
select tests.reserve(:'zoe_id', p_model => 'gpt-4o') as run \gset
select tests.release(:'zoe_id', :'run', 'provider_broke', 'Once') \g /dev/null
select is((tests.settle(:'zoe_id', :'run', 100, 50) ->> 'charged')::integer, 0, 'a released run is charged nothing');
select tests.reserve(:'zoe_id', p_model => 'gpt-4o') as run \gset
select tests.release(:'zoe_id', :'run', 'not_called') \g /dev/null
select throws_ok(format('select tests.settle(%L, %L)', :'zoe_id', :'run'), 'SCH02', null, 'one given back before the model was called has no answer');

-- Who pays may change while a run is under way: it is settled where it was reserved.
select tests.make_user() as ivy_id, tests.make_user() as ida_id \gset
select tests.reserve(:'ivy_id', p_model => 'gpt-4o') as run \gset
update playground.users set account_id = :'ida_id' where user_id = :'ivy_id';
select is(charged, 2::bigint, 'the account that reserved pays')
from api.settle_run(:'ivy_id', (:'run'::jsonb ->> 'hold_id')::uuid, 'completed', 'Hello', 'Hi', 100, 50, 0, 0, null, 'end_turn', 7, true, (:'run'::jsonb ->> 'account_id')::uuid);
update playground.users set account_id = user_id where user_id = :'ivy_id';
-- The planner takes tables of a month that has just begun for empty, and keeps its plans while they fill.
discard plans;
analyze playground.answers, playground.usage, playground.messages, playground.alerts, playground.holds, playground.cost_windows;
create function tests.scans()
returns bigint
language sql volatile
as $$
  select sum(pg_stat_get_xact_numscans(oid))::bigint
  from pg_catalog.pg_class
  where relnamespace = 'playground'::regnamespace and relkind = 'r'
    and relname ~ '^(answers|usage|messages|alerts|holds|hold_parts|cost_windows|grants|accounts|users|transactions|transaction_parts|sessions)(_|$)'
$$;
select tests.make_user_with(100) as uma_id \gset
select tests.scans() as scans \gset
select tests.settle(:'uma_id', tests.reserve(:'uma_id', p_model => 'gpt-4o-mini', p_idempotency_key => n::text)) from generate_series(1, 8) as n \g /dev/null
select is(tests.scans() - :scans, 0::bigint, 'nothing that grows is read through by a run');
select lives_ok('set constraints all immediate', 'all of it adds up at commit');
select * from finish();
rollback;
