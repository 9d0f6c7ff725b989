create or replace view admin.jobs as
select
  name,
  schedule,
  is_active,
  last_started_at,
  last_status,
  last_duration,
  last_succeeded_at,
  next_due_at,
  is_late,
  message
from admin.list_jobs();
comment on view admin.jobs is
  'When something did not happen by itself: every job of this database as pg_cron remembers it (three days); no rows where there is no pg_cron. On a restored copy: admin.set_jobs_active.';
comment on column admin.jobs.schedule is 'Minute, hour, day, month, weekday; UTC.';
comment on column admin.jobs.last_duration is 'How long the last run took; null while it runs.';
comment on column admin.jobs.last_succeeded_at is 'When the last run that succeeded began.';
comment on column admin.jobs.next_due_at is 'The next minute it is to run at; null when it is switched off.';
comment on column admin.jobs.is_late is 'It has not succeeded since it was due job_late_after ago.';
comment on column admin.jobs.message is 'What PostgreSQL said of the last run.';

create or replace trigger refuse_changes
instead of insert or delete or update on admin.jobs
for each row execute function engine.refuse_view_change(
  'To switch one off or on: admin.set_jobs_active(is_active, reason, name).'
);
