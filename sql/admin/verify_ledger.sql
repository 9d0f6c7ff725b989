create or replace function admin.verify_ledger(p_since timestamptz default null)
returns table (invariant text, account_id uuid, detail text)
language sql stable security definer
set search_path = ''
as $$
  select * from engine.verify_grants(p_since)
  union all select * from engine.verify_accounts(p_since)
  union all select * from engine.verify_holds(p_since)
  union all select * from engine.verify_burn_order(p_since)
  union all select * from engine.verify_periods(p_since)
  union all select * from engine.verify_windows(p_since)
  union all
  select 'credits_are_conserved', null, format('transactions make %s, grants hold %s', posted, remaining)
  from (select coalesce(sum(amount), 0) as posted from playground.transactions) as t
  cross join (select coalesce(sum(remaining), 0) as remaining from playground.grants) as g
  where p_since is null and posted <> remaining
$$;
comment on function admin.verify_ledger(timestamptz) is
  'The self-check of the books: one row per violation, none when all is well. Null checks everything; an instant, only accounts touched since then. Reads one snapshot, so it is quiet under load.';
