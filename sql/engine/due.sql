-- Catching accounts up outside of a run: for those who look, and for the jobs.

create or replace function engine.refresh_account(p_account_id uuid)
returns void
language plpgsql volatile
as $$
begin
  perform
  from playground.accounts
  where account_id = p_account_id
    and next_due_at <= engine.now();
  if found then
    perform engine.touch_account(p_account_id);
  end if;
end $$;
comment on function engine.refresh_account(uuid) is 'Catches an account up when something is due; else takes no lock.';

create or replace function engine.process_account(p_account_id uuid)
returns boolean
language plpgsql volatile
as $$
declare
  v_now constant timestamptz := engine.now();
begin
  perform
  from playground.accounts
  where account_id = p_account_id
    and next_due_at <= v_now
  for no key update skip locked;
  if not found then
    return false;
  end if;
  perform engine.touch_account(p_account_id);
  return true;
exception
  -- One account whose rows contradict each other must not keep all others waiting: it is told, and stays as it is.
  when integrity_constraint_violation or data_exception or plpgsql_error or sqlstate 'SCL01' then
    perform engine.alert_once(
      p_account_id, date_trunc('day', v_now, 'UTC'), 'catch_up_failed',
      jsonb_build_object('sqlstate', sqlstate, 'message', sqlerrm), v_now
    );
    return false;
end $$;
comment on function engine.process_account(uuid) is
  'Catches an account up for a job. False when nothing is due, somebody else has it locked, or its rows contradict each other (alert catch_up_failed).';
