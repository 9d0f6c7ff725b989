begin;
\ir ../helpers.psql
\ir ../runs.psql
select plan(51);
select tests.freeze('2026-11-20 12:00:00+00');
select tests.make_package() as package_id, tests.make_plan_of(2, 200) \g /dev/null
create function tests.holds(p_user_id uuid)
returns text[]
language sql
as $$
  select array_agg(
    format('%s %s: ', h.status, h.credits) || (
      select string_agg(format('%s %s', g.source, p.credits), ', ' order by engine.burn_rank(g.bucket), g.expires_at nulls last, g.grant_id)
      from playground.hold_parts p join playground.grants g using (account_id, grant_id)
      where p.account_id = h.account_id and p.hold_id = h.hold_id)
    order by h.reserved_at, h.credits desc)
  from playground.holds h
  where account_id = p_user_id
$$;
-- Two steps at multiplier 5: a hold of 10 credits.
create function tests.reserve_ten(p_user_id uuid)
returns jsonb
language sql
as $$ select tests.reserve(p_user_id, tests.text_of(1000), 'opus', p_use_no_prompt => true) $$;
create function tests.make_rich_user()
returns uuid
language plpgsql
as $$
declare
  v_user_id uuid := tests.make_user();
begin
  perform admin.set_unlimited(v_user_id, true, 'for a test');
  perform admin.set_plan(v_user_id, 'test_2', null, 'for a test');
  perform tests.add_lot(v_user_id, 4, '2027-01-01 00:00:00+00');
  perform tests.add_lot(v_user_id, 3, '2026-11-20 12:02:00+00');
  return v_user_id;
end $$;

-- Made.
select tests.make_rich_user() as ann_id \gset
select tests.reserve_ten(:'ann_id') as run \gset
select is(tests.holds(:'ann_id'), array['open 10: period 2, promo 3, promo 4, signup 1'], 'a hold takes its credits in burn order, across grants');
select is(
  tests.lots(:'ann_id'), array['signup 5 of 5, held 1', 'period 2 of 2, held 2', 'promo 4 of 4, held 4', 'promo 3 of 3, held 3'],
  'they are held, and remain'
);
select is(tests.ledger(:'ann_id') is not null and cardinality(tests.ledger(:'ann_id')) = 4, true, 'the history says nothing of it');
select is(
  (user_id, status, credits, charged, spend_number, outcome, tier, model, price_effective_from, multiplier, tokens_per_credit, input_tokens_estimated,
    max_output_tokens, cost_held_usd, budget_held_usd, package_id, package_version)::text,
  (:'ann_id'::uuid, 'open', 10, null::bigint, null::bigint, null::text, 'unlimited', 'opus', '2025-01-01 00:00:00+00'::timestamptz, 5.000000, 5000, 1000,
    4096, 0.325950000000, 0.000000000000, (select package_id from playground.packages), '1.0.0')::text,
  'it keeps everything its price depends on'
)
from playground.holds where account_id = :'ann_id';
select is((reserved_at, expires_at, closed_at)::text, ('2026-11-20 12:00:00+00'::timestamptz, '2026-11-20 12:03:10+00'::timestamptz, null::timestamptz)::text, 'and when it ends')
from playground.holds where account_id = :'ann_id';
select is((is_comparison, is_custom_prompt, is_new_session)::text, '(t,f,t)', 'and how it was asked for') from playground.holds where account_id = :'ann_id';
select is(
  tests.windows(:'ann_id'),
  array['day 2026-11-20 00:00: 1 run(s), 0 + 0.32595', 'hour 2026-11-20 12:00: 1 run(s), 0 + 0.32595', 'month 2026-11-01 00:00: 1 run(s), 0 + 0.32595'],
  'its highest cost is held in the windows'
);
select tests.reserve(:'ann_id') as other_run \gset
select is((tests.holds(:'ann_id'))[2], 'open 1: signup 1', 'the next one takes what is left');
select tests.release(:'ann_id', :'other_run') \g /dev/null

