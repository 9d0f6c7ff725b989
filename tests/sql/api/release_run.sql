begin;
\ir ../helpers.psql
\ir ../runs.psql
select plan(36);
select tests.freeze('2026-11-20 12:00:00+00');
select tests.make_package() as package_id, tests.make_user_with(100) as ann_id, tests.make_user_with(100) as bob_id \gset
update playground.tiers set daily_cost_limit_usd = 50, monthly_cost_limit_usd = 100 where tier = 'free';

-- Each outcome of a provider's failure: the person pays nothing, the house records what it cost.
create function tests.fail(p_user_id uuid, p_outcome text, p_answer text, p_input bigint, p_output bigint)
returns text
language plpgsql
as $$
declare
  v_run jsonb := tests.reserve(p_user_id, tests.text_of(1000), p_use_no_prompt => true);
  v_hold_id uuid := (v_run ->> 'hold_id')::uuid;
  v_released boolean := tests.release(p_user_id, v_run, p_outcome, p_answer, p_input, p_output);
begin
  return format('%s, %s/%s, %s credits, usage %s, %s message(s)', v_released,
    (select status || ' ' || outcome from playground.holds where hold_id = v_hold_id), (select coalesce(charged, 0) from playground.holds where hold_id = v_hold_id),
    (select last_balance from playground.accounts where account_id = p_user_id),
    coalesce((select format('%s %s of %s USD', outcome, usage_source, trim_scale(cost_usd)) from playground.usage where hold_id = v_hold_id), 'none'),
    (select count(*) from playground.messages where hold_id = v_hold_id));
end $$;
select is(tests.fail(:'ann_id', outcome, answer, input, output), expected, about)
from (values
  ('provider_refused', '', null::bigint, null::bigint, 't, released provider_refused/0, 105 credits, usage provider_refused reported of 0 USD, 0 message(s)', 'a provider that refused'),
  ('provider_refused', '', 1000, 0, 't, released provider_refused/0, 105 credits, usage provider_refused reported of 0.003 USD, 0 message(s)', 'and billed the input'),
  ('provider_timed_out', '', null, null, 't, released provider_timed_out/0, 105 credits, usage provider_timed_out estimated of 0.003 USD, 0 message(s)', 'one that timed out may bill the input'),
  ('provider_empty', '', 900, 1, 't, released provider_empty/0, 105 credits, usage provider_empty reported of 0.002715 USD, 0 message(s)', 'one that answered nothing'),
  ('provider_broke', 'Once upon a', null, null, 't, released provider_broke/0, 105 credits, usage provider_broke estimated of 0.00306 USD, 2 message(s)', 'one that broke mid-stream'),
  ('not_called', '', null, null, 't, released not_called/0, 105 credits, usage none, 0 message(s)', 'one that was not called costs nothing')
) as listed (outcome, answer, input, output, expected, about);
select is((content, is_complete, is_in_history)::text, '("Once upon a",f,t)', 'what was shown is kept, marked incomplete') from playground.messages where user_id = :'ann_id' and role = 'assistant';
select is(cardinality(tests.ledger(:'ann_id')), 2, 'the history says nothing of failures');
select is(tests.lots(:'ann_id'), array['signup 5 of 5, held 0', 'bonus 100 of 100, held 0'], 'all credits are free again');
select is((tests.windows(:'ann_id'))[2], 'hour 2026-11-20 12:00: 0 run(s), 0.011775 + 0', 'a failure of the provider is no run of the hour, but its cost counts');

-- Once.
select tests.reserve(:'ann_id') as run \gset
select is(tests.release(:'ann_id', :'run', 'provider_broke', 'Half'), true, 'a run is released');
select is(tests.release(:'ann_id', :'run', 'provider_empty', '', 999, 999), true, 'a repeat says the same');
select is(count(*), 1::bigint, 'and records nothing') from playground.usage where hold_id = (:'run'::jsonb ->> 'hold_id')::uuid and outcome = 'provider_broke';
select is(count(*), 2::bigint, 'nor says anything') from playground.messages where hold_id = (:'run'::jsonb ->> 'hold_id')::uuid;
select is((tests.windows(:'ann_id'))[2] like 'hour 2026-11-20 12:00: 0 run(s)%', true, 'nor counts anything');

