begin;
\ir ../helpers.psql
select plan(21);

-- Who reaches what, as the server sees it.
create temporary view door as
select
  routine.oid,
  routine.oid::regprocedure::text as name,
  routine.pronamespace::regnamespace::text as schema_name,
  routine.proowner::regrole::text as owner_name
from pg_proc as routine
where routine.pronamespace::regnamespace::text in ('engine', 'api', 'jobs', 'admin', 'analytics', 'playground');

create temporary view role_name as
select rolname as role
from pg_roles
where rolname in ('scrip_gateway', 'scrip_cron', 'scrip_operator', 'scrip_analyst');

-- A view runs these as whoever reads it; without USAGE on the schema nobody can call them by name.
create temporary view run_by_views as
select unnest(array['engine.now()', 'engine.window_end(text, timestamptz)', 'engine.pseudonym(uuid, text)', 'engine.months(timestamptz, timestamptz)']::regprocedure[])::oid as oid;

select isnt_empty('select from door', 'there is code to look at');

select is_empty(
  $$ select name from door where has_function_privilege('public', oid, 'execute') $$,
  'nothing is executable by PUBLIC'
);
select is_empty(
  $$ select name, role from door, role_name where schema_name = 'engine' and has_function_privilege(role, oid, 'execute')
       and (oid not in (select oid from run_by_views) or role not in ('scrip_operator', 'scrip_analyst')) $$,
  'engine is executable by its owner only, but for the clock that views run as their reader'
);
select is_empty(
  $$ select name, role from door, role_name
     where has_function_privilege(role, oid, 'execute')
       and (role, schema_name) not in (
         ('scrip_gateway', 'api'), ('scrip_cron', 'jobs'), ('scrip_operator', 'admin')
       )
       and oid not in (select oid from run_by_views) $$,
  'every role executes the functions of its own door only'
);
select is_empty(
  $$ select name from door
     join (values ('scrip_gateway', 'api'), ('scrip_cron', 'jobs'), ('scrip_operator', 'admin')) as own (role, schema)
       on own.schema = schema_name
     where not has_function_privilege(own.role, oid, 'execute') $$,
  'every role executes all functions of its door'
);
select is_empty(
  $$ select role, nspname from role_name, pg_namespace
     where has_schema_privilege(role, oid, 'usage')
       and nspname !~ '^pg_' and nspname not in ('information_schema', 'public', 'cron', 'tap')
       and (role, nspname) not in (
         ('scrip_gateway', 'api'), ('scrip_cron', 'jobs'), ('scrip_operator', 'admin'),
         ('scrip_operator', 'analytics'), ('scrip_analyst', 'analytics')
       ) $$,
  'every role sees the schemas of its doors only'
);
select is_empty(
  $$ select role, nspname from role_name, pg_namespace
     where has_schema_privilege(role, oid, 'create') and nspname !~ '^pg_temp' $$,
  'no role makes objects anywhere'
);
select is_empty(
  $$ select role, oid::regclass from role_name, pg_class
     where relnamespace in ('playground'::regnamespace, 'rollup'::regnamespace) and relkind in ('r', 'p', 'v', 'm')
       and has_table_privilege(role, oid, 'select, insert, update, delete, truncate, references, trigger') $$,
  'no role has any privilege on a table, nor on what stands between them and the views of analytics'
);
select is_empty(
  $$ select role, oid::regclass from role_name, pg_class
     where relnamespace = 'playground'::regnamespace and relkind = 'S'
       and has_sequence_privilege(role, oid, 'usage, select, update') $$,
  'no role has any privilege on a sequence'
);
select is_empty(
  $$ select oid::regclass from pg_class
     where relnamespace in ('admin'::regnamespace, 'analytics'::regnamespace)
       and relkind not in ('v', 'c', 'i') $$,
  'the doors hold no tables'
);
select is_empty(
  $$ select oid::regclass from pg_class
     where relnamespace in ('admin'::regnamespace, 'analytics'::regnamespace) and relkind = 'v'
       and not has_table_privilege('scrip_operator', oid, 'select') $$,
  'operators read every view of admin and analytics'
);
select is_empty(
  $$ select role, oid::regclass from pg_class, role_name
     where relnamespace in ('admin'::regnamespace, 'analytics'::regnamespace) and relkind = 'v'
       and has_table_privilege(role, oid, 'insert, update, delete')
       and not exists (select from pg_trigger where tgrelid = pg_class.oid and tgtype & 64 <> 0) $$,
  'no view is written to but through a trigger'
);
select is_empty(
  $$ select name, owner_name from door where owner_name not in ('scrip_owner', 'scrip_cron') $$,
  'all code belongs to the owner, or to the scheduler whose runs only it can see'
);
select is_empty(
  $$ select oid::regclass, relowner::regrole from pg_class
     where relnamespace::regnamespace::text in ('playground', 'engine', 'api', 'jobs', 'admin', 'analytics')
       and relowner <> 'scrip_owner'::regrole $$,
  'all tables and views belong to the owner'
);
select is_empty(
  $$ select nspname, nspowner::regrole from pg_namespace
     where nspname in ('playground', 'engine', 'api', 'jobs', 'admin', 'analytics')
       and nspowner <> 'scrip_owner'::regrole $$,
  'all schemas belong to the owner'
);

-- And tried, since a privilege may come by ways a catalog query does not think of.
select throws_ok(
  $$ select tests.run_as('scrip_gateway', 'select * from playground.accounts') $$, '42501', null,
  'the gateway reads no table'
);
select throws_ok(
  $$ select tests.run_as('scrip_gateway', 'select engine.now()') $$, '42501', null,
  'the gateway calls no private function'
);
select throws_ok(
  format($$ select tests.run_as(%L, 'select engine.now()') $$, role), '42501', null, 'nor does ' || role
) from (values ('scrip_operator'), ('scrip_analyst')) as listed (role);
select throws_ok(
  $$ select tests.run_as('scrip_analyst', 'select * from playground.users') $$, '42501', null,
  'an analyst reads no table'
);
select throws_ok(
  $$ select tests.run_as('scrip_operator', 'update playground.grants set remaining = granted') $$, '42501', null,
  'an operator writes no table'
);

select * from finish();
rollback;
