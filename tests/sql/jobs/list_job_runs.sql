begin;
\ir ../helpers.psql
select plan(4);
-- Runs themselves: tests/py/deploy/test_schedule.py, in the one database of a server that has pg_cron.
select is_empty('select * from jobs.list_job_runs()', 'a database without pg_cron has no jobs, and no error');
select is((select proowner::regrole::text from pg_catalog.pg_proc where oid = 'jobs.list_job_runs()'::regprocedure), 'scrip_cron', 'it belongs to whom pg_cron shows the runs');
select ok(not has_schema_privilege('scrip_cron', 'jobs', 'create'), 'who can make no other function here');
select throws_ok($$ select tests.run_as('scrip_gateway', 'select * from jobs.list_job_runs()') $$, '42501', null, 'and nobody else may ask');
select * from finish();
rollback;
