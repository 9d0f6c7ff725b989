begin;
\ir ../helpers.psql
\ir ../runs.psql
select plan(81);
select tests.freeze('2026-11-20 12:34:56+00');
select tests.make_package() as package_id, tests.make_user() as ann_id, tests.make_user() as bob_id \gset

-- The tier.
select is(engine.tier_of(:'ann_id'), 'free', 'who has no plan is in the free tier');
select admin.set_plan(:'ann_id', 'prpm_plus_org', null, 'for a test') as plan_id \gset
select is(engine.tier_of(:'ann_id'), 'prpm_plus_org', 'the price bought decides the tier');
create function tests.tier_in(p_user_id uuid, p_status text)
returns text
language sql
as $$
  update playground.subscriptions set status = p_status where account_id = p_user_id;
  select engine.tier_of(p_user_id)
$$;
select is(tests.tier_in(:'ann_id', status), tier, format('a plan that is %s: %s', status, tier))
from (values ('trialing', 'prpm_plus_org'), ('past_due', 'free'), ('unpaid', 'free'), ('incomplete', 'free'), ('active', 'prpm_plus_org')) as listed (status, tier);
select admin.set_plan(:'bob_id', 'prpm_plus_individual', '2026-12-01 00:00:00+00', 'for a test') \g /dev/null
select is(engine.tier_of(:'bob_id'), 'free', 'a plan to come changes nothing yet');
select admin.end_plan(:'ann_id', false, 'for a test') \g /dev/null
select is(engine.tier_of(:'ann_id'), 'free', 'nor does one that has ended');
select admin.set_unlimited(:'ann_id', true, 'for a test') \g /dev/null
select is(engine.tier_of(:'ann_id'), 'unlimited', 'an operator''s flag goes first');
select admin.set_unlimited(:'ann_id', false, 'for a test') \g /dev/null

-- An operator's throttle.
create function tests.is_throttled(p_user_id uuid, p_instant timestamptz)
returns boolean
language sql
as $$ select is_throttled from engine.standing_of(p_user_id, p_instant) $$;
select is(tests.is_throttled(:'ann_id', engine.now()), false, 'nobody is throttled');
select admin.throttle(:'ann_id', 'for a test', '2026-11-21 00:00:00+00') \g /dev/null
select is(tests.is_throttled(:'ann_id', '2026-11-20 23:59:59.999999+00'), true, 'until an operator says so, until the instant said');
select is(tests.is_throttled(:'ann_id', '2026-11-21 00:00:00+00'), false, 'when it ends by itself');
select admin.throttle(:'ann_id', 'for a test') \g /dev/null
select is(tests.is_throttled(:'ann_id', '2999-01-01 00:00:00+00'), true, 'or for good');
select admin.unthrottle(:'ann_id', 'for a test') \g /dev/null
select is(tests.is_throttled(:'ann_id', engine.now()), false, 'until the operator ends it');

-- Windows: UTC hour, day, calendar month, whatever the session's zone is.
select engine.count_run(:'ann_id', instant, cost, 0)
from (values
  ('2026-10-31 23:59:59.999999+00'::timestamptz, 0.001), ('2026-11-01 00:00:00+00', 0.002), ('2026-11-19 23:59:59.999999+00', 0.004),
  ('2026-11-20 00:00:00+00', 0.008), ('2026-11-20 11:59:59.999999+00', 0.016), ('2026-11-20 12:00:00+00', 0.032), ('2026-11-20 12:59:59.999999+00', 0.064)
) as listed (instant, cost) \g /dev/null
create function tests.used_in(p_zone text, p_user_id uuid, p_instant timestamptz)
returns text
language plpgsql
as $$
declare
  v_used text;
begin
  perform set_config('timezone', p_zone, true);
  select format('%s, %s, %s', trim_scale(month_usd), trim_scale(day_usd), runs) into v_used from engine.window_use(p_user_id, p_instant);
  perform set_config('timezone', 'UTC', true);
  return v_used;
