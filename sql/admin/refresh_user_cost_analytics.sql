create or replace function admin.refresh_user_cost_analytics()
returns timestamptz
language sql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
  select admin.refresh_analytics(engine.runbook_reason());
$$;
comment on function admin.refresh_user_cost_analytics() is
  'Takes the figures of all analysts'' views anew, user_cost_analytics among them, and returns as of when they are. Disturbs no reader; a job does the same each hour. Why: SET scrip.reason = ''…''.';
