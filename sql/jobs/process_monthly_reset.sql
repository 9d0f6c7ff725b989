create or replace function jobs.process_monthly_reset(p_limit integer default 200)
returns integer
language sql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
  select count(*) filter (where engine.process_account(account_id))::integer
  from (
    select account_id
    from playground.subscriptions
    join playground.accounts using (account_id)
    where ended_at is null
      and source = 'operator'
      and period_end <= engine.now()
      and next_due_at <= engine.now()
    order by account_id
    limit p_limit
  ) as due;
$$;
comment on function jobs.process_monthly_reset(integer) is
  'Turns the plan periods that are due, missed ones one after the other, on at most p_limit accounts; skips accounts in use. Returns how many accounts were caught up; 0 when there is nothing left to do.';
