create or replace function api.expire_credits()
returns json
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  return json_build_object('processed', jobs.expire_holds(200) + jobs.expire_rollover_credits(200));
end $$;
comment on function api.expire_credits() is
  'POST /playground/credits/cron/expire. One batch of the accounts with holds or credits whose time is over; processed = 0 when none is left.';
