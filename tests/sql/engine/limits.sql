begin;
\ir ../helpers.psql
\ir ../runs.psql
select plan(143);
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
insert into playground.tiers (tier, is_unlimited, alert_thresholds) values ('unlimited', true, '{50}');
select tests.make_user() as sue_id \gset
select admin.set_user_limit(:'sue_id', 'before', p_daily_usd => 0.01), admin.set_unlimited(:'sue_id', true, 'after') \g /dev/null
select is(
  engine.settle_windows(:'sue_id', engine.now(), 'unlimited', 0, 0, 1, 0, 0, engine.now())
    + (select count(*)::integer from playground.alerts where user_id = :'sue_id'),
  0, 'who has no limits has no share of one, whatever they were given before'
) from engine.count_run(:'sue_id', engine.now(), 0, 0);
delete from playground.tiers where tier = 'unlimited';
select is(details, '{"tier": "free", "costUsd": 0.0949, "limitUsd": 0.1, "percent": 90, "window": "day", "resetsAt": "2026-11-21T00:00:00.000000Z"}'::jsonb, 'which says what it is about')
from playground.alerts where user_id = :'joe_id' and kind = 'cost_day_90';
select is(tests.cost(:'joe_id', 0.05, '2026-11-21 12:00:00+00'), 1, 'the next day has alerts of its own');
select is(tests.cost(:'joe_id', 0.2, '2026-11-22 12:00:00+00', -1), 5, 'the month too');
select is((tests.alerts(:'joe_id'))[1], 'cost_month_50 2026-11-01', 'once');
select is((select runs from playground.cost_windows where user_id = :'joe_id' and kind = 'month'), 5, 'a released run is not counted, its cost is');
select is(engine.settle_windows(:'joe_id', '2026-11-20 12:00:00+00', 'free', 0, 0, -0.05, 0, 0, engine.now()), 0, 'a correction downwards tells nothing');
select is(trim_scale(cost_usd), 0.0449, 'and lowers the window') from playground.cost_windows where user_id = :'joe_id' and kind = 'day' and starts_at = '2026-11-20 00:00:00+00';
select tests.make_user() as ida_id \gset
update playground.tiers set monthly_cost_limit_usd = 10, daily_cost_limit_usd = 10 where tier = 'free';
select is(tests.cost(:'ida_id', 0.092), 0, 'far from its limits a run tells nothing');
update playground.tiers set monthly_cost_limit_usd = 0.50, daily_cost_limit_usd = 0.10 where tier = 'free';
select is(tests.cost(:'ida_id', 0.001), 4, 'when a limit was lowered meanwhile, the next run tells of the thresholds that are passed');
select is(tests.cost(:'ida_id', 0.001), 0, 'once');
-- Concurrency, own limits, the own cap, exempted windows. kim has bought credits, lee has not.
select tests.make_user() as kim_id, tests.make_user_with(1000) as lee_id \gset
create function tests.left(p_user_id uuid, p_budget_usd numeric default 0, p_has_paid_credits boolean default false)
returns text
language sql
as $$
  select format(
    '%s %s of %s, %s + budget: %s%s%s', coalesce(limit_source, '-'), trim_scale(used), trim_scale(limit_value), coalesce(trim_scale(room_usd)::text, 'any'),
    coalesce(trim_scale(total_room_usd)::text, 'any'), case when is_exceeded then ', exceeded' end, case when not is_binding then ', not binding' end)
  from engine.check_run_limits(p_user_id, p_user_id, engine.now(), p_has_paid_credits, p_budget_usd)
