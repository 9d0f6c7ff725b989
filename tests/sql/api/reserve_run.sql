begin;
\ir ../helpers.psql
\ir ../tokens.psql
\ir ../runs.psql
select plan(88);
select tests.freeze('2026-11-20 12:00:00+00');
-- Hundreds of runs stay open here; how many may is told in engine/limits.sql.
update playground.tiers set concurrent_runs = 1000;
select tests.make_package('demo', 'Be brief.') as package_id, tests.make_user_with(100) as ann_id, tests.make_user() as bob_id \gset
create function tests.count_of(p_user_id uuid)
returns text
language sql
as $$
  select format('%s holds, %s runs, %s alerts',
    (select count(*) from playground.holds where user_id = p_user_id),
    (select coalesce(max(runs), 0) from playground.cost_windows where user_id = p_user_id),
    (select count(*) from playground.alerts where user_id = p_user_id))
$$;

-- A run begins.
select admin.set_unlimited(:'ann_id', true, 'for a test') \g /dev/null
select tests.reserve(:'ann_id') as run \gset
select is(
  :'run'::jsonb - 'hold_id' - 'session_id',
  ('{"account_id": "' || :'ann_id' || '", "refusal": null, "refusal_message": null, "refusal_detail": null, "replay_status": null, "replay_body": null, "model": "sonnet", "provider": "anthropic",
    "provider_model": "claude-sonnet-4-6", "prompt": "Be brief.", "history": null, "max_output_tokens": 4096, "max_credits": 1, "deadline_ms": 180000}')::jsonb,
  'a run gets everything its model call needs'
);
select is((account_id, user_id, session_id, package_version, reserved_at)::text, (:'ann_id'::uuid, :'ann_id'::uuid, (:'run'::jsonb ->> 'session_id')::uuid, '1.0.0', engine.now())::text, 'and a hold')
from playground.holds where hold_id = (:'run'::jsonb ->> 'hold_id')::uuid;
select is(tests.reserve(:'ann_id', p_package => :'package_id') ->> 'prompt', 'Be brief.', 'a package is told by its id or its name');
select is(tests.reserve(:'ann_id', p_package_version => '1.0.0') ->> 'prompt', 'Be brief.', 'with or without a version');
select is(tests.reserve(:'ann_id', p_use_no_prompt => true) -> 'prompt', 'null', 'without its prompt, to compare');
select is(tests.reserve(:'ann_id', p_custom_prompt => 'Be long.') ->> 'prompt', 'Be long.', 'or with an own one');
select is(tests.reserve(:'ann_id', p_custom_prompt => 'Be long.') ->> 'max_credits', '2', 'for twice the credits');
select is((is_comparison, is_custom_prompt)::text, '(f,t)', 'which the hold tells') from playground.holds where account_id = :'ann_id' and credits = 2 limit 1;
select is(tests.reserve(:'ann_id', p_model => 'gpt-4o-mini', p_user_input => tests.text_of(5900), p_use_no_prompt => true) ->> 'max_credits', '1', 'a cheap model holds less');
select admin.set_setting('hold_lifetime', '100 seconds', 'for a test') \g /dev/null
select is(tests.reserve(:'ann_id') ->> 'deadline_ms', '90000', 'the deadline ends before the hold does');
select admin.set_setting('hold_lifetime', '190 seconds', 'for a test') \g /dev/null

