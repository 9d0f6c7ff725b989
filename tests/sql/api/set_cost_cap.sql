begin;
\ir ../helpers.psql
\ir ../runs.psql
select plan(33);
select tests.freeze('2026-11-20 12:00:00+00');
select tests.make_package() as package_id, tests.make_user_with(1000) as ann_id, tests.make_user_with(1000) as bob_id \gset
create function tests.cap(p_user_id uuid, p_monthly_usd numeric)
returns jsonb
language sql
as $$ select api.set_cost_cap(p_user_id, p_monthly_usd)::jsonb $$;
create function tests.run(p_user_id uuid, p_model text default 'gpt-4o-mini', p_output bigint default 50)
returns text
language plpgsql
as $$
declare
  v_run jsonb := tests.reserve(p_user_id, p_model => p_model);
begin
  if v_run ->> 'refusal' is null then
    perform tests.settle(p_user_id, v_run, p_output => p_output);
  end if;
  return coalesce(v_run -> 'refusal_detail' ->> 'limitSource', v_run ->> 'refusal', 'started');
end $$;

select is(
  tests.cap(:'ann_id', 0.25), '{"monthlyUsd": 0.25, "tierMonthlyUsd": 0.5, "monthUsedUsd": 0, "resetsAt": "2026-12-01T00:00:00.000000Z"}'::jsonb,
  'a person says what their month may cost at most, and hears what it is lower than, what is used and until when'
);
select is(trim_scale(cost_cap_usd), 0.25, 'it is kept as it was said') from playground.users where user_id = :'ann_id';
select is(tests.cap(:'ann_id', 0.000001) ->> 'monthlyUsd', '0.000001', 'to the millionth');
select is(
  tests.reserve(:'ann_id') -> 'refusal_detail',
  '{"limitSource": "own_cap", "limit": 0.000001, "used": 0, "resetsAt": "2026-12-01T00:00:00.000000Z", "retryAfter": 907200, "hint": "Raise or remove the cap you set yourself."}'::jsonb,
  'it holds for the next run'
);
select is(tests.cap(:'ann_id', 0) ->> 'monthlyUsd', '0', '0 lets nothing start');
select is(tests.run(:'ann_id'), 'own_cap', 'nothing at all');
select is(tests.cap(:'ann_id', null), '{"monthlyUsd": null, "tierMonthlyUsd": 0.5, "monthUsedUsd": 0, "resetsAt": "2026-12-01T00:00:00.000000Z"}'::jsonb, 'null removes it');
select is(tests.run(:'ann_id', 'sonnet'), 'started', 'and runs start again');
select is(tests.cap(:'ann_id', 0.002) ->> 'monthUsedUsd', '0.00105', 'what the month has used is told, also when that is more than the new cap');
select is(tests.cap(:'ann_id', 0.001) ->> 'monthlyUsd', '0.001', 'which may be so');
select is(tests.run(:'ann_id'), 'own_cap', 'and lets nothing start until the next month');
select tests.freeze('2026-12-01 00:00:00+00');
select is(tests.run(:'ann_id'), 'started', 'which begins with the whole cap');
select tests.cap(:'bob_id', 0.03) \g /dev/null
select is((tests.reserve(:'bob_id') ->> 'max_output_tokens')::integer < 4096, true, 'a cap shortens an answer before it refuses');

-- Bought budget is part of it, and tiers without limits are bound by it.
select tests.make_user() as eve_id \gset
select tests.buy(:'eve_id', 100, 10) \g /dev/null
select is(tests.cap(:'eve_id', 7.499999) ->> 'tierMonthlyUsd', '0.5', 'with a bought cost budget of 7 dollars a cap may lie below 7.50');
select throws_ok(format('select api.set_cost_cap(%L, 7.5)', :'eve_id'), 'SCV01', 'The field monthlyUsd must be lower than 7.5, which is your limit already.', 'not at it');
select tests.cap(:'eve_id', null) \g /dev/null
select tests.run(:'eve_id', 'opus', 4000) \g /dev/null
select is(tests.cap(:'eve_id', 0.29) ->> 'monthUsedUsd', '0.3015', 'what the budget paid is used too');
select is(tests.run(:'eve_id'), 'own_cap', 'and counts against the cap');
select throws_ok(format('select api.set_cost_cap(%L, 7.5)', :'eve_id'), 'SCV01', null, 'what the budget has paid lowers nothing: the month could still come to 7.50');
select is(tests.cap(:'eve_id', 7.4) ->> 'monthlyUsd', '7.4', 'and a cap below that would bind');
select admin.set_unlimited(:'eve_id', true, 'for a test') \g /dev/null
select is(tests.cap(:'eve_id', 100) -> 'tierMonthlyUsd', 'null', 'who has no limits may cap at any amount');
select is(tests.run(:'eve_id'), 'started', 'and run below it');
select is(tests.cap(:'eve_id', 0.1) ->> 'monthlyUsd', '0.1', 'a cap binds also who has no limits');
select is(tests.run(:'eve_id'), 'own_cap', 'as anybody');
select admin.set_user_limit(:'ann_id', 'for a test', p_monthly_usd => 2) \g /dev/null
select is(tests.cap(:'ann_id', 1.9) ->> 'tierMonthlyUsd', '2', 'limits that an operator gave a person are theirs to cap');

select throws_ok(format('select api.set_cost_cap(%L, %s)', :'ann_id', amount), 'SCV01', null, about)
from (values
  ('-0.000001', 'a cap is not negative'), ('0.1000001', 'nor finer than a millionth'), ('''NaN''', 'nor no number'), ('''Infinity''', 'nor without end'), ('2', 'nor as high as the limit')
) as listed (amount, about);
select is(tests.cap(:'ann_id', 0.500000000) ->> 'monthlyUsd', '0.5', 'zeros behind are no decimals');
select throws_ok(format('select api.set_cost_cap(%L, 0.1)', gen_random_uuid()), 'SCA02', null, 'a stranger has none');
-- Limits that refuse nobody.
update playground.tiers set throttle_on_exceed = false where tier = 'free';
select tests.make_user_with(1000) as sam_id \gset
select is(tests.cap(:'sam_id', 0.6) ->> 'monthlyUsd', '0.6', 'under shadow limits a cap may lie above the tier''s limit');
insert into playground.cost_windows (user_id, kind, starts_at, cost_usd) values (:'sam_id', 'month', date_trunc('month', engine.now(), 'UTC'), 0.6);
select is(tests.run(:'sam_id'), 'own_cap', 'and holds');
select * from finish();
rollback;
