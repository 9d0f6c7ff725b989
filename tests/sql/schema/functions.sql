begin;
\ir ../helpers.psql

-- plpgsql_check reads bodies as the server will run them; making it an extension takes a superuser.
reset role;
create extension if not exists plpgsql_check with schema :tap_schema;
set local role scrip_owner;

create temporary view routine as
select
  oid,
  oid::regprocedure::text as name,
  pronamespace::regnamespace::text as schema_name,
  prokind,
  prosecdef,
  proconfig,
  provolatile,
  prosrc,
  prorettype,
  (select lanname from pg_language where pg_language.oid = prolang) as language
from pg_proc
where pronamespace::regnamespace::text in ('engine', 'api', 'jobs', 'admin', 'analytics');

select plan(11 + count(*)::integer) from routine where language = 'sql';

select is_empty(
  $$ select name from routine where obj_description(oid, 'pg_proc') is null $$,
  'every function says what it is for'
);
select is_empty(
  $$ select name from routine where length(obj_description(oid, 'pg_proc')) < 20 $$,
  'and says it in words'
);
select is_empty(
  $$ select name from routine
     where schema_name in ('api', 'jobs', 'admin') and prokind = 'f' and prorettype <> 'trigger'::regtype
       and not prosecdef $$,
  'every function of a door is security definer'
);
select is_empty(
  $$ select name, proconfig from routine
     where prosecdef and not coalesce(proconfig @> array['search_path=pg_catalog, pg_temp'], false) $$,
  'every security definer function names its search_path, temporary objects last'
);
select is_empty(
  $$ select name, proconfig from routine
     where prosecdef and not coalesce(proconfig @> array['TimeZone=UTC', 'DateStyle=ISO, MDY', 'IntervalStyle=postgres',
       'standard_conforming_strings=on', 'transform_null_equals=off', 'quote_all_identifiers=off'], false) $$,
  'and what a literal, a date and a length of time mean in it, whatever the session of its caller says'
);
select is_empty(
  $$ select name from routine where schema_name = 'engine' and prosecdef and prorettype <> 'trigger'::regtype $$,
  'private functions run as their caller'
);
select is_empty(
  $$ select name from routine where prokind = 'p' and (prosecdef or proconfig is not null) $$,
  'procedures that commit are neither security definer nor have settings'
);
select is_empty(
  $$ select name, count(*) from (select split_part(name, '(', 1) as name from routine where schema_name in ('api', 'jobs', 'admin')) as door
     group by name having count(*) > 1 $$,
  'a door has one function of a name'
);
select is_empty(
  $$ select name, argument from routine, unnest((select proargnames from pg_proc where pg_proc.oid = routine.oid)) with ordinality as argument (argument, place)
     where schema_name in ('api', 'admin', 'jobs')
       and place <= (select pronargs from pg_proc where pg_proc.oid = routine.oid)
       and argument !~ '^p_' $$,
  'arguments of doors are called p_something'
);
select is_empty(
  $$ select name from routine where language not in ('sql', 'plpgsql') $$,
  'all code is SQL'
);
select is_empty(
  $$ select routine.name, finding.lineno, finding.level, finding.message
     from routine, plpgsql_check_function_tb(
       routine.oid,
       coalesce((select tgrelid from pg_trigger where tgfoid = routine.oid order by tgrelid limit 1), 0),
       performance_warnings => false,
       extra_warnings => true,
       security_warnings => true
     ) as finding
     where routine.language = 'plpgsql'
       and (routine.prorettype <> 'trigger'::regtype or exists (select from pg_trigger where tgfoid = routine.oid))
       -- The checker knows no shape for an argument of type record, wishes for no row beside another result, and takes
       -- a result column that the contract calls "user" for a slip. pg_cron's tables are read where there are such.
       and finding.message !~ '^(relation "cron\.\w+" does not exist|record "p_\w+" is not assigned yet|composite OUT variable|name of parameter "user" is reserved)'
       -- Newer checkers (2.10) also read volatilities. A refusal must not be planned away, and there is one clock: both are
       -- volatile, and a function that only reads is stable all the same.
       and not (
         finding.message = 'routine is marked as STABLE, but expression is VOLATILE'
         and case finding.statement when 'statement block' then routine.prosrc else split_part(routine.prosrc, e'\n', finding.lineno) end
           ~ 'engine\.(refuse\w*|now)\(') $$,
  'plpgsql_check finds nothing'
);

-- plpgsql_check does not read these; defining one again does.
set local check_function_bodies = on;
select lives_ok(pg_get_functiondef(oid), name || ' has a body that fits the tables') from routine where language = 'sql';

select * from finish();
rollback;
