begin;
\ir ../helpers.psql
\ir ../runs.psql
select plan(6);
select tests.freeze('2026-11-20 12:00:00+00');
select tests.make_package() as package_id, tests.make_user_with(100) as ann_id, tests.make_user() as bob_id \gset
select admin.set_plan(:'ann_id', 'prpm_plus_individual', '2026-11-01 00:00:00+00', 'for a test') \g /dev/null
select tests.reserve(:'ann_id') as run \gset
select tests.settle(:'ann_id', :'run', 100, 50) \g /dev/null
select tests.reserve(:'ann_id') as run \gset

select is_empty('select * from admin.verify_ledger()', 'sound books have no violation, with a hold open');
select is_empty($$ select * from admin.verify_ledger(engine.now() - interval '5 minutes') $$, 'nor what changed since an instant');

set constraints all immediate;
alter table playground.transactions disable trigger user;
update playground.transactions set amount = amount - 1 where account_id = :'bob_id' and number = 1;
select set_eq(
  'select invariant, account_id from admin.verify_ledger()',
  format($$ values ('transaction_is_its_parts', %1$L::uuid), ('balance_follows_amounts', %1$L), ('balance_is_what_remains', %1$L), ('credits_are_conserved', null), ('credit_flow_is_the_ledger', null) $$, :'bob_id'),
  'a line changed by hand is named by each invariant that it breaks'
);
select tests.advance('1 hour') \g /dev/null
select is_empty(
  format($$ select * from admin.verify_ledger(engine.now() - interval '5 minutes') where account_id = %L $$, :'bob_id'),
  'what changed before is not read again'
);
select is((select array_agg(invariant) from admin.verify_ledger(engine.now())), array['hold_ends_in_time'], 'but a hold that nobody ended is told, however long ago');
select is_empty(
  $$ select from pg_proc where oid = 'admin.verify_ledger(timestamptz)'::regprocedure and provolatile <> 's' $$,
  'it reads one snapshot'
);
select * from finish();
rollback;
