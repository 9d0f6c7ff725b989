create or replace function jobs.expire_holds(p_limit integer default 200)
returns integer
language sql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
  select count(*) filter (where engine.process_account(account_id))::integer
  from (
    select distinct account_id
    from playground.holds
    join playground.accounts using (account_id)
    where status = 'open'
      and holds.expires_at <= engine.now()
      and next_due_at <= engine.now()
    order by account_id
    limit p_limit
  ) as due;
$$;
comment on function jobs.expire_holds(integer) is
  'Frees the holds whose time is over, on at most p_limit accounts; skips accounts in use. Returns how many accounts were caught up; 0 when there is nothing left to do.';
