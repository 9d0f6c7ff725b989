create or replace function api.claim_billing_tasks(p_limit integer default 10)
returns table (account_id uuid, task_id uuid, kind text, stripe_id text, attempts integer)
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_now constant timestamptz := engine.now();
begin
  return query
  -- Materialized: a plan that runs the choice once a row would claim more than p_limit, for nobody to do.
  with claimed as materialized (
    select due.account_id, due.task_id
    from playground.billing_tasks as due
    where due.state = 'due' and due.next_try_at <= v_now
    order by due.next_try_at
    limit least(p_limit, 100)
    for no key update skip locked
  )
  update playground.billing_tasks as task
  set attempts = task.attempts + 1, next_try_at = v_now + interval '5 minutes'
  from claimed
  where task.account_id = claimed.account_id and task.task_id = claimed.task_id
  returning task.account_id, task.task_id, task.kind, task.stripe_id, task.attempts;
end $$;
comment on function api.claim_billing_tasks(integer) is
  'What is to be done at Stripe now, each claimed for five minutes. task_id is the idempotency key of the call, so that a repeat does nothing twice.';
