begin;
\ir ../helpers.psql
select plan(26);
select tests.freeze('2026-11-20 12:00:00+00');

-- The list.
select is_empty(
  $$ select name from engine.analytics_caches(), unnest(array['rollup.', 'analytics.']) as schema, unnest(array['', '_now']) as suffix
     where to_regclass(schema || name || suffix) is null $$,
  'each name of the list is a view, cached and of this moment'
);
select is_empty(
  $$ select name from engine.analytics_caches() where to_regclass('analytics.' || name || '_new') is not null $$,
  'what a load compared is gone'
);
select bag_eq(
  $$ select relname::text from pg_class where relnamespace = 'rollup'::regnamespace and relkind = 'm' $$,
  $$ select name || '_cache' from engine.analytics_caches() $$,
  'there is no other cache'
);
select bag_eq(
  $$ select relname::text from pg_class where relnamespace = 'analytics'::regnamespace $$,
  $$ select name || suffix from engine.analytics_caches(), unnest(array['', '_now']) as suffix $$,
  'analysts have these views and no other'
);
select is_empty(
  $$ select attrelid::regclass, attname from pg_attribute join pg_class on pg_class.oid = attrelid
     where relnamespace in ('rollup'::regnamespace, 'analytics'::regnamespace) and relkind in ('v', 'm') and attnum > 0 and not attisdropped
       and col_description(attrelid, attnum) is null $$,
  'every column says what it is'
);
select is_empty(
  $$ select oid::regclass from pg_class
     where relnamespace in ('rollup'::regnamespace, 'analytics'::regnamespace) and relkind in ('v', 'm') and obj_description(oid, 'pg_class') is null $$,
  'and every view'
);
select is_empty(
  $$ select name from engine.analytics_caches()
     where not exists (
       select from pg_attribute
       where attrelid = ('analytics.' || name)::regclass and attname = 'refreshed_at') $$,
  'every cached view says when it was refreshed'
);
select is_empty(
  $$ select attrelid::regclass, attname from pg_attribute join pg_class on pg_class.oid = attrelid
     where relnamespace = 'analytics'::regnamespace and attnum > 0
       and (atttypid = 'uuid'::regtype or attname ~ 'email|username|session_id|prompt_text|content|stripe|payment_intent|invoice_id|charge_id') $$,
  'analysts see no id of a person, a conversation or Stripe, no address and no text'
);
select is_empty(
  $$ select attrelid::regclass, attname from pg_attribute join pg_class on pg_class.oid = attrelid
     where relnamespace = 'analytics'::regnamespace and attnum > 0 and atttypid in ('real'::regtype, 'double precision'::regtype) $$,
  'and no figure is a float'
);

-- Pseudonyms.
select is(engine.pseudonym('00000000-0000-0000-0000-00000000000a', 'key'), engine.pseudonym('00000000-0000-0000-0000-00000000000a', 'key'), 'a person has one pseudonym');
select matches(engine.pseudonym('00000000-0000-0000-0000-00000000000a', 'key'), '^p_[0-9a-f]{16}$', 'of 16 hexadecimal digits');
select isnt(
  engine.pseudonym('00000000-0000-0000-0000-00000000000a', 'key'), engine.pseudonym('00000000-0000-0000-0000-00000000000b', 'key'), 'another person has another'
);
select isnt(
  engine.pseudonym('00000000-0000-0000-0000-00000000000a', 'key'), engine.pseudonym('00000000-0000-0000-0000-00000000000a', 'other'),
  'and the same person another elsewhere'
);

-- What the load does with the views of files.
create function tests.file_says(p_select text)
returns void
language plpgsql
as $$
begin
  execute 'create view analytics.colours_new as ' || p_select;
  comment on view analytics.colours_new is 'Colours.';
  comment on column analytics.colours_new.colour is 'A colour.';
  comment on column analytics.colours_new.secret is 'Nobody''s business.';
end $$;
create table rollup.paints (colour text, secret text);
insert into rollup.paints values ('red', 'a');
select tests.file_says('select colour, secret from rollup.paints');
select ok(engine.build_cache('colours', array['colour'], array['secret']), 'a view that is missing is made');
insert into rollup.paints values ('blue', 'b');
select results_eq('select colour, refreshed_at from analytics.colours', $$ values ('red', engine.now()) $$, 'its cache is filled');
select results_eq('select * from analytics.colours_now order by 1', $$ values ('blue'), ('red') $$, 'beside it stands the view of this moment');
select results_eq('select colour, secret from rollup.colours_now order by 1', $$ values ('blue', 'b'), ('red', 'a') $$, 'what is hidden stays in rollup');
select is(
  col_description('analytics.colours'::regclass, 1), 'A colour.', 'a column says in all of them what it says in the file'
);

select 'analytics.colours'::regclass::oid as oid_before \gset
select tests.file_says('select colour, secret from rollup.paints');
comment on column analytics.colours_new.colour is 'Another word for it.';
select ok(not engine.build_cache('colours', array['colour'], array['secret']), 'a view that is as its file says is left alone');
select is('analytics.colours'::regclass::oid, :'oid_before'::oid, 'none is made anew');
select is(col_description('analytics.colours_now'::regclass, 1), 'Another word for it.', 'but for what it says of itself');

select tests.file_says('select upper(colour) as colour, secret from rollup.paints');
select ok(engine.build_cache('colours', array['colour'], array['secret']), 'a view that is defined otherwise is made anew');
select bag_eq('select colour from analytics.colours', $$ values ('BLUE'), ('RED') $$, 'its cache with it');
select tests.file_says('select secret, length(colour) as length, colour from rollup.paints');
select ok(engine.build_cache('colours', array['length', 'colour'], array['secret']), 'so is one with other columns, and another key');
select results_eq('select length, colour from analytics.colours order by 1', $$ values (3, 'red'), (4, 'blue') $$, 'in the file''s order');

delete from rollup.paints where colour = 'red';
refresh materialized view concurrently rollup.colours_cache;
select results_eq('select colour from analytics.colours', $$ values ('blue') $$, 'a cache is refreshed beside its readers');
select * from finish();
rollback;
