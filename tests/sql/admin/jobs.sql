begin;
\ir ../helpers.psql
select plan(2);
create or replace function jobs.list_job_runs()
returns table (
  name text, schedule text, is_active boolean, last_started_at timestamptz, last_ended_at timestamptz, last_status text, last_message text,
  last_succeeded_at timestamptz)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  values ('beat', '* * * * *', true, '2031-05-20 11:59:00+00'::timestamptz, '2031-05-20 11:59:02+00'::timestamptz, 'failed', repeat('x', 900), '2031-05-20 11:58:00+00'::timestamptz)
$$;
select tests.freeze('2031-05-20 12:00:30+00');
select is(format('%s %s %s %s %s %s', name, last_status, last_duration, engine.iso(next_due_at), is_late, length(message)),
  'beat failed 00:00:02 2031-05-20T12:01:00.000000Z f 500', 'a job, its last run and its next') from admin.jobs;
select lives_ok($$ select tests.run_as('scrip_operator', 'select * from admin.jobs') $$, 'operators read it');
select * from finish();
rollback;
