-- Who may do what, on one page. Runs on every load and does not change when a function is added.
-- (A *grant* elsewhere in this project is a lot of credits; here it is the SQL word.)

-- What the owner makes from now on is nobody's until this page says so. Only the form without `in schema` takes
-- EXECUTE from PUBLIC.
alter default privileges for role scrip_owner revoke execute on routines from public;

-- Everything closed first, so that a door once opened by hand does not stay open.
revoke all on schema playground, rollup, engine, api, jobs, admin, analytics
  from public, scrip_gateway, scrip_cron, scrip_operator, scrip_analyst;
revoke all on all tables in schema playground, rollup, admin, analytics
  from public, scrip_gateway, scrip_cron, scrip_operator, scrip_analyst;
revoke all on all sequences in schema playground
  from public, scrip_gateway, scrip_cron, scrip_operator, scrip_analyst;
revoke all on all routines in schema playground, engine, api, jobs, admin, analytics
  from public, scrip_gateway, scrip_cron, scrip_operator, scrip_analyst;

-- The gateway: functions of api, no table at all.
grant usage on schema api to scrip_gateway;
grant execute on all routines in schema api to scrip_gateway;

-- The scheduler: functions and procedures of jobs.
grant usage on schema jobs to scrip_cron;
grant execute on all routines in schema jobs to scrip_cron;

-- Operators: functions and views of admin, views of analytics.
grant usage on schema admin, analytics to scrip_operator;
grant execute on all routines in schema admin to scrip_operator;
grant select on all tables in schema admin, analytics to scrip_operator;

-- Analysts: views of analytics.
grant usage on schema analytics to scrip_analyst;
grant select on all tables in schema analytics to scrip_analyst;

-- A view runs its functions as whoever reads it: those that read the clock, and what is computed from it. Nobody can call
-- them by name, for want of USAGE on engine.
grant execute on function engine.now(), engine.window_end(text, timestamptz), engine.pseudonym(uuid, text), engine.months(timestamptz, timestamptz) to scrip_operator, scrip_analyst;

-- The statements of the operators' runbooks write to views; a trigger turns each into an audited call. A view without
-- such a trigger cannot be written to.
do $$
declare
  v_writable record;
begin
  for v_writable in
    select view.oid::regclass as name, string_agg(event.privilege, ', ') as privileges
    from pg_catalog.pg_class as view
    join pg_catalog.pg_trigger as guard on guard.tgrelid = view.oid
    join (values (4, 'insert'), (8, 'delete'), (16, 'update')) as event (bit, privilege)
      on guard.tgtype & event.bit <> 0
    where view.relnamespace = 'admin'::regnamespace
      and view.relkind = 'v'
      and guard.tgtype & 64 <> 0  -- instead of
    group by view.oid
  loop
    execute format('grant %s on %s to scrip_operator', v_writable.privileges, v_writable.name);
  end loop;
end $$;
