create or replace function admin.health()
returns table (name text, is_ok boolean, value text, detail text)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select name, is_ok, value, detail
  from engine.health(engine.now())
  order by is_ok, name;
$$;
comment on function admin.health() is
  'First of all, when something is wrong: what is not well comes first, each line with a figure and where to go on. Loaded code, heartbeat, the ledger''s last self-check, every job of pg_cron, open and forgotten holds, parked Stripe events, work waiting for the gateway (billing tasks, notices, alerts), alerts that nobody acknowledged, age of the analysts'' sums, partitions ahead and overdue, what providers cost today (US dollars) against their ceiling. Reads only.';