$$;
select tests.set_used(:'lee_id', 0.2, 0, 0) \g /dev/null
select is(tests.left(:'lee_id', 3), 'cost_day 0 of 0.1, 0.1 + budget: 3.1', 'a bought budget adds to what the windows leave');
update playground.tiers set throttle_on_exceed = false where tier = 'free';
select is(tests.left(:'lee_id', 3), 'cost_day 0 of 0.1, 0.1 + budget: any, not binding', 'limits that refuse nobody leave any room');
update playground.tiers set throttle_on_exceed = true, concurrent_runs = 2 where tier = 'free';
select tests.reserve(:'lee_id', p_model => 'gpt-4o-mini') as one, tests.reserve(:'lee_id', p_model => 'gpt-4o-mini') as two \gset
select is(
  (limit_source, used, limit_value, is_exceeded, total_room_usd, window_starts_at, resets_at)::text,
  ('runs_concurrent', 2, 2, true, 0, '2026-11-20 12:00:00+00'::timestamptz, '2026-11-20 12:38:06+00'::timestamptz)::text,
  'so many at once, until the first hold ends'
)
from engine.check_run_limits(:'lee_id', :'lee_id', engine.now(), true, 0);
select is(tests.reserve(:'lee_id') -> 'refusal_detail' ->> 'limitSource', 'runs_concurrent', 'a third run is refused');
select tests.settle(:'lee_id', :'one') \g /dev/null
select is(tests.reserve(:'lee_id', p_model => 'gpt-4o-mini') ->> 'refusal', null, 'and starts when one has ended');
select tests.reserve(:'kim_id', p_model => 'gpt-4o-mini') as three \gset
select is(:'three'::jsonb ->> 'refusal', null, 'others'' runs are not counted');
update playground.tiers set concurrent_runs = 0 where tier = 'free';
select is(tests.left(:'kim_id', 9, true), 'runs_concurrent 1 of 0, 0 + budget: 9, exceeded', 'none at once is a limit too');
select is(
  tests.reserve(:'kim_id') -> 'refusal_detail',
  '{"limitSource": "runs_concurrent", "limit": 0, "used": 1, "resetsAt": null, "hint": "Contact support to have runs made possible.", "retryAfter": 3600}',
  'of which nobody is told to wait for a run that ends'
);
select is(engine.exempt_windows(:'kim_id', engine.now()), 0, 'and no window is to blame');
update playground.tiers set concurrent_runs = 20 where tier = 'free';
create function tests.own(p_user_id uuid, p_is_temporary boolean, p_monthly numeric, p_daily numeric, p_runs integer)
returns text
language sql
as $$
  insert into playground.user_limits (user_id, is_temporary, monthly_cost_limit_usd, daily_cost_limit_usd, runs_per_hour, reason, set_by, set_at, ends_at)
  values (p_user_id, p_is_temporary, p_monthly, p_daily, p_runs, 'for a test', 'tests', engine.now(), case when p_is_temporary then engine.now() + interval '1 hour' end);
  update playground.users set has_own_limits = true where user_id = p_user_id;
  select tests.left(p_user_id)
$$;
select tests.set_used(:'lee_id', 0, 0, 10) \g /dev/null
select is(tests.own(:'lee_id', false, 3, 2, 11), 'cost_day 0 of 2, 2 + budget: 2', 'a person''s own limits take the place of the tier''s');
select is(tests.own(:'lee_id', true, null, 4, null), 'cost_month 0 of 3, 3 + budget: 3', 'one that ends goes before one that stands, limit by limit');
select tests.set_used(:'lee_id', 0, 0, 11) \g /dev/null
select is(tests.left(:'lee_id', 0, true), 'runs_hour 11 of 11, 0 + budget: 0, exceeded', 'an own number of runs holds also while bought credits remain');
select tests.set_used(:'lee_id', 0, 0, 0), tests.advance('1 hour') \g /dev/null
select is(tests.left(:'lee_id'), 'cost_day 0 of 2, 2 + budget: 2', 'and ends by itself');
select tests.advance('-1 hour'), admin.end_user_limit(:'lee_id', 'for a test') \g /dev/null

update playground.users set cost_cap_usd = 0.05 where user_id = :'lee_id';
select is(tests.left(:'lee_id', 3), 'own_cap 0 of 0.05, 0.1 + budget: 0.05', 'an own cap leaves less, whatever was bought');
update playground.cost_windows set budget_usd = 0.02, budget_open_usd = 0.01, cost_usd = 0.005, open_usd = 0.004 where user_id = :'lee_id' and kind = 'month';
select is(tests.left(:'lee_id', 3), 'own_cap 0.039 of 0.05, 0.1 + budget: 0.011', 'everything of the month counts: ended and under way, of the windows and of the budget');
update playground.users set cost_cap_usd = 0.01 where user_id = :'lee_id';
select is(tests.left(:'lee_id'), 'own_cap 0.039 of 0.01, 0.1 + budget: 0', 'a cap that is passed leaves nothing');
update playground.tiers set throttle_on_exceed = false where tier = 'free';
select is(tests.left(:'lee_id'), 'own_cap 0.039 of 0.01, 0.1 + budget: 0, not binding', 'it is the person''s will, and no shadow');
update playground.tiers set throttle_on_exceed = true, runs_per_hour = 0 where tier = 'free';
select is(tests.left(:'lee_id'), 'runs_hour 0 of 0, 0 + budget: 0, exceeded', 'what refuses every run is told before it');
update playground.tiers set runs_per_hour = 10 where tier = 'free';
update playground.users set cost_cap_usd = 0.4 where user_id = :'lee_id';
select is(tests.left(:'lee_id'), 'cost_day 0 of 0.1, 0.1 + budget: 0.1', 'one that leaves more than the tier changes nothing');
update playground.users set cost_cap_usd = null where user_id = :'lee_id';

