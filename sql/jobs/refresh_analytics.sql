create or replace function jobs.refresh_analytics()
returns timestamptz
language sql volatile security definer
set search_path = pg_catalog, pg_temp
as $$ select engine.refresh_analytics() $$;
comment on function jobs.refresh_analytics() is
  'Every hour: makes the caches of the analysts'' views anew; readers are not blocked. Returns the instant the figures are of.';
