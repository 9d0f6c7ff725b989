-- The crontab: name, when, what. A job that is not listed is unscheduled. Times are UTC; nothing is finer than a minute
-- (pg_cron 1.4 knows no seconds). pg_cron never catches up what it missed, so each job does all that is due, whenever
-- it runs. Without pg_cron everything still works, late: every door catches up the account it touches.
select exists (select from pg_catalog.pg_extension where extname = 'pg_cron') as has_pg_cron \gset
\if :has_pg_cron

-- Jobs belong to, and run as, the role that schedules them; row security hides those of others.
set local role scrip_cron;

do $$
declare
  v_line record;
begin
  perform set_config('scrip.crontab_changed', 'off', false);
  for v_line in
    select crontab.name, crontab.schedule, crontab.command, job.jobid
    from (values
      ('beat', '* * * * *', 'select jobs.beat()'),
      ('expire_holds', '* * * * *', 'call jobs.drain(''expire_holds'')'),
      ('process_monthly_reset', '* * * * *', 'call jobs.drain(''process_monthly_reset'')'),
      ('expire_rollover_credits', '* * * * *', 'call jobs.drain(''expire_rollover_credits'')'),
      ('process_parked_events', '* * * * *', 'call jobs.drain(''process_parked_events'')'),
      ('process_gifts', '* * * * *', 'call jobs.drain(''process_gifts'')'),
      ('verify_ledger', '*/5 * * * *', 'select jobs.verify_ledger()'),
      -- All of a large ledger takes longer than the scheduler's statements may.
      ('verify_whole_ledger', '11 4 * * *', 'set statement_timeout = ''3h''; select jobs.verify_ledger(true)'),
      ('watch_platform', '2-59/5 * * * *', 'select jobs.watch_platform()'),
      ('roll_up', '* * * * *', 'call jobs.drain(''roll_up'', 100000)'),
      ('refresh_analytics', '7 * * * *', 'select jobs.refresh_analytics()'),
      ('purge', '17 * * * *', 'call jobs.drain(''purge'')'),
      ('write_expiry_notices', '37 * * * *', 'call jobs.drain(''write_expiry_notices'')'),
      ('create_partitions', '23 3 * * *', 'call jobs.drain(''create_partitions'')'),
      ('retire_partitions', '47 3 * * *', 'call jobs.drain(''retire_partitions'')'),
      ('purge_job_runs', '41 * * * *', $job$
        delete from cron.job_run_details where coalesce(end_time, start_time) < now() - interval '3 days'
      $job$)
    ) as crontab (name, schedule, command)
    full join (select * from cron.job where username = current_user) as job on job.jobname = crontab.name
    -- What stands there already is left alone: a job switched off by an operator stays off.
    where (crontab.schedule, crontab.command) is distinct from (job.schedule, job.command)
  loop
    perform set_config('scrip.crontab_changed', 'on', false);
    if v_line.name is null then
      perform cron.unschedule(v_line.jobid);
    else
      perform cron.schedule(v_line.name, v_line.schedule, v_line.command);
    end if;
  end loop;
end $$;

set local role scrip_owner;
\endif
