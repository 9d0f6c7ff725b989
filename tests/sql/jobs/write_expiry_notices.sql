begin;
\ir ../helpers.psql
select plan(14);
select tests.freeze('2026-01-31 12:00:00+00');
select tests.make_user('ann@scrip.example') as ann_id, tests.make_user('bob@scrip.example') as bob_id \gset
select tests.make_user('cid@scrip.example') as cid_id, tests.make_user('dan@scrip.example') as dan_id \gset
select admin.set_plan(:'ann_id', 'prpm_plus_individual', null, 'for a test') \g /dev/null
select admin.set_plan(:'bob_id', 'prpm_plus_individual', null, 'for a test') \g /dev/null
select admin.set_plan(:'cid_id', 'prpm_plus_individual', null, 'for a test') \g /dev/null
select admin.set_plan(:'dan_id', 'prpm_plus_individual', null, 'for a test') \g /dev/null
-- Ann's plan goes on; Bob's, Cid's and Dan's end with the month.
select admin.end_plan(id::uuid, true, 'for a test') from unnest(array[:'bob_id', :'cid_id', :'dan_id']) as id \g /dev/null

select tests.freeze('2026-02-25 11:59:59+00');
select is(jobs.write_expiry_notices(), 0, 'nobody is told earlier than three days before');
select tests.advance('1 second');
update playground.grants set suspended = remaining where account_id = :'cid_id' and bucket = 'monthly';
update playground.users set deleted_at = engine.now(), email = null where user_id = :'dan_id';
select is(jobs.write_expiry_notices(0), 0, 'a batch is as large as asked for');
select is(jobs.write_expiry_notices(), 1, 'three days before, those whose credits expire are told');
select results_eq(
  'select user_id, kind, details from playground.notices',
  format($$ values (%L::uuid, 'credits_expire', '{"credits": 100, "expiresAt": "2026-02-28T12:00:00+00:00"}'::jsonb) $$, :'bob_id'),
  'how many expire and when'
);
select is_empty(
  format('select from playground.notices where user_id = %L', :'ann_id'), 'credits that a plan carries over are not announced');
select is_empty(format('select from playground.notices where user_id = %L', :'cid_id'), 'nor are suspended ones');
select is_empty(format('select from playground.notices where user_id = %L', :'dan_id'), 'nobody writes to the deleted');

select is(jobs.write_expiry_notices(), 0, 'everybody is told once');
update playground.grants set suspended = 0 where account_id = :'cid_id';
update playground.grants set held = 30 where account_id = :'cid_id' and bucket = 'monthly';
select is(jobs.write_expiry_notices(), 1, 'credits that can be used again are announced then');
select is(
  (select details ->> 'credits' from playground.notices where user_id = :'cid_id'), '70', 'what runs hold is not counted');

update playground.grants set held = 0 where account_id = :'cid_id';
select tests.freeze('2026-02-28 12:00:00+00');
select is(jobs.write_expiry_notices(), 0, 'what is over is not announced any more');
select jobs.process_monthly_reset() \g /dev/null
select admin.end_plan(:'ann_id', true, 'for a test') \g /dev/null
select tests.freeze('2026-03-30 00:00:00+00');
select is(jobs.write_expiry_notices(), 2, 'monthly and rolled-over credits that expire together are told apart');
select set_eq(
  format($$ select split_part(subject, ':', 1), details ->> 'credits' from playground.notices where user_id = %L $$, :'ann_id'),
  $$ values ('monthly', '100'), ('rollover', '100') $$,
  'each with its own number'
);
select is(jobs.write_expiry_notices(), 0, 'once each');
select * from finish();
rollback;
