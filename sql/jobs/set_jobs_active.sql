create or replace function jobs.set_jobs_active(p_name text, p_is_active boolean)
returns text[]
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_job record;
  v_changed text[] := array[]::text[];
begin
  -- Most databases have no pg_cron: what it keeps can only be named where it is.
  if exists (select from pg_catalog.pg_extension where extname = 'pg_cron') then
    for v_job in execute $query$
      select jobid, jobname::text as name
      from cron.job
      where username = current_user
        and active <> $1
        and (jobname = $2 or $2 is null)
      order by jobname
    $query$ using p_is_active, p_name
    loop
      execute 'select cron.alter_job($1, active => $2)' using v_job.jobid, p_is_active;
      v_changed := v_changed || v_job.name;
    end loop;
  end if;
  return v_changed;
end $$;
comment on function jobs.set_jobs_active(text, boolean) is
  'Switches the job of this name, or all jobs when that is null, on or off; returns the names of those that were not. Belongs to scrip_cron: nobody else may change its jobs.';

-- Only who may make functions here can be given one, and only for this long.
do $$
begin
  if (select proowner <> 'scrip_cron'::regrole from pg_catalog.pg_proc where oid = 'jobs.set_jobs_active(text, boolean)'::regprocedure) then
    grant create on schema jobs to scrip_cron;
    alter function jobs.set_jobs_active(text, boolean) owner to scrip_cron;
    revoke create on schema jobs from scrip_cron;
  end if;
end $$;