-- Refusals that are raised: nothing of the call stays.
select tests.count_of(:'bob_id') as before \gset
select throws_ok(format('select tests.reserve(%L, %s)', :'bob_id', arguments), code, null, about)
from (values
  ('''''', 'SCV01', 'an empty input is refused'), ('null', 'SCV01', 'as is a missing one'), ('''x'', p_temperature => 1.5', 'SCV01', 'a temperature above 1'),
  ('''x'', p_custom_prompt => ''''', 'SCV01', 'an empty prompt of one''s own'), ('''x'', p_idempotency_key => ''é''', 'SCV01', 'a key that is not ASCII'),
  ('''x'', p_model => ''gpt-9''', 'SCM01', 'an unknown model'), ('''x'', p_package => ''nope''', 'SCP01', 'an unknown package'),
  ('''x'', p_package_version => ''2.0.0''', 'SCP01', 'an unknown version'), ('''x'', p_session_id => gen_random_uuid()', 'SCS01', 'an unknown conversation'),
  ('''x'', p_api_key_hash => sha256(''x'')', 'SCA01', 'an unknown API key'), ('tests.text_of(20001)', 'SCR01', 'more than 20,000 tokens')
) as listed (arguments, code, about);
select throws_ok(format('select tests.reserve(%L)', gen_random_uuid()), 'SCA02', null, 'an unknown person');
select throws_ok('select tests.reserve(null)', 'SCA02', null, 'or nobody');
select is(tests.count_of(:'bob_id'), :'before', 'none of them leaves anything');
create function tests.detail_of(p_statement text)
returns jsonb
language plpgsql
as $$
declare
  v_detail text;
begin
  execute p_statement;
exception
  when sqlstate 'SCR01' or sqlstate 'SCM02' or sqlstate 'SCM01' or sqlstate 'SCI02' then
    get stacked diagnostics v_detail = pg_exception_detail;
    return v_detail;
end $$;
select is(
  tests.detail_of(format('select tests.reserve(%L, tests.text_of(20001), p_use_no_prompt => true)', :'bob_id')), '{"estimatedTokens": 20001, "maxTokens": 20000}'::jsonb,
  'a request that is too large is told its size'
);
select is(tests.detail_of(format('select tests.reserve(%L, p_model => %L)', :'bob_id', 'x')), '{"fields": {"model": "unknown model"}}'::jsonb, 'the field of an unknown model is told');

-- An API key, in the same call.
select api.create_api_key(:'bob_id', 'test', sha256('secret'), 'cret', tests.token_of(:'bob_id')) ->> 'id' as key_id \gset
select is(tests.reserve(:'bob_id', p_api_key_hash => sha256('secret')) ->> 'refusal', null, 'a person''s own API key opens');
select throws_ok(format('select tests.reserve(%L, p_api_key_hash => sha256(%L))', :'ann_id', 'secret'), 'SCA01', null, 'nobody else''s');
select api.delete_api_key(:'bob_id', :'key_id') \g /dev/null
select throws_ok(format('select tests.reserve(%L, p_api_key_hash => sha256(%L))', :'bob_id', 'secret'), 'SCA01', null, 'nor one that was revoked');

-- Private packages run for their author and for members of their organisation.
select tests.make_user() as author_id, tests.make_user() as member_id, tests.make_user() as stranger_id \gset
select tests.make_package('private') as private_id \gset
update playground.packages set is_private = true, author_user_id = :'author_id' where package_id = :'private_id';
select is(tests.reserve(:'author_id', p_package => 'private') ->> 'refusal', null, 'a private package runs for its author');
select throws_ok(format('select tests.reserve(%L, p_package => %L)', :'stranger_id', package), 'SCP01', null, 'for others it does not exist')
from unnest(array['private', :'private_id']) as package;
select admin.create_organization('Acme', :'author_id', 'for a test') as organization_id \gset
update playground.packages set organization_id = :'organization_id' where package_id = :'private_id';
select throws_ok(format('select tests.reserve(%L, p_package => %L)', :'member_id', 'private'), 'SCP01', null, 'an organisation''s for nobody outside');
select admin.set_member(:'organization_id', :'member_id', 'member', 'for a test') \g /dev/null
select is(tests.reserve(:'member_id', p_package => 'private') ->> 'refusal', null, 'and for its members');

-- Credits: returned, with what is required.
select tests.make_user() as eve_id \gset
select admin.set_unlimited(:'eve_id', true, 'for a test') \g /dev/null
select is(tests.reserve(:'eve_id', tests.text_of(4744), 'opus', p_use_no_prompt => true) ->> 'max_output_tokens', '256', 'a small balance shortens the answer, to 256 tokens');
select is(max(credits), 5::bigint, 'for all of it') from playground.holds where account_id = :'eve_id';
select is(
  tests.reserve(:'eve_id') - 'refusal_message',
  '{"refusal": "SCC01", "refusal_detail": {"required": 1, "available": 0, "purchaseUrl": "http://localhost:8080/playground/credits/buy"}, "replay_status": null, "replay_body": null,
    "account_id": null, "hold_id": null, "session_id": null, "model": null, "provider": null, "provider_model": null, "prompt": null, "history": null, "max_output_tokens": null, "max_credits": null, "deadline_ms": null}'::jsonb,
  'then it is refused, and nothing else is told'
);
select is((tests.reserve(:'eve_id', tests.text_of(4745), 'opus', p_use_no_prompt => true) -> 'refusal_detail') ->> 'required', '10', 'required is the price of the input and 256 tokens');
select is(tests.count_of(:'eve_id'), '1 holds, 1 runs, 0 alerts', 'what is refused is not counted');
select tests.make_user() as joe_id \gset
select tests.add_lot(:'joe_id', 10, engine.now() + interval '1 minute') \g /dev/null
select is(tests.reserve(:'joe_id', tests.text_of(4745), 'opus', p_use_no_prompt => true) ->> 'refusal', 'SCT02', 'where a limit leaves no room, either, the limit is told');
select admin.set_unlimited(:'joe_id', true, 'for a test') \g /dev/null
select tests.freeze('2026-11-20 12:00:59.999999+00');
select is(tests.reserve(:'joe_id', tests.text_of(4745), 'opus', p_use_no_prompt => true, p_idempotency_key => 'one') ->> 'max_credits', '10', 'credits may be spent until they expire');
select tests.release(:'joe_id', tests.reserve(:'joe_id')) \g /dev/null
select tests.make_user() as kim_id \gset
select tests.add_lot(:'kim_id', 1, engine.now() + interval '1 second') \g /dev/null
select tests.freeze('2026-11-20 12:01:00.999999+00');
select admin.set_unlimited(:'kim_id', true, 'for a test') \g /dev/null
select is(tests.reserve(:'kim_id', 'x', 'opus', p_use_no_prompt => true, p_custom_prompt => 'x') ->> 'refusal', 'SCC01', 'at their instant they are gone, whether or not anybody posted it');
select is((tests.ledger(:'kim_id'))[3], '3 expire -1 = 5 (promo -1)', 'the refused call posted it, and that stays');

-- An operator's throttle.
select tests.make_user_with(50) as max_id \gset
select admin.throttle(:'max_id', 'for a test', engine.now() + interval '1 hour') \g /dev/null
select is(tests.reserve(:'max_id') -> 'refusal_detail' ->> 'limitSource', 'operator', 'who is throttled by an operator is refused');
select is(tests.reserve(:'max_id') -> 'refusal_detail' ->> 'retryAfter', '3600', 'and told until when');
select is(tests.count_of(:'max_id'), '0 holds, 0 runs, 1 alerts', 'one alert, no count');
select tests.advance('1 hour') \g /dev/null
select is(tests.reserve(:'max_id') ->> 'refusal', null, 'it ends by itself');
select admin.throttle(:'max_id', 'for a test') \g /dev/null
select admin.set_unlimited(:'max_id', true, 'for a test') \g /dev/null
select is(tests.reserve(:'max_id') ->> 'refusal', 'SCT01', 'it binds the unlimited, too');
select is(tests.reserve(:'max_id') -> 'refusal_detail' -> 'retryAfter', '3600', 'without an end one may ask again each hour');
select admin.unthrottle(:'max_id', 'for a test') \g /dev/null
select is(tests.reserve(:'max_id') ->> 'refusal', null, 'until the operator ends it');

-- Runs an hour.
select tests.freeze('2026-11-20 14:00:00+00');
update playground.tiers set daily_cost_limit_usd = 50, monthly_cost_limit_usd = 100 where tier = 'free';
select tests.make_user_with(500) as ron_id \gset
select is(count(*) filter (where run ->> 'refusal' is null), 10::bigint, 'ten runs an hour') from (select tests.reserve(:'ron_id') as run from generate_series(1, 12)) as runs;
select is(tests.reserve(:'ron_id') -> 'refusal_detail' ->> 'limitSource', 'runs_hour', 'no more');
select is(tests.count_of(:'ron_id'), '10 holds, 10 runs, 1 alerts', 'one alert; refusals are not counted');
select tests.freeze('2026-11-20 14:59:59.999999+00');
select is(tests.reserve(:'ron_id') ->> 'refusal', 'SCT02', 'to the end of the hour');
select is(tests.reserve(:'ron_id') -> 'refusal_detail' ->> 'retryAfter', '1', 'which is a second away');
select tests.freeze('2026-11-20 15:00:00+00');
select is(tests.reserve(:'ron_id') ->> 'refusal', null, 'then the next begins');
select tests.buy(:'ron_id', 1) \g /dev/null
select is(count(*) filter (where run ->> 'refusal' is null), 99::bigint, 'a hundred while unspent bought credits remain') from (select tests.reserve(:'ron_id') as run from generate_series(1, 101)) as runs;

-- Cost limits: committed, open and this run's highest cost.
select tests.freeze('2026-11-20 12:00:00+00');
update playground.tiers set daily_cost_limit_usd = 0.10, monthly_cost_limit_usd = 0.50 where tier = 'free';
select tests.make_user_with(500) as zoe_id \gset
select tests.reserve(:'zoe_id', tests.text_of(1000), p_use_no_prompt => true) as run \gset
select is((tests.windows(:'zoe_id'))[1], 'day 2026-11-20 00:00: 1 run(s), 0 + 0.06519', 'the highest cost is held');
select is(tests.reserve(:'zoe_id', tests.text_of(1000), p_use_no_prompt => true) ->> 'max_output_tokens', '2070', 'what is left shortens the next run before it refuses');
select is((tests.windows(:'zoe_id'))[1], 'day 2026-11-20 00:00: 2 run(s), 0 + 0.09999', 'never over the limit');
select is(
  tests.reserve(:'zoe_id', tests.text_of(1000), p_use_no_prompt => true) - 'refusal_message' -> 'refusal_detail',
  '{"limitSource": "cost_day", "limit": 0.1, "used": 0.09999, "resetsAt": "2026-11-21T00:00:00.000000Z", "retryAfter": 43200, "hint": "Buying credits or PRPM+ raises the limit."}'::jsonb,
  'then it is refused with the limit, what is used and when it ends'
);
select is(tests.count_of(:'zoe_id'), '2 holds, 2 runs, 1 alerts', 'a refused run leaves its alert and no count');
select tests.settle(:'zoe_id', :'run', 1000, 100) \g /dev/null
select is(tests.reserve(:'zoe_id', tests.text_of(1000), p_use_no_prompt => true) ->> 'max_output_tokens', '3796', 'a settled run gives back what it did not cost');
select tests.freeze('2026-11-21 00:00:00+00');
select is(tests.reserve(:'zoe_id', tests.text_of(1000), p_use_no_prompt => true) ->> 'max_output_tokens', '4096', 'an exhausted day ends by itself');
select admin.set_plan(:'zoe_id', 'prpm_plus_individual', null, 'for a test') \g /dev/null
select is(count(*) filter (where tests.reserve(:'zoe_id') ->> 'refusal' is null), 11::bigint, 'a better tier counts at once') from generate_series(1, 11);
-- Shadow limits.
update playground.tiers set throttle_on_exceed = false where tier = 'free';
select tests.make_user_with(500) as sam_id \gset
select is(count(*) filter (where tests.reserve(:'sam_id', tests.text_of(1000), p_use_no_prompt => true) ->> 'max_output_tokens' = '4096'), 12::bigint, 'shadow limits neither refuse nor shorten') from generate_series(1, 12);
select is(
  (select array_agg(kind order by kind) from playground.alerts where user_id = :'sam_id'), array['limit_shadow_cost_day', 'limit_shadow_runs_hour'],
  'the tightest of them is recorded, once a window'
);
update playground.tiers set throttle_on_exceed = true where tier = 'free';
select is(tests.reserve(:'sam_id') -> 'refusal_detail' ->> 'limitSource', 'runs_hour', 'when they refuse again, who is beyond them is refused');
select is(
  (select details ->> 'refused' from playground.alerts where user_id = :'sam_id' and kind = 'limit_exceeded_runs_hour'), 'true',
  'and that is told, though the same hour knew what would have been refused'
);
-- Bought cost budget.
select tests.make_user() as pia_id \gset
select tests.buy(:'pia_id', 600, 20) \g /dev/null
select is(count(*) filter (where tests.reserve(:'pia_id') ->> 'max_output_tokens' = '4096'), 60::bigint, 'bought credits are not locked behind the free tier') from generate_series(1, 60);
select is((tests.windows(:'pia_id'))[1], 'day 2026-11-21 00:00: 60 run(s), 0 + 0.1', 'the tier''s window is filled first');

update playground.accounts set cost_budget_usd = cost_budget_held_usd + 0.05 where account_id = :'pia_id';
select is(tests.reserve(:'pia_id', tests.text_of(1000), p_use_no_prompt => true) ->> 'max_output_tokens', '3083', 'what is left of the budget shortens a run');
select is(tests.reserve(:'pia_id', tests.text_of(1000), p_use_no_prompt => true) ->> 'refusal', 'SCT02', 'what open runs hold of it is not held twice');

-- Idempotency: before size, limits and throttles.
select tests.freeze('2026-11-22 00:00:00+00');
select tests.make_user_with(50) as ida_id \gset
select tests.reserve(:'ida_id', p_idempotency_key => 'k') as run \gset
select is(tests.detail_of(format('select tests.reserve(%L, p_idempotency_key => %L)', :'ida_id', 'k')), '{"retryAfter": 2}'::jsonb, 'a run that is still running is told so');
select tests.settle(:'ida_id', :'run') as settled \gset
update playground.platform_settings set max_input_tokens = 1;
select admin.throttle(:'ida_id', 'for a test') \g /dev/null
update playground.models set is_enabled = false where model = 'sonnet';
select is(
  jsonb_strip_nulls(tests.reserve(:'ida_id', p_idempotency_key => 'k')), jsonb_build_object('replay_status', 200, 'replay_body', :'settled'::jsonb ->> 'body'),
  'a repeat is answered byte for byte, whatever would refuse it by now'
);
update playground.models set is_enabled = true where model = 'sonnet';
select admin.unthrottle(:'ida_id', 'for a test') \g /dev/null
update playground.platform_settings set max_input_tokens = 20000;
select is(count(*), 1::bigint, 'and takes nothing') from playground.holds where account_id = :'ida_id';
select throws_ok(format('select tests.reserve(%L, %s, p_idempotency_key => %L)', :'ida_id', arguments, 'k'), 'SCI01', null, about)
from (values
  ('''Hullo''', 'another input is another request'), ('''Hello'', p_model => ''sonnet''', 'another model'), ('''Hello'', p_temperature => 0', 'another temperature'),
  ('''Hello'', p_use_no_prompt => true', 'with or without the prompt'), ('''Hello'', p_custom_prompt => ''x''', 'another prompt'), ('''Hello'', p_package => ''x''', 'another package'),
  ('''Hello'', p_package_version => ''1.0.0''', 'a version'), ('''Hello'', p_session_id => gen_random_uuid()', 'another conversation')
) as listed (arguments, about);
select tests.release(:'ida_id', tests.reserve(:'ida_id', p_idempotency_key => 'fail')) \g /dev/null
select is(tests.reserve(:'ida_id', 'other', p_idempotency_key => 'fail') ->> 'refusal', null, 'a key of a run that failed is free');
select tests.advance('190 seconds') \g /dev/null
select is(tests.reserve(:'ida_id', 'another', p_idempotency_key => 'fail') ->> 'refusal', null, 'as is that of one that expired');
select tests.make_user() as una_id \gset
select admin.set_unlimited(:'una_id', true, 'for a test') \g /dev/null
select is(tests.reserve(:'una_id', tests.text_of(20000), 'opus', p_use_no_prompt => true, p_idempotency_key => 'r') ->> 'refusal', 'SCC01', 'a refused run');
select is(tests.reserve(:'una_id', p_idempotency_key => 'r') ->> 'refusal', null, 'does not use its key up');
select * from finish();
rollback;
