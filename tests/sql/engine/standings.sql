begin;
\ir ../helpers.psql
\ir ../runs.psql
select plan(37);
select tests.freeze('2026-11-20 12:30:00+00');
select tests.make_package() as package_id, tests.make_user_with(1000) as ann_id, tests.make_user_with(1000) as bob_id \gset
create function tests.standing(p_user_id uuid)
returns text
language sql
as $$
  select concat_ws(
    ', ', tier, case when is_throttled then 'throttled' end, case when is_throttled_by_operator then 'by an operator' end,
    exhausted_limit, 'until ' || to_char(exhausted_until at time zone 'UTC', 'MM-DD HH24:MI'))
  from engine.user_standings
  where user_id = p_user_id
$$;
create function tests.use(p_user_id uuid, p_month_usd numeric, p_day_usd numeric, p_runs integer, p_open_usd numeric default 0, p_budget_usd numeric default 0)
returns void
language sql
as $$
  delete from playground.cost_windows where user_id = p_user_id;
  insert into playground.cost_windows (user_id, kind, starts_at, cost_usd, open_usd, budget_usd, runs)
  values
    (p_user_id, 'month', '2026-11-01 00:00:00+00', p_month_usd, p_open_usd, p_budget_usd, 9),
    (p_user_id, 'day', '2026-11-20 00:00:00+00', p_day_usd, p_open_usd, p_budget_usd, 9),
    (p_user_id, 'hour', '2026-11-20 12:00:00+00', 0, 0, 0, p_runs),
    -- What is over tells nothing.
    (p_user_id, 'month', '2026-10-01 00:00:00+00', 99, 0, 99, 999),
    (p_user_id, 'day', '2026-11-19 00:00:00+00', 99, 0, 99, 999),
    (p_user_id, 'hour', '2026-11-20 11:00:00+00', 99, 0, 99, 999)
$$;
create function tests.agrees(p_user_id uuid)
returns boolean
language sql
as $$
  -- The smallest answer of the cheapest model, as a run would ask for it.
  select standing.is_throttled = (run.is_throttled or coalesce((run.is_binding and run.is_exceeded) or run.total_room_usd < standing.smallest_run_usd, false))
    and coalesce(standing.exhausted_limit, run.limit_source) is not distinct from run.limit_source
  from engine.user_standings as standing
  join playground.accounts as account using (account_id)
  cross join lateral engine.check_run_limits(
    user_id, account_id, engine.now(),
    exists (select from playground.grants as lots where lots.account_id = account.account_id and source = 'purchase' and remaining > 0),
    cost_budget_usd - cost_budget_held_usd) as run
  where user_id = p_user_id
$$;

select is(smallest_run_usd, 256 * 2.4 / 1000000, 'the smallest run is the shortest answer of the cheapest model') from engine.user_standings where user_id = :'ann_id';
select is(tests.standing(:'ann_id'), 'free', 'who has used nothing is not throttled');
select tests.use(:'ann_id', 0.45, 0.0993, 9) \g /dev/null
select is(tests.standing(:'ann_id'), 'free', 'nor is who has room for one small run');
select ok(tests.agrees(:'ann_id'), 'which would start');
select tests.use(:'ann_id', 0.45, 0.0994, 9) \g /dev/null
select is(tests.standing(:'ann_id'), 'free, throttled, cost_day, until 11-21 00:00', 'who has not is throttled to the end of the day');
select ok(tests.agrees(:'ann_id'), 'and no run would start');
select tests.use(:'ann_id', 0.45, 0, 9, 0.1) \g /dev/null
select is(tests.standing(:'ann_id'), 'free, throttled, cost_month, until 12-01 00:00', 'what open runs hold counts, and of two limits the longer one is told');
select tests.use(:'ann_id', 0, 0, 10) \g /dev/null
select is(tests.standing(:'ann_id'), 'free, throttled, runs_hour, until 11-20 13:00', 'who has had the runs of an hour is throttled to its end');
select ok(tests.agrees(:'ann_id'), 'as a run would find');
update playground.cost_windows set is_exempt = true where user_id = :'ann_id' and kind = 'hour';
select is(tests.standing(:'ann_id'), 'free', 'unless an operator exempted that hour');
select ok(tests.agrees(:'ann_id'), 'also for the run');
select tests.buy(:'ann_id', 10, 0) \g /dev/null
select tests.use(:'ann_id', 0, 0, 50) \g /dev/null
select is(tests.standing(:'ann_id'), 'free', 'unspent bought credits bring a hundred runs an hour');
select tests.use(:'ann_id', 0.5, 0.1, 0) \g /dev/null
select is(tests.standing(:'ann_id'), 'free, throttled, cost_month, until 12-01 00:00', 'without a cost budget they bring no room');
select tests.buy(:'ann_id', 10, 1) \g /dev/null
select is(tests.standing(:'ann_id'), 'free', 'with one they do');
select ok(tests.agrees(:'ann_id'), 'as a run would find it');
select tests.use(:'ann_id', 3, 0.01, 0) \g /dev/null
select is(tests.standing(:'ann_id'), 'free', 'also where the limit was lowered below what is used: that takes nothing of the budget');
select is(tests.reserve(:'ann_id') ->> 'refusal', null, 'a run starts');

