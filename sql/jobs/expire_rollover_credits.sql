create or replace function jobs.expire_rollover_credits(p_limit integer default 200)
returns integer
language sql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
  select count(*) filter (where engine.process_account(account_id))::integer
  from (
    select distinct account_id
    from playground.grants
    join playground.accounts using (account_id)
    where expired_at is null
      and expires_at <= engine.now()
      and next_due_at <= engine.now()
    order by account_id
    limit p_limit
  ) as due;
$$;
comment on function jobs.expire_rollover_credits(integer) is
  'Expires the credits that are due, rollover and all others, on at most p_limit accounts; skips accounts in use. Returns how many accounts were caught up; 0 when there is nothing left to do.';
