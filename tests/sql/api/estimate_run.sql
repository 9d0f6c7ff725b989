begin;
\ir ../helpers.psql
\ir ../runs.psql
select plan(41);
select tests.freeze('2026-11-20 12:00:00+00');
select tests.make_package('demo', repeat('p', 400)) as package_id, tests.make_user_with(100) as ann_id, tests.make_user() as bob_id \gset
select admin.set_unlimited(:'ann_id', true, 'for a test') \g /dev/null
create function tests.estimate(
  p_user_id uuid, p_user_input text default 'Hello', p_model text default null, p_session_id uuid default null, p_use_no_prompt boolean default false,
  p_custom_prompt text default null, p_package text default 'demo', p_package_version text default null)
returns jsonb
language sql
as $$ select api.estimate_run(p_user_id, p_package, p_package_version, p_user_input, p_model, p_session_id, p_use_no_prompt, p_custom_prompt)::jsonb $$;
create function tests.short(p_estimate jsonb)
returns text
language sql
as $$ select format('%s tokens, %s to %s credits, %s', p_estimate ->> 'estimatedTokens', p_estimate ->> 'estimatedCredits', p_estimate ->> 'maxCredits', case when (p_estimate ->> 'canAfford')::boolean then 'can' else 'cannot' end) $$;

select is(
  tests.estimate(:'ann_id'),
  '{"estimatedTokens": 132, "estimatedCredits": 1, "maxCredits": 1, "canAfford": true, "balance": 105, "model": "sonnet"}'::jsonb,
  'an estimate tells tokens, likely and highest credits, and whether the run would start'
);
select is(tests.short(tests.estimate(:'ann_id', user_input, model, p_use_no_prompt => true)), expected, about)
from (values
  (tests.text_of(904), null::text, '904 tokens, 1 to 1 credits, can', 'input and longest answer in one step'),
  (tests.text_of(905), null, '905 tokens, 1 to 2 credits, can', 'the longest answer in two'),
  (tests.text_of(4500), null, '4500 tokens, 1 to 2 credits, can', 'likely is an answer of 500 tokens'),
  (tests.text_of(4501), null, '4501 tokens, 2 to 2 credits, can', 'to the token'),
  (tests.text_of(905), 'opus', '905 tokens, 5 to 10 credits, can', 'at multiplier 5'),
  (tests.text_of(5905), 'gpt-4o-mini', '5905 tokens, 1 to 2 credits, can', 'at multiplier 0.5')
) as listed (user_input, model, expected, about);
select is(tests.short(tests.estimate(:'ann_id', p_custom_prompt => repeat('x', 400))), '132 tokens, 2 to 2 credits, can', 'an own prompt costs twice as much');
select is(tests.estimate(:'ann_id', p_model => 'gpt-4o') ->> 'model', 'gpt-4o', 'the model is told');
update playground.models set typical_output_tokens = 100 where model = 'sonnet';
select is(tests.short(tests.estimate(:'ann_id', tests.text_of(4745), p_use_no_prompt => true)), '4745 tokens, 2 to 2 credits, can', 'likely is never less than the shortest answer');
update playground.models set typical_output_tokens = 9999 where model = 'sonnet';
select is(tests.short(tests.estimate(:'ann_id', tests.text_of(904), p_use_no_prompt => true)), '904 tokens, 1 to 1 credits, can', 'nor more than the highest');
update playground.models set typical_output_tokens = 500 where model = 'sonnet';

-- The estimate is what the run would hold: sizes that can run hold what was estimated, others say that they cannot.
select tests.make_user() as low_id \gset
select admin.set_unlimited(:'low_id', true, 'for a test') \g /dev/null
create function tests.differing(p_user_id uuid)
returns setof text
language plpgsql
as $$
declare
  v_tokens integer;
  v_model text;
  v_estimate jsonb;
  v_run jsonb;
begin
  foreach v_tokens in array array[1, 904, 905, 4744, 4745, 9744, 9745, 14744, 14745, 20000] loop
    foreach v_model in array array['sonnet', 'opus', 'gpt-4o', 'gpt-4o-mini'] loop
      v_estimate := tests.estimate(p_user_id, tests.text_of(v_tokens), v_model, p_use_no_prompt => true);
      v_run := tests.reserve(p_user_id, tests.text_of(v_tokens), v_model, p_use_no_prompt => true);
      if (v_estimate ->> 'canAfford')::boolean <> (v_run ->> 'refusal' is null)
        or v_run ->> 'refusal' is null and v_run ->> 'max_credits' <> v_estimate ->> 'maxCredits'
        or (v_estimate ->> 'estimatedCredits')::bigint > (v_estimate ->> 'maxCredits')::bigint
      then
        return next format('%s tokens of %s: %s, %s', v_tokens, v_model, v_estimate, v_run);
      end if;
      if v_run ->> 'refusal' is null then
        perform tests.release(p_user_id, v_run, 'not_called');
      end if;
    end loop;
  end loop;
end $$;
select is_empty(format('select tests.differing(%L)', :'ann_id'), 'the highest is the hold of the run, for every size and model');
select is_empty(format('select tests.differing(%L)', :'low_id'), 'with 5 credits canAfford is what reserve says, size by size');
select tests.make_user_with(1000) as tight_id \gset
select is_empty(format('select tests.differing(%L)', :'tight_id'), 'as it is within the limits of the free tier');
select tests.buy(:'tight_id', 10, 0.20) \g /dev/null
select is_empty(format('select tests.differing(%L)', :'tight_id'), 'and with a small bought cost budget');

