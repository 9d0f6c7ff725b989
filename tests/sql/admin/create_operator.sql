begin;
\ir ../helpers.psql
select plan(17);
select admin.create_operator('tests_dba') \g /dev/null

select ok(rolcanlogin and not rolsuper and not rolcreaterole, 'an operator may log in, and no more') from pg_roles where rolname = 'tests_dba';
select ok(pg_has_role('tests_dba', 'scrip_operator', 'usage'), 'and may what operators may');
select is(
  (select array_agg(setting order by setting) from unnest(setconfig) as setting),
  (select array_agg(setting order by setting) from pg_db_role_setting as other, unnest(other.setconfig) as setting where other.setrole = 'scrip_operator'::regrole and other.setdatabase = 0),
  'with the settings of an operator, which are not inherited'
)
from pg_db_role_setting where setrole = 'tests_dba'::regrole;
select ok('search_path=admin, analytics' = any (setconfig), 'so that runbooks run as they stand') from pg_db_role_setting where setrole = 'tests_dba'::regrole;
select is((actor, subject, reason)::text, (session_user, 'tests_dba', 'a new operator')::text, 'who and what are kept') from playground.audit_log where action = 'create_operator';

select throws_ok(format('select admin.create_operator(%L)', name), 'SCD02', null, format('%L cannot be a name', left(name, 20)))
from (values ('tests_dba'), ('scrip_owner'), ('pg_dba'), ('Robert''); drop table users'), (repeat('x', 64)), (''), (null), ('a-b'), ('public'), ('none')) as listed (name);
select throws_ok($$ select admin.create_operator('tests_other', '') $$, 'SCD03', null, 'a reason must be given');

-- Operators may change the settings of their own role; what they put there is text, never a statement.
create table tests.only_the_owners (secret text);
do $$
begin
  perform set_config('search_path', 'admin;grant/**/all/**/on/**/tests.only_the_owners/**/to/**/scrip_operator', true);
  alter role scrip_operator set search_path from current;
  perform set_config('search_path', '', true);
  perform admin.create_operator('tests_dupe', 'for a test');
end $$;
set local search_path = tests, :tap_schema, pg_catalog;
select ok(not has_table_privilege('tests_dupe', 'tests.only_the_owners', 'select'), 'a search path that hides a statement gives nobody anything');
select * from finish();
rollback;
