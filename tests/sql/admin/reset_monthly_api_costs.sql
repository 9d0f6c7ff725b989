begin;
\ir ../helpers.psql
\ir ../runs.psql
select plan(11);
select tests.freeze('2026-11-20 12:00:00+00');
select tests.make_package() as package_id, tests.make_user_with(1000) as ann_id, tests.make_user_with(1000) as bob_id, tests.make_user_with(1000) as cat_id \gset
select is(admin.reset_monthly_api_costs(), 0, 'nothing is past yet');

select count(tests.settle(:'ann_id', tests.reserve(:'ann_id'), 0, 4096)) from generate_series(1, 2) \g /dev/null
insert into playground.cost_windows as w (user_id, kind, starts_at, cost_usd)
values (:'ann_id', 'month', '2026-11-01 00:00:00+00', 0.5), (:'ann_id', 'day', '2026-11-20 00:00:00+00', 0.1)
on conflict (user_id, starts_at, kind) do update set cost_usd = excluded.cost_usd;
select admin.unthrottle(:'ann_id', 'for a test') \g /dev/null
select admin.throttle(:'bob_id', 'for a day', '2026-11-21 12:00:00+00') \g /dev/null
select admin.throttle(:'cat_id', 'for good') \g /dev/null
create temporary table before as select user_id, starts_at, kind, cost_usd, open_usd, runs from playground.cost_windows;

select tests.freeze('2026-11-20 23:59:59+00') \g /dev/null
select is(admin.reset_monthly_api_costs(), 0, 'a throttle that lasts, or a window that is not over, is left alone');
select tests.freeze('2026-11-21 12:00:00+00') \g /dev/null
select is(admin.reset_monthly_api_costs(), 2, 'a throttle whose end has passed and the exemption of yesterday end');
select is(
  (select array_agg(kind::text || ' ' || is_exempt order by kind) from playground.cost_windows where user_id = :'ann_id' and kind <> 'hour'),
  '{day false,month true}', 'the exemption of this month stays'
);
select tests.freeze('2026-12-01 00:00:00+00') \g /dev/null
select is(admin.reset_monthly_api_costs(), 1, 'until it is over');
select is(admin.reset_monthly_api_costs(), 0, 'each is ended once');
select is((select throttled_reason from admin.users where id = :'cat_id'), 'for good', 'a throttle without an end stays');
select is((select (throttled_at, throttled_reason, throttled_until)::text from playground.users where user_id = :'bob_id'), '(,,)', 'of one that is past nothing is left');
select set_eq('select user_id, starts_at, kind, cost_usd, open_usd, runs from playground.cost_windows', 'table before', 'no cost is changed');
select results_eq(
  $$ select user_id, before ->> 'reason', before -> 'exemptions', reason from playground.audit_log where action = 'reset_monthly_api_costs' order by created_at, before ->> 'reason' $$,
  format($$ values (%L::uuid, 'for a day', 'null'::jsonb, 'runbook statement'), (%L, null, '["day 2026-11-20T00:00:00.000000Z"]', 'runbook statement'),
    (%2$L, null, '["month 2026-11-01T00:00:00.000000Z"]', 'runbook statement') $$, :'bob_id', :'ann_id'),
  'of whom, what and why is kept'
);
select lives_ok($$ select tests.run_as('scrip_operator', 'select admin.reset_monthly_api_costs()') $$, 'operators may');
select * from finish();
rollback;