-- Settled.
select tests.settle(:'ann_id', :'run', 1000, 100) \g /dev/null
select is((tests.ledger(:'ann_id'))[5], '5 spend -5 = 9 (period -2, promo -3)', 'what it really used is spent in burn order');
select is(
  tests.lots(:'ann_id'), array['signup 5 of 5, held 0', 'period 0 of 2, held 0', 'promo 4 of 4, held 0', 'promo 0 of 3, held 0'],
  'the rest goes back to the grants it came from'
);
select is((status, charged, spend_number, outcome, closed_at)::text, ('settled', 5, 5, 'completed', '2026-11-20 12:00:00+00'::timestamptz)::text, 'the hold knows its end')
from playground.holds where account_id = :'ann_id' and hold_id = (:'run'::jsonb ->> 'hold_id')::uuid;
select is(
  (hold_id, session_id, user_id, description)::text,
  ((:'run'::jsonb ->> 'hold_id')::uuid, (:'run'::jsonb ->> 'session_id')::uuid, :'ann_id'::uuid, 'Playground run on opus')::text,
  'the line says for which run it was'
)
from playground.transactions where account_id = :'ann_id' and number = 5;
select is(
  tests.windows(:'ann_id'),
  array['day 2026-11-20 00:00: 1 run(s), 0.0225 + 0', 'hour 2026-11-20 12:00: 1 run(s), 0.0225 + 0', 'month 2026-11-01 00:00: 1 run(s), 0.0225 + 0'],
  'what was held in the windows is now what it cost'
);

-- Released.
select tests.make_rich_user() as bob_id \gset
select tests.reserve_ten(:'bob_id') as run \gset
select is(tests.release(:'bob_id', :'run'), true, 'a run that failed is released');
select is(
  tests.lots(:'bob_id'), array['signup 5 of 5, held 0', 'period 2 of 2, held 0', 'promo 4 of 4, held 0', 'promo 3 of 3, held 0'],
  'everything goes back to where it came from'
);
select is(cardinality(tests.ledger(:'bob_id')), 4, 'and the history says nothing of it');
select is((status, charged, spend_number, outcome)::text, '(released,,,provider_refused)', 'the hold knows its end') from playground.holds where account_id = :'bob_id';

-- Credits that expire while they are held.
select tests.make_rich_user() as eve_id \gset
select tests.reserve_ten(:'eve_id') as run \gset
select tests.freeze('2026-11-20 12:01:59.999999+00');
select is((api.get_balance(:'eve_id') ->> 'balance')::bigint, 14::bigint, 'up to their last instant');
select tests.freeze('2026-11-20 12:02:00+00');
select is((api.get_balance(:'eve_id') ->> 'balance')::bigint, 14::bigint, 'held credits survive their expiry');
select is(expired_at, '2026-11-20 12:02:00+00', 'though the grant has expired') from playground.grants where account_id = :'eve_id' and granted = 3;
select is(tests.reserve_ten(:'eve_id') ->> 'refusal', 'SCC01', 'nobody else may use them');
select tests.advance('30 seconds') \g /dev/null
select tests.release(:'eve_id', :'run') \g /dev/null
select is((tests.ledger(:'eve_id'))[5], '5 expire -3 = 11 (promo -3)', 'what a release gives back to an expired grant expires on a line of its own');
select is(effective_at, '2026-11-20 12:02:30+00', 'when it came back') from playground.transactions where account_id = :'eve_id' and number = 5;
select is((tests.lots(:'eve_id'))[4], 'promo 0 of 3, held 0', 'and nothing of it remains');

select tests.freeze('2026-11-20 12:00:00+00');
select tests.make_rich_user() as joe_id \gset
select tests.reserve_ten(:'joe_id') as run \gset
select tests.freeze('2026-11-20 12:02:30+00');
select tests.settle(:'joe_id', :'run', 1000, 100) as settled \gset
select is((tests.ledger(:'joe_id'))[5], '5 spend -5 = 9 (period -2, promo -3)', 'a run spends what it held although it expired meanwhile');
select is(cardinality(tests.ledger(:'joe_id')), 5, 'so nothing is left to expire');
-- Three of four promo credits spent, one comes back too late.
select tests.freeze('2026-11-20 12:00:00+00');
select tests.make_user() as kim_id \gset
select tests.add_lot(:'kim_id', 4, '2026-11-20 12:02:00+00') \g /dev/null
select tests.reserve(:'kim_id', tests.text_of(6000), p_use_no_prompt => true) as run \gset
select is(tests.holds(:'kim_id'), array['open 3: promo 3'], 'three are held');
select tests.freeze('2026-11-20 12:02:30+00');
select tests.settle(:'kim_id', :'run', 6000, 100) as settled \gset
select is(
  (tests.ledger(:'kim_id'))[3:],
  array['3 expire -1 = 8 (promo -1)', '4 spend -2 = 6 (promo -2)', '5 expire -1 = 5 (promo -1)'],
  'first what was unheld expired, then two were spent, then the third expired as it came back'
);
select is(:'settled'::jsonb ->> 'body' like '%"creditsRemaining" : 5,%', true, 'and the answer''s balance knows it');
select is(tests.settle(:'kim_id', :'run', 1, 1), :'settled'::jsonb, 'as does a repeat, byte for byte');

