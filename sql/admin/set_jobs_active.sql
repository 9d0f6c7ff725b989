create or replace function admin.set_jobs_active(p_is_active boolean, p_reason text, p_name text default null)
returns text[]
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_changed text[];
begin
  perform engine.check_reason(p_reason);
  if p_is_active is null then
    perform engine.refuse('SCD02', 'Say true or false.');
  end if;
  perform from jobs.list_job_runs() as run where run.name = p_name;
  if p_name is not null and not found then
    perform engine.refuse('SCD01', 'There is no such job: see admin.jobs.');
  end if;
  if not has_function_privilege('scrip_cron', to_regprocedure('cron.alter_job(bigint, text, text, text, text, boolean)'), 'execute') then
    perform engine.refuse('SCD05', 'The scheduler''s role may not switch its jobs here: run sql/bootstrap.sql as a superuser.');
  end if;
  v_changed := jobs.set_jobs_active(p_name, p_is_active);
  if cardinality(v_changed) > 0 then
    perform engine.write_audit(
      'set_jobs_active', null, p_name, jsonb_build_object('isActive', not p_is_active),
      jsonb_build_object('isActive', p_is_active, 'jobs', v_changed), p_reason);
  end if;
  return v_changed;
end $$;
comment on function admin.set_jobs_active(boolean, text, text) is
  'On a copy that was restored, before its scheduler starts (false) and when it takes over (true); or for one job that does harm. Switches all jobs of this database, or the one named; a deploy leaves a job that is off as it is. Returns the names of those that changed; none where there is no pg_cron. SCD01 for an unknown job, SCD02, SCD03 without a reason, SCD05 where sql/bootstrap.sql could not grant that.';
