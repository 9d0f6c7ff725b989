begin;
\ir ../helpers.psql
select plan(5);
select is(admin.set_jobs_active(false, 'a restored copy'), '{}'::text[], 'without pg_cron nothing changes');
select is_empty($$ select from playground.audit_log where action = 'set_jobs_active' $$, 'and what did not change leaves no line');
select throws_ok($$ select admin.set_jobs_active(false, ' ') $$, 'SCD03', null, 'a reason is needed');
select throws_ok($$ select admin.set_jobs_active(null, 'why not') $$, 'SCD02', null, 'on or off');
select throws_ok($$ select admin.set_jobs_active(false, 'a typo', 'beet') $$, 'SCD01', null, 'a job that is not there cannot be switched');
select * from finish();
rollback;
