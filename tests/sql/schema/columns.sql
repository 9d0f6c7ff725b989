begin;
\ir ../helpers.psql
select plan(15);

create temporary view column_of as
select
  attrelid,
  attrelid::regclass::text || '.' || attname as name,
  relname as table_name,
  attname as column_name,
  atttypid,
  attnotnull,
  attidentity,
  attnum
from pg_attribute
join pg_class on pg_class.oid = attrelid
where relnamespace = 'playground'::regnamespace
  and relkind in ('r', 'p')
  and not relispartition
  and attnum > 0
  and not attisdropped;

create temporary view money_column as
select *
from column_of
where atttypid = 'playground.usd'::regtype
   or column_name ~ '(_usd|_usd_per_million|_cents|^credits|_credits|credits_spent|^amount|^balance_after|_balance)$'
   or (table_name = 'grants' and column_name in ('granted', 'remaining', 'held', 'suspended'))
   or (table_name = 'holds' and column_name = 'charged');

select is_empty(
  $$ select name from column_of where atttypid in ('real'::regtype, 'double precision'::regtype, 'money'::regtype) $$,
  'no floats'
);
select cmp_ok((select count(*) from money_column), '>=', 25::bigint, 'money is found where it is');
select bag_eq(
  $$ select name from money_column where not attnotnull $$,
  -- A missing limit of a tier refuses, one of a person is the tier's; a person need not have a cap; a hold has no charge until it is settled, a payment no amount until it is paid.
  array['playground.tiers.monthly_cost_limit_usd', 'playground.tiers.daily_cost_limit_usd',
    'playground.user_limits.monthly_cost_limit_usd', 'playground.user_limits.daily_cost_limit_usd', 'playground.users.cost_cap_usd',
    'playground.holds.charged', 'playground.payments.paid_cents'],
  'money is never null, but where null has a meaning of its own'
);
select is_empty(
  $$ select name from money_column
     where atttypid not in ('bigint'::regtype, 'playground.credits'::regtype, 'playground.usd'::regtype, 'playground.cents'::regtype, 'numeric'::regtype) $$,
  'credits and cents are bigint, dollars exact numerics'
);
select is_empty(
  $$ select name from money_column where col_description(attrelid, attnum) is null $$,
  'every column of credits or money says what it counts, and in which unit'
);
select throws_ok(
  $$ select 'NaN'::playground.usd $$, '23514', null, 'NaN is no amount'
);
select throws_ok(
  $$ select 'Infinity'::playground.usd $$, null, null, 'infinity is no amount'
);
select throws_ok(
  $$ select (-0.01)::playground.usd $$, '23514', null, 'an amount of dollars is not negative'
);
select is(
  0.000000001::playground.usd::text, '0.000000001000', 'an amount holds one token at 1e-9 dollars'
);
select is_empty(
  $$ select name from column_of
     where (column_name ~ '(_at|_until|_from|^anchor|^period_start|^period_end|_instant)$' or atttypid in ('timestamp'::regtype, 'date'::regtype))
       and atttypid <> 'timestamptz'::regtype $$,
  'times are timestamptz'
);
select throws_ok(
  $$ select (-1)::playground.credits $$, '23514', null, 'nobody has fewer credits than none'
);
select is(
  (select typbasetype::regtype from pg_type where oid = 'playground.credits'::regtype), 'bigint'::regtype,
  'credits are whole'
);
select is_empty(
  $$ select name from column_of where attidentity <> '' $$,
  'no identity columns: ids are uuid or come from a named bigint sequence'
);
select is_empty(
  $$ select name from column_of
     join pg_depend on classid = 'pg_type'::regclass and objid = atttypid and deptype = 'e' $$,
  'no type of an extension in a table'
);
select is_empty(
  $$ select default_of.adrelid::regclass, pg_proc.oid::regprocedure
     from pg_attrdef as default_of
     join pg_depend on classid = 'pg_attrdef'::regclass and objid = default_of.oid and refclassid = 'pg_proc'::regclass
     join pg_proc on pg_proc.oid = refobjid
     where pg_proc.pronamespace <> 'pg_catalog'::regnamespace $$,
  'defaults call no function of ours: migrations come before code'
);

select * from finish();
rollback;