end $$;
create function tests.count_in(p_zone text, p_user_id uuid, p_instant timestamptz)
returns text[]
language plpgsql
as $$
begin
  perform set_config('timezone', p_zone, true);
  perform engine.count_run(p_user_id, p_instant, 0.5, 0);
  perform engine.settle_windows(p_user_id, p_instant, 'unlimited', 0.5, 0, 0.25, 0, -1, p_instant);
  perform set_config('timezone', 'UTC', true);
  return tests.windows(p_user_id);
end $$;
select is(tests.used_in(zone, :'ann_id', instant::timestamptz), used, format('%s used at %s as seen from %s', used, instant, zone))
from unnest(array['UTC', 'Pacific/Kiritimati', 'America/St_Johns']) as zone
cross join (values
  ('2026-10-31 23:59:59.999999+00', '0.001, 0.001, 1'), ('2026-11-01 00:00:00+00', '0.126, 0.002, 1'),
  ('2026-11-20 11:59:59.999999+00', '0.126, 0.12, 1'), ('2026-11-20 12:00:00+00', '0.126, 0.12, 2'), ('2026-11-20 13:00:00+00', '0.126, 0.12, 0'),
  ('2026-11-30 23:59:59.999999+00', '0.126, 0, 0'), ('2026-12-01 00:00:00+00', '0, 0, 0')
) as listed (instant, used);
select is(
  tests.count_in(zone, gen_random_uuid(), '2026-12-31 23:45:00+00'),
  array['day 2026-12-31 00:00: 0 run(s), 0.25 + 0', 'hour 2026-12-31 23:00: 0 run(s), 0.25 + 0', 'month 2026-12-01 00:00: 0 run(s), 0.25 + 0'],
  format('a run is written to the same windows from %s', zone)
)
from unnest(array['UTC', 'Pacific/Kiritimati', 'America/St_Johns']) as zone;
select is(engine.window_end(kind, starts_at), ends_at, format('the %s ends with its last instant', kind))
from (values
  ('hour', '2026-11-20 23:00:00+00'::timestamptz, '2026-11-21 00:00:00+00'::timestamptz), ('day', '2026-12-31 00:00:00+00', '2027-01-01 00:00:00+00'),
  ('month', '2028-02-01 00:00:00+00', '2028-03-01 00:00:00+00')
) as listed (kind, starts_at, ends_at);
set local timezone = 'America/St_Johns';
select is(engine.window_end('month', '2026-03-01 00:00:00+00'), '2026-04-01 00:00:00+00', 'also where the clocks change meanwhile');
set local timezone = 'UTC';

-- Room.
select tests.make_user() as eve_id \gset
create function tests.limits(p_user_id uuid, p_has_paid_credits boolean default false)
returns text
language sql
as $$
  select format(
    '%s: %s %s of %s, room %s%s%s', tier, limit_source, trim_scale(used), coalesce(trim_scale(limit_value)::text, 'no limit'), trim_scale(room_usd),
    case when is_exceeded then ', exceeded' end, case when not is_binding then ', not binding' end)
  from engine.check_run_limits(p_user_id, p_user_id, engine.now(), p_has_paid_credits, 0)
$$;
create function tests.set_used(p_user_id uuid, p_month_usd numeric, p_day_usd numeric, p_runs integer)
returns void
language sql
as $$
  delete from playground.cost_windows where user_id = p_user_id;
  insert into playground.cost_windows (user_id, kind, starts_at, cost_usd, open_usd, runs)
  values
    (p_user_id, 'month', '2026-11-01 00:00:00+00', p_month_usd, 0, 99),
    (p_user_id, 'day', '2026-11-20 00:00:00+00', 0, p_day_usd, 99),
    (p_user_id, 'hour', '2026-11-20 12:00:00+00', p_day_usd, 0, p_runs);
