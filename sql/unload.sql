-- Drops all code and keeps all data: what a down-migration runs first, since tables cannot change under functions and
-- views that read them. The next load brings everything back.
\set ON_ERROR_STOP on
\set QUIET on

begin;
set local client_min_messages = warning;
set local role scrip_owner;
set local lock_timeout = '60s';
select pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtext('scrip load')) \g /dev/null
set local lock_timeout = '2s';

-- The scheduler would call what is gone: its crontab goes first.
select exists (select from pg_catalog.pg_extension where extname = 'pg_cron') as has_pg_cron \gset
\if :has_pg_cron
  set local role scrip_cron;
  select cron.unschedule(jobid) from cron.job where username = current_user \g /dev/null
  set local role scrip_owner;
\endif

-- cascade: triggers of tables and views of rollup hang on these functions. Tables are made by migrations, which know no
-- code, so none can be reached from here.
drop schema if exists api, jobs, admin, analytics, engine cascade;
-- The live views under the analysts' and their caches are code as well.
do $$
declare
  v_view regclass;
begin
  for v_view in
    select oid
    from pg_catalog.pg_class
    where relnamespace = pg_catalog.to_regnamespace('rollup')
      and relkind = 'v'
      and relname ~ '_now$'
  loop
    execute pg_catalog.format('drop view %s cascade', v_view);
  end loop;
end $$;

-- A gateway that still runs must not take this database for one that is ready.
select pg_catalog.to_regclass('playground.platform_state') is not null as has_state \gset
\if :has_state
  update playground.platform_state set code_version = null, loaded_at = null;
\endif

commit;
