begin;
\ir ../helpers.psql
\ir ../runs.psql
select plan(30);
select tests.freeze('2026-11-20 12:00:00+00');
select tests.make_package() as package_id, tests.make_user_with(1000) as ann_id \gset
create function tests.alerts_of(p_user_id uuid)
returns text[]
language sql
as $$ select array_agg(kind order by kind) from playground.alerts where user_id = p_user_id $$;

-- $0.06 of the $0.10 of a day.
select tests.settle(:'ann_id', tests.reserve(:'ann_id'), 0, 4000) \g /dev/null
select is(admin.check_and_throttle_user(:'ann_id', cost), is_refused, format('a run of $%s: refused %s', cost, is_refused))
from (values (0, false), (0.01, false), (0.04, false), (0.040000000001, true), (99, true)) as listed (cost, is_refused);
select is(tests.alerts_of(:'ann_id'), '{cost_day_50,limit_exceeded_cost_day}', 'the first refusal writes the alert, the next ones no other');
select is(details, '{"used": 0.06, "limit": 0.1, "refused": true}', 'as a refused run would') from playground.alerts where kind = 'limit_exceeded_cost_day';
select is((select is_throttled from admin.users where id = :'ann_id'), false, 'nobody is throttled by it');
select is(tests.reserve(:'ann_id') ->> 'refusal', null, 'a run that fits starts');
select is(admin.check_and_throttle_user(:'ann_id', 0.04), true, 'and what it holds counts');

-- What the answer depends on is what a run's depends on.
select tests.make_user_with(1000) as bob_id \gset
select tests.buy(:'bob_id', 10, 1) \g /dev/null
select is(admin.check_and_throttle_user(:'bob_id', cost), is_refused, format('with a bought budget of $0.70, $%s: refused %s', cost, is_refused))
from (values (0.8, false), (0.81, true)) as listed (cost, is_refused);
update playground.users set cost_cap_usd = 0.3 where user_id = :'bob_id';
select is(admin.check_and_throttle_user(:'bob_id', cost), is_refused, format('under a cap of their own of $0.30, $%s: refused %s', cost, is_refused))
from (values (0.3, false), (0.31, true)) as listed (cost, is_refused);
select is(tests.alerts_of(:'bob_id'), '{limit_exceeded_cost_day,limit_exceeded_own_cap}', 'each limit has its alert');
select tests.make_user_with(1000) as cat_id \gset
select admin.set_unlimited(:'cat_id', true, 'for a test') \g /dev/null
select is(admin.check_and_throttle_user(:'cat_id', 1000000), false, 'who has no limits is not refused');
select is(tests.alerts_of(:'cat_id'), null, 'nor alerted about');
select admin.throttle(:'cat_id', 'for a test') \g /dev/null
select is(admin.check_and_throttle_user(:'cat_id', 0), true, 'but for an operator''s throttle');
select is(tests.alerts_of(:'cat_id'), '{throttled}', 'which is told');
select tests.make_user_with(1000) as dan_id \gset
update playground.tiers set throttle_on_exceed = false where tier = 'free';
select is(admin.check_and_throttle_user(:'dan_id', 99), false, 'limits that only watch refuse nobody');
select is(details ->> 'refused', 'false', 'and alert') from playground.alerts where user_id = :'dan_id';
update playground.tiers set throttle_on_exceed = true where tier = 'free';
insert into playground.cost_windows (user_id, kind, starts_at, runs) values (:'dan_id', 'hour', engine.now(), 10);
select is(admin.check_and_throttle_user(:'dan_id', 0), true, 'the runs of an hour are a limit too');

-- Against the run itself: the highest cost of the shortest one.
select tests.make_user_with(1000) as eve_id \gset
insert into playground.cost_windows (user_id, kind, starts_at, cost_usd) values (:'eve_id', 'day', '2026-11-20 00:00:00+00', 0.0961);
select is(admin.check_and_throttle_user(:'eve_id', 0.0039), false, 'room for $0.0039');
select is(tests.reserve(:'eve_id') ->> 'refusal', null, 'is room for a run');
select tests.make_user_with(1000) as fay_id \gset
insert into playground.cost_windows (user_id, kind, starts_at, cost_usd) values (:'fay_id', 'day', '2026-11-20 00:00:00+00', 0.0962);
select is(admin.check_and_throttle_user(:'fay_id', 0.0039), true, 'no room for it');
select is(tests.reserve(:'fay_id') ->> 'refusal', 'SCT02', 'is none');

select throws_ok(format('select admin.check_and_throttle_user(%L, %L)', :'ann_id', cost), 'SCD02', null, format('%L is no cost', cost))
from (values ('-0.01'), ('NaN'), (null)) as listed (cost);
select throws_ok($$ select admin.check_and_throttle_user(gen_random_uuid(), 0.01) $$, 'SCD04', null, 'nobody is nobody');
select * from finish();
rollback;
