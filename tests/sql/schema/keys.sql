begin;
\ir ../helpers.psql
select plan(11);

create temporary view table_of as
select oid, relname as name, relkind
from pg_class
where relnamespace = 'playground'::regnamespace and relkind in ('r', 'p') and not relispartition;

create temporary view key_of as
select
  conrelid,
  array(
    select attname::text
    from unnest(conkey) with ordinality as part (number, place)
    join pg_attribute on attrelid = conrelid and attnum = part.number
    order by place
  ) as columns
from pg_constraint
where contype = 'p';

create temporary view owned_column as
select attrelid, attname::text as name
from pg_attribute
where attname in ('account_id', 'user_id') and attnum > 0;

select is_empty(
  $$ select name from table_of where obj_description(oid, 'pg_class') is null $$,
  'every table says what it holds'
);
select is_empty(
  $$ select name from table_of where not exists (select from key_of where conrelid = table_of.oid) $$,
  'every table has a primary key'
);
select is_empty(
  $$ select table_of.name, columns from table_of
     join key_of on conrelid = table_of.oid
     where exists (select from owned_column where attrelid = table_of.oid and name = 'account_id')
       and columns[1] <> 'account_id'
       -- Look-ups by what is unique across accounts, and the inbox.
       and table_of.name not in ('users', 'stripe_ids', 'stripe_events', 'promo_redemptions', 'waiting_gifts') $$,
  'what an account owns has a key that begins with the account'
);
select bag_eq(
  $$ select table_of.name::text from table_of
     join key_of on conrelid = table_of.oid
     where exists (select from owned_column where attrelid = table_of.oid and name = 'user_id')
       and not exists (select from owned_column where attrelid = table_of.oid and name = 'account_id')
       and columns[1] <> 'user_id' $$,
  -- A look-up by address; a list that belongs to an organisation; a log of the platform.
  array['user_emails', 'organization_members', 'audit_log'],
  'what a person owns has a key that begins with the person'
);
select is_empty(
  $$ select conrelid::regclass, conname from pg_constraint
     join table_of on table_of.oid = conrelid
     where contype in ('c', 'f', 'u')
       and conname ~ format('^%s(_(%s))*_(check|fkey|key)[0-9]*$', table_of.name, (
         select string_agg(attname, '|') from pg_attribute where attrelid = conrelid and attnum > 0
       )) $$,
  'no constraint has the name that the server would have made up'
);
select is_empty(
  $$ select conrelid::regclass, conname from pg_constraint
     where connamespace = 'playground'::regnamespace and contype = 'f'
       and (confdeltype <> 'a' or confupdtype <> 'a') $$,
  'nothing happens on delete or on update'
);
select is_empty(
  $$ select conrelid::regclass, conname from pg_constraint
     where connamespace = 'playground'::regnamespace and contype = 'f' and not convalidated $$,
  'every foreign key is validated'
);
select is_empty(
  $$ select source.conrelid::regclass, source.conname from pg_constraint as source
     where source.connamespace = 'playground'::regnamespace and source.contype = 'f'
       and exists (
         select from owned_column where attrelid = source.confrelid and name = 'account_id'
       )
       and not (
         (select attname from pg_attribute where attrelid = source.conrelid and attnum = source.conkey[1]) = 'account_id'
         and (select attname from pg_attribute where attrelid = source.confrelid and attnum = source.confkey[1]) = 'account_id'
       ) $$,
  'foreign keys to an account''s tables stay within the account'
);
select is_empty(
  $$ select conrelid::regclass, conname from pg_constraint
     where connamespace = 'playground'::regnamespace and contype = 'f'
       and confrelid in ('playground.users'::regclass, 'playground.sessions'::regclass) $$,
  'nothing refers to what a deletion takes away'
);
select is_empty(
  $$ select sequence.oid::regclass from pg_class as sequence
     join pg_sequence on seqrelid = sequence.oid
     where sequence.relnamespace = 'playground'::regnamespace and seqtypid <> 'bigint'::regtype $$,
  'sequences are bigint'
);
select is_empty(
  $$ select tgrelid::regclass, tgname from pg_trigger
     where tgrelid in (select oid from table_of) and not tgisinternal and tgenabled <> 'O' $$,
  'no trigger of a table is switched off'
);

select * from finish();
rollback;