$$;
select is(tests.limits(:'eve_id'), 'free: cost_day 0 of 0.1, room 0.1', 'the tightest limit tells the room');
select tests.set_used(:'eve_id', 0.45, 0.05, 9) \g /dev/null
select is(tests.limits(:'eve_id'), 'free: cost_month 0.45 of 0.5, room 0.05', 'of two alike, the month''s is told');
select tests.set_used(:'eve_id', 0.46, 0.05, 9) \g /dev/null
select is(tests.limits(:'eve_id'), 'free: cost_month 0.46 of 0.5, room 0.04', 'whichever is tighter');
select tests.set_used(:'eve_id', 0.7, 0.05, 9) \g /dev/null
select is(tests.limits(:'eve_id'), 'free: cost_month 0.7 of 0.5, room 0', 'a window that is passed has no room');
select tests.set_used(:'eve_id', 0, 0.0999, 0) \g /dev/null
select is(tests.limits(:'eve_id'), 'free: cost_day 0.0999 of 0.1, room 0.0001', 'what open runs hold is used');
select tests.set_used(:'eve_id', 0, 0, 10) \g /dev/null
select is(tests.limits(:'eve_id'), 'free: runs_hour 10 of 10, room 0, exceeded', 'ten runs an hour');
select is(tests.limits(:'eve_id', true), 'free: cost_day 0 of 0.1, room 0.1', 'while bought credits remain it is a hundred');
select tests.set_used(:'eve_id', 0, 0, 100) \g /dev/null
select is(tests.limits(:'eve_id', true), 'free: runs_hour 100 of 100, room 0, exceeded', 'no more');
select admin.set_setting('paid_runs_per_hour', '5', 'for a test') \g /dev/null
select tests.set_used(:'eve_id', 0, 0, 7) \g /dev/null
select is(tests.limits(:'eve_id', true), 'free: cost_day 0 of 0.1, room 0.1', 'bought credits never lower what the tier gives');
select is(
  (window_starts_at, resets_at)::text, ('2026-11-20 00:00:00+00'::timestamptz, '2026-11-21 00:00:00+00'::timestamptz)::text, 'the window is told with its end'
)
from engine.check_run_limits(:'eve_id', :'eve_id', engine.now(), false, 0);

-- A missing, inactive or NULL limit refuses; unlimited is its own flag.
select tests.set_used(:'eve_id', 0, 0, 0) \g /dev/null
create function tests.limits_where(p_change text, p_user_id uuid, p_has_paid_credits boolean default false)
returns text
language plpgsql
as $$
declare
  v_limits text;
begin
  execute 'update playground.tiers set ' || p_change;
  v_limits := tests.limits(p_user_id, p_has_paid_credits);
  raise sqlstate 'UNDO1' using message = v_limits;
exception
  when sqlstate 'UNDO1' then
    return sqlerrm;
end $$;
select is(tests.limits_where(change, :'eve_id', has_paid), limits, about)
from (values
  ('monthly_cost_limit_usd = null', false, 'free: cost_month 0 of no limit, room 0', 'no limit of the month: no room'),
  ('daily_cost_limit_usd = null', false, 'free: cost_day 0 of no limit, room 0', 'no limit of the day: no room'),
  ('runs_per_hour = null', false, 'free: runs_hour 0 of no limit, room 0, exceeded', 'no number of runs: none'),
  ('runs_per_hour = null', true, 'free: runs_hour 0 of no limit, room 0, exceeded', 'bought credits do not make one'),
  ('runs_per_hour = 0', false, 'free: runs_hour 0 of 0, room 0, exceeded', 'a limit of 0 is one'),
  ('is_active = false', false, 'free: runs_hour 0 of no limit, room 0, exceeded', 'a tier that is not active: no run'),
  ('throttle_on_exceed = false', false, 'free: cost_day 0 of 0.1, room 0.1, not binding', 'shadow limits are reckoned and bind nobody'),
  ('throttle_on_exceed = false, is_active = false', false, 'free: runs_hour 0 of no limit, room 0, exceeded', 'but a tier that is not active refuses, shadow or not'),
  ('throttle_on_exceed = false, daily_cost_limit_usd = null', false, 'free: cost_day 0 of no limit, room 0', 'and so does a limit that is not set'),
  ('throttle_on_exceed = false, runs_per_hour = null', true, 'free: runs_hour 0 of no limit, room 0, exceeded', 'of each kind')
) as listed (change, has_paid, limits, about);
select admin.set_unlimited(:'eve_id', true, 'for a test') \g /dev/null
select is(tests.limits(:'eve_id'), 'unlimited:   of no limit, room , not binding', 'the tier without limits has none');
select is(tests.limits_where('is_unlimited = false', :'eve_id'), 'unlimited: runs_hour 0 of no limit, room 0, exceeded', 'by its flag, not by its NULLs');
select is(tests.limits_where('is_active = false', :'eve_id'), 'unlimited: runs_hour 0 of no limit, room 0, exceeded', 'and only while it is active');
delete from playground.tiers where tier = 'unlimited';
select is(tests.limits(:'eve_id'), 'unlimited: runs_hour 0 of no limit, room 0, exceeded', 'a tier that is missing refuses');
select admin.throttle(:'eve_id', 'for a test') \g /dev/null
select is((engine.check_run_limits(:'eve_id', :'eve_id', engine.now(), false, 0)).is_throttled, true, 'an operator''s throttle is told beside them');

