begin;
\ir ../helpers.psql
select plan(2);
select bag_eq('select * from admin.list_jobs()', 'select * from engine.job_states(engine.now())', 'the jobs of this database, as they stand now');
select is(count(*), (select count(*) from jobs.list_job_runs()), 'every one of them; none without pg_cron') from admin.list_jobs();
select * from finish();
rollback;