select tests.use(:'bob_id', 0.3, 0.01, 0, 0.01, 0.2) \g /dev/null
select results_eq(
  format('select trim_scale(month_cost_usd), trim_scale(day_cost_usd), trim_scale(month_window_usd), trim_scale(day_window_usd), hour_runs from engine.user_standings where user_id = %L', :'bob_id'),
  'values (0.5::numeric, 0.21::numeric, 0.31::numeric, 0.02::numeric, 0)',
  'cost has what the bought budget paid, the window has what is held'
);
update playground.users set cost_cap_usd = 0.51 where user_id = :'bob_id';
select is(tests.standing(:'bob_id'), 'free, throttled, own_cap, until 12-01 00:00', 'a person''s own cap counts both');
select ok(tests.agrees(:'bob_id'), 'for the run too');
update playground.tiers set throttle_on_exceed = false where tier = 'free';
select is(tests.standing(:'bob_id'), 'free, throttled, own_cap, until 12-01 00:00', 'shadow limits do not lift it');
update playground.users set cost_cap_usd = null where user_id = :'bob_id';
select tests.use(:'bob_id', 9, 9, 99) \g /dev/null
select is(tests.standing(:'bob_id'), 'free', 'shadow limits throttle nobody');
update playground.tiers set daily_cost_limit_usd = null where tier = 'free';
select is(tests.standing(:'bob_id'), 'free, throttled, runs_hour, until 11-20 13:00', 'but a limit that is missing refuses');
update playground.tiers set throttle_on_exceed = true, daily_cost_limit_usd = 0.1 where tier = 'free';
select admin.set_unlimited(:'bob_id', true, 'for a test') \g /dev/null
select is(tests.standing(:'bob_id'), 'unlimited', 'who is unlimited has no window');
select admin.throttle(:'bob_id', 'looks odd', '2026-11-21 00:00:00+00') \g /dev/null
select is(tests.standing(:'bob_id'), 'unlimited, throttled, by an operator', 'an operator''s word goes first');
select is(throttled_reason, 'looks odd', 'and is told') from engine.user_standings where user_id = :'bob_id';
select tests.advance('1 day') \g /dev/null
select is(tests.standing(:'bob_id'), 'unlimited', 'until it ends');

-- Limits of one's own.
select tests.freeze('2026-11-20 12:30:00+00');
select tests.make_user_with(1000) as eve_id \gset
insert into playground.user_limits (user_id, is_temporary, monthly_cost_limit_usd, daily_cost_limit_usd, runs_per_hour, reason, set_by, set_at, ends_at)
values (:'eve_id', false, 1, 1, 3, 'a guest', 'dba', engine.now(), null), (:'eve_id', true, null, 2, 5, 'a demo', 'dba', engine.now(), '2026-11-20 13:00:00+00');
update playground.users set has_own_limits = true where user_id = :'eve_id';
select results_eq(
  format('select trim_scale(monthly_limit_usd), trim_scale(daily_limit_usd), runs_limit from engine.user_standings where user_id = %L', :'eve_id'),
  'values (1::numeric, 2::numeric, 5)',
  'limits of one''s own go before the tier''s, one that ends before one that stands'
);
select tests.use(:'eve_id', 0.5, 0.5, 4) \g /dev/null
select is(tests.standing(:'eve_id'), 'free', 'they are what binds');
select ok(tests.agrees(:'eve_id'), 'runs as well');
select tests.freeze('2026-11-20 13:00:00+00');
insert into playground.cost_windows (user_id, kind, starts_at, runs) values (:'eve_id', 'hour', '2026-11-20 13:00:00+00', 4);
select is(tests.standing(:'eve_id'), 'free, throttled, runs_hour, until 11-20 14:00', 'at its end the one that stands is back');
select ok(tests.agrees(:'eve_id'), 'for runs too');

-- None at once.
select tests.make_user_with(1000) as joe_id \gset
select admin.set_user_limit(:'joe_id', 'closed', p_concurrent_runs => 0) \g /dev/null
select is(tests.standing(:'joe_id'), 'free, throttled, runs_concurrent', 'who may have no run at once is throttled until somebody says otherwise');
select ok(tests.agrees(:'joe_id'), 'and no run starts');
select admin.set_user_limit(:'joe_id', 'one', p_concurrent_runs => 1), tests.reserve(:'joe_id') \g /dev/null
select is(tests.standing(:'joe_id'), 'free', 'who has all runs under way that they may is not: these end');
update playground.tiers set is_active = false where tier = 'free';
select is(tests.standing(:'joe_id'), 'free, throttled, runs_hour, until 11-20 14:00', 'a tier that is not active goes first, as for runs');
update playground.tiers set is_active = true where tier = 'free';
select is((select count(*) from engine.user_standings), (select count(*) from playground.users where deleted_at is null), 'each person stands there once');
select * from finish();
rollback;