-- What is exhausted, and exempting from it.
create function tests.exempt(p_user_id uuid)
returns text
language plpgsql
as $$
declare
  v_windows integer := engine.exempt_windows(p_user_id, engine.now());
begin
  return format('%s: %s', v_windows, (select string_agg(kind::text, ' ' order by kind::text) from playground.cost_windows where user_id = p_user_id and is_exempt));
end $$;
select is(trim_scale(engine.smallest_run_usd()), 0.0006144, 'the smallest run: 256 tokens of answer from the cheapest model');
update playground.models set is_enabled = false where model = 'gpt-4o-mini';
select is(trim_scale(engine.smallest_run_usd()), 0.00384, 'on offer');
update playground.models set is_enabled = true where model = 'gpt-4o-mini';
select admin.set_provider_enabled('openai', false, 'for a test') \g /dev/null
select is(trim_scale(engine.smallest_run_usd()), 0.00384, 'from a provider that is');
select admin.set_provider_enabled('openai', true, 'for a test') \g /dev/null
select is(tests.exempt(:'kim_id'), '0: ', 'who has exhausted nothing is exempted from nothing');
select tests.set_used(:'lee_id', 0.4993856, 0.0993856, 9) \g /dev/null
select is(tests.exempt(:'lee_id'), '0: ', 'a window with room for the smallest run is not exhausted');
select tests.set_used(:'lee_id', 0.4993857, 0.0993857, 10) \g /dev/null
select is(tests.exempt(:'lee_id'), '3: day hour month', 'one with less is');
select is(tests.left(:'lee_id'), 'cost_month 0.4993857 of 0.5, any + budget: any', 'and refuses nothing any more');
select is(tests.exempt(:'lee_id'), '0: day hour month', 'a second word finds nothing to exempt');
select tests.advance('1 hour') \g /dev/null
select tests.release(:'kim_id', :'three'), tests.set_used(:'kim_id', 0.5, 0, 0) \g /dev/null
update playground.accounts set cost_budget_usd = 1 where account_id = :'kim_id';
select is(tests.exempt(:'kim_id'), '0: ', 'what a bought budget still pays is not exhausted');
update playground.accounts set cost_budget_usd = 0 where account_id = :'kim_id';
select is(tests.exempt(:'kim_id'), '1: month', 'only the window that is');
insert into playground.cost_windows (user_id, kind, starts_at, runs) values (:'kim_id', 'hour', '2026-11-20 13:00:00+00', 10);
select admin.set_setting('paid_runs_per_hour', '100', 'for a test'), tests.buy(:'kim_id', 100) \g /dev/null
select is(tests.exempt(:'kim_id'), '0: month', 'ten runs exhaust no hour while bought credits remain');
update playground.cost_windows set runs = 100 where user_id = :'kim_id' and kind = 'hour';
select is(tests.exempt(:'kim_id'), '1: hour month', 'a hundred do');
update playground.tiers set throttle_on_exceed = false where tier = 'free';
select is(tests.exempt(:'joe_id'), '0: ', 'limits that refuse nobody need no exemption');
update playground.tiers set throttle_on_exceed = true, is_active = false, monthly_cost_limit_usd = 0 where tier = 'free';
select is(tests.exempt(:'joe_id'), '0: ', 'a tier that is not active is not lifted by one');
update playground.tiers set is_active = true, runs_per_hour = null where tier = 'free';
select is(tests.exempt(:'joe_id'), '1: month', 'nor is a number of runs that nobody set');

-- What refused a run in a window that lasts, and is no higher since.
update playground.tiers set monthly_cost_limit_usd = 0.5, daily_cost_limit_usd = 0.1, runs_per_hour = 10, is_active = true where tier = 'free';
select tests.freeze('2026-12-24 18:30:00+00');
select tests.make_user() as max_id \gset
create function tests.standing(p_user_id uuid)
returns text[]
language sql
as $$
  select array_agg(format('%s %s of %s until %s at %s', limit_source, trim_scale(used), trim_scale(limit_value), to_char(resets_at at time zone 'UTC', 'MM-DD HH24'), to_char(refused_at at time zone 'UTC', 'HH24:MI')))
  from engine.standing_refusals(p_user_id, engine.now())
