begin;
\ir ../helpers.psql
select plan(10);
select tests.freeze('2026-01-31 12:00:00+00');
select tests.make_user() as ann_id, tests.make_user() as bob_id \gset
select admin.set_plan(:'ann_id', 'prpm_plus_individual', null, 'x'), admin.set_plan(:'bob_id', 'prpm_plus_individual', null, 'x') \g /dev/null

select ctid as before from playground.accounts where account_id = :'ann_id' \gset
select ok(not engine.process_account(:'ann_id'), 'nothing is due yet');
select engine.refresh_account(:'ann_id') \g /dev/null
select is(ctid::text, :'before', 'so nothing is written') from playground.accounts where account_id = :'ann_id';
select tests.freeze('2026-02-28 12:00:00+00');
select engine.refresh_account(:'ann_id') \g /dev/null
select is(last_number, 4::bigint, 'what is due is caught up') from playground.accounts where account_id = :'ann_id';
select ok(not engine.process_account(:'ann_id'), 'so a job finds nothing left');
select ok(engine.process_account(:'bob_id'), 'a job catches up what is due');

-- Stands for an account whose rows contradict each other.
select tests.freeze('2026-03-31 12:00:00+00');
create or replace function engine.start_period(
  p_account_id uuid, p_subscription_id uuid, p_start timestamptz, p_end timestamptz, p_expires_at timestamptz,
  p_instant timestamptz, p_effective_at timestamptz)
returns boolean
language plpgsql volatile
as $$
begin
  insert into playground.accounts select * from playground.accounts where account_id = p_account_id;
  return true;
end $$;
select ok(not engine.process_account(:'bob_id'), 'an account that cannot be caught up does not stop the others');
select is(details ->> 'sqlstate', '23505', 'it is told') from playground.alerts where user_id = :'bob_id' and kind = 'catch_up_failed';
select is(last_number, 4::bigint, 'and stays as it was') from playground.accounts where account_id = :'bob_id';
select is(jobs.process_monthly_reset(), 0, 'a job goes on without it');

-- Our own guards refuse such an account, too.
create or replace function engine.start_period(
  p_account_id uuid, p_subscription_id uuid, p_start timestamptz, p_end timestamptz, p_expires_at timestamptz,
  p_instant timestamptz, p_effective_at timestamptz)
returns boolean
language plpgsql volatile
as $$
begin
  update playground.grants set remaining = remaining - 1 where account_id = p_account_id and remaining > 0;
  return true;
end $$;
select is(jobs.process_monthly_reset(), 0, 'nor does one whose credits contradict its history');
select * from finish();
rollback;
