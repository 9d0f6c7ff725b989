begin;
\ir ../helpers.psql
select plan(5);
select tests.freeze('2026-11-20 12:00:00+00');
select tests.make_user('ann@scrip.example') as ann_id \gset
select is(admin.refresh_user_cost_analytics(), '2026-11-20 12:00:00+00'::timestamptz, 'a refresh tells as of when the figures are');
select is((select array_agg(distinct created_at) from admin.user_cost_analytics), array['2026-11-20 12:00:00+00'::timestamptz], 'and so does each row');
select tests.advance('1 hour') \g /dev/null
select is((select min(engine.now() - created_at) from admin.user_cost_analytics), interval '1 hour', 'which grows old');
set local scrip.reason = 'before the report';
select tests.run_as('scrip_operator', 'select admin.refresh_user_cost_analytics()') \g /dev/null
select is((select min(engine.now() - created_at) from admin.user_cost_analytics), interval '0', 'until somebody asks again');
select bag_eq(
  $$ select reason from playground.audit_log where action = 'refresh_analytics' $$, array['runbook statement', 'before the report'], 'and it is written down that they did'
);
select * from finish();
rollback;
