begin;
\ir ../helpers.psql
select plan(29);

select tests.freeze('2026-03-01 12:00:00+00');
select tests.make_user_with(10);
-- A transaction is looked at when it is committed, or now.
set constraints all immediate;
set constraints all deferred;

-- Histories.
select isnt_empty('select from ' || history, history || ' has rows to try it on')
from unnest(array['playground.transactions', 'playground.transaction_parts', 'playground.audit_log', 'playground.model_prices']) as history;

select throws_ok(
  format('update %s set %I = %2$I', history, column_name), 'SCL01', null, history || ' refuses UPDATE'
)
from (values
  ('playground.transactions', 'amount'),
  ('playground.transaction_parts', 'amount'),
  ('playground.audit_log', 'reason'),
  ('playground.model_prices', 'model')
) as append_only (history, column_name);

select throws_ok('delete from ' || history, 'SCL01', null, history || ' refuses DELETE')
from unnest(array['playground.transactions', 'playground.transaction_parts', 'playground.audit_log', 'playground.model_prices']) as history;

select throws_ok(format('truncate %s cascade', history), 'SCL01', null, history || ' refuses TRUNCATE')
from unnest(array[
  'playground.transactions', 'playground.transaction_parts', 'playground.audit_log', 'playground.model_prices',
  'playground.usage', 'playground.accounts', 'playground.grants', 'playground.holds', 'playground.hold_parts'
]) as history;

-- The ledger.
select throws_ok('delete from playground.grants', 'SCL01', null, 'a grant is not deleted');
select throws_ok('delete from playground.accounts', 'SCL01', null, 'an account is not deleted');
select throws_ok(
  'update playground.grants set remaining = remaining - 1', 'SCL01', null,
  'credits do not go without a transaction'
);
select throws_ok(
  'update playground.grants set remaining = remaining - 1, last_number = 1', 'SCL01', null,
  'credits do not go with somebody else''s transaction'
);
select throws_ok(
  'update playground.grants set held = remaining + 1', '23514', null,
  'more than there is cannot be held'
);

select throws_ok(
  $$
    insert into playground.transactions (account_id, number, type, amount, balance_after, description, posted_at, effective_at)
    select account_id, last_number + 1, 'admin', 5, last_balance + 5, 'out of thin air', engine.now(), engine.now()
    from playground.accounts;
    set constraints all immediate;
  $$,
  'SCL01', null, 'credits do not come out of thin air'
);
select lives_ok('select tests.make_user_with(10); set constraints all immediate', 'what the doors write stands up to it');

-- And the catalog, so that no guard is half there.
select is_empty(
  $$ select tgrelid::regclass, tgname from pg_trigger
     where tgrelid::regclass::text ~ '^playground\.' and not tgisinternal
       and tgfoid not in (select oid from pg_proc where pronamespace = 'engine'::regnamespace) $$,
  'guards are private functions'
);

select * from finish();
rollback;
