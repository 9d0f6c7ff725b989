-- No file, no function: drops from the code schemas the routines and views that this load did not define.
-- `create or replace` with other arguments makes an overload; a deleted file leaves its function behind.
-- Runs after all files and before privileges.sql, which rewrites the catalog row of every function.
--
-- A row written by this load, or by a savepoint inside it, is not older than the load's own transaction id. Asking for
-- xmin = that id instead would drop everything that was defined under psql's ON_ERROR_ROLLBACK.
do $$
declare
  v_load_age constant integer := pg_catalog.age(
    pg_catalog.current_setting('scrip.load_started_at')::pg_catalog.xid8::pg_catalog.xid
  );
  v_schemas constant regnamespace[] := array['engine', 'api', 'jobs', 'admin', 'analytics']::regnamespace[];
  v_views text;
  v_routines text;
  v_guard record;
begin
  select string_agg(view.oid::regclass::text, ', ')
  into v_views
  from pg_catalog.pg_class as view
  where view.relnamespace = any (v_schemas)
    and view.relkind = 'v'
    and pg_catalog.age(view.xmin) > v_load_age
    -- These are left alone while they are as their file says; engine.build_analytics drops those that have none.
    and not (
      view.relnamespace = 'analytics'::regnamespace
      and exists (select from engine.analytics_caches() as cache where view.relname in (cache.name, cache.name || '_now')))
    and not exists (
      select
      from pg_catalog.pg_depend
      where classid = 'pg_class'::regclass and objid = view.oid and deptype = 'e'
    );

  select string_agg(routine.oid::regprocedure::text, ', ')
  into v_routines
  from pg_catalog.pg_proc as routine
  where routine.pronamespace = any (v_schemas)
    and pg_catalog.age(routine.xmin) > v_load_age
    and not exists (
      select
      from pg_catalog.pg_depend
      where classid = 'pg_proc'::regclass and objid = routine.oid and deptype = 'e'
    );

  -- One statement for all of a kind: they may depend on each other, and nothing that stays may depend on them.
  if v_views is not null then
    raise warning 'sweep: dropping views without a file: %', v_views;
    execute 'drop view ' || v_views;
  end if;
  for v_guard in
    select trigger.tgname as name, trigger.tgrelid::regclass as table_name
    from pg_catalog.pg_trigger as trigger
    join pg_catalog.pg_proc as routine on routine.oid = trigger.tgfoid
    where routine.pronamespace = any (v_schemas)
      and pg_catalog.age(routine.xmin) > v_load_age
      and trigger.tgparentid = 0
  loop
    raise warning 'sweep: dropping trigger % of %, whose function has no file', v_guard.name, v_guard.table_name;
    execute format('drop trigger %I on %s', v_guard.name, v_guard.table_name);
  end loop;
  if v_routines is not null then
    raise warning 'sweep: dropping routines without a file: %', v_routines;
    execute 'drop routine ' || v_routines;
  end if;
end $$;
