begin;
\ir ../helpers.psql
select plan(6);
select tests.freeze('2026-01-31 12:00:00+00');
select tests.make_user() as ann_id, tests.make_user() as bob_id \gset
select admin.set_plan(:'ann_id', 'prpm_plus_individual', null, 'for a test') \g /dev/null
select admin.set_plan(:'bob_id', 'prpm_plus_individual', null, 'for a test') \g /dev/null
select tests.freeze('2026-03-01 00:00:00+00');
select jobs.process_monthly_reset() \g /dev/null
select admin.end_plan(:'ann_id', false, 'for a test') \g /dev/null
select admin.end_plan(:'bob_id', false, 'for a test') \g /dev/null
select is(last_balance::bigint, 105::bigint, 'rollover outlives the plan') from playground.accounts where account_id = :'ann_id';

select tests.freeze('2026-03-31 11:59:59+00');
select is(jobs.expire_rollover_credits(), 0, 'until its time is over');
select tests.freeze('2026-04-20 00:00:00+00');
select is(jobs.expire_rollover_credits(1), 1, 'a batch is as large as asked for');
select is(jobs.expire_rollover_credits(), 1, 'the next one goes on');
select is(jobs.expire_rollover_credits(), 0, 'and then there is nothing left');
select results_eq(
  format('select amount, balance_after::bigint, effective_at from playground.transactions where account_id = %L order by number desc limit 1', :'ann_id'),
  $$ values (-100::bigint, 5::bigint, '2026-03-31 12:00:00+00'::timestamptz) $$,
  'it expired when it was due'
);
select * from finish();
rollback;
