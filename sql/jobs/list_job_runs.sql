create or replace function jobs.list_job_runs()
returns table (
  name text, schedule text, is_active boolean, last_started_at timestamptz, last_ended_at timestamptz, last_status text, last_message text,
  last_succeeded_at timestamptz)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  -- Most databases have no pg_cron: what it keeps can only be named where it is.
  if exists (select from pg_catalog.pg_extension where extname = 'pg_cron') then
    return query execute $query$
      select job.jobname::text, job.schedule, job.active, last.start_time, last.end_time, last.status, last.return_message, success.start_time
      from cron.job as job
      left join (
        select distinct on (jobid) jobid, start_time, end_time, status, return_message
        from cron.job_run_details
        where start_time is not null
        order by jobid, runid desc
      ) as last using (jobid)
      left join (
        select jobid, max(start_time) as start_time
        from cron.job_run_details
        where status = 'succeeded'
        group by jobid
      ) as success using (jobid)
      where job.username = current_user
      order by job.jobname
    $query$;
  end if;
end $$;
comment on function jobs.list_job_runs() is
  'The jobs of this database and how each last ran, as pg_cron remembers it (three days); no rows without pg_cron. Belongs to scrip_cron: row security shows runs to nobody else.';

-- Only who may make functions here can be given one, and only for this long.
do $$
begin
  if (select proowner <> 'scrip_cron'::regrole from pg_catalog.pg_proc where oid = 'jobs.list_job_runs()'::regprocedure) then
    grant create on schema jobs to scrip_cron;
    alter function jobs.list_job_runs() owner to scrip_cron;
    revoke create on schema jobs from scrip_cron;
  end if;
end $$;
