create or replace function admin.verify_ledger(p_since timestamptz default null)
returns table (invariant text, account_id uuid, detail text)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
-- All and a few minutes want different plans.
set plan_cache_mode = force_custom_plan
as $$
begin
  return query select * from engine.verify_grants(p_since);
  return query select * from engine.verify_accounts(p_since);
  return query select * from engine.verify_holds(p_since);
  return query select * from engine.verify_burn_order(p_since);
  return query select * from engine.verify_periods(p_since);
  return query select * from engine.verify_windows(p_since);
  return query select * from engine.verify_payments(p_since);
  return query select * from engine.verify_events(p_since);
  return query select * from engine.verify_gifts(p_since);
  return query select * from engine.verify_rollups(p_since);
  return query select * from engine.verify_usage_sums(p_since);
  if p_since is null then
    return query
    select 'credits_are_conserved', null::uuid, format('transactions make %s, grants hold %s', posted, remaining)
    from (select coalesce(sum(amount), 0) as posted from playground.transactions) as t
    cross join (select coalesce(sum(g.remaining), 0) as remaining from playground.grants g) as g
    where posted <> remaining;
  end if;
end $$;
comment on function admin.verify_ledger(timestamptz) is
  'The self-check of the books: one row per violation, none when all is well. Null checks everything; an instant, only accounts touched since then, with their whole history. Reads one snapshot, so it is quiet under load.';
