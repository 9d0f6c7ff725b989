begin;
\ir ../helpers.psql
select plan(4);
-- Jobs themselves: tests/py/deploy/test_schedule.py, in the one database of a server that has pg_cron.
select is(jobs.set_jobs_active(null, false), '{}'::text[], 'a database without pg_cron has nothing to switch, and no error');
select is((select proowner::regrole::text from pg_catalog.pg_proc where oid = 'jobs.set_jobs_active(text, boolean)'::regprocedure), 'scrip_cron', 'it belongs to whose the jobs are');
select ok(not has_schema_privilege('scrip_cron', 'jobs', 'create'), 'who can make no other function here');
select throws_ok($$ select tests.run_as('scrip_gateway', 'select jobs.set_jobs_active(null, false)') $$, '42501', null, 'and nobody else may ask');
select * from finish();
rollback;
