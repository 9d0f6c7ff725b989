create or replace function engine.now()
returns timestamptz
language sql volatile
as 'select pg_catalog.clock_timestamp()';
comment on function engine.now() is 'The one clock. A call takes its instant from engine.lock_account, under the account''s lock, never from here.';
