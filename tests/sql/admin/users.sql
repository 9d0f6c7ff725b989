begin;
\ir ../helpers.psql
\ir ../runs.psql
\ir ../history.psql
select plan(16);
select tests.freeze('2026-09-28 12:00:00+00');
select tests.make_history(0.42) \g /dev/null

select isnt_empty($$ select from admin.users where is_throttled and throttled_at is null $$, 'in this history somebody has exhausted a limit');
select isnt_empty($$ select from admin.users where throttled_at is not null $$, 'somebody is throttled');
select cmp_ok((select count(distinct prpm_plus_status) from admin.users), '>=', 2::bigint, 'and plans are live and over');
select isnt_empty($$ select from rollup.usage_changes $$, 'some of the usage is not in the sums yet');
select isnt_empty($$ select from rollup.user_totals $$, 'and some is');

create function tests.user_of(p_user_id uuid)
returns table (id uuid, email text, current_month_api_cost numeric, lifetime_api_cost numeric, is_throttled boolean, throttled_at timestamptz, prpm_plus_status text, created_at timestamptz)
language sql
as $$
  select user_id, u.email,
    (select coalesce(sum(cost_usd), 0) from playground.usage c where c.user_id = p_user_id and date_trunc('month', reserved_at, 'UTC') = date_trunc('month', engine.now(), 'UTC')),
    (select coalesce(sum(cost_usd), 0) from playground.usage c where c.user_id = p_user_id),
    (select l.is_throttled or coalesce(l.is_binding and l.is_exceeded and (l.limit_source <> 'runs_concurrent' or l.limit_value <= 0) or l.total_room_usd < engine.smallest_run_usd(), false)
     from playground.accounts a
     cross join lateral engine.check_run_limits(
       p_user_id, a.account_id, engine.now(), (engine.spendable(a.account_id, engine.now())).has_paid_credits, cost_budget_usd - cost_budget_held_usd) as l
     where a.account_id = u.account_id),
    case when throttled_until > engine.now() is not false then throttled_at end,
    coalesce(
      (select status from playground.subscriptions s where s.account_id = u.account_id and ended_at is null and status <> 'incomplete'),
      (select 'canceled' from playground.subscriptions s where s.account_id = u.account_id and ended_at is not null limit 1)),
    u.created_at
  from playground.users u
  where user_id = p_user_id and deleted_at is null
$$;
select set_eq(
  'select id, email, current_month_api_cost, lifetime_api_cost, is_throttled, throttled_at, prpm_plus_status, created_at from admin.users',
  'select o.* from playground.users cross join tests.user_of(user_id) as o',
  'each person is shown with what was used, judged one by one'
);
select is((select count(*) from admin.users), 11::bigint, 'once');
select is_empty($$ select from admin.users where is_throttled <> (throttled_reason is not null) $$, 'who is throttled has a reason, and only they');
select bag_eq(
  $$ select attname::text from pg_attribute where attrelid = 'admin.users'::regclass and attnum > 0 $$,
  array['id', 'email', 'current_month_api_cost', 'lifetime_api_cost', 'is_throttled', 'throttled_reason', 'throttled_at', 'prpm_plus_status', 'created_at'],
  'runbooks find the columns they name, and none that makes a join ambiguous'
);

-- The reasons.
select tests.make_user('ann@scrip.example') as ann_id \gset
create function tests.reason_of(p_user_id uuid)
returns text
language sql
as $$ select throttled_reason from admin.users where id = p_user_id $$;
select date_trunc('day', engine.now(), 'UTC') + interval '1 day' as day_end, date_trunc('hour', engine.now(), 'UTC') + interval '1 hour' as hour_end \gset
insert into playground.cost_windows (user_id, kind, starts_at, cost_usd) values (:'ann_id', 'day', date_trunc('day', engine.now(), 'UTC'), 0.1);
select is(tests.reason_of(:'ann_id'), to_char(:'day_end'::timestamptz, '"Limit of $0.10 a day reached, until "YYYY-MM-DD HH24:MI" UTC"'), 'the limit of a day is named');
update playground.cost_windows set cost_usd = 0, starts_at = date_trunc('hour', engine.now(), 'UTC'), kind = 'hour', runs = 10 where user_id = :'ann_id';
select is(tests.reason_of(:'ann_id'), to_char(:'hour_end'::timestamptz, '"Limit of 10 runs an hour reached, until "YYYY-MM-DD HH24:MI" UTC"'), 'that of an hour');
update playground.users set cost_cap_usd = 0 where user_id = :'ann_id';
update playground.cost_windows set runs = 9 where user_id = :'ann_id';
select matches(tests.reason_of(:'ann_id'), '^Own cap of \$0\.00 a month reached, until ', 'and the person''s own cap');
update playground.tiers set concurrent_runs = 0 where tier = 'free';
select is(tests.reason_of(:'ann_id'), 'No run may be under way at once', 'none at once has no end by itself');
update playground.tiers set concurrent_runs = 20 where tier = 'free';
update playground.tiers set is_active = false where tier = 'free';
select is(tests.reason_of(:'ann_id'), 'The tier free is not active and refuses every run', 'a tier that is not active');
update playground.tiers set is_active = true, runs_per_hour = null where tier = 'free';
select is(tests.reason_of(:'ann_id'), 'No limit is set for the tier free, which refuses every run', 'a limit that is missing');
select admin.throttle(:'ann_id', 'under review') \g /dev/null
select is(tests.reason_of(:'ann_id'), 'under review', 'an operator''s word goes first');
select * from finish();
rollback;