-- Nobody ends it.
select tests.freeze('2026-11-20 12:00:00+00');
select tests.make_rich_user() as zoe_id \gset
select tests.reserve_ten(:'zoe_id') as run \gset
select tests.freeze('2026-11-20 12:03:09.999999+00');
select is((api.get_balance(:'zoe_id') ->> 'held')::bigint, 10::bigint, 'a hold lives until its last instant');
select is(status::text, 'open', 'open') from playground.holds where account_id = :'zoe_id';
select tests.freeze('2026-11-20 12:03:10+00');
select is((api.get_balance(:'zoe_id') ->> 'held')::bigint, 0::bigint, 'at its end whoever looks first ends it');
select is((status, charged, outcome, closed_at)::text, ('expired', null::bigint, 'abandoned', '2026-11-20 12:03:10+00'::timestamptz)::text, 'it is expired, and charged nothing')
from playground.holds where account_id = :'zoe_id';
select is((tests.ledger(:'zoe_id'))[5:], array['5 expire -3 = 11 (promo -3)'], 'what it gives back may expire');
select is(
  (outcome, usage_source, input_tokens, output_tokens, credits, cost_usd)::text, '(abandoned,estimated,1000,0,0,0.015000000000)',
  'its usage is on record with at least the input''s cost'
)
from playground.usage where account_id = :'zoe_id';
select is((tests.windows(:'zoe_id'))[2], 'hour 2026-11-20 12:00: 1 run(s), 0.015 + 0', 'which counts against the limits');
select engine.catch_up(:'zoe_id', engine.now()) \g /dev/null
select is(count(*), 1::bigint, 'once') from playground.usage where account_id = :'zoe_id';

-- The bought cost budget: what does not fit the windows.
select tests.make_user() as max_id \gset
select tests.buy(:'max_id', 100, 5) \g /dev/null
select is((cost_budget_usd, cost_budget_held_usd)::text, '(3.500000000000,0.000000000000)', 'each purchase brings 70 % of its price as cost budget') from playground.accounts where account_id = :'max_id';
select tests.reserve_ten(:'max_id') as run \gset
select is((cost_held_usd, budget_held_usd)::text, '(0.100000000000,0.225950000000)', 'a run holds what the windows have room for, and the rest of the budget')
from playground.holds where account_id = :'max_id';
select is((cost_budget_usd, cost_budget_held_usd)::text, '(3.500000000000,0.225950000000)', 'both are held') from playground.accounts where account_id = :'max_id';
select is((tests.windows(:'max_id'))[1], 'day 2026-11-20 00:00: 1 run(s), 0 + 0.1', 'the window is full and not over');
select tests.reserve_ten(:'max_id') as other_run \gset
select is((cost_held_usd, budget_held_usd)::text, '(0.000000000000,0.325950000000)', 'the next run is wholly the budget''s')
from playground.holds where account_id = :'max_id' and hold_id = (:'other_run'::jsonb ->> 'hold_id')::uuid;
select tests.release(:'max_id', :'other_run', 'not_called') \g /dev/null
select is((cost_budget_usd, cost_budget_held_usd)::text, '(3.500000000000,0.225950000000)', 'a release gives it back') from playground.accounts where account_id = :'max_id';
select tests.settle(:'max_id', :'run', 1000, 2000) \g /dev/null
select is((cost_budget_usd, cost_budget_held_usd)::text, '(3.435000000000,0.000000000000)', 'a settlement draws what the windows had no room for') from playground.accounts where account_id = :'max_id';
select is((tests.windows(:'max_id'))[1], 'day 2026-11-20 00:00: 1 run(s), 0.1 + 0', 'and no more than the room in the window');
select is((cost_usd, budget_usd)::text, '(0.165000000000,0.065000000000)', 'usage says how much of the cost that was') from playground.usage where account_id = :'max_id' and cost_usd > 0;
update playground.accounts set cost_budget_usd = 0.02 where account_id = :'max_id';
select is(
  (tests.reserve_ten(:'max_id') -> 'refusal_detail') ->> 'limitSource', 'cost_day', 'a budget too small for the shortest answer refuses as the limit does'
);
update playground.accounts set cost_budget_usd = 0.03795 where account_id = :'max_id';
select is((tests.reserve_ten(:'max_id') ->> 'max_output_tokens')::integer, 256, 'one that is just enough runs the shortest');
select is((cost_budget_held_usd)::numeric, 0.03795, 'with all of it') from playground.accounts where account_id = :'max_id';
select lives_ok('set constraints all immediate', 'all of it adds up at commit');
select * from finish();
rollback;
