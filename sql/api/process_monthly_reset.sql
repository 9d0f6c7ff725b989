create or replace function api.process_monthly_reset()
returns json
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  return json_build_object('processed', jobs.process_monthly_reset(200));
end $$;
comment on function api.process_monthly_reset() is
  'POST /playground/credits/cron/reset. One batch of the accounts with a period that is due; processed = 0 when none is left.';
