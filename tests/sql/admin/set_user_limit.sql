begin;
\ir ../helpers.psql
\ir ../runs.psql
select plan(29);
select tests.freeze('2026-11-20 12:00:00+00');
select tests.make_package() as package_id, tests.make_user_with(100) as ann_id, tests.make_user_with(100) as bob_id \gset
create function tests.limits_at(p_user_id uuid, p_instant timestamptz)
returns text
language sql
as $$
  select format('%s a month, %s a day, %s an hour, %s at once', trim_scale(l.monthly_usd), trim_scale(l.daily_usd), l.runs_per_hour, l.concurrent_runs)
  from playground.users u
  cross join engine.limits_of(u.user_id, 'free', u.has_own_limits, p_instant) as l
  where u.user_id = p_user_id
$$;
select is(tests.limits_at(:'ann_id', engine.now()), '0.5 a month, 0.1 a day, 10 an hour, 20 at once', 'the tier''s limits hold');
select admin.set_user_limit(:'ann_id', ' a partner ', p_monthly_usd => 2, p_runs_per_hour => 3) \g /dev/null
select is(tests.limits_at(:'ann_id', engine.now()), '2 a month, 0.1 a day, 3 an hour, 20 at once', 'until a person has their own, higher or lower; what is not said is the tier''s');
select is(tests.limits_at(:'ann_id', '2999-01-01 00:00:00+00'), '2 a month, 0.1 a day, 3 an hour, 20 at once', 'without an end they stand');
select is(tests.limits_at(:'bob_id', engine.now()), '0.5 a month, 0.1 a day, 10 an hour, 20 at once', 'and are nobody else''s');
select is(
  (actor, user_id, before, after, reason)::text,
  (session_user, :'ann_id', null,
    '{"standing": {"until": null, "dailyUsd": null, "monthlyUsd": 2, "runsPerHour": 3, "concurrentRuns": null}}', 'a partner')::text,
  'who, what, before, after and why are kept'
)
from playground.audit_log where action = 'set_user_limit';
select is((reason, set_by, set_at)::text, ('a partner', session_user, engine.now())::text, 'also beside the limits') from playground.user_limits;
select engine.act_as(:'bob_id', 'request-1'), admin.set_user_limit(:'ann_id', ' a partner ', p_monthly_usd => 2, p_runs_per_hour => 3) \g /dev/null
select is(set_by, :'bob_id', 'whoever asked through a gateway is who set them') from playground.user_limits;
select set_config('scrip.acting_user', '', true) \g /dev/null

-- A temporary raise.
select admin.set_user_limit(:'ann_id', 'a workshop', '2026-11-20 18:00:00+00', p_daily_usd => 1, p_runs_per_hour => 50) \g /dev/null
select is(tests.limits_at(:'ann_id', '2026-11-20 17:59:59.999999+00'), '2 a month, 1 a day, 50 an hour, 20 at once', 'a raise that ends goes first while it lasts');
select is(tests.limits_at(:'ann_id', '2026-11-20 18:00:00+00'), '2 a month, 0.1 a day, 3 an hour, 20 at once', 'and ends by itself: what stands holds again');
select is(count(*), 2::bigint, 'each is kept') from playground.user_limits where user_id = :'ann_id';
select admin.set_user_limit(:'ann_id', 'a longer workshop', '2026-11-21 18:00:00+00', p_concurrent_runs => 40) \g /dev/null
select is(tests.limits_at(:'ann_id', engine.now()), '2 a month, 0.1 a day, 3 an hour, 40 at once', 'the next of its kind takes its place');
select is(
  (before -> 'temporary' ->> 'dailyUsd', after -> 'temporary' ->> 'concurrentRuns', before -> 'standing' = after -> 'standing')::text, '(1,40,t)', 'the log knows both'
)
from playground.audit_log where reason = 'a longer workshop';

-- A person's runs.
select admin.set_user_limit(:'bob_id', 'abuse', p_daily_usd => 0) \g /dev/null
select is(tests.reserve(:'bob_id') -> 'refusal_detail' ->> 'limitSource', 'cost_day', 'a limit of 0 lets nothing start');
select admin.set_user_limit(:'bob_id', 'sorted out', '2026-11-20 13:00:00+00', p_daily_usd => 1) \g /dev/null
select is(tests.reserve(:'bob_id') ->> 'refusal', null, 'until it is raised');
select tests.freeze('2026-11-20 13:00:00+00');
select is(tests.reserve(:'bob_id') -> 'refusal_detail' ->> 'limitSource', 'cost_day', 'and again when the raise has ended');
select tests.buy(:'bob_id', 100) \g /dev/null
select admin.set_user_limit(:'bob_id', 'one an hour', p_runs_per_hour => 0) \g /dev/null
select is(tests.reserve(:'bob_id') -> 'refusal_detail' ->> 'limitSource', 'runs_hour', 'bought credits do not lift a number of runs that an operator gave this person');

select throws_ok(format('select admin.set_user_limit(%L, %L, %s)', :'ann_id', 'x', arguments), 'SCD02', null, about)
from (values
  ('null', 'no limit is no change'), ('p_monthly_usd => -1', 'no limit is negative'), ('p_daily_usd => ''NaN''', 'nor no number'), ('p_runs_per_hour => -1', 'nor are runs'),
  ('p_concurrent_runs => -1', 'of either kind'), ('engine.now(), 1', 'a raise ends in the future'), ('''infinity'', 1', 'and it does end'), ('''10000-01-01 00:00:00+00'', 1', 'before years have five digits')
) as listed (arguments, about);
select throws_ok(format('select admin.set_user_limit(%L, %L, p_daily_usd => 1)', :'ann_id', reason), 'SCD03', null, 'a reason must be given')
from (values (''), (null)) as listed (reason);
select throws_ok(format('select admin.set_user_limit(%L, %L, p_daily_usd => 1)', gen_random_uuid(), 'x'), 'SCD04', null, 'an unknown person is refused');
select is(count(*), 7::bigint, 'a refused change leaves no line') from playground.audit_log where action = 'set_user_limit';
select is(has_own_limits, true, 'runs know that there is something to look up') from playground.users where user_id = :'ann_id';
select * from finish();
rollback;
