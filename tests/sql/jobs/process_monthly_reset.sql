begin;
\ir ../helpers.psql
select plan(9);
select tests.freeze('2026-01-31 12:00:00+00');
select tests.make_user() as ann_id, tests.make_user() as bob_id, tests.make_user() as eve_id \gset
select admin.set_plan(:'ann_id', 'prpm_plus_individual', null, 'for a test') \g /dev/null
select admin.set_plan(:'bob_id', 'prpm_plus_org', null, 'for a test') \g /dev/null
select admin.set_plan(:'eve_id', 'prpm_plus_org', '2026-12-01 00:00:00+00', 'for a test') \g /dev/null

select tests.freeze('2026-02-28 11:59:59.999999+00');
select is(jobs.process_monthly_reset(), 0, 'no period ends early');
select tests.freeze('2026-02-28 12:00:00+00');
select is(jobs.process_monthly_reset(1), 1, 'a batch is as large as asked for');
select is(jobs.process_monthly_reset(), 1, 'the next one goes on');
select is(jobs.process_monthly_reset(), 0, 'and then there is nothing left');
select is(count(*), 2::bigint, 'each has the month''s credits') from playground.transactions where type = 'monthly' and effective_at = '2026-02-28 12:00:00+00';

select tests.freeze('2026-06-15 00:00:00+00');
select is(jobs.process_monthly_reset(), 2, 'missed months count as one account each');
select is(
  array_agg(effective_at order by number),
  array['2026-01-31 12:00+00', '2026-02-28 12:00+00', '2026-03-31 12:00+00', '2026-04-30 12:00+00', '2026-05-31 12:00+00']::timestamptz[],
  'and are made up one after the other, each at its own instant'
)
from playground.transactions where account_id = :'ann_id' and type = 'monthly';
select tests.freeze('2026-12-01 00:00:00+00');
select is(jobs.process_monthly_reset(), 3, 'an anchor to come is waited for');
select is(last_balance::bigint, 105::bigint, 'and then begins') from playground.accounts where account_id = :'eve_id';
select * from finish();
rollback;
