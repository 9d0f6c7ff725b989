-- Once per database, before the first scripts/migrate: roles, their time-outs, extensions.
--
--   psql -X -f sql/bootstrap.sql "$DATABASE_URL"
--
-- Run as a superuser, or as the CREATEROLE user of a managed service that owns the database. What cannot be had there
-- is listed as a warning and skipped; a second run changes nothing.

\set ON_ERROR_STOP on
\set QUIET on
set client_min_messages = warning;
begin;

-- ---------------------------------------------------------------------------------------------------------------
-- Roles. All may log in, none has a password here: who may be whom is said by pg_hba.conf or by ALTER ROLE.
-- People do not share scrip_operator: admin.create_operator(name) makes a role for each of them.
do $$
declare
  v_role text;
  v_create_role boolean := (select rolsuper or rolcreaterole from pg_catalog.pg_roles where rolname = current_user);
begin
  foreach v_role in array array['scrip_owner', 'scrip_gateway', 'scrip_cron', 'scrip_operator', 'scrip_analyst'] loop
    if not exists (select from pg_catalog.pg_roles where rolname = v_role) then
      if not v_create_role then
        raise exception 'role % is missing and % may not create roles', v_role, current_user
          using hint = 'Run sql/bootstrap.sql as a superuser or as a role with CREATEROLE.';
      end if;
      execute format('create role %I login', v_role);
    end if;
  end loop;
  -- admin.create_operator runs as the owner.
  if v_create_role and not (select rolcreaterole from pg_catalog.pg_roles where rolname = 'scrip_owner') then
    alter role scrip_owner createrole;
  end if;
end $$;

-- Who may act as whom: the owner schedules jobs as scrip_cron and enrols operators; whoever runs this file without
-- being a superuser must be able to become each role to deploy.
do $$
declare
  v_grant record;
begin
  for v_grant in
    select granted, member, is_admin
    from (values
      ('scrip_cron', 'scrip_owner', false),
      ('scrip_operator', 'scrip_owner', true),
      ('scrip_owner', current_user::text, false),
      ('scrip_gateway', current_user::text, false),
      ('scrip_cron', current_user::text, false),
      ('scrip_operator', current_user::text, false),
      ('scrip_analyst', current_user::text, false)
    ) as wanted (granted, member, is_admin)
    where member = 'scrip_owner'
       or not (select rolsuper from pg_catalog.pg_roles where rolname = current_user)
  loop
    -- Who creates a role in PostgreSQL 16 may grant it, but not act as it: usage is what is asked for.
    continue when v_grant.granted = v_grant.member
      or pg_catalog.pg_has_role(
        v_grant.member, v_grant.granted, case when v_grant.is_admin then 'usage with admin option' else 'usage' end
      );
    execute format('grant %I to %I', v_grant.granted, v_grant.member)
      || case when v_grant.is_admin then ' with admin option' else '' end;
  end loop;
end $$;

-- ---------------------------------------------------------------------------------------------------------------
-- Time-outs, on one page where a DBA looks for them. Everyone computes in UTC.
--   gateway   a call is one short statement; waiting longer than this means trouble the caller should hear about
--   cron      a drain stops by itself after 50 s; verifying the whole ledger may take minutes
--   owner     migrations may run long, but never queue behind a lock with everyone else queueing behind them
-- The search paths of the operator and the analyst let their runbooks run as they stand. A setting of a role is not
-- inherited by its members: admin.create_operator repeats it.
do $$
declare
  v_setting record;
