create or replace function admin.list_jobs()
returns table (
  name text,
  schedule text,
  is_active boolean,
  last_started_at timestamptz,
  last_status text,
  last_duration interval,
  last_succeeded_at timestamptz,
  next_due_at timestamptz,
  is_late boolean,
  message text
)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select * from engine.job_states(engine.now());
$$;
comment on function admin.list_jobs() is
  'What the view admin.jobs shows; no rows without pg_cron.';