-- Final cost and alerts.
select tests.make_user() as joe_id \gset
create function tests.alerts(p_user_id uuid)
returns text[]
language sql
as $$ select array_agg(format('%s %s', kind, window_starts_at::date) order by window_starts_at, kind) from playground.alerts where user_id = p_user_id $$;
create function tests.cost(p_user_id uuid, p_cost_usd numeric, p_instant timestamptz default '2026-11-20 12:34:56+00', p_runs integer default 0)
returns integer
language sql
as $$
  select engine.count_run(p_user_id, p_instant, 0.01, 0);
  select engine.settle_windows(p_user_id, p_instant, 'free', 0.01, 0, p_cost_usd, 0, p_runs, p_instant)
$$;
select is(tests.cost(:'joe_id', 0.049999), 0, 'below half of the day''s limit nobody is told');
select is(
  tests.windows(:'joe_id'),
  array['day 2026-11-20 00:00: 1 run(s), 0.049999 + 0', 'hour 2026-11-20 12:00: 1 run(s), 0.049999 + 0', 'month 2026-11-01 00:00: 1 run(s), 0.049999 + 0'],
  'what was held becomes what it cost'
);
select is(tests.cost(:'joe_id', 0.000001), 1, 'the run that reaches a threshold tells it');
select is(tests.cost(:'joe_id', 0.0249), 0, 'no later one tells it again');
select is(tests.cost(:'joe_id', 0.02), 3, 'a run may cross several');
select is(tests.alerts(:'joe_id'), array['cost_day_50 2026-11-20', 'cost_day_75 2026-11-20', 'cost_day_80 2026-11-20', 'cost_day_90 2026-11-20'], 'one alert a threshold and window');
select is(details, '{"tier": "free", "costUsd": 0.0949, "limitUsd": 0.1, "percent": 90, "window": "day", "resetsAt": "2026-11-21T00:00:00.000000Z"}'::jsonb, 'which says what it is about')
from playground.alerts where user_id = :'joe_id' and kind = 'cost_day_90';
select is(tests.cost(:'joe_id', 0.05, '2026-11-21 12:00:00+00'), 1, 'the next day has alerts of its own');
select is(tests.cost(:'joe_id', 0.2, '2026-11-22 12:00:00+00', -1), 5, 'the month too');
select is((tests.alerts(:'joe_id'))[1], 'cost_month_50 2026-11-01', 'once');
select is((select runs from playground.cost_windows where user_id = :'joe_id' and kind = 'month'), 5, 'a released run is not counted, its cost is');
select is(engine.settle_windows(:'joe_id', '2026-11-20 12:00:00+00', 'free', 0, 0, -0.05, 0, 0, engine.now()), 0, 'a correction downwards tells nothing');
select is(trim_scale(cost_usd), 0.0449, 'and lowers the window') from playground.cost_windows where user_id = :'joe_id' and kind = 'day' and starts_at = '2026-11-20 00:00:00+00';
select * from finish();
rollback;
