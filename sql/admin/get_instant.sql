create or replace function admin.get_instant()
returns timestamptz
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select engine.now();
$$;
comment on function admin.get_instant() is
  'The clock of the platform, for views and runbooks that compare with now: a view calls functions as who reads it, and nobody but the owner may call engine.now().';