begin
  for v_setting in
    select role_name, setting_name, setting_value
    from (values
      ('scrip_owner', 'lock_timeout', '2s'),
      ('scrip_owner', 'idle_in_transaction_session_timeout', '5min'),
      ('scrip_owner', 'timezone', 'UTC'),
      -- Every statement of the doors is a look-up by key: planning it anew with each value tells nothing.
      ('scrip_gateway', 'plan_cache_mode', 'force_generic_plan'),
      ('scrip_gateway', 'jit', 'off'),
      ('scrip_gateway', 'statement_timeout', '10s'),
      ('scrip_gateway', 'lock_timeout', '5s'),
      ('scrip_gateway', 'idle_in_transaction_session_timeout', '5s'),
      ('scrip_gateway', 'default_transaction_isolation', 'read committed'),
      ('scrip_gateway', 'timezone', 'UTC'),
      ('scrip_gateway', 'search_path', 'api'),
      ('scrip_cron', 'statement_timeout', '4min'),
      ('scrip_cron', 'lock_timeout', '5s'),
      ('scrip_cron', 'idle_in_transaction_session_timeout', '1min'),
      ('scrip_cron', 'default_transaction_isolation', 'read committed'),
      ('scrip_cron', 'timezone', 'UTC'),
      ('scrip_cron', 'search_path', 'jobs'),
      ('scrip_operator', 'statement_timeout', '2min'),
      ('scrip_operator', 'lock_timeout', '2s'),
      ('scrip_operator', 'idle_in_transaction_session_timeout', '1min'),
      ('scrip_operator', 'default_transaction_isolation', 'read committed'),
      ('scrip_operator', 'timezone', 'UTC'),
      ('scrip_operator', 'search_path', 'admin, analytics'),
      ('scrip_analyst', 'statement_timeout', '5min'),
      ('scrip_analyst', 'lock_timeout', '2s'),
      ('scrip_analyst', 'idle_in_transaction_session_timeout', '1min'),
      ('scrip_analyst', 'timezone', 'UTC'),
      ('scrip_analyst', 'search_path', 'analytics')
    ) as wanted (role_name, setting_name, setting_value)
    where not exists (
      -- pg_db_role_setting is shared by all databases: writing only what differs lets two of them be set up at once.
      select
      from pg_catalog.pg_db_role_setting
      where setrole = wanted.role_name::regrole
        and setdatabase = 0
        and lower(wanted.setting_name) || '=' || wanted.setting_value in (
          select lower(split_part(setting, '=', 1)) || substr(setting, strpos(setting, '='))
          from unnest(setconfig) as setting
        )
    )
  loop
    begin
      -- A search path is a list of names; quoted as one literal it would be a single odd name.
      execute format('alter role %I set %I = ', v_setting.role_name, v_setting.setting_name)
        || case v_setting.setting_name
             when 'search_path' then v_setting.setting_value
             else quote_literal(v_setting.setting_value)
           end;
    exception
      when insufficient_privilege then
        raise warning 'skipped: setting % of role % (%)', v_setting.setting_name, v_setting.role_name, sqlerrm;
    end;
  end loop;
end $$;

-- ---------------------------------------------------------------------------------------------------------------
-- The database: its own roles may connect, nobody else; only the owner makes schemas.
do $$
declare
  v_owner name := (
    select pg_catalog.pg_get_userbyid(datdba) from pg_catalog.pg_database where datname = current_database()
  );
begin
  if v_owner <> 'scrip_owner' then
    begin
      execute format('alter database %I owner to scrip_owner', current_database());
    exception
      when insufficient_privilege then
        -- Giving a database away asks for CREATEDB; making schemas in it is all that is needed.
        raise warning 'skipped: ownership of database % stays with % (%)', current_database(), v_owner, sqlerrm;
    end;
  end if;
  if v_owner = 'scrip_owner' or pg_catalog.pg_has_role(current_user, v_owner, 'member') then
    execute format('grant connect, create, temporary on database %I to scrip_owner', current_database());
    execute format('grant connect on database %I to scrip_gateway, scrip_cron, scrip_operator, scrip_analyst',
                   current_database());
    execute format('revoke connect, temporary on database %I from public', current_database());
  else
    raise warning 'skipped: privileges of database %, which belongs to %', current_database(), v_owner;
  end if;
end $$;

-- ---------------------------------------------------------------------------------------------------------------
-- Extensions. pgcrypto is needed; the others are watched for and done without.
create schema if not exists ext;
create extension if not exists pgcrypto with schema ext;
grant usage on schema ext to scrip_owner;

do $$
begin
  if exists (select from pg_catalog.pg_extension where extname = 'pg_stat_statements') then
    return;
  end if;
  create extension pg_stat_statements with schema ext;
exception
  when undefined_file or feature_not_supported or insufficient_privilege or undefined_object then
    raise warning 'skipped: extension pg_stat_statements, statement statistics (%)', sqlerrm;
end $$;

-- pg_cron lives in one database of a cluster, the one its setting names.
do $$
declare
  v_cron_database text;
begin
  begin
    v_cron_database := current_setting('cron.database_name', true);
  exception
    when insufficient_privilege then
      -- Not for everyone to see; the extension itself knows where it may live.
      v_cron_database := current_database();
  end;
  if not exists (select from pg_catalog.pg_extension where extname = 'pg_cron') then
    if v_cron_database is distinct from current_database()::text then
      raise warning 'skipped: extension pg_cron, scheduled jobs (%)', coalesce(
        'cron.database_name is ' || v_cron_database,
        'it is not in shared_preload_libraries of this server'
      );
      return;
    end if;
    create extension pg_cron;
  end if;
  -- Row security of cron.job and cron.job_run_details shows each role its own jobs only.
  grant usage on schema cron to scrip_cron;
  -- Its own jobs only: admin.set_jobs_active.
  if to_regprocedure('cron.alter_job(bigint, text, text, text, text, boolean)') is not null then
    begin
      grant execute on function cron.alter_job(bigint, text, text, text, text, boolean) to scrip_cron;
    exception
      when insufficient_privilege then
        raise warning 'skipped: switching jobs off by admin.set_jobs_active (%)', sqlerrm;
    end;
  end if;
exception
  when undefined_file or feature_not_supported or insufficient_privilege or undefined_object
    or invalid_parameter_value or raise_exception then
    raise warning 'skipped: extension pg_cron, scheduled jobs (%)', sqlerrm;
end $$;

commit;