-- What has ended otherwise is not released.
select tests.reserve(:'ann_id') as run \gset
select tests.settle(:'ann_id', :'run') \g /dev/null
select is(tests.release(:'ann_id', :'run'), false, 'a settled run stays settled');
select is(status::text, 'settled', 'as it was') from playground.holds where hold_id = (:'run'::jsonb ->> 'hold_id')::uuid;
select tests.reserve(:'ann_id') as run \gset
select tests.advance('189.999999 seconds'), tests.reserve(:'ann_id') as other_run \gset
select is(tests.release(:'ann_id', :'run', 'not_called'), true, 'a run may be released to its last instant');
select tests.advance('190 seconds') \g /dev/null
select is(tests.release(:'ann_id', :'other_run', 'not_called'), false, 'then it has expired');
select is((status, outcome)::text, '(expired,abandoned)', 'as one that nobody ended') from playground.holds where hold_id = (:'other_run'::jsonb ->> 'hold_id')::uuid;
select is(count(*), 1::bigint, 'with its estimated cost') from playground.usage where hold_id = (:'other_run'::jsonb ->> 'hold_id')::uuid and cost_usd > 0;

-- Whose run it is, and what may be said of it.
select tests.reserve(:'ann_id') as run \gset
select throws_ok(format('select tests.release(%L, %L)', :'bob_id', :'run'), 'SCH01', null, 'another person''s run is not found');
select throws_ok(format('select tests.release(%L, %L)', gen_random_uuid(), :'run'), 'SCA02', null, 'an unknown person is refused');
select throws_ok(format('select tests.release(%L, %L, %L)', :'ann_id', :'run', outcome), 'SCV01', null, format('%s is no failure of a provider', coalesce(outcome, 'no outcome')))
from unnest(array['completed', 'client_gone', 'abandoned', 'late', '', null]) as outcome;
select is(status::text, 'open', 'the run is still open') from playground.holds where hold_id = (:'run'::jsonb ->> 'hold_id')::uuid;

-- Who pays is who paid when the run was reserved.
select tests.make_user_with(10) as payer_id, tests.make_user_with(10) as actor_id \gset
select tests.reserve(:'actor_id') as run \gset
update playground.users set account_id = :'payer_id' where user_id = :'actor_id';
select throws_ok(format('select tests.release(%L, %L)', :'actor_id', :'run'), 'SCH01', null, 'on the account of now there is no such run');
select is(r.released, true, 'it is released where it was reserved')
from api.release_run(
  :'actor_id', (:'run'::jsonb ->> 'hold_id')::uuid, 'provider_refused', 'Hello', '', null, null, null, null, null, null, 7, true, (:'run'::jsonb ->> 'account_id')::uuid) as r;
select is(tests.lots(:'actor_id'), array['signup 5 of 5, held 0', 'bonus 10 of 10, held 0'], 'and its credits are free there');

-- The key is free again.
select tests.release(:'ann_id', tests.reserve(:'ann_id', p_idempotency_key => 'k'), 'provider_broke', 'Once') \g /dev/null
select is(tests.reserve(:'ann_id', 'else', p_idempotency_key => 'k') ->> 'refusal', null, 'the key of a run that was released may be used again');

-- The windows of reserved_at.
select tests.freeze('2026-11-30 23:59:59+00');
select tests.reserve(:'bob_id', tests.text_of(1000), p_use_no_prompt => true) as run, tests.reserve(:'bob_id') as kept_run \gset
select tests.freeze('2026-12-01 00:00:01+00');
select tests.release(:'bob_id', :'run', 'provider_timed_out') \g /dev/null
select is(
  tests.windows(:'bob_id'),
  array['day 2026-11-30 00:00: 1 run(s), 0.003 + 0.061485', 'hour 2026-11-30 23:00: 1 run(s), 0.003 + 0.061485', 'month 2026-11-01 00:00: 1 run(s), 0.003 + 0.061485'],
  'a failure is taken back where it was counted'
);
select lives_ok('set constraints all immediate', 'all of it adds up at commit');
select * from finish();
rollback;
