begin;
\ir ../helpers.psql
select plan(6);

-- The columns that every run writes. An index on one of them, its predicate included, would end HOT updates.
create temporary view hot_column as
select ('playground.' || table_name)::regclass as table_oid, column_name
from (values
  ('accounts', array['last_number', 'last_balance', 'last_instant', 'last_effective_at', 'next_due_at', 'cost_budget_usd', 'cost_budget_held_usd']),
  ('grants', array['remaining', 'held', 'suspended', 'last_number']),
  ('cost_windows', array['cost_usd', 'open_usd', 'runs']),
  ('request_counters', array['resets_at']),
  ('sessions', array['messages', 'runs', 'credits_spent', 'history_octets', 'last_run_at'])
) as hot (table_name, columns), unnest(hot.columns) as column_name;

select is_empty(
  $$ select table_oid, column_name from hot_column
     where not exists (select from pg_attribute where attrelid = table_oid and attname = column_name) $$,
  'the columns a run writes are there'
);
select is_empty(
  $$ select indexrelid::regclass, hot_column.column_name
     from hot_column
     join pg_attribute on attrelid = table_oid and attname = column_name
     join pg_index on indrelid = table_oid
     join pg_depend on classid = 'pg_class'::regclass and objid = indexrelid
       and refclassid = 'pg_class'::regclass and refobjid = table_oid and refobjsubid = attnum $$,
  'no index on a column that a run changes, predicates included'
);
select is_empty(
  $$ select distinct table_oid from hot_column
     join pg_class on pg_class.oid = table_oid
     where not coalesce(reloptions @> array['fillfactor=70'], false) $$,
  'hot tables leave room on their pages'
);
select bag_eq(
  $$ select relname::text from pg_class where relnamespace = 'playground'::regnamespace and relkind = 'p' $$,
  array['usage', 'messages', 'answers', 'alerts', 'audit_log', 'stripe_events'],
  'what happened is partitioned, the ledger is not'
);
select is_empty(
  $$ select partrelid::regclass from pg_partitioned_table
     where partrelid::regclass::text ~ '^playground\.'
       and (partstrat <> 'r' or partnatts <> 1 or partdefid = 0) $$,
  'partitioned by range over one time, with a default that loses nothing'
);
select is_empty(
  $$ select conrelid::regclass from pg_constraint
     join pg_partitioned_table on partrelid = conrelid
     where contype = 'p' and conparentid = 0 and not conkey @> array[partattrs[0]] $$,
  'that time is part of the key'
);

select * from finish();
rollback;