-- What cannot run now is shown at its full length.
select is(tests.short(tests.estimate(:'low_id', tests.text_of(4745), 'opus', p_use_no_prompt => true)), '4745 tokens, 10 to 10 credits, cannot', 'who lacks credits sees what it would take');
select is(tests.short(tests.estimate(:'bob_id', tests.text_of(20000), 'opus', p_use_no_prompt => true)), '20000 tokens, 25 to 25 credits, cannot', 'or what does not fit the limits');
select is(count(*), 0::bigint, 'and nobody is alerted') from playground.alerts where user_id = :'bob_id';
select is(count(*), 0::bigint, 'nothing is held') from playground.holds where user_id = :'bob_id';
select is(count(*), 0::bigint, 'nor counted') from playground.cost_windows where user_id = :'bob_id';
select admin.throttle(:'bob_id', 'for a test') \g /dev/null
select is(tests.short(tests.estimate(:'bob_id')), '132 tokens, 1 to 1 credits, cannot', 'who is throttled cannot run');
select admin.unthrottle(:'bob_id', 'for a test') \g /dev/null
insert into playground.cost_windows (user_id, kind, starts_at, runs) values (:'bob_id', 'hour', '2026-11-20 12:00:00+00', 10);
select is(tests.short(tests.estimate(:'bob_id')), '132 tokens, 1 to 1 credits, cannot', 'nor who has used up the runs of the hour');
update playground.tiers set throttle_on_exceed = false where tier = 'free';
select is(tests.short(tests.estimate(:'bob_id')), '132 tokens, 1 to 1 credits, can', 'a shadow limit hinders nobody');
update playground.tiers set throttle_on_exceed = true where tier = 'free';

update playground.cost_windows set runs = 100 where user_id = :'bob_id' and kind = 'hour';
select tests.buy(:'bob_id', 100, 10) \g /dev/null
select is(tests.short(tests.estimate(:'bob_id')), '132 tokens, 1 to 1 credits, cannot', 'bought cost budget does not make more runs of an hour');

-- It sees what is true now.
select tests.add_lot(:'low_id', 50, engine.now() + interval '1 second') \g /dev/null
select is(tests.estimate(:'low_id') ->> 'balance', '55', 'the balance is told');
select tests.advance('1 second') \g /dev/null
select is(tests.estimate(:'low_id') ->> 'balance', '5', 'without what has expired');
select tests.reserve(:'low_id', 'x', 'opus', p_use_no_prompt => true) as run \gset
select is(tests.short(tests.estimate(:'low_id')), '132 tokens, 1 to 1 credits, cannot', 'held credits cannot be spent twice');
select is(tests.estimate(:'low_id') ->> 'balance', '5', 'and are still the person''s');
-- A conversation's history is input.
select tests.reserve(:'ann_id') as run \gset
select tests.settle(:'ann_id', :'run', p_answer => repeat('a', 395)) \g /dev/null
select is(tests.estimate(:'ann_id', p_session_id => (:'run'::jsonb ->> 'session_id')::uuid) ->> 'estimatedTokens', '262', 'history counts as input');

-- Refusals.
select throws_ok(format('select tests.estimate(%L, %s)', :'bob_id', arguments), code, null, about)
from (values
  ('''''', 'SCV01', 'an empty input is refused'), ('null', 'SCV01', 'as is a missing one'), ('''x'', p_custom_prompt => ''''', 'SCV01', 'an empty prompt of one''s own'),
  ('''x'', p_model => ''gpt-9''', 'SCM01', 'an unknown model'), ('''x'', p_package => ''nope''', 'SCP01', 'an unknown package'), ('''x'', p_package_version => ''2.0.0''', 'SCP01', 'an unknown version'),
  ('''x'', p_session_id => gen_random_uuid()', 'SCS01', 'an unknown conversation'), ('tests.text_of(20001)', 'SCR01', 'more than 20,000 tokens')
) as listed (arguments, code, about);
select throws_ok(format('select tests.estimate(%L, p_session_id => %L)', :'bob_id', :'run'::jsonb ->> 'session_id'), 'SCS01', null, 'another person''s conversation');
select throws_ok(format('select tests.estimate(%L)', gen_random_uuid()), 'SCA02', null, 'an unknown person');
select tests.reserve(:'ann_id', 'Hello', 'gpt-4o') as run \gset
select trim_scale(cost_held_usd + budget_held_usd) as usd from playground.holds where hold_id = (:'run'::jsonb ->> 'hold_id')::uuid \gset
select admin.set_provider_ceiling('openai', 2 * :usd, true, 'for a test') \g /dev/null
select is((tests.estimate(:'ann_id', 'Hello', 'gpt-4o') ->> 'canAfford')::boolean, true, 'a run that still fits below the ceiling at which its provider stops');
select admin.set_provider_ceiling('openai', 2 * :usd - 0.000001, true, 'for a test') \g /dev/null
select throws_ok(format('select tests.estimate(%L, %L, %L)', :'ann_id', 'Hello', 'gpt-4o'), 'SCM02', null, 'one that would be refused there');
select * from finish();
rollback;