$$;
create function tests.refuse_run(p_user_id uuid, p_limit_source text, p_limit numeric, p_is_binding boolean default true)
returns void
language sql
as $$
  select engine.limit_refusal(p_user_id, engine.now(), p_limit_source, 0, p_limit,
    date_trunc(case p_limit_source when 'cost_day' then 'day' when 'runs_hour' then 'hour' when 'runs_concurrent' then 'hour' else 'month' end, engine.now(), 'UTC'), engine.now(), p_is_binding);
$$;
select is(tests.standing(:'max_id'), null, 'nothing refused a run');
select tests.refuse_run(:'max_id', 'cost_month', 0.5, false) \g /dev/null
select is(tests.standing(:'max_id'), null, 'what only would have is none');
select tests.refuse_run(:'max_id', 'cost_month', 0.5), tests.advance('1 minute'), tests.refuse_run(:'max_id', 'cost_day', 0.1), tests.advance('1 minute'),
  tests.refuse_run(:'max_id', 'runs_hour', 10), tests.advance('1 minute'), tests.refuse_run(:'max_id', 'runs_concurrent', 20) \g /dev/null
insert into playground.cost_windows (user_id, kind, starts_at, cost_usd, runs)
values (:'max_id', 'month', '2026-12-01 00:00:00+00', 0.3, 9), (:'max_id', 'day', '2026-12-24 00:00:00+00', 0.04, 5), (:'max_id', 'hour', '2026-12-24 18:00:00+00', 0, 3);
select is(tests.standing(:'max_id'), array['runs_concurrent 0 of 20 until  at 18:33', 'runs_hour 3 of 10 until 12-24 19 at 18:32', 'cost_day 0.04 of 0.1 until 12-25 00 at 18:31', 'cost_month 0.3 of 0.5 until 01-01 00 at 18:30'],
  'each limit that did, the latest first, with what is used now');
update playground.tiers set daily_cost_limit_usd = 0.100001, runs_per_hour = 9 where tier = 'free';
select is(tests.standing(:'max_id'), array['runs_concurrent 0 of 20 until  at 18:33', 'runs_hour 3 of 9 until 12-24 19 at 18:32', 'cost_month 0.3 of 0.5 until 01-01 00 at 18:30'], 'one that was raised since is none, one that was lowered is');
update playground.tiers set daily_cost_limit_usd = 0.1, runs_per_hour = 10 where tier = 'free';
select is(tests.exempt(:'max_id'), '3: day hour month', 'such windows are exempted, though a small run fits into each');
select is(tests.standing(:'max_id'), array['runs_concurrent 0 of 20 until  at 18:33'], 'and refuse no more');
select is(tests.exempt(:'max_id'), '0: day hour month', 'once');
update playground.cost_windows set is_exempt = false where user_id = :'max_id';
select tests.advance('1 hour') \g /dev/null
select is(cardinality(tests.standing(:'max_id')), 2, 'an hour that has ended is no reason, its day and month are');
update playground.tiers set throttle_on_exceed = false where tier = 'free';
select is(tests.standing(:'max_id'), null, 'nor are limits that refuse nobody any more');
update playground.tiers set throttle_on_exceed = true where tier = 'free';
update playground.users set is_unlimited = true, cost_cap_usd = 0.4 where user_id = :'max_id';
select is(tests.standing(:'max_id'), null, 'nor those of somebody without limits');
select tests.refuse_run(:'max_id', 'own_cap', 0.4) \g /dev/null
select is(tests.standing(:'max_id'), array['own_cap 0.3 of 0.4 until 01-01 00 at 19:33'], 'their own cap is');
select is(tests.exempt(:'max_id'), '0: ', 'which no operator lifts');
select tests.freeze('2027-01-01 00:00:00+00');
select is(tests.standing(:'max_id'), null, 'a new month begins without');

select is(engine.is_amount(amount, decimals), is_kept, format('%s with %s decimals', amount, decimals))
from (values
  (null::numeric, 6, true), (0, 6, true), (0.000001, 6, true), (0.0000001, 6, false), (1.50000000000000, 1, true), (-0.000001, 6, false), (99999999.999999, 6, true), (100000000, 6, false),
  ('NaN', 6, false), ('Infinity', 6, false), (0.000000000001, 12, true)
) as listed (amount, decimals, is_kept);
select * from finish();
rollback;
